//! What was said before, for who is logged in: `history`, in the lobby and in a room. And what became of a question of who is.

use alloc::string::String;
use core::time::Duration;

use super::auth;
use super::lobby;
use super::logins;
use super::{Answer, Conversation, Cx, GrantId, Question, Recall, Refusal, Ticket, Waiting};
use crate::bucket::Rate;
use crate::hub::Denial;
use crate::message::history::{self, Of, Query};
use crate::message::logins::encode_logins;
use crate::message::reply::{Code, Failure};
use crate::name::{Account, NameError, NameKey, RoomName, UserName};
use crate::time::ceil_ms;

/// A question that the store was asked, and of what.
pub(super) struct Asked {
    pub(super) ticket: Ticket,
    pub(super) waiting: Waiting,
    pub(super) of: Subject,
}

/// What it is about: the conversation as the answer names it, or logins.
pub(super) enum Subject {
    Room(RoomName),
    Peer(String),
    /// One of them is to end first.
    Logins {
        ended: Option<GrantId>,
    },
}

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
    let limits = &cx.rules.limits;
    let rate = Rate::new(limits.history_rate, Duration::from_secs(1), limits.history_burst);
    if let Some(rate) = rate
        && let Err(wait) = cx.histories.take(cx.now, rate)
    {
        let message = "You ask for what was said before too often";
        let failure = Failure::for_now(Code::RateLimited, message, ceil_ms(wait));
        cx.fail(waiting.kind.as_str(), &failure, waiting.rid.as_ref());
        return None;
    }
    let recall = Recall { reader: reader.clone(), conversation, window: query.window };
    let ticket = cx.ask(Question::History(recall));
    Some(Asked { ticket, waiting, of })
}

/// The store has answered, if it is the question that is open.
pub(super) fn on_answer(asked: &mut Option<Asked>, ticket: Ticket, answer: Answer, cx: &mut Cx) {
    let Some(Asked { waiting, of, .. }) = asked.take_if(|asked| asked.ticket == ticket) else { return };
    let rid = waiting.rid.as_ref();
    match (answer, of) {
        (Answer::Told(page), Subject::Room(room)) => {
            cx.send(history::encode_page(Some(room.as_str()), None, &page, rid));
        }
        (Answer::Told(page), Subject::Peer(peer)) => {
            cx.send(history::encode_page(None, Some(&peer), &page, rid));
        }
        (Answer::Logins(told), Subject::Logins { ended }) => {
            logins::dismiss(ended, true, cx);
            cx.send(encode_logins(&told, rid));
        }
        (Answer::Refused(refusal), of) => {
            // Whoever ended it may have been gone before they heard of it, and could tell nobody.
            if let (Refusal::NoSuchLogin, Subject::Logins { ended }) = (refusal, of) {
                logins::dismiss(ended, false, cx);
            }
            cx.fail(waiting.kind.as_str(), &auth::failure(refusal), rid);
        }
        // Answers to what only another state asks, or to something else.
        (
            Answer::Registered(_)
            | Answer::Verified(_)
            | Answer::Granted(..)
            | Answer::Told(_)
            | Answer::Logins(_),
            _,
        ) => {}
    }
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
