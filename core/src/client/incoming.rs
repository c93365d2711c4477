//! What a server sends, by what it means for a client.

use alloc::string::String;

use crate::message::hello::Greeting;
use crate::message::history::ReceivedPage;
use crate::message::presence;
use crate::message::push::{ReceivedAck, ReceivedList, ReceivedMsg};
use crate::message::received::{ReceivedFriend, ReceivedLogins, ReceivedRead, ReceivedRooms, ReceivedRoster};
use crate::message::reply::{self, LIST_ROOM, Received};
use crate::message::{Envelope, Kind};

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

    pub(super) fn decode(envelope: &Envelope<'_>) -> Result<Self, &'static str> {
        let received = Received::decode(envelope).map_err(|error| error.0)?;
        let kind = match received.kind.as_str() {
            LIST_ROOM => Some(Kind::List),
            kind => Kind::parse(kind),
        };
        let fault = |error: crate::message::Unfit| error.0;
        let Some(kind) = kind else {
            if received.ok && received.kind == ReceivedAck::TYPE {
                return ReceivedAck::decode(envelope).map(Self::Ack).map_err(fault);
            }
            return Ok(if received.ok { Self::Unknown } else { Self::Notice(received) });
        };
        let pong = || {
            let rid = envelope.rid().map_err(fault)?;
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
            Kind::Hello => Self::Greeted(Greeting::decode(envelope).map_err(fault)?),
            Kind::List if received.kind == LIST_ROOM => {
                Self::Members(ReceivedList::decode(envelope).map_err(fault)?)
            }
            Kind::List => Self::List(ReceivedList::decode(envelope).map_err(fault)?),
            Kind::Msg => Self::Msg(ReceivedMsg::decode(envelope).map_err(fault)?),
            Kind::Login | Kind::Resume | Kind::Enter => {
                let place = reply::Place::decode(envelope).map_err(fault)?;
                if kind == Kind::Enter && place.room.is_none() {
                    return Err("it answered `enter` without a room");
                }
                if place.username.is_none() {
                    return Err("it answered without a user name");
                }
                Self::Done(kind, Done { message: received.message.unwrap_or_default(), place })
            }
            Kind::History => Self::Page(ReceivedPage::decode(envelope).map_err(fault)?),
            Kind::Ping => Self::Ping,
            Kind::Pong => pong()?,
            Kind::Rooms => Self::Rooms(ReceivedRooms::decode(envelope).map_err(fault)?),
            Kind::Roster => Self::Roster(ReceivedRoster::decode(envelope).map_err(fault)?),
            Kind::Read => Self::Read(ReceivedRead::decode(envelope).map_err(fault)?),
            Kind::Friend => Self::Friend(ReceivedFriend::decode(envelope).map_err(fault)?),
            Kind::Presence => Self::Presence(presence::Received::decode(envelope).map_err(fault)?),
            Kind::Logins => Self::Logins(ReceivedLogins::decode(envelope).map_err(fault)?),
            Kind::Register | Kind::Create | Kind::Exit | Kind::Logout => {
                let message = received.message.unwrap_or_default();
                Self::Done(kind, Done { message, place: reply::Place::default() })
            }
        })
    }
}
