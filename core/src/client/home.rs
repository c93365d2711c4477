//! The way back after a lost connection: to the account, and to the room.

use core::time::Duration;

use crate::name::{RoomName, UserName};
use crate::secret::Password;
use crate::time::Instant;

use super::Command;

/// Who was logged in, and where. It is kept from a login until its end, also without a connection.
pub(super) struct Home {
    username: UserName,
    password: Password,
    room: Option<RoomName>,
    step: Step,
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
    pub(super) fn new(username: UserName, password: Password) -> Self {
        Self { username, password, room: None, step: Step::There }
    }

    pub(super) fn step(&self) -> Step {
        self.step
    }

    pub(super) fn set_step(&mut self, step: Step) {
        self.step = step;
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
        Command::Login(self.username.clone(), self.password.clone())
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
