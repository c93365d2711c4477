//! What was read and typed, in a file of the window's own: so that it is there at the next start, with or without a server.
//!
//! The file is SQLite's, for its owner alone. One thread has it: it takes [`Request`]s in order, writes as many as have
//! gathered in one transaction, and only then passes the [`Order`]s among them on to the network. So what a person typed
//! is on the disk before it is sent, and the window never waits for the disk.

mod account;
mod file;
mod friends;
mod messages;
mod outbox;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::thread::{self, JoinHandle};

use chatroom_core::client::{Conversation, Friends, Place, Span};
use chatroom_core::message::push::Posted;
use chatroom_core::name::RoomName;
use chatroom_core::secret::Token;
use smol::channel::{self, Receiver, Sender};

use crate::network::Order;
pub use file::{File, Unopened};

/// An account at a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What the server is known by: the fingerprint of its key, or its address where an authority vouches for it. Empty for
    /// one that need not prove who it is: nothing of that survives the program.
    pub server: String,
    /// Where it was reached last, as it is typed.
    pub address: String,
    /// The name, as the server spells it.
    pub name: String,
}

/// A message that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in its conversation, and when it was said.
    pub posted: Posted,
    /// Who said it.
    pub author: String,
    /// What was said; empty if that was deleted. Then it is not shown, and kept for its place.
    pub text: String,
    /// Whether it is this account's own.
    pub is_own: bool,
    /// What it was called by who sent it, if that was this account.
    pub cid: Option<String>,
    /// The other side, if it is private and shown in a room.
    pub peer: Option<String>,
}

/// What was read of one conversation at once, the oldest first.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    /// Which conversation.
    pub of: Conversation,
    /// The room that private ones are shown in, where they have no place of their own.
    pub shown_in: Option<RoomName>,
    /// The messages.
    pub lines: Vec<Line>,
    /// Whether they are older than all that were read, and not newer.
    pub is_older: bool,
    /// Whether what was read before is to be forgotten: there is a hole after it.
    pub is_anew: bool,
    /// Whether there are messages before the first that was read.
    pub has_older: bool,
}

/// A message that was typed, and is not known to be said.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What it is called, for good.
    pub cid: String,
    /// Where it was typed.
    pub of: Conversation,
    /// Whom it is for, if that is one of those in the room.
    pub to: Option<String>,
    /// What it says.
    pub text: String,
    /// When it was typed, in milliseconds since 1970 by this computer's clock.
    pub typed_ms: u64,
    /// What became of it.
    pub state: Fate,
}

/// What became of a message that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is to be said as soon as that can be.
    Waiting,
    /// The server did not want it.
    Failed,
    /// It was sent to a server that does not tell whether it has it.
    Uncertain,
}

/// What is to be written, read or passed on. All but [`Request::Begin`] and [`Request::Order`] is about the account that
/// was begun with last.
pub enum Request {
    /// Somebody has logged in.
    Begin(Account),
    /// They come back with this from now on, without a password.
    Session(Token),
    /// What they come back with lets nobody in any more.
    SessionEnded,
    /// They are in many rooms at once, and private conversations stand for themselves, or not.
    Multi(bool),
    /// They take part in these rooms and no others, and in these private conversations.
    Places(Vec<Place>),
    /// These are their friends, or something else to them, and nobody else is.
    Friends(Friends),
    /// They look at this conversation, or at none.
    Place(Option<Conversation>),
    /// They log out: nothing of the account is kept.
    Forget,
    /// This was read.
    Read(Reading),
    /// This was typed.
    Typed(Outgoing),
    /// This became of what was typed.
    Fate(String, Fate),
    /// What was typed is not waited for any more.
    Drop(String),
    /// All that is in a conversation was seen, up to its message of that number.
    Seen(Conversation, u64),
    /// What there is of a conversation is to be told: [`Told::Opened`].
    Open(Conversation),
    /// What stands in a conversation before that number is to be told: [`Told::Older`].
    Older(Conversation, u64),
    /// What was not seen is to be told: [`Told::Unseen`].
    Unseen,
    /// What there is of the account is to be told: [`Told::Overview`].
    Overview,
    /// The network is to do something, once all before this is on the disk.
    Order(Order),
}

/// What the file says.
#[derive(Clone, PartialEq, Eq)]
pub enum Told {
    /// What there is of a conversation.
    Opened(Opened),
    /// What stands before the first message that is shown.
    Older(Older),
    /// What was not seen, for each conversation of which there is something.
    Unseen(Vec<Unseen>),
    /// What there is of an account.
    Overview(Overview),
    /// Nothing can be written, and why; or it can be again.
    Failing(Option<String>),
}

/// What there is of a conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// Which.
    pub of: Conversation,
    /// The last messages, private ones that were shown there among them.
    pub lines: Vec<Line>,
    /// From where to where it was read, without a hole; more than `lines`, if the file has more.
    pub read: Option<Span>,
    /// The last number that was seen; 0 for none.
    pub seen: u64,
    /// What was typed there and is not known to be said, in the order in which it was typed.
    pub outbox: Vec<Outgoing>,
}

/// Messages that are older than those that are shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Older {
    /// In which conversation.
    pub of: Conversation,
    /// Before which message they stand.
    pub before: u64,
    /// The messages, private ones that were shown there among them.
    pub lines: Vec<Line>,
    /// Whether the file has still older ones.
    pub has_more: bool,
}

/// What of a conversation was not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// Which.
    pub of: Conversation,
    /// How many messages of others.
    pub messages: u32,
    /// How many of these are private or name the person.
    pub mentions: u32,
}

/// What there is of an account, over all conversations.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// Whether they were in many rooms at once.
    pub is_multi: bool,
    /// What they take part in, the one in which something was said last first.
    pub places: Vec<Known>,
    /// What of these was not seen.
    pub unseen: Vec<Unseen>,
    /// What was typed and is not known to be said, in the order in which it was typed.
    pub outbox: Vec<Outgoing>,
    /// Who is what to them, as the server told it last.
    pub friends: Friends,
}

/// A conversation that is taken part in, and how much of it there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which.
    pub of: Conversation,
    /// From where to where it was read.
    pub read: Option<Span>,
    /// The last number that was seen; 0 for none.
    pub seen: u64,
}

/// A login that can be gone on with, and where it was.
pub struct Login {
    /// Whose it is.
    pub account: Account,
    /// What lets them in.
    pub token: Token,
    /// What there is of the conversation that they looked at.
    pub place: Option<Opened>,
    /// What there is of all of them.
    pub overview: Overview,
}

impl Opened {
    /// Of a conversation of which there is nothing.
    pub fn nothing(of: Conversation) -> Self {
        Self { of, lines: Vec::new(), read: None, seen: 0, outbox: Vec::new() }
    }
}

/// The thread that has the file. It ends when this is dropped, with all written that was asked for before.
pub struct Store {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Starts the thread. On it, `tell` is called with what the file says, and `pass_on` with orders.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        file: File,
        tell: impl Fn(Told) + Send + 'static,
        pass_on: impl Fn(Order) + Send + 'static,
    ) -> io::Result<Self> {
        let (requests, inbox) = channel::unbounded();
        let mut keeper = Keeper {
            file,
            memory: None,
            is_in_memory: false,
            is_failing: false,
            tell: Box::new(tell),
            pass_on: Box::new(pass_on),
        };
        let keep = move || keeper.keep(&inbox);
        let thread = thread::Builder::new().name("store".into()).spawn(keep)?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Has something done, after all that was asked for before.
    pub fn ask(&self, request: Request) {
        if let Some(requests) = &self.requests {
            // A thread that has ended has panicked, and said so.
            let _ = requests.try_send(request);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Keeper {
    file: File,
    /// For accounts of which nothing survives the program, from the first of them on.
    memory: Option<File>,
    is_in_memory: bool,
    /// The last transaction was not written, and that was said.
    is_failing: bool,
    tell: Box<dyn Fn(Told) + Send>,
    pass_on: Box<dyn Fn(Order) + Send>,
}

impl Keeper {
    fn keep(&mut self, inbox: &Receiver<Request>) {
        while let Ok(first) = inbox.recv_blocking() {
            let rest = std::iter::from_fn(|| inbox.try_recv().ok()).take(BATCH_MAX);
            let mut batch: Vec<Request> = std::iter::once(first).chain(rest).collect();
            // Accounts can be in different files.
            while let Some(next) =
                batch.iter().skip(1).position(|request| matches!(request, Request::Begin(_)))
            {
                let behind = batch.split_off(next + 1);
                self.serve(std::mem::replace(&mut batch, behind));
            }
            self.serve(batch);
        }
    }

    /// Does what has gathered: writes all of it, then tells and passes on, in order.
    fn serve(&mut self, batch: Vec<Request>) {
        if let Some(Request::Begin(account)) = batch.first() {
            self.is_in_memory = account.server.is_empty();
        }
        let file = match self.is_in_memory {
            true => self.memory.get_or_insert_with(File::in_memory),
            false => &mut self.file,
        };
        match file.write(&batch) {
            Ok(()) if self.is_failing => {
                self.is_failing = false;
                (self.tell)(Told::Failing(None));
            }
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                (self.tell)(Told::Failing(Some(error.to_string())));
            }
            Ok(()) | Err(_) => {}
        }
        for request in batch {
            match request {
                Request::Order(order) => (self.pass_on)(order),
                request => {
                    if let Some(told) = answer(file, request) {
                        (self.tell)(told);
                    }
                }
            }
        }
    }
}

/// What a request asks for. Where the file cannot be read there is nothing in it.
fn answer(file: &File, request: Request) -> Option<Told> {
    Some(match request {
        Request::Open(of) => Told::Opened(file.opened(&of).unwrap_or_else(|_| Opened::nothing(of))),
        Request::Older(of, before) => {
            let older = file.older(&of, before);
            Told::Older(older.unwrap_or_else(|_| Older { of, before, lines: Vec::new(), has_more: false }))
        }
        Request::Unseen => Told::Unseen(file.unseen().unwrap_or_default()),
        Request::Overview => Told::Overview(file.overview().unwrap_or_default()),
        Request::Begin(_)
        | Request::Session(_)
        | Request::SessionEnded
        | Request::Multi(_)
        | Request::Places(_)
        | Request::Friends(_)
        | Request::Place(_)
        | Request::Forget
        | Request::Read(_)
        | Request::Typed(_)
        | Request::Fate(..)
        | Request::Drop(_)
        | Request::Seen(..)
        | Request::Order(_) => return None,
    })
}

/// How many requests share a transaction at the most.
const BATCH_MAX: usize = 4_096;

/// Messages that are kept of one conversation; beyond it the oldest are dropped. They are still at the server.
pub const MESSAGES_MAX: u64 = 10_000;

/// Messages that are told at once of a room, and as many of its private ones.
pub const PAGE_MESSAGES: usize = 200;

/// Where the file is, in the folder of this user's data.
pub fn path_in(data: &Path) -> std::path::PathBuf {
    data.join("window.db")
}
