//! What was said before, for who is logged in: `history`, in the lobby and in a room.

use super::asked::{Asked, Subject};
use super::lobby;
use super::{Conversation, Cx, Question, Recall, Waiting};
use crate::bucket::Rate;
use crate::hub::Denial;
use crate::message::history::{Of, Query};
use crate::message::reply::{Code, Failure};
use crate::name::{Account, NameError, NameKey, RoomName, UserName};

/// Asks the store for what somebody wants to read, if they may: what was said in a room that `find` knows them to be in;
/// anywhere, what they and another said to each other. `None` is a request that was refused.
pub(super) fn ask(
    query: Query,
    reader: &Account,
    find: impl FnOnce(&RoomName, &Cx) -> Option<(NameKey, RoomName)>,
    waiting: Waiting,
    cx: &mut Cx,
) -> Option<Asked> {
    let (conversation, of) = match query.of {
        Of::Room(room) => match room.as_ref().ok().and_then(|room| find(room, cx)) {
            Some((key, room)) => (Conversation::Room(key), Subject::Room(room)),
            None => {
                refuse_elsewhere(room, &waiting, cx);
                return None;
            }
        },
        Of::Peer(name) => {
            let (key, name) = peer(name, &waiting, cx)?;
            (Conversation::Peer(key), Subject::Peer(name.as_str().into()))
        }
    };
    let rate = Rate::per_second(cx.rules.limits.history_rate, cx.rules.limits.history_burst);
    let taken = cx.histories.take(cx.now, rate);
    if !cx.is_in_time(taken, waiting.kind.as_str(), "You ask for what was said before too often", &waiting) {
        return None;
    }
    let recall = Recall { reader: reader.clone(), conversation, window: query.window };
    let ticket = cx.ask(Question::History(recall));
    Some(Asked { ticket, waiting, of })
}

/// The other one of a private conversation; a name that nobody can have is answered with no.
pub(super) fn peer(
    name: Result<UserName, NameError>,
    waiting: &Waiting,
    cx: &mut Cx,
) -> Option<(NameKey, UserName)> {
    match name {
        Ok(name) => Some((NameKey::new(cx.rules.key_of, name.as_str()), name)),
        Err(error) => {
            cx.refuse(waiting, Code::NameInvalid, error.sentence());
            None
        }
    }
}

/// Whether two names mean one room.
pub(super) fn is_same(one: &RoomName, other: &RoomName, cx: &Cx) -> bool {
    one == other || lobby::key(one, cx) == lobby::key(other, cx)
}

/// Answers a request that is about a room which its author is not in.
pub(super) fn refuse_elsewhere(room: Result<RoomName, NameError>, waiting: &Waiting, cx: &mut Cx) {
    let failure = match room {
        Ok(room) => lobby::failure(Denial::NotThere(room)),
        Err(_) => Failure::new(Code::NotInRoom, "You are in no room of that name"),
    };
    cx.fail(waiting.kind.as_str(), &failure, waiting.rid.as_ref());
}
