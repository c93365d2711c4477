//! A question of who is logged in that the store was asked, and what becomes of its answer.

use alloc::string::String;

use super::auth;
use super::logins;
use super::{Answer, Cx, GrantId, Refusal, Ticket, Waiting};
use crate::message::history;
use crate::message::logins::encode_logins;
use crate::name::RoomName;

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
