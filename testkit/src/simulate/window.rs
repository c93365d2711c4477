//! What somebody sees who takes part in many rooms with a client of this project: of each conversation a part, in its
//! order, without a hole and without anything twice. It remembers what a window's file does, for a program that is started
//! again.

use std::collections::BTreeMap;

use chatroom_core::client::{Command, Conversation, Event, Friends, Kept, Past, Place, Room, Span, folded};
use chatroom_core::message::friend::Tie;
use chatroom_core::message::logins::Login;
use chatroom_core::message::presence::{Presence, PresenceState, StatusText};
use chatroom_core::message::push::Posted;
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::RoomName;
use chatroom_core::secret::Token;
use models::sight::{How, untold};

/// A window.
#[derive(Default)]
pub struct Window {
    /// Whose it is, as the server has said.
    pub user: Option<String>,
    /// What lets them back in.
    token: Option<Token>,
    /// Its program was started again, and nobody has logged in with it: who does so without the token begins anew.
    has_just_begun: bool,
    shown: BTreeMap<Key, Shown>,
    /// The conversations that they take part in.
    places: Vec<Place>,
    /// The rooms there are, and how many are in each.
    crowds: BTreeMap<String, usize>,
    /// What they look at, and who was there last.
    pub looked_at: Option<Conversation>,
    members: Option<Room>,
    /// Who is what to them.
    friends: Friends,
    /// How those are who are here.
    here: BTreeMap<String, How>,
    /// What its person said of themselves and has not seen taken, and whether something was taken of it before.
    wishes: Vec<How>,
    has_said: bool,
    /// How they are themselves, as they were told last, also before they were away.
    own: Option<How>,
    /// Where its person is logged in, as they were told last.
    pub logins: Vec<Login>,
    said: BTreeMap<u64, Said>,
    /// What came to the screen since somebody looked, and by whose account.
    fresh: Vec<(Option<String>, Conversation, Line)>,
    /// What was reached since somebody looked.
    pub reached: Vec<&'static str>,
}

/// What two spellings of a conversation have in common: whether it is private, and its name in small letters.
pub type Key = (bool, String);

struct Shown {
    of: Conversation,
    lines: Vec<Line>,
    has_older: bool,
}

/// A message on the screen.
#[derive(Clone)]
pub struct Line {
    pub posted: Posted,
    pub from: String,
    /// `None` if its author was deleted before it was seen.
    pub text: Option<String>,
}

/// What its person has said.
pub struct Said {
    pub by: String,
    to: Conversation,
    pub text: String,
    cid: Cid,
    /// What they were told of it.
    pub fate: Option<Fate>,
    /// Its room was being left before it was answered: what waits then is sent without waiting for what is ahead of it, so a
    /// refusal that gets lost can turn their order round.
    pub is_hurried: bool,
}

/// What a person was told of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is said.
    Said,
    /// It is not.
    Refused,
    /// Nobody knows.
    Uncertain,
    /// Their program has forgotten it.
    Forgotten,
}

impl Window {
    /// Its person says something, which is called so from now on.
    pub fn say(&mut self, id: u64, to: Conversation, text: Text, cid: Cid) -> Command {
        let (by, words) = (self.user.clone().unwrap_or_default(), text.as_str().to_owned());
        let said = Said { by, to: to.clone(), text: words, cid: cid.clone(), fate: None, is_hurried: false };
        self.said.insert(id, said);
        Command::Say { to, text, id, cid: Some(cid) }
    }

    /// Its person says how they are.
    pub fn present(&mut self, state: PresenceState, text: Option<String>) -> Command {
        self.wishes.push((state, text.as_deref().map(Into::into)));
        let text = text.map(|text| StatusText::parse(&text).expect("it is short"));
        Command::Present(state, text)
    }

    /// Its person leaves a room, and says there at once what waits.
    pub fn leave(&mut self, room: RoomName) -> Command {
        let key = key(&Conversation::Room(room.clone()));
        let unanswered = self.said.values_mut().filter(|said| said.fate.is_none() && said.key() == key);
        unanswered.for_each(|said| said.is_hurried = true);
        Command::Exit(room)
    }

    /// Its program has ended. What a program begins with that is started again, if its person was logged in.
    pub fn start_again(&mut self, is_kept: bool) -> Option<Kept> {
        let token = self.token.clone().filter(|_| is_kept);
        if token.is_none() {
            let mut said = std::mem::take(&mut self.said);
            said.values_mut().for_each(|said| said.fate = said.fate.or(Some(Fate::Forgotten)));
            *self = Self { said, ..Self::default() };
        }
        self.has_just_begun = true;
        self.forget_what_was_said_of_oneself();
        // What it was told on its last connection no file has.
        (self.looked_at, self.members) = (None, None);
        let span = |shown: &Shown| {
            let (first, last) = (shown.lines.first()?.posted.seq, shown.lines.last()?.posted);
            Some((shown.of.clone(), Span { first, last, has_older: shown.has_older }))
        };
        let waiting = self.said.iter().filter(|(_, said)| said.fate.is_none());
        let say = |(id, said): (&u64, &Said)| {
            let text = Text::try_from(said.text.as_str()).expect("it was said");
            Command::Say { to: said.to.clone(), text, id: *id, cid: Some(said.cid.clone()) }
        };
        Some(Kept {
            token: token?,
            room: None,
            read: self.shown.values().filter_map(span).collect(),
            outbox: waiting.map(say).collect(),
        })
    }

    /// The client tells its person something.
    pub fn see(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Session { token, .. } => self.token = Some(token),
            Event::LoggedIn { username } => {
                // What another account was shown is not this one's.
                if self.user.as_ref() != Some(&username) || self.has_just_begun {
                    self.forget();
                }
                self.has_just_begun = false;
                self.token = None;
                self.user = Some(username);
                self.here.clear();
                self.forget_what_was_said_of_oneself();
            }
            Event::Returned { username, .. } => {
                self.user = Some(username);
                self.has_just_begun = false;
                self.here.clear();
            }
            Event::LoggedOut => {
                self.forget();
                (self.user, self.token) = (None, None);
            }
            Event::Places(places) => self.places = places,
            Event::Crowds(crowds) => {
                let crowds = crowds.into_iter().map(|crowd| (crowd.room.as_str().to_owned(), crowd.people));
                self.crowds = crowds.collect();
            }
            Event::Members(room) => self.members = Some(room),
            Event::Friends(friends) => self.friends = friends,
            Event::Logins(logins) => self.logins = logins,
            Event::Presence(presences) => {
                presences.into_iter().for_each(|presence| self.see_presence(presence));
            }
            Event::Message { of, from, text, said, posted, .. } => {
                self.learn(said, Fate::Said)?;
                let posted = posted.ok_or("a message of many rooms has no place")?;
                self.append(of, Line { posted, from, text: Some(text) })?;
            }
            Event::Past { of, messages, is_older, is_anew, has_older } => {
                self.see_past(&of, messages, (is_older, is_anew, has_older))?;
            }
            Event::Acknowledged { said, .. } => self.learn(Some(said), Fate::Said)?,
            Event::Refused { said, .. } => self.learn(said, Fate::Refused)?,
            Event::Unanswered { said, .. } => self.learn(said, Fate::Uncertain)?,
            Event::Rooms(_) => return Err("it is in many rooms, and told of one".into()),
            Event::Connected
            | Event::Disconnected(_)
            | Event::Greeted(_)
            | Event::Registered
            | Event::Created { .. }
            | Event::Entered { .. }
            | Event::Left { .. }
            | Event::Notice { .. } => {}
        }
        Ok(())
    }

    /// It is not said again.
    fn forget_what_was_said_of_oneself(&mut self) {
        (self.wishes, self.has_said, self.own) = (Vec::new(), false, None);
    }

    fn see_presence(&mut self, Presence { user, state, text }: Presence) {
        let how: How = (state, text.map(|text| text.as_str().into()));
        if self.user.as_deref() == Some(user.as_str()) {
            // What nobody else says was taken if it comes back.
            if let Some(index) = self.wishes.iter().position(|wish| how.1.is_some() && *wish == how) {
                self.wishes.drain(..=index);
                self.has_said = true;
            }
            self.own = Some(how.clone());
        }
        match state {
            PresenceState::Offline => self.here.remove(user.as_str()),
            PresenceState::Online | PresenceState::Away | PresenceState::Busy => {
                self.here.insert(user.as_str().to_owned(), how)
            }
        };
    }

    fn see_past(
        &mut self,
        of: &Conversation,
        messages: Vec<Past>,
        (is_older, is_anew, has_older): (bool, bool, bool),
    ) -> Result<(), String> {
        let reached = match (is_anew, is_older, of) {
            (true, ..) => "window_read_anew",
            (false, true, _) => "window_read_older",
            (false, false, Conversation::Room(_)) => "window_read_on",
            (false, false, Conversation::Peer(_)) => "window_read_on_in_private",
        };
        self.reached.push(reached);
        for past in &messages {
            self.reached.extend(past.said.map(|_| "window_found_what_was_said"));
            self.learn(past.said, Fate::Said)?;
        }
        let line = |past: Past| Line { posted: past.posted, from: past.from, text: past.text };
        let shown = self.shown_of(of);
        if is_anew {
            shown.lines.clear();
        }
        shown.has_older = has_older;
        if !is_older {
            return messages.into_iter().try_for_each(|past| self.append(of.clone(), line(past)));
        }
        if let (Some(last), Some(first)) = (messages.last(), shown.lines.first())
            && last.posted.seq + 1 != first.posted.seq
        {
            let (last, first) = (last.posted.seq, first.posted.seq);
            return Err(format!("{} shows {last} before {first}", of.name()));
        }
        let older: Vec<Line> = messages.into_iter().map(line).collect();
        shown.lines.splice(0..0, older.iter().cloned());
        let user = &self.user;
        self.fresh.extend(older.into_iter().map(|line| (user.clone(), of.clone(), line)));
        Ok(())
    }

    fn append(&mut self, of: Conversation, line: Line) -> Result<(), String> {
        let shown = self.shown_of(&of);
        if let Some(last) = shown.lines.last()
            && line.posted.seq != last.posted.seq + 1
        {
            let (seq, last) = (line.posted.seq, last.posted.seq);
            return Err(format!("{} shows {seq} behind {last}", of.name()));
        }
        shown.lines.push(line.clone());
        self.fresh.push((self.user.clone(), of, line));
        Ok(())
    }

    /// What came to the screen since somebody asked.
    pub fn take_fresh(&mut self) -> Vec<(Option<String>, Conversation, Line)> {
        std::mem::take(&mut self.fresh)
    }

    /// All that is shown.
    pub fn lines(&self) -> impl Iterator<Item = (&Conversation, &Line)> {
        self.shown.values().flat_map(|shown| shown.lines.iter().map(|line| (&shown.of, line)))
    }

    /// The number of the last message that is shown.
    pub fn last(&self, of: &Conversation) -> u64 {
        let shown = self.shown.get(&key(of));
        shown.and_then(|shown| shown.lines.last()).map_or(0, |line| line.posted.seq)
    }

    /// How far each conversation goes and was read, as it was told last.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The conversations that its person takes part in.
    pub fn conversations(&self) -> impl ExactSizeIterator<Item = &Conversation> {
        self.places.iter().map(|place| &place.of)
    }

    /// The rooms there are.
    pub fn crowds(&self) -> &BTreeMap<String, usize> {
        &self.crowds
    }

    /// A room of which it was told.
    pub fn room(&self, index: usize) -> Option<RoomName> {
        let names: Vec<&String> = self.crowds.keys().collect();
        names.get(index % names.len().max(1)).and_then(|name| RoomName::parse(name).ok())
    }

    /// Who is in the room that is looked at, if its person takes part in it and was told.
    pub fn members(&self) -> Option<&Room> {
        let looked_at = self.looked_at.as_ref()?;
        self.conversations().find(|of| of.is_same(looked_at))?;
        self.members.as_ref().filter(|room| room.name == looked_at.name())
    }

    /// Who is what to its person, as they were told.
    pub fn friends(&self) -> BTreeMap<&str, Tie> {
        let Friends { friends, asking, asked, blocked } = &self.friends;
        let lists =
            [(Tie::Friend, friends), (Tie::Asking, asking), (Tie::Asked, asked), (Tie::Blocked, blocked)];
        let named =
            lists.into_iter().flat_map(|(tie, names)| names.iter().map(move |name| (name.as_str(), tie)));
        named.collect()
    }

    /// How somebody is, as its person was told last.
    pub fn how(&self, name: &str) -> How {
        let is_own = self.user.as_deref() == Some(name);
        self.here.get(name).cloned().unwrap_or_else(|| untold(is_own))
    }

    /// What its person says of themselves again after a return: what was taken last, or something that they have said since.
    /// `None` if nothing is known to have been taken.
    pub fn last_said(&self) -> Option<Vec<How>> {
        self.has_said.then(|| self.own.iter().chain(&self.wishes).cloned().collect())
    }

    /// What its person has said, by any account, and by which number.
    pub fn said(&self) -> impl Iterator<Item = (&u64, &Said)> {
        self.said.iter()
    }

    fn shown_of(&mut self, of: &Conversation) -> &mut Shown {
        let shown = || Shown { of: of.clone(), lines: Vec::new(), has_older: false };
        self.shown.entry(key(of)).or_insert_with(shown)
    }

    fn forget(&mut self) {
        self.shown.clear();
        self.places.clear();
        self.crowds.clear();
        (self.looked_at, self.members) = (None, None);
        self.friends = Friends::default();
    }

    fn learn(&mut self, said: Option<u64>, fate: Fate) -> Result<(), String> {
        let Some(id) = said else { return Ok(()) };
        let said = self.said.get_mut(&id).ok_or_else(|| format!("nobody has said {id}"))?;
        match said.fate.replace(fate) {
            Some(before) => Err(format!("its own message {id} is {before:?}, and then {fate:?}")),
            None => Ok(()),
        }
    }
}

impl Said {
    /// In which conversation.
    pub fn key(&self) -> Key {
        key(&self.to)
    }
}

/// See [`Key`].
pub fn key(of: &Conversation) -> Key {
    (of.is_private(), folded(of.name()))
}
