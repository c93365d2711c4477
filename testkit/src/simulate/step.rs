//! What can happen in the simulation, one thing at a time. A list of steps is a whole run: it can be played again,
//! and made shorter.

use std::time::Duration;

use chatroom_core::message::friend::Op;
use chatroom_core::message::hello::Caps;
use chatroom_core::message::history::Edge;
use chatroom_core::message::presence::PresenceState;

use super::names::Name;
use crate::transcript::frame;

/// One thing that happens. Lines are numbered; a step that makes no sense where it comes is passed over.
#[derive(Clone, Debug)]
pub enum Step {
    /// Somebody connects, from one of a few addresses.
    Connect {
        /// On which line.
        line: usize,
        /// From which address.
        from: usize,
        /// Whether its handshake is on its way.
        is_secure: bool,
    },
    /// A client sends bytes, which are on their way from now on.
    Say(usize, Said),
    /// A client of this project is told what a person wants.
    Wish(usize, Wish),
    /// So many bytes of what is on its way arrive at the server.
    Carry(usize, usize),
    /// The client sends no more; the server hears of it after all that is on its way.
    End(usize),
    /// The connection is gone, and what is on its way with it.
    Cut(usize),
    /// The program that has a client of many rooms crashes, and is started again.
    EndProgram {
        /// Whose it is.
        line: usize,
        /// Whether its window's file is there.
        is_kept: bool,
    },
    /// A client of this project is told that its connection may be dead.
    Doubt(usize),
    /// A connection that was rung for looks into its mailbox.
    Wake(usize),
    /// The network takes so many bytes of what waits for a client, and the client gets them.
    Take(usize, usize),
    /// The next password is hashed, and the disk does this about it.
    Work(Fault),
    /// What was said is written, so much of it at most, and the disk does this about it; if something was written, it is
    /// handed out.
    Write(usize, Fault),
    /// The last answer of the account store comes once more.
    Repeat,
    /// Whoever sends lists that are due looks whether any are.
    Tick,
    /// Time passes, and everybody whose time has come is told on the way.
    Pass(Duration),
    /// The clock jumps: whose time has come is told too late.
    Jump(Duration),
    /// What is not kept any longer is let go, unless the disk fails.
    LetGo(Keep, Fault),
    /// This user's account is deleted by who runs the server, unless the disk fails.
    Delete(usize, Fault),
    /// The server looks up who is deleted and which logins have ended, and shuts them out.
    Reload,
    /// Everybody is told that the server stops.
    ShutDown,
    /// The server is gone, and starts again with what is on the disk.
    Crash,
}

/// How much of what was said is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The newest messages of each conversation; 0 for all.
    pub messages: u32,
    /// What is no older than that; `None` for all.
    pub age_max: Option<Duration>,
}

/// What the disk does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What it should.
    None,
    /// Nothing: it is locked by another program.
    Busy,
    /// Nothing: there is no room.
    Full,
    /// Power fails before anything was written.
    CrashBefore,
    /// Power fails when all was written, before anybody was told.
    CrashAfter,
}

/// What a client says in one go, and what it should mean to a server.
#[derive(Clone, Debug)]
pub struct Said {
    /// The bytes: a frame with its prefix, or less than that, or none.
    pub bytes: Vec<u8>,
    /// What they mean.
    pub means: Means,
    /// The request's own mark, which comes back with the answer.
    pub rid: Option<String>,
}

/// What a frame means.
#[derive(Clone, Debug)]
pub enum Means {
    /// What can you do? The client can do this, and its program calls itself so.
    Hello(Caps, Option<String>),
    /// Make an account.
    Register(Credentials),
    /// Log in.
    Login(Credentials),
    /// Log in again, with a token.
    Resume(String),
    /// Who is where?
    List,
    /// Make a room; `None` for what cannot be a name.
    Create(Option<Name>),
    /// Go into a room; `None` for what cannot be a name.
    Enter(Option<Name>),
    /// Say something.
    Msg {
        /// Whose name stands there as the sender's.
        from: From,
        /// To whom.
        to: To,
        /// What; with `None` it is one that is refused, with this code.
        text: Result<String, &'static str>,
        /// What the client calls it.
        cid: Option<String>,
        /// In which room it is to be said.
        room: Option<Name>,
    },
    /// What was said before?
    History {
        /// In which conversation.
        of: Of,
        /// From where on.
        edge: Edge,
        /// How much of it.
        limit: Option<usize>,
    },
    /// Leave the room.
    Exit,
    /// Take part in this room no more; `None` for what cannot be a name.
    Part(Option<Name>),
    /// Which rooms are there, and in which do I take part?
    Rooms,
    /// Who is in this room? `None` for what cannot be a name.
    Roster(Option<Name>),
    /// So far was read in this room; `None` for what cannot be a name.
    Read(Option<Name>, u64),
    /// So far was read of what was said with this user; `None` for what cannot be a name.
    PeerRead(Option<Name>, u64),
    /// Who is what to me?
    Ties,
    /// This is to become of me and that one; `None` for what cannot be a name.
    Tie(Op, Option<Name>),
    /// I am here like that, and say this of myself; with an error it is what is refused, with this code.
    Presence(PresenceState, Option<Result<String, &'static str>>),
    /// Where am I logged in?
    Logins,
    /// This login is to end.
    EndLogin(i64),
    /// Log out.
    Logout,
    /// Are you there?
    Ping,
    /// I am here.
    Pong,
    /// A frame that cannot be read.
    Unreadable,
    /// A request that does not exist.
    Unknown,
    /// A request of this type that is wrong in its envelope: refused in any state.
    UnfitHead(&'static str),
    /// A request of this type whose `data` is wrong.
    UnfitData(&'static str),
    /// A length that is 0, or above the limit of the moment, and nothing after it.
    Refused,
    /// A frame that is never finished.
    Unfinished,
}

/// A name and a password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `None` for what cannot be a user's name.
    pub user: Option<Name>,
    /// The password, as long as it may be or not.
    pub password: String,
    /// What is shown for having been invited.
    pub invite: Option<&'static str>,
}

/// Who is said to say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Nobody in particular.
    Absent,
    /// This user.
    User(usize),
    /// What cannot be a name.
    Nobody,
}

/// To whom something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// All in the room.
    Public,
    /// One of them.
    User(Name),
    /// What cannot be a name.
    Nobody,
}

/// Whose conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A room's.
    Room(Name),
    /// Theirs who asks, and this one's.
    Peer(Name),
    /// What cannot be a name.
    Nobody,
}

/// What a person wants of a client of this project.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Make an account.
    Register(Name, &'static str),
    /// Log in.
    Login(Name, &'static str),
    /// Who is where?
    List,
    /// Make a room.
    Create(Name),
    /// Go into a room.
    Enter(Name),
    /// Say something, to one or to all.
    Say(Option<Name>, String),
    /// Read what is older than all that is shown.
    Older,
    /// Leave the room.
    Exit,
    /// Log out.
    Logout,
    /// In many rooms: say something there.
    SayIn(Of, String),
    /// The same: look there.
    Look(Of),
    /// The same: all that is shown there was seen.
    See(Of),
    /// The same: read what is older there.
    OlderOf(Of),
    /// The same: take part in that room no more.
    Leave(Name),
    /// The same: do something about somebody.
    Tie(Op, Name),
    /// The same: say how they are here, and this of themselves.
    Present(PresenceState, Option<String>),
    /// Ask where they are logged in.
    Logins,
    /// End this login.
    EndLogin(i64),
}

impl Said {
    /// A request as most clients write it.
    pub fn request(means: Means, rid: Option<String>) -> Self {
        let kind = means.kind();
        let mut json = format!(r#"{{"type":"{kind}""#);
        if let Some(rid) = &rid {
            json += &format!(r#","rid":"{rid}""#);
        }
        if let Means::Hello(caps, client) = &means {
            json += r#","proto":1"#;
            let words = [
                (caps.resume, "resume"),
                (caps.friends, "friends"),
                (caps.presence, "presence"),
                (caps.multi, "multi"),
                (true, "more"),
                (caps.history, "history"),
                (caps.ping, "ping"),
                (caps.logins, "logins"),
                (caps.ack, "ack"),
            ];
            let words = words.into_iter().filter(|(is_there, _)| *is_there);
            let words: Vec<String> = words.map(|(_, word)| format!(r#""{word}""#)).collect();
            // Who has nothing need not say so.
            if words.len() > 1 {
                json += &format!(r#","caps":[{}]"#, words.join(","));
            }
            if let Some(client) = client {
                json += &format!(r#","client":"{client}""#);
            }
        }
        if let Some(data) = means.data() {
            json += &format!(r#","data":{data}"#);
        }
        json.push('}');
        Self { bytes: frame(json.as_bytes()), means, rid }
    }

    /// A frame that is written out.
    pub fn frame(json: &str, means: Means, rid: Option<&str>) -> Self {
        Self { bytes: frame(json.as_bytes()), means, rid: rid.map(str::to_owned) }
    }

    /// A frame of that type whose data are none of it.
    pub fn unfit(kind: &'static str, json: &str) -> Self {
        Self::frame(json, Means::UnfitData(kind), None)
    }

    /// A request that is padded with spaces to so many bytes of JSON.
    pub fn padded(self, bytes: usize) -> Self {
        let mut json = self.bytes[4..].to_vec();
        json.resize(bytes.max(json.len()), b' ');
        Self { bytes: frame(&json), ..self }
    }

    /// Bytes that are no frame.
    pub fn bytes(bytes: Vec<u8>, means: Means) -> Self {
        Self { bytes, means, rid: None }
    }

    /// What a client of this project sends, read as simply as can be.
    pub fn read(bytes: &[u8]) -> Self {
        let json: serde_json::Value = serde_json::from_slice(&bytes[4..]).expect("our client writes JSON");
        let text = |key: &str| json["data"][key].as_str().unwrap_or_default();
        let credentials = || Credentials {
            user: super::names::find_user(text("username")),
            password: text("password").to_owned(),
            invite: None,
        };
        let means = match json["type"].as_str().unwrap_or_default() {
            "hello" => {
                let has = |word: &str| {
                    json["caps"].as_array().is_some_and(|caps| caps.iter().any(|cap| cap == word))
                };
                let words = ["ack", "history", "resume", "ping", "multi", "friends", "presence", "logins"];
                let [ack, history, resume, ping, multi, friends, presence, logins] = words.map(has);
                let caps = Caps { ack, history, resume, ping, multi, friends, presence, logins };
                Means::Hello(caps, json["client"].as_str().map(str::to_owned))
            }
            "resume" => Means::Resume(text("token").to_owned()),
            "register" => Means::Register(credentials()),
            "login" => Means::Login(credentials()),
            "list" => Means::List,
            "create" => Means::Create(super::names::find_room(text("room"))),
            "enter" => Means::Enter(super::names::find_room(text("room"))),
            "msg" => Means::Msg {
                from: super::names::find_user(text("from")).map_or(From::Nobody, |name| From::User(name.id)),
                to: match text("to") {
                    "public" => To::Public,
                    to => super::names::find_user(to).map_or(To::Nobody, To::User),
                },
                text: Ok(text("text").to_owned()),
                cid: json["data"]["cid"].as_str().map(str::to_owned),
                room: super::names::find_room(text("room")),
            },
            "history" => Means::History {
                of: match json["data"]["peer"].as_str() {
                    Some(peer) => super::names::find_user(peer).map_or(Of::Nobody, Of::Peer),
                    None => super::names::find_room(text("room")).map_or(Of::Nobody, Of::Room),
                },
                edge: match (json["data"]["before"].as_u64(), json["data"]["after"].as_u64()) {
                    (Some(seq), _) => Edge::Before(seq),
                    (None, Some(seq)) => Edge::After(seq),
                    (None, None) => Edge::End,
                },
                limit: None,
            },
            "exit" => match json["data"]["room"].as_str() {
                Some(room) => Means::Part(super::names::find_room(room)),
                None => Means::Exit,
            },
            "roster" => Means::Roster(super::names::find_room(text("room"))),
            "friend" => {
                let op = Op::ALL.into_iter().find(|op| op.as_str() == text("op"));
                op.map_or(Means::Ties, |op| Means::Tie(op, super::names::find_user(text("user"))))
            }
            "presence" => {
                let state = PresenceState::ALL.into_iter().find(|state| state.as_str() == text("state"));
                // What another device has said may have to be escaped.
                let words = json["data"]["text"].as_str().map(|_| json["data"]["text"].to_string());
                let words = words.map(|words| Ok(words[1..words.len() - 1].to_owned()));
                Means::Presence(state.expect("our client says how somebody is"), words)
            }
            "logins" => json["data"]["login"].as_i64().map_or(Means::Logins, Means::EndLogin),
            "read" => {
                let seq = json["data"]["seq"].as_u64().unwrap_or_default();
                match json["data"]["peer"].as_str() {
                    Some(peer) => Means::PeerRead(super::names::find_user(peer), seq),
                    None => Means::Read(super::names::find_room(text("room")), seq),
                }
            }
            "logout" => Means::Logout,
            "ping" => Means::Ping,
            "pong" => Means::Pong,
            other => panic!("our client says {other}"),
        };
        Self { bytes: bytes.to_vec(), means, rid: json["rid"].as_str().map(str::to_owned) }
    }
}

impl Means {
    /// The `type` an answer to it has, where it has one of its own.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hello(..) => "hello",
            Self::Register(_) => "register",
            Self::Login(_) => "login",
            Self::Resume(_) => "resume",
            Self::List => "list",
            Self::Create(_) => "create",
            Self::Enter(_) => "enter",
            Self::Msg { .. } => "msg",
            Self::History { .. } => "history",
            Self::Exit | Self::Part(_) => "exit",
            Self::Rooms => "rooms",
            Self::Roster(_) => "roster",
            Self::Read(..) | Self::PeerRead(..) => "read",
            Self::Ties | Self::Tie(..) => "friend",
            Self::Presence(..) => "presence",
            Self::Logins | Self::EndLogin(_) => "logins",
            Self::Logout => "logout",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::UnfitHead(kind) | Self::UnfitData(kind) => kind,
            Self::Unreadable | Self::Unknown | Self::Refused | Self::Unfinished => "error",
        }
    }

    fn data(&self) -> Option<String> {
        match self {
            Self::Register(credentials) | Self::Login(credentials) => {
                let user = credentials.user.map_or("not a name", |name| name.text);
                let password = &credentials.password;
                let invite =
                    credentials.invite.map(|invite| format!(r#","invite":"{invite}""#)).unwrap_or_default();
                Some(format!(r#"{{"username":"{user}","password":"{password}"{invite}}}"#))
            }
            Self::Resume(token) => Some(format!(r#"{{"token":"{token}"}}"#)),
            Self::Create(room) | Self::Enter(room) | Self::Part(room) | Self::Roster(room) => {
                let room = room.map_or(" not a name", |name| name.text);
                Some(format!(r#"{{"room":"{room}"}}"#))
            }
            Self::Ties => Some(r#"{"op":"list"}"#.to_owned()),
            Self::Tie(op, other) => {
                let (op, other) = (op.as_str(), other.map_or("not a name", |name| name.text));
                Some(format!(r#"{{"op":"{op}","user":"{other}"}}"#))
            }
            Self::Presence(state, text) => {
                let text = match text {
                    None => None,
                    Some(Ok(text)) => Some(text.clone()),
                    Some(Err("text_empty")) => Some(String::new()),
                    Some(Err("text_too_long")) => Some("x".repeat(129)),
                    Some(Err(_)) => Some("\\u2028".to_owned()),
                };
                let text = text.map(|text| format!(r#","text":"{text}""#)).unwrap_or_default();
                Some(format!(r#"{{"state":"{}"{text}}}"#, state.as_str()))
            }
            Self::Logins => Some(r#"{"op":"list"}"#.to_owned()),
            Self::EndLogin(login) => Some(format!(r#"{{"op":"end","login":{login}}}"#)),
            Self::PeerRead(peer, seq) => {
                let peer = peer.map_or("not a name", |name| name.text);
                Some(format!(r#"{{"peer":"{peer}","seq":{seq}}}"#))
            }
            Self::Read(room, seq) => {
                let room = room.map_or(" not a name", |name| name.text);
                Some(format!(r#"{{"room":"{room}","seq":{seq}}}"#))
            }
            Self::Msg { from, to, text, cid, room } => {
                let from = match from {
                    From::Absent => String::new(),
                    From::User(id) => format!(r#""from":"{}","#, super::names::user(*id, 0).text),
                    From::Nobody => r#""from":"not a name","#.to_owned(),
                };
                let to = match to {
                    To::Public => "public",
                    To::User(name) => name.text,
                    To::Nobody => "not a name",
                };
                let text = match text {
                    Ok(text) => text.as_str(),
                    Err("text_empty") => "",
                    Err("text_too_long") => {
                        return Some(format!(r#"{{{from}"to":"{to}","text":"{}"}}"#, "\\n".repeat(100)));
                    }
                    Err(_) => "\\u0007",
                };
                let cid = cid.as_ref().map(|cid| format!(r#","cid":"{cid}""#)).unwrap_or_default();
                let room = room.map(|room| format!(r#","room":"{}""#, room.text)).unwrap_or_default();
                Some(format!(r#"{{{from}"to":"{to}","text":"{text}"{cid}{room}}}"#))
            }
            Self::History { of, edge, limit } => {
                let of = match of {
                    Of::Room(room) => format!(r#""room":"{}""#, room.text),
                    Of::Peer(peer) => format!(r#""peer":"{}""#, peer.text),
                    Of::Nobody => r#""peer":"not a name""#.to_owned(),
                };
                let edge = match edge {
                    Edge::End => String::new(),
                    Edge::Before(seq) => format!(r#","before":{seq}"#),
                    Edge::After(seq) => format!(r#","after":{seq}"#),
                };
                let limit = limit.map(|limit| format!(r#","limit":{limit}"#)).unwrap_or_default();
                Some(format!("{{{of}{edge}{limit}}}"))
            }
            Self::Hello(..)
            | Self::List
            | Self::Exit
            | Self::Rooms
            | Self::Logout
            | Self::Ping
            | Self::Pong
            | Self::Unreadable
            | Self::Unknown
            | Self::UnfitHead(_)
            | Self::UnfitData(_)
            | Self::Refused
            | Self::Unfinished => None,
        }
    }
}
