//! Which request is allowed where: one table, for server and client.

use crate::message::Kind;

/// How far a connection has come, after its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody has logged in.
    Auth,
    /// Logged in and in no room but the lobby.
    Lobby,
    /// In a room.
    Chat,
    /// Logged in, and in any number of rooms at once: whoever was granted `multi`.
    Hall,
}

impl Phase {
    /// Whether a request of this kind may be made in this phase.
    pub const fn allows(self, kind: Kind) -> bool {
        match (self, kind) {
            (_, Kind::Ping | Kind::Pong) => true,
            (Self::Auth, Kind::Hello | Kind::Register | Kind::Login | Kind::Resume) => true,
            (
                Self::Lobby,
                Kind::List | Kind::Create | Kind::Enter | Kind::History | Kind::Logins | Kind::Logout,
            ) => true,
            (Self::Chat, Kind::List | Kind::Msg | Kind::History | Kind::Logins | Kind::Exit) => true,
            (
                Self::Hall,
                Kind::Rooms
                | Kind::Roster
                | Kind::Create
                | Kind::Enter
                | Kind::Msg
                | Kind::Read
                | Kind::Friend
                | Kind::Presence
                | Kind::History
                | Kind::Logins
                | Kind::Exit
                | Kind::Logout,
            ) => true,
            (Self::Hall, Kind::Hello | Kind::Register | Kind::Login | Kind::Resume | Kind::List) => false,
            (
                Self::Auth | Self::Lobby | Self::Chat,
                Kind::Rooms | Kind::Roster | Kind::Read | Kind::Friend | Kind::Presence,
            ) => false,
            (
                Self::Auth,
                Kind::List
                | Kind::Create
                | Kind::Enter
                | Kind::Logout
                | Kind::Msg
                | Kind::History
                | Kind::Logins
                | Kind::Exit,
            ) => false,
            (
                Self::Lobby,
                Kind::Hello | Kind::Register | Kind::Login | Kind::Resume | Kind::Msg | Kind::Exit,
            ) => false,
            (
                Self::Chat,
                Kind::Hello
                | Kind::Register
                | Kind::Login
                | Kind::Resume
                | Kind::Create
                | Kind::Enter
                | Kind::Logout,
            ) => false,
        }
    }

    /// What to tell a person whose request is not allowed in this phase.
    pub const fn refusal(self, kind: Kind) -> &'static str {
        match (self, kind) {
            // In the first phase too, from the second frame on.
            (_, Kind::Hello) => "Say hello first, before anything else",
            (Self::Auth, _) => "Log in first",
            (Self::Lobby | Self::Chat | Self::Hall, Kind::Register | Kind::Login | Kind::Resume) => {
                "You are logged in already"
            }
            (Self::Hall, _) => "Ask for `rooms`, or for a `roster`",
            (Self::Lobby, _) => "Enter a room first",
            (Self::Chat, _) => "Leave the room first",
        }
    }
}
