//! What a client receives of rooms, the people in them, and friends, where it is in many rooms at once: the whole, or what has
//! changed. And of its account's logins.
//!
//! Names that can be none are passed over: nothing could be said of them.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, de::DeserializeOwned};

use super::friend::Tie;
use super::logins::{ClientName, GrantId, Login};
use super::rooms::{Crowd, Standing};
use super::{Envelope, Unfit};
use crate::name::{RoomName, UserName};

/// A `rooms`. What it does not name has not changed.
#[derive(Default)]
pub(crate) struct ReceivedRooms {
    /// All that was told before is to be forgotten.
    pub(crate) is_all: bool,
    pub(crate) crowds: Vec<Crowd>,
    pub(crate) gone: Vec<RoomName>,
    pub(crate) standings: Vec<Standing>,
    pub(crate) out: Vec<RoomName>,
    pub(crate) talks: Vec<ReceivedTalk>,
}

/// A private conversation.
pub(crate) struct ReceivedTalk {
    pub(crate) peer: UserName,
    pub(crate) last: u64,
    pub(crate) read: u64,
}

/// A `roster`: who is in a room, or who has come and who has gone, these first.
pub(crate) struct ReceivedRoster {
    pub(crate) room: RoomName,
    pub(crate) members: Option<Vec<UserName>>,
    pub(crate) left: Vec<UserName>,
    pub(crate) joined: Vec<UserName>,
}

/// A `read`: how far the account has read, in one of the two.
#[derive(Deserialize)]
pub(crate) struct ReceivedRead {
    pub(crate) room: Option<String>,
    pub(crate) peer: Option<String>,
    pub(crate) seq: u64,
}

impl ReceivedRooms {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        #[derive(Deserialize)]
        struct Data {
            all: Option<bool>,
            rooms: Option<Vec<People>>,
            gone: Option<Vec<String>>,
            r#in: Option<Vec<InRoom>>,
            out: Option<Vec<String>>,
            peers: Option<Vec<WithPeer>>,
        }
        #[derive(Deserialize)]
        struct People {
            room: String,
            people: usize,
        }
        #[derive(Deserialize)]
        struct InRoom {
            room: String,
            last: u64,
            read: u64,
        }
        #[derive(Deserialize)]
        struct WithPeer {
            peer: String,
            last: u64,
            read: u64,
        }
        let data: Data = decode(envelope, "it told of rooms in a shape that cannot be read")?;
        let crowd = |told: People| Some(Crowd { room: name(&told.room)?, people: told.people });
        let standing = |InRoom { room, last, read }| Some(Standing { room: name(&room)?, last, read });
        let talk = |WithPeer { peer, last, read }| {
            Some(ReceivedTalk { peer: UserName::parse(&peer).ok()?, last, read })
        };
        let names = |names: Option<Vec<String>>| {
            names.unwrap_or_default().iter().filter_map(|text| name(text)).collect()
        };
        Ok(Self {
            is_all: data.all.unwrap_or_default(),
            crowds: data.rooms.unwrap_or_default().into_iter().filter_map(crowd).collect(),
            gone: names(data.gone),
            standings: data.r#in.unwrap_or_default().into_iter().filter_map(standing).collect(),
            out: names(data.out),
            talks: data.peers.unwrap_or_default().into_iter().filter_map(talk).collect(),
        })
    }
}

impl ReceivedRoster {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        const MUST: &str = "it told of people in a shape that cannot be read";
        #[derive(Deserialize)]
        struct Data {
            room: String,
            members: Option<Vec<String>>,
            left: Option<Vec<String>>,
            joined: Option<Vec<String>>,
        }
        let data: Data = decode(envelope, MUST)?;
        let users = |names: Vec<String>| names.iter().filter_map(|name| UserName::parse(name).ok()).collect();
        Ok(Self {
            room: name(&data.room).ok_or(Unfit(MUST))?,
            members: data.members.map(users),
            left: users(data.left.unwrap_or_default()),
            joined: users(data.joined.unwrap_or_default()),
        })
    }
}

impl ReceivedRead {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        decode(envelope, "it answered `read` in a shape that cannot be read")
    }
}

/// A `friend`: who is what to the account.
pub(crate) enum ReceivedFriend {
    /// These, and nobody else.
    All(Vec<(UserName, Tie)>),
    /// What does not fit into the frame before.
    More(Vec<(UserName, Tie)>),
    /// This one is that now.
    Change(UserName, Tie),
}

impl ReceivedFriend {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        const MUST: &str = "it told of friends in a shape that cannot be read";
        #[derive(Deserialize)]
        struct Data {
            all: Option<bool>,
            friends: Option<Vec<String>>,
            asking: Option<Vec<String>>,
            asked: Option<Vec<String>>,
            blocked: Option<Vec<String>>,
            user: Option<String>,
            now: Option<String>,
        }
        let data: Data = decode(envelope, MUST)?;
        let lists = [
            (data.friends, Tie::Friend),
            (data.asking, Tie::Asking),
            (data.asked, Tie::Asked),
            (data.blocked, Tie::Blocked),
        ];
        let mut ties = Vec::new();
        for (names, tie) in lists {
            let names = names.unwrap_or_default();
            ties.extend(names.iter().filter_map(|name| UserName::parse(name).ok()).map(|name| (name, tie)));
        }
        if let (Some(user), Some(now)) = (&data.user, &data.now) {
            // What a newer server calls otherwise is nothing that this client knows.
            let tie = Tie::ALL.into_iter().find(|tie| tie.as_str() == now).unwrap_or_default();
            return UserName::parse(user).map(|name| Self::Change(name, tie)).map_err(|_| Unfit(MUST));
        }
        Ok(if data.all.unwrap_or_default() { Self::All(ties) } else { Self::More(ties) })
    }
}

/// A `logins`: those of the account that last.
pub(crate) struct ReceivedLogins(pub(crate) Vec<Login>);

impl ReceivedLogins {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        #[derive(Deserialize)]
        struct Data {
            logins: Vec<Told>,
        }
        #[derive(Deserialize)]
        struct Told {
            login: i64,
            client: Option<String>,
            begun: Option<u64>,
            used: Option<u64>,
            ends: u64,
            own: Option<bool>,
        }
        let data: Data = decode(envelope, "it told of logins in a shape that cannot be read")?;
        let login = |told: Told| Login {
            id: GrantId(told.login),
            client: told.client.as_deref().and_then(ClientName::parse),
            begun_ms: told.begun,
            used_ms: told.used,
            ends_ms: told.ends,
            is_own: told.own.unwrap_or_default(),
        };
        Ok(Self(data.logins.into_iter().map(login).collect()))
    }
}

/// Reads the whole of the `data`; one of another shape is this `fault` of the server's.
pub(super) fn decode<T: DeserializeOwned>(envelope: &Envelope<'_>, fault: &'static str) -> Result<T, Unfit> {
    let data = envelope.data.ok_or(Unfit(fault))?;
    serde_json::from_str(data.get()).map_err(|_| Unfit(fault))
}

fn name(text: &str) -> Option<RoomName> {
    RoomName::parse(text).ok()
}
