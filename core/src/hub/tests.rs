//! A small town around one hub: people are known by name, and what each of them hears is written down.

mod friends;
mod keeping;
mod logins;
mod pacing;
mod people;
mod places;
mod presences;
mod private;
mod races;
mod rooms;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str;

use super::*;
use crate::frame::PREFIX_BYTES;
use crate::limits::ms;
use crate::message::presence::{Presence, PresenceState, StatusText};
use crate::message::push;
use crate::name::NameError;

const HOUR: u64 = 3_600_000;

struct Town {
    now: Instant,
    limits: Limits,
    hub: Hub,
    people: BTreeMap<String, ConnId>,
    heard: BTreeMap<ConnId, Vec<String>>,
}

impl Town {
    fn with(limits: Limits) -> Self {
        let now = Instant::default();
        let hub = Hub::new(now, limits.clone(), key_of, look_of, &[example()]);
        Self { now, limits, hub, people: BTreeMap::new(), heard: BTreeMap::new() }
    }

    fn new() -> Self {
        Self::with(Limits::default())
    }

    /// These people in the lobby, and all that followed from it forgotten.
    fn of(limits: Limits, people: &[&str]) -> Self {
        let mut town = Self::with(limits);
        for person in people {
            town.login(person);
        }
        town.settle();
        town
    }

    /// The same, where what is said is kept.
    fn that_remembers(limits: Limits, people: &[&str]) -> Self {
        let mut town = Self::of(limits, people);
        town.hub = Hub::new(town.now, town.limits.clone(), key_of, look_of, &[example()])
            .with_history(town.now, Memory::default());
        for person in people {
            town.login(person);
        }
        town.settle();
        town
    }

    /// Lets so much time pass that every list is out, and forgets what was heard.
    fn settle(&mut self) {
        self.wait(10 * HOUR);
        self.heard.clear();
    }

    fn connect(&mut self, person: &str) -> Result<(), Full> {
        let mut deliveries = Deliveries::new();
        let id = self.hub.connect(&mut deliveries);
        self.deliver(deliveries);
        self.people.insert(person.into(), id?);
        Ok(())
    }

    fn disconnect(&mut self, person: &str) {
        self.hub.disconnect(self.now, self.people[person]);
    }

    fn login(&mut self, person: &str) {
        self.connect(person).unwrap();
        self.does(person, &format!("login {person}"));
    }

    /// One command in words: `enter den`, `say hello`, `whisper bob psst`.
    fn does(&mut self, person: &str, words: &str) {
        let command = command(person, words);
        let mut deliveries = Deliveries::new();
        self.hub.apply(self.now, self.people[person], command, &mut deliveries);
        self.deliver(deliveries);
    }

    /// The same, with the lists that are due at once.
    fn does_and_shows(&mut self, person: &str, words: &str) {
        self.does(person, words);
        self.show();
    }

    /// Sends the lists that are due.
    fn show(&mut self) {
        while let Some(bulletin) = self.hub.poll_bulletin(self.now) {
            self.publish(&bulletin);
        }
    }

    fn publish(&mut self, bulletin: &Bulletin) {
        let mut deliveries = Deliveries::new();
        let print = bulletin.encode(self.limits.list_bytes_max);
        self.hub.publish(self.now, print, &mut deliveries);
        self.deliver(deliveries);
    }

    /// Lets time pass, and comes back whenever the hub wants it.
    fn wait(&mut self, milliseconds: u64) {
        let until = self.now + ms(milliseconds);
        while let Some(at) = self.hub.deadline().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.show();
            assert!(self.hub.deadline().is_none_or(|at| at > self.now), "a deadline that does not go away");
        }
        self.now = until;
    }

    /// What a person heard since the last look.
    #[track_caller]
    fn check(&mut self, person: &str, expected: &str) {
        let heard = self.heard.remove(&self.people[person]).unwrap_or_default();
        assert_eq!(heard.join(", "), expected, "what {person} heard");
    }

    #[track_caller]
    fn check_does(&mut self, person: &str, words: &str, expected: &str) {
        self.does(person, words);
        self.check(person, expected);
    }

    fn deliver(&mut self, deliveries: Deliveries) {
        for (to, mail) in deliveries {
            self.heard.entry(to).or_default().push(shown(&mail));
        }
    }
}

fn example() -> RoomName {
    RoomName::parse("example").unwrap()
}

fn key_of(name: &str) -> String {
    name.to_lowercase()
}

/// The two letters that people mix up, seen as one.
fn look_of(name: &str) -> Result<String, NameError> {
    Ok(name.to_lowercase().replace('1', "l"))
}

fn command(person: &str, words: &str) -> Command {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    let key = |name: &str| NameKey::new(key_of, name);
    let room = || RoomName::parse(rest).unwrap();
    let user = |name: &str| UserName::parse(name).unwrap();
    match verb {
        "login" => Command::Login(
            Account::new(key_of, user(rest.split(" by ").next().unwrap().trim_start_matches('+'))).unwrap(),
            // Who has a plus before the name is told when a message is durable; two, and they are in many rooms; three, and they
            // have friends; four, and they are told who is here.
            Caps {
                ack: rest.starts_with('+'),
                multi: rest.starts_with("++"),
                friends: rest.starts_with("+++"),
                presence: rest.starts_with("++++"),
                ..Caps::default()
            },
            rest.split_once(" by ").map(|(_, id)| GrantId(id.parse().unwrap())),
        ),
        "end" => Command::EndLogin { login: GrantId(rest.parse().unwrap()), was_there: true },
        "ended" => Command::EndLogin { login: GrantId(rest.parse().unwrap()), was_there: false },
        "list" => Command::List,
        "create" => Command::Create(key(rest), NameLook::of_room(look_of, &room()).unwrap(), room()),
        "enter" => Command::Enter(key(rest), room()),
        "exit" => Command::Exit,
        "logout" => Command::Logout,
        "rooms" => Command::Rooms,
        "people" => Command::People(key(rest), room()),
        "join" => Command::Join(key(rest), room()),
        "part" => Command::Part(key(rest), room()),
        "friends" => Command::Friends,
        "online" | "away" | "busy" => {
            let state = PresenceState::ALL.into_iter().find(|state| state.as_str() == verb).unwrap();
            Command::Present(state, StatusText::parse(rest).ok().filter(|text| text.as_str() != verb))
        }
        "request" | "accept" | "decline" | "remove" | "block" | "unblock" => {
            let op = Op::ALL.into_iter().find(|op| op.as_str() == verb).unwrap();
            Command::Tie(op, key(rest), user(rest))
        }
        "readpeer" => {
            let (peer, seq) = rest.split_once(' ').unwrap();
            Command::ReadPeer(key(peer), user(peer), seq.parse().unwrap())
        }
        "read" => {
            let (room, seq) = rest.split_once(' ').unwrap();
            Command::Read(key(room), RoomName::parse(room).unwrap(), seq.parse().unwrap())
        }
        "postin" => {
            let (room, text) = rest.split_once(' ').unwrap();
            let room = (key(room), RoomName::parse(room).unwrap());
            let Command::Post(post) = post(None, None, text) else { unreachable!() };
            Command::Post(Box::new(Post { room: Some(room), ..*post }))
        }
        "posttoin" => {
            let (room, rest) = rest.split_once(' ').unwrap();
            let (to, text) = rest.split_once(' ').unwrap();
            let room = (key(room), RoomName::parse(room).unwrap());
            let Command::Post(post) = post(Some((key(to), user(to))), None, text) else { unreachable!() };
            Command::Post(Box::new(Post { room: Some(room), ..*post }))
        }
        "say" => Command::Say(push::encode_public(&user(person), &Text::try_from(rest).unwrap())),
        "whisper" => {
            let (to, text) = rest.split_once(' ').unwrap();
            let whisper = Whisper::new(user(person), Text::try_from(text).unwrap());
            Command::Whisper(key(to), user(to), Arc::new(whisper))
        }
        // `post#NAME` calls it so.
        "post" => post(None, None, rest),
        "postto" => {
            let (to, text) = rest.split_once(' ').unwrap();
            post(Some((key(to), user(to))), None, text)
        }
        verb => match verb.split_once('#') {
            Some(("post", cid)) => post(None, Cid::parse(cid), rest),
            _ => panic!("{verb} is no command"),
        },
    }
}

fn post(to: Option<(NameKey, UserName)>, cid: Option<Cid>, text: &str) -> Command {
    let text = Text::try_from(text).unwrap();
    let plain = to.is_none().then(|| push::encode_public(&UserName::parse("x").unwrap(), &text));
    Command::Post(Box::new(Post { to, room: None, text, plain, cid, rid: None }))
}

/// Mail in a few words. A list that was pushed is written as JSON, one in a reply as `room: members`.
fn shown(mail: &Mail) -> String {
    let data = |frame: &Frame| {
        let json = str::from_utf8(&frame[PREFIX_BYTES..]).unwrap();
        json.split_once(r#""data":"#).unwrap().1.trim_end_matches('}').to_string()
    };
    match mail {
        Mail::Frame(frame) => {
            let data = data(frame);
            let json = str::from_utf8(&frame[PREFIX_BYTES..]).unwrap();
            if let Some(kind) = ["rooms", "roster", "read", "friend", "presence"]
                .into_iter()
                .find(|kind| json.starts_with(&format!(r#"{{"type":"{kind}""#)))
            {
                return format!("{kind} {}", data.replace('"', ""));
            }
            match data.split_once(r#""text":"#) {
                Some((_, text)) => format!("msg {text}"),
                None => format!("ack {}", data.trim_start_matches(r#"{"cid":"#)),
            }
        }
        Mail::List(frame) => format!("push {}}}", data(frame)),
        Mail::Whisper(whisper) => format!("{} whispers {}", whisper.from, whisper.text.as_str()),
        Mail::Farewell(farewell) => format!("farewell {farewell:?}"),
        Mail::Reply(Reply::LoggedIn(list)) => format!("logged in [{}]", rosters(list)),
        Mail::Reply(Reply::Listed(list)) => format!("listed [{}]", rosters(list)),
        Mail::Reply(Reply::Created(room)) => format!("created {room}"),
        Mail::Reply(Reply::Entered(room, list)) => format!("entered {room} [{}]", rosters(list)),
        Mail::Reply(Reply::Left(room, list)) => format!("left {room} [{}]", rosters(list)),
        Mail::Reply(Reply::LoggedOut) => "logged out".into(),
        Mail::Reply(Reply::Overview(Overview { crowds, places })) => {
            let crowds = crowds.iter().map(|crowd| format!("{} {}", crowd.room, crowd.people));
            let places = places.iter().map(|(_, standing)| shown_standing(standing));
            let [crowds, places] = [crowds.collect::<Vec<_>>(), places.collect()].map(|them| them.join(" "));
            format!("overview [{crowds}] in [{places}]")
        }
        Mail::Reply(Reply::People(roster)) => format!("people [{}]", shown_roster(roster)),
        Mail::Reply(Reply::Joined(joined)) => {
            let (_, standing, roster) = &**joined;
            format!("joined {} [{}]", shown_standing(standing), shown_roster(roster))
        }
        Mail::Reply(Reply::Parted(_, room)) => format!("parted {room}"),
        Mail::Joined(place) => format!("also joined {}", shown_standing(&place.1)),
        Mail::Parted(_, room) => format!("also parted {room}"),
        Mail::Read(room, seq) => format!("also read {room} {seq}"),
        Mail::Reply(Reply::Read(room, seq)) => format!("read {room} {seq}"),
        Mail::Reply(Reply::PeerRead(peer, seq)) => format!("read @{peer} {seq}"),
        Mail::Reply(Reply::Friends(ties)) => format!("friends [{}]", shown_ties(ties)),
        Mail::Reply(Reply::Tied(user, tie)) => format!("{user} is {}", tie.as_str()),
        Mail::Tied(user, tie) => format!("now {user} is {}", tie.as_str()),
        Mail::Reply(Reply::Present(presence)) => format!("is {}", shown_presence(presence)),
        Mail::Here(here) => match &**here {
            Here::These(presences) => {
                let presences: Vec<String> = presences.iter().map(shown_presence).collect();
                format!("here [{}]", presences.join(", "))
            }
            Here::Room(..) => {
                let frames = here.encode(4096).into_iter().map(|frame| shown(&Mail::Frame(frame)));
                frames.collect::<Vec<_>>().join(", ")
            }
        },
        Mail::Reply(Reply::Said) => "said".into(),
        Mail::Reply(Reply::Denied(denial)) => format!("denied {denial:?}"),
        Mail::Refused(refused) => format!("refused {:?}", refused.1),
    }
}

fn shown_ties(ties: &[(UserName, Tie)]) -> String {
    let ties: Vec<String> = ties.iter().map(|(user, tie)| format!("{user} {}", tie.as_str())).collect();
    ties.join(", ")
}

/// `Ann away (lunch)`.
fn shown_presence(Presence { user, state, text }: &Presence) -> String {
    let text = text.as_ref().map(|text| format!(" ({})", text.as_str())).unwrap_or_default();
    format!("{user} {}{text}", state.as_str())
}

fn list_bytes(print: &Print) -> usize {
    print.list.as_ref().map_or(0, |list| list.len())
}

fn rosters(list: &Snapshot) -> String {
    list.rosters.iter().map(shown_roster).collect::<Vec<_>>().join("; ")
}

fn shown_roster(roster: &Roster) -> String {
    let names: Vec<&str> = roster.members.iter().collect();
    format!("{}: {}", roster.room, names.join(" ")).trim_end().to_string()
}

/// How far somebody has read in a room, of how much.
fn shown_standing(Standing { room, last, read }: &Standing) -> String {
    format!("{room} {read}/{last}")
}
