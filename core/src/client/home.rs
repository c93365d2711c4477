//! The way back after a lost connection: to the account, and to the room.

use core::time::Duration;

use crate::name::{RoomName, UserName};
use crate::secret::{Password, Token};
use crate::time::Instant;

use super::Command;

/// Who was logged in, and where. It is kept from a login until its end, also without a connection.
pub(super) struct Home {
    proof: Proof,
    room: Option<RoomName>,
    /// It was in many rooms at once, to which nobody has to come back, or may have been.
    is_of_many: bool,
    step: Step,
}

/// What a server is shown on the way back.
enum Proof {
    /// To one that gave nothing else.
    Password(UserName, Password),
    /// Of the last login; then the password is kept no longer.
    Token(Token),
}

/// How far the way back has been gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// All of it: what the server says now answers a person.
    There,
    /// The login is on its way.
    LoggingIn,
    /// The server had no time for a login; the next attempt comes then.
    Waiting(Instant),
    /// The wish to enter is on its way.
    Entering,
    /// The room was gone, and is made again: a server keeps rooms in memory only.
    Creating,
    /// The room was made again, by this client or another; the second wish to enter is on its way.
    EnteringAgain,
}

impl Home {
    /// After the answer to `login`, which may have come with a token.
    pub(super) fn after(login: Option<Command>, token: Option<Token>) -> Option<Self> {
        let proof = match (token, login) {
            (Some(token), _) => Proof::Token(token),
            (None, Some(Command::Login(username, password))) => Proof::Password(username, password),
            (None, _) => return None,
        };
        Some(Self { proof, room: None, is_of_many: false, step: Step::There })
    }

    /// Of a login that is older than this client: all of the way back is to be gone.
    pub(super) fn with_token(token: Token, room: Option<RoomName>) -> Self {
        Self { proof: Proof::Token(token), room, is_of_many: true, step: Step::LoggingIn }
    }

    /// The next time the way back goes with this.
    pub(super) fn set_token(&mut self, token: Token) {
        self.proof = Proof::Token(token);
    }

    pub(super) fn step(&self) -> Step {
        self.step
    }

    pub(super) fn set_step(&mut self, step: Step) {
        self.step = step;
    }

    /// The connection is lost: the way back has to be gone from its start.
    pub(super) fn leave(&mut self) {
        self.step = Step::LoggingIn;
    }

    /// Whether there is somewhere to come back to where something can be said.
    pub(super) fn has_place(&self) -> bool {
        self.room.is_some() || self.is_of_many
    }

    /// The same, and it was not reached.
    pub(super) fn is_away(&self) -> bool {
        self.has_place() && self.step != Step::There
    }

    pub(super) fn is_of_many(&self) -> bool {
        self.is_of_many
    }

    /// Whether it is in many rooms at once, or in one.
    pub(super) fn set_of_many(&mut self, is_of_many: bool) {
        self.is_of_many = is_of_many;
    }

    /// The room to come back to.
    pub(super) fn room(&self) -> Option<&RoomName> {
        self.room.as_ref()
    }

    /// The person is in this room, or in none.
    pub(super) fn set_room(&mut self, room: Option<RoomName>) {
        self.room = room;
    }

    /// When the login is to be tried again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.step {
            Step::Waiting(at) => Some(at),
            Step::There | Step::LoggingIn | Step::Entering | Step::Creating | Step::EnteringAgain => None,
        }
    }

    pub(super) fn login(&mut self) -> Command {
        self.step = Step::LoggingIn;
        match &self.proof {
            Proof::Password(username, password) => Command::Login(username.clone(), password.clone()),
            Proof::Token(token) => Command::Resume(token.clone()),
        }
    }

    /// The wish for the room, or `None` if there was none.
    pub(super) fn enter(&mut self, step: Step) -> Option<Command> {
        let command = self.room.clone().map(Command::Enter);
        self.step = if command.is_some() { step } else { Step::There };
        command
    }

    pub(super) fn create(&mut self) -> Option<Command> {
        self.step = Step::Creating;
        self.room.clone().map(Command::Create)
    }
}

/// How long to wait for a server that has no time for a login and does not say how long.
pub(super) const LOGIN_PAUSE: Duration = Duration::from_secs(2);
