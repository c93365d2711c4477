//! What all guests have in common.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;

use chatroom_core::name::RoomName;
use tls::{ClientConfig, Trust};

use super::ledger::Ledger;

/// The place where the guests meet.
pub(super) struct Town {
    /// Where the server is, as guests see it.
    pub(super) proxy: SocketAddr,
    pub(super) config: ClientConfig,
    pub(super) rooms: Vec<RoomName>,
    pub(super) stage: Cell<Stage>,
    pub(super) ledger: RefCell<Ledger>,
    /// By guest: whether they have heard their own last word since they came.
    pub(super) at_home: Vec<Cell<bool>>,
    /// Guests whose own late login sent them away.
    pub(super) replaced: Cell<u64>,
    /// Connections that were left because an answer did not come in time.
    pub(super) given_up: Cell<u64>,
}

/// How far a round is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Everybody talks, and connections break.
    Storm,
    /// The network is well. Everybody comes back and says a last word.
    Calm,
    /// All last words were said. Everybody goes.
    Leaving,
}

impl Town {
    pub(super) fn new(proxy: SocketAddr, guests: usize) -> Result<Self, String> {
        let rooms = (0..guests.div_ceil(ROOM_GUESTS)).map(|number| RoomName::parse(&room_name(number)));
        Ok(Self {
            proxy,
            config: ClientConfig::new(Trust::AnyoneInsecurely).map_err(|error| error.to_string())?,
            rooms: rooms.collect::<Result<_, _>>().map_err(|error| error.sentence().to_owned())?,
            stage: Cell::new(Stage::Storm),
            ledger: RefCell::new(Ledger::new(guests)),
            at_home: vec![Cell::new(false); guests],
            replaced: Cell::new(0),
            given_up: Cell::new(0),
        })
    }

    /// The line of configuration that makes the rooms for so many guests.
    pub(super) fn rooms_setting(guests: usize) -> String {
        let names = (0..guests.div_ceil(ROOM_GUESTS)).map(|number| format!("{:?}", room_name(number)));
        format!("room = [{}]", names.collect::<Vec<_>>().join(", "))
    }

    /// The number of a room.
    pub(super) fn room(&self, name: &str) -> Option<usize> {
        self.rooms.iter().position(|room| room.as_str() == name)
    }

    /// How many guests are where they want to be, and have heard themselves there.
    pub(super) fn settled(&self) -> usize {
        self.at_home.iter().filter(|is_home| is_home.get()).count()
    }
}

fn room_name(number: usize) -> String {
    format!("room {number}")
}

/// Guests in a room, on average.
const ROOM_GUESTS: usize = 20;
