//! What somebody says, in a room or in the hall: what of it is looked at before the hub hears of it, and how a private
//! message is told.

use alloc::format;
use alloc::string::String;

use super::{Cx, Waiting};
use crate::frame::Frame;
use crate::hub::{Kept, Whisper};
use crate::message::hello::Caps;
use crate::message::push;
use crate::message::reply::Code;
use crate::message::request::shown;
use crate::message::{Text, TextError};
use crate::name::{Account, NameError, NameKey, PUBLIC, UserName};

/// The text of a message, if it can be said by who says it. Otherwise the request is answered with no.
pub(super) fn check(
    from: Option<Result<UserName, NameError>>,
    text: Result<Text, TextError>,
    author: &Account,
    waiting: &Waiting,
    cx: &mut Cx,
) -> Option<Text> {
    // Nearly every client spells its own name as it was registered, and a key costs more than all the rest here.
    let is_own =
        |from: &str| from == author.name.as_str() || NameKey::new(cx.rules.key_of, from) == author.key;
    if let Some(from) = &from
        && !from.as_ref().is_ok_and(|from| is_own(from.as_str()))
    {
        cx.refuse(waiting, Code::FromMismatch, format!("You are {}, and nobody else", author.name));
        return None;
    }
    text.map_err(|error| cx.refuse(waiting, code(error), error.sentence())).ok()
}

/// The word for what is wrong with a text.
pub(super) fn code(error: TextError) -> Code {
    match error {
        TextError::Empty => Code::TextEmpty,
        TextError::TooLong => Code::TextTooLong,
        TextError::Control => Code::TextInvalid,
    }
}

/// Whom a message is for; the inner `None` is everybody. One who can have no account is answered for as one who is absent.
pub(super) fn receiver(
    to: Option<Result<UserName, NameError>>,
    absence: impl FnOnce(&str) -> String,
    waiting: &Waiting,
    cx: &mut Cx,
) -> Option<Option<(NameKey, UserName)>> {
    match to {
        None => Some(None),
        Some(Ok(name)) => {
            let key = NameKey::new(cx.rules.key_of, name.as_str());
            Some((key.as_str() != PUBLIC).then_some((key, name)))
        }
        Some(to @ Err(_)) => {
            cx.refuse(waiting, Code::NotInRoom, absence(shown(&to)));
            None
        }
    }
}

/// Encodes a private message for the connection of `own`, which it is for or from. What they are called is known there,
/// not to the hub.
pub(super) fn encode_whisper(whisper: &Whisper, own: &UserName, caps: Caps) -> Frame {
    let Whisper { from, text, kept, .. } = whisper;
    match kept.as_ref().filter(|_| caps.ack) {
        None => push::encode_private(own, from, text),
        Some(Kept { to, posted, cid }) if from == own => {
            push::encode_placed_private(own, from, text, to, *posted, cid.as_ref())
        }
        Some(Kept { posted, .. }) => push::encode_placed_private(own, from, text, from, *posted, None),
    }
}
