//! What can be measured, part by part, and the situations of each.

use std::net::SocketAddr;
use std::time::Duration;

use super::contender::Contender;
use super::floor::Round;
use crate::load::{Pace, Settings, Storm};

/// Something that is measured by itself, and has a place of its own on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Part {
    /// All servers side by side: quiet talk, one message at a time, bursts, small rooms, a large one, nobody talking.
    Peers,
    /// What a delivery costs as a room grows.
    Members,
    /// What a delivery and a connection cost as more and more people are there and say nothing.
    Connections,
    /// What it costs to show a crowded lobby who is there.
    Lobby,
    /// What many logins at once do to those who talk.
    Storm,
    /// What it costs to have each message on the disk before it is delivered.
    History,
}

/// A situation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// What it is called in the table.
    pub(super) name: &'static str,
    pub(super) clients: usize,
    rooms: usize,
    idle: usize,
    pace: Pace,
    storm: Option<Storm>,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Peers, Self::Members, Self::Connections, Self::Lobby, Self::Storm, Self::History];

    /// Its place on the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::Members => "members",
            Self::Connections => "connections",
            Self::Lobby => "lobby",
            Self::Storm => "storm",
            Self::History => "history",
        }
    }

    /// What its rows differ by, where that is a number.
    pub(super) const fn corner(self) -> &'static str {
        match self {
            Self::Members => "Members of the room",
            Self::Connections => "Connections",
            Self::Peers | Self::Lobby | Self::Storm | Self::History => "",
        }
    }

    /// Who is measured.
    pub(super) fn contenders(self) -> impl Iterator<Item = Contender> {
        let all = if self == Self::History { Contender::OWN } else { Contender::ALL };
        all.into_iter().filter(move |contender| self == Self::Peers || !contender.is_peer())
    }

    /// Whether what cannot be done without is measured too.
    pub(super) fn has_floor(self) -> bool {
        matches!(self, Self::Peers | Self::Members)
    }

    /// How often it is measured, if all are to be so often. A mean over minutes needs no median.
    pub fn rounds(self, rounds: usize) -> usize {
        if self == Self::Lobby { 1 } else { rounds }
    }

    pub(super) const fn rows(self) -> &'static [Row] {
        match self {
            Self::Peers => &PEERS,
            Self::Members => &MEMBERS,
            Self::Connections => &CONNECTIONS,
            Self::Lobby => &LOBBY,
            Self::Storm => &STORM,
            Self::History => &HISTORY,
        }
    }
}

const PEERS: [Row; 6] = [
    Row {
        pace: Pace::Rate { senders: 2, per_second: 50 },
        ..Row::in_rooms("20 clients, 2 senders at 50/s", 20, 1, 0)
    },
    Row::in_rooms("200 in a room, 1 message in flight", 200, 1, 1),
    Row::in_rooms("200 in a room, 16 in flight", 200, 1, 16),
    Row::in_rooms("20 rooms of 10, 4 in flight each", 200, 20, 4),
    Row::in_rooms("1,000 in a room, 16 in flight", 1_000, 1, 16),
    Row { idle: 2_000, ..Row::in_rooms("2,000 idle connections", 0, 0, 0) },
];

/// One room.
const MEMBERS: [Row; 5] = [
    Row::in_rooms("10", 10, 1, 16),
    Row::in_rooms("50", 50, 1, 16),
    Row::in_rooms("200", 200, 1, 16),
    Row::in_rooms("1,000", 1_000, 1, 16),
    Row::in_rooms("5,000", 5_000, 1, 16),
];

/// A hundred talk in ten rooms, and so many are there.
const CONNECTIONS: [Row; 5] = {
    const TALK: Row = Row::in_rooms("100", 100, 10, 4);
    [
        TALK,
        Row { name: "1,000", idle: 900, ..TALK },
        Row { name: "2,000", idle: 1_900, ..TALK },
        Row { name: "4,000", idle: 3_900, ..TALK },
        Row { name: "10,000", idle: 9_900, ..TALK },
    ]
};

const LOBBY: [Row; 2] = {
    const MOVES: Row = Row {
        idle: 4_000,
        pace: Pace::Moves { movers: 200, per_second: 50 },
        ..Row::in_rooms("4,000 people, 50 moves a second", 0, 0, 0)
    };
    [MOVES, Row { name: "5,000 people, 50 moves a second", idle: 5_000, ..MOVES }]
};

const STORM: [Row; 3] = {
    // Nobody, but on a server that hashes as those below.
    const ALL_QUIET: Storm = Storm { logins: 0, at_a_time: 0 };
    const TALK: Row = Row {
        pace: Pace::Rate { senders: 4, per_second: 25 },
        storm: Some(ALL_QUIET),
        ..Row::in_rooms("40 in a room, 4 senders at 25/s", 40, 1, 0)
    };
    [
        TALK,
        Row {
            name: "the same, while 1,000 log in, 64 at a time",
            storm: Some(Storm { logins: 1_000, at_a_time: 64 }),
            ..TALK
        },
        Row {
            name: "the same, while 1,000 connect and log in at once",
            storm: Some(Storm { logins: 1_000, at_a_time: 1_000 }),
            ..TALK
        },
    ]
};

/// All that say something.
const HISTORY: [Row; 5] = {
    let [quiet, one, bursts, small, large, _] = PEERS;
    [quiet, one, bursts, small, large]
};

impl Row {
    /// Clients in rooms, and how many messages of each room are in flight.
    const fn in_rooms(name: &'static str, clients: usize, rooms: usize, window: usize) -> Self {
        Self { name, clients, rooms, idle: 0, pace: Pace::Window(window), storm: None }
    }

    /// How many connections there are; a storm's are more.
    pub(super) fn connections(self) -> usize {
        self.clients + self.idle
    }

    /// Nobody does anything: what is looked at is memory.
    pub(super) fn is_idle(self) -> bool {
        matches!(self.pace, Pace::Window(0))
    }

    /// What cannot be done without in it; `None` where nobody says anything, or all do something else.
    pub(super) fn round(self) -> Option<Round> {
        let messages = match self.pace {
            Pace::Window(0) | Pace::Moves { .. } => return None,
            Pace::Window(messages) => messages,
            Pace::Rate { .. } => 1,
        };
        let interval =
            self.pace.per_second().map_or(Duration::ZERO, |per_second| Duration::from_secs(1) / per_second);
        Some(Round { members: self.clients, messages, interval })
    }

    /// What a server of this project is told: nobody waits for a hash, unless it is hashing that is looked at. Then all
    /// may shake hands at once, and stand in one line.
    pub(super) fn server(self) -> (Vec<String>, &'static [&'static str]) {
        let mut config = vec!["message-rate = 0".to_owned()];
        if self.storm.is_none() {
            return (config, &[]);
        }
        config.push("limits.handshakes_max = 2000".to_owned());
        config.push("limits.password_queue_jobs_max = 2000".to_owned());
        (config, &["--pbkdf2-iterations", "600000"])
    }

    /// What the clients do.
    pub(super) fn settings(
        self,
        address: SocketAddr,
        contender: Contender,
        id: u32,
        span: Duration,
    ) -> Settings {
        let (warm_up, span) = match self.pace {
            Pace::Window(0) => (Duration::ZERO, IDLE_SPAN),
            Pace::Moves { .. } => (span / 4, MOVES_SPAN),
            Pace::Window(_) | Pace::Rate { .. } => (span / 4, span),
        };
        Settings {
            address,
            dialect: contender.dialect(),
            clients: self.clients,
            rooms: self.rooms,
            idle: self.idle,
            pace: self.pace,
            storm: self.storm,
            text_bytes: TEXT_BYTES,
            warm_up,
            span,
            process: Some(id),
        }
    }
}

/// What people write: a line.
pub(super) const TEXT_BYTES: usize = 64;
/// Nothing happens, so that nothing needs time.
const IDLE_SPAN: Duration = Duration::from_millis(100);
/// A list of thousands for thousands is sent about this often.
const MOVES_SPAN: Duration = Duration::from_secs(100);
