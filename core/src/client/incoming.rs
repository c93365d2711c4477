//! What a server sends, by what it means for a client.

use alloc::string::String;

use crate::message::hello::Greeting;
use crate::message::history::ReceivedPage;
use crate::message::presence;
use crate::message::push::{ReceivedAck, ReceivedList, ReceivedMsg};
use crate::message::received::{ReceivedFriend, ReceivedLogins, ReceivedRead, ReceivedRooms, ReceivedRoster};
use crate::message::reply::{self, LIST_ROOM, Received};
use crate::message::{Envelope, Kind, Unfit};

/// What a server sent, by what it means for a client.
pub(super) enum Incoming {
    Greeted(Greeting),
    List(ReceivedList),
    Members(ReceivedList),
    Rooms(ReceivedRooms),
    Roster(ReceivedRoster),
    Read(ReceivedRead),
    Friend(ReceivedFriend),
    Presence(presence::Received),
    Logins(ReceivedLogins),
    Msg(ReceivedMsg),
    Ack(ReceivedAck),
    Page(ReceivedPage),
    Ping,
    /// The number of what it answers.
    Pong(Option<u64>),
    Done(Kind, Done),
    Refused(Kind, Received),
    Notice(Received),
    Unknown,
}

/// What good news may carry.
pub(super) struct Done {
    pub(super) message: String,
    pub(super) place: reply::Place,
}

impl Incoming {
    /// The kind of request that this answers, or could.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Greeted(_) => Some(Kind::Hello),
            Self::List(_) | Self::Members(_) => Some(Kind::List),
            Self::Rooms(_) => Some(Kind::Rooms),
            Self::Roster(_) => Some(Kind::Roster),
            Self::Read(_) => Some(Kind::Read),
            Self::Friend(_) => Some(Kind::Friend),
            Self::Presence(_) => Some(Kind::Presence),
            Self::Logins(_) => Some(Kind::Logins),
            Self::Msg(_) => Some(Kind::Msg),
            Self::Page(_) => Some(Kind::History),
            Self::Ping => Some(Kind::Ping),
            Self::Pong(_) => Some(Kind::Pong),
            Self::Done(kind, _) | Self::Refused(kind, _) => Some(*kind),
            // What is not waited for is passed over where it is looked for.
            Self::Ack(_) | Self::Notice(_) | Self::Unknown => None,
        }
    }

    pub(super) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let received = Received::decode(envelope)?;
        let kind = match received.kind.as_str() {
            LIST_ROOM => Some(Kind::List),
            kind => Kind::parse(kind),
        };
        let Some(kind) = kind else {
            if received.ok && received.kind == ReceivedAck::TYPE {
                return ReceivedAck::decode(envelope).map(Self::Ack);
            }
            return Ok(if received.ok { Self::Unknown } else { Self::Notice(received) });
        };
        let pong = || {
            let rid = envelope.rid()?;
            Ok(Self::Pong(rid.and_then(|rid| rid.as_str().parse().ok())))
        };
        // One that came too often is answered as well.
        if !received.ok && kind == Kind::Ping {
            return pong();
        }
        if !received.ok {
            return Ok(Self::Refused(kind, received));
        }
        Ok(match kind {
            Kind::Hello => Self::Greeted(Greeting::decode(envelope)?),
            Kind::List if received.kind == LIST_ROOM => Self::Members(ReceivedList::decode(envelope)?),
            Kind::List => Self::List(ReceivedList::decode(envelope)?),
            Kind::Msg => Self::Msg(ReceivedMsg::decode(envelope)?),
            Kind::Login | Kind::Resume | Kind::Enter => {
                let place = reply::Place::decode(envelope)?;
                if kind == Kind::Enter && place.room.is_none() {
                    return Err(Unfit("it answered `enter` without a room"));
                }
                if place.username.is_none() {
                    return Err(Unfit("it answered without a user name"));
                }
                Self::Done(kind, Done { message: received.message.unwrap_or_default(), place })
            }
            Kind::History => Self::Page(ReceivedPage::decode(envelope)?),
            Kind::Ping => Self::Ping,
            Kind::Pong => pong()?,
            Kind::Rooms => Self::Rooms(ReceivedRooms::decode(envelope)?),
            Kind::Roster => Self::Roster(ReceivedRoster::decode(envelope)?),
            Kind::Read => Self::Read(ReceivedRead::decode(envelope)?),
            Kind::Friend => Self::Friend(ReceivedFriend::decode(envelope)?),
            Kind::Presence => Self::Presence(presence::Received::decode(envelope)?),
            Kind::Logins => Self::Logins(ReceivedLogins::decode(envelope)?),
            Kind::Register | Kind::Create | Kind::Exit | Kind::Logout => {
                let message = received.message.unwrap_or_default();
                Self::Done(kind, Done { message, place: reply::Place::default() })
            }
        })
    }
}
