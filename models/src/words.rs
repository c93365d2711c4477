//! What a person wants, in words: `login ann 1234`, `enter den`, `whisper Bob psst`, `present away at lunch`.

use chatroom_core::client::{Command, Conversation};
use chatroom_core::message::Text;
use chatroom_core::message::friend::Op;
use chatroom_core::message::logins::GrantId;
use chatroom_core::message::presence::{PresenceState, StatusText};
use chatroom_core::name::{RoomName, UserName};
use chatroom_core::secret::Password;
use zeroize::Zeroizing;

/// What the words ask for; `None` where a client could not ask for it. `here` is the room that what is said is for, and `id`
/// numbers it.
pub fn command(words: &str, here: &str, id: u64) -> Option<Command> {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    let room = || RoomName::parse(rest).ok();
    let here = || RoomName::parse(here).ok();
    let conversation = || match rest.strip_prefix('@') {
        Some(peer) => UserName::parse(peer).ok().map(Conversation::Peer),
        None => room().map(Conversation::Room),
    };
    let friend = |op| Some(Command::Friend(op, UserName::parse(rest).ok()?));
    let text = |text: &str| Text::try_from(text).ok();
    let user = || {
        let (name, rest) = rest.split_once(' ')?;
        Some((UserName::parse(name).ok()?, rest))
    };
    let credentials = || {
        let (user, password) = user()?;
        Some((user, Password::parse(Zeroizing::new(password.to_owned())).ok()?))
    };
    Some(match verb {
        "register" => credentials().map(|(user, password)| Command::Register(user, password, None))?,
        "login" => credentials().map(|(user, password)| Command::Login(user, password))?,
        "list" => Command::List,
        "create" => Command::Create(room()?),
        "enter" => Command::Enter(room()?),
        "say" => Command::Say { to: Conversation::Room(here()?), text: text(rest)?, id, cid: None },
        "whisper" => {
            let (to, said) = user()?;
            Command::Say { to: Conversation::Peer(to), text: text(said)?, id, cid: None }
        }
        "look" => Command::Look(conversation()?),
        "read" => Command::Read(conversation()?, u64::MAX),
        "older" => Command::older(conversation()?),
        "befriend" => friend(Op::Request)?,
        "accept" => friend(Op::Accept)?,
        "decline" => friend(Op::Decline)?,
        "remove" => friend(Op::Remove)?,
        "block" => friend(Op::Block)?,
        "unblock" => friend(Op::Unblock)?,
        "present" => {
            let (state, said) = rest.split_once(' ').unwrap_or((rest, ""));
            let state = PresenceState::ALL.into_iter().find(|known| known.as_str() == state)?;
            Command::Present(state, StatusText::parse(said).ok())
        }
        "logins" => Command::Logins,
        "end" => Command::EndLogin(GrantId(rest.parse().ok()?)),
        "exit" if rest.is_empty() => Command::Exit(here()?),
        "exit" => Command::Exit(room()?),
        "logout" => Command::Logout,
        _ => return None,
    })
}
