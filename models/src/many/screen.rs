//! What a person sees who takes part in many rooms, and what their program remembers.

use std::collections::BTreeMap;

use chatroom_core::client::{Command, Conversation, Event, Kept, Past, Place, Span};
use chatroom_core::message::push::Posted;
use chatroom_core::message::{Cid, Text};
use chatroom_core::secret::Token;

/// A screen.
#[derive(Default)]
pub(super) struct Screen {
    /// By whether they are private and by their names, which some have typed who know no better.
    shown: BTreeMap<(bool, String), Shown>,
    places: Vec<Place>,
    said: BTreeMap<u64, Said>,
    token: Option<Token>,
}

struct Shown {
    of: Conversation,
    lines: Vec<(Posted, String)>,
    has_older: bool,
}

struct Said {
    to: Conversation,
    fate: Option<Fate>,
}

/// What a person was told of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Said,
    Refused,
    Uncertain,
}

impl Screen {
    /// Its person says something that nobody has said before.
    pub(super) fn say(&mut self, id: u64, to: Conversation) -> Command {
        let say = command(id, &to);
        self.said.insert(id, Said { to, fate: None });
        say
    }

    pub(super) fn see(&mut self, event: Event) {
        match event {
            Event::Session { token, .. } => self.token = Some(token),
            Event::Places(places) => self.places = places,
            Event::Message { of, text, said, posted, .. } => {
                self.learn(said, Fate::Said);
                let posted = posted.expect("all is kept here");
                self.shown_of(of).append(posted, text);
            }
            Event::Past { of, messages, is_older, is_anew, has_older } => {
                messages.iter().for_each(|past| self.learn(past.said, Fate::Said));
                let shown = self.shown_of(of);
                if is_anew {
                    shown.lines.clear();
                }
                shown.has_older = has_older;
                if is_older {
                    shown.prepend(messages);
                } else {
                    messages.into_iter().for_each(|past| shown.append(past.posted, text(past)));
                }
            }
            Event::Acknowledged { said, .. } => self.learn(Some(said), Fate::Said),
            Event::Refused { said, .. } => self.learn(said, Fate::Refused),
            Event::Unanswered { said, .. } => self.learn(said, Fate::Uncertain),
            Event::Disconnected(end) => {
                assert_eq!(
                    end,
                    chatroom_core::client::End::Closed,
                    "the connection is lost by the story alone"
                );
            }
            Event::Notice { message, .. } => panic!("nothing is wrong, but {message}"),
            Event::Rooms(_) => panic!("it is in many rooms"),
            Event::Connected
            | Event::Greeted(_)
            | Event::Registered
            | Event::LoggedIn { .. }
            | Event::Returned { .. }
            | Event::LoggedOut
            | Event::Crowds(_)
            | Event::Friends(_)
            | Event::Presence(_)
            | Event::Logins(_)
            | Event::Members(_)
            | Event::Created { .. }
            | Event::Entered { .. }
            | Event::Left { .. } => {}
        }
    }

    /// The number of the last message that is shown.
    pub(super) fn last(&self, of: &Conversation) -> u64 {
        let shown = self.shown.get(&key(of));
        shown.and_then(|shown| shown.lines.last()).map_or(0, |(posted, _)| posted.seq)
    }

    /// What a program goes on with, if it was logged in.
    pub(super) fn kept(&self) -> Option<Kept> {
        let span = |shown: &Shown| {
            let ((first, _), (last, _)) = (shown.lines.first()?, shown.lines.last()?);
            Some((shown.of.clone(), Span { first: first.seq, last: *last, has_older: shown.has_older }))
        };
        let waiting = self.said.iter().filter(|(_, said)| said.fate.is_none());
        Some(Kept {
            token: self.token.clone()?,
            room: None,
            read: self.shown.values().filter_map(span).collect(),
            outbox: waiting.map(|(id, said)| command(*id, &said.to)).collect(),
        })
    }

    /// What became of each message, which is known when all has settled.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (u64, Fate)> {
        self.said.iter().map(|(id, said)| (*id, said.fate.unwrap_or_else(|| panic!("what became of {id}?"))))
    }

    /// It knows where it takes part, and how far that goes.
    pub(super) fn check_places(&self, right: &BTreeMap<String, (u64, u64)>) {
        let told = self.places.iter().map(|place| {
            let at = if matches!(place.of, Conversation::Peer(_)) { "@" } else { "" };
            (format!("{at}{}", place.of.name()).to_lowercase(), (place.last, place.read))
        });
        assert_eq!(told.collect::<BTreeMap<_, _>>(), *right);
    }

    /// It shows a part of all that was said in each conversation, and to its end where it takes part.
    pub(super) fn check_shown<'a>(&self, said: impl Fn(&Conversation) -> Vec<&'a str>) {
        for shown in self.shown.values() {
            let (of, said) = (&shown.of, said(&shown.of));
            for (posted, text) in &shown.lines {
                let right = usize::try_from(posted.seq).ok().and_then(|seq| said.get(seq - 1));
                assert_eq!(right, Some(&text.as_str()), "message {} of {}", posted.seq, of.name());
            }
        }
        for place in &self.places {
            assert_eq!(self.last(&place.of), place.last, "{} is read to its end", place.of.name());
        }
    }

    fn shown_of(&mut self, of: Conversation) -> &mut Shown {
        self.shown.entry(key(&of)).or_insert_with(|| Shown { of, lines: vec![], has_older: false })
    }

    fn learn(&mut self, said: Option<u64>, fate: Fate) {
        let Some(id) = said else { return };
        let said = self.said.get_mut(&id).expect("it was said");
        assert_eq!(said.fate.replace(fate), None, "what became of {id} is told twice");
    }
}

impl Shown {
    fn append(&mut self, posted: Posted, text: String) {
        if let Some((last, _)) = self.lines.last() {
            assert_eq!(posted.seq, last.seq + 1, "it follows the last that is shown");
        }
        self.lines.push((posted, text));
    }

    fn prepend(&mut self, messages: Vec<Past>) {
        if let (Some(last), Some((first, _))) = (messages.last(), self.lines.first()) {
            assert_eq!(last.posted.seq + 1, first.seq, "it is followed by the first that is shown");
        }
        self.lines.splice(0..0, messages.into_iter().map(|past| (past.posted, text(past))));
    }
}

fn key(of: &Conversation) -> (bool, String) {
    (matches!(of, Conversation::Peer(_)), of.name().to_lowercase())
}

fn text(past: Past) -> String {
    past.text.expect("nothing is deleted here")
}

fn command(id: u64, to: &Conversation) -> Command {
    let text = Text::parse(format!("message {id}")).unwrap();
    Command::Say { to: to.clone(), text, id, cid: Cid::parse(&format!("named {id}")) }
}
