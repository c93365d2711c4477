//! What all clients of a swarm have heard, and how soon.

use std::collections::VecDeque;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::Settings;
use super::dialect::Mark;
use super::room::Room;

/// Everything that was said and heard.
pub(super) struct Tally {
    /// Clients that sit in rooms; those after them do not.
    talkers: usize,
    rooms: Vec<Room>,
    is_counting: bool,
    deliveries: u64,
    /// From saying to hearing, in nanoseconds.
    latencies: Histogram<u64>,
    /// Whose message has reached everybody, and who may speak again.
    done: VecDeque<usize>,
}

/// Where a client sits.
pub(super) struct Seat {
    pub(super) room: usize,
    pub(super) place: u16,
}

impl Tally {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { clients, rooms, dialect, .. } = *settings;
        let members = |room| (clients + rooms - 1 - room) / rooms;
        Self {
            talkers: clients,
            rooms: (0..rooms).map(|room| Room::new(members(room), dialect.echoes())).collect(),
            is_counting: false,
            deliveries: 0,
            latencies: Histogram::new_with_max(LATENCY_MAX_NS, 3).expect("those are bounds"),
            done: VecDeque::new(),
        }
    }

    pub(super) fn seat(&self, client: usize) -> Option<Seat> {
        let rooms = self.rooms.len();
        if client >= self.talkers {
            return None;
        }
        let place = u16::try_from(client.checked_div(rooms)?).ok()?;
        Some(Seat { room: client % rooms, place })
    }

    /// Who says something first, if so many messages of each room may be on their way at a time.
    pub(super) fn first_senders(&self, in_flight: usize) -> Vec<usize> {
        let rooms = self.rooms.len();
        let of_room = |room: usize| (0..in_flight).map(move |turn| (room, turn));
        let turns = (0..rooms).flat_map(of_room);
        turns.map(|(room, turn)| room + rooms * (turn % self.rooms[room].members())).collect()
    }

    pub(super) fn start_counting(&mut self) {
        self.is_counting = true;
    }

    pub(super) fn stop_counting(&mut self) {
        self.is_counting = false;
    }

    /// A client says something, if it is in a room.
    pub(super) fn say(&mut self, client: usize) -> Option<Mark> {
        let seat = self.seat(client)?;
        Some(self.rooms[seat.room].say(seat.place, Instant::now()))
    }

    /// A client has heard something. An error says what a chat must not do.
    pub(super) fn hear(&mut self, client: usize, now: Instant, mark: Mark) -> Result<(), String> {
        let seat = self.seat(client).ok_or("a message for one who is in no room")?;
        let arrival = self.rooms[seat.room].hear(usize::from(seat.place), mark)?;
        if self.is_counting {
            self.deliveries += 1;
            let latency = now.saturating_duration_since(arrival.said_at).as_nanos();
            self.latencies.saturating_record(u64::try_from(latency).unwrap_or(u64::MAX));
        }
        if arrival.is_last {
            self.done.push_back(seat.room + self.rooms.len() * usize::from(mark.sender));
        }
        Ok(())
    }

    pub(super) fn next_done(&mut self) -> Option<usize> {
        self.done.pop_front()
    }

    /// Deliveries that are still to come.
    pub(super) fn missing(&self) -> usize {
        self.rooms.iter().map(Room::missing).sum()
    }

    /// Whether the members of each room have heard everything in one order, as far as this can be known.
    pub(super) fn is_in_order(&self) -> bool {
        self.rooms.iter().all(Room::is_in_order)
    }

    pub(super) fn deliveries(&self) -> u64 {
        self.deliveries
    }

    pub(super) fn latencies(&self) -> &Histogram<u64> {
        &self.latencies
    }
}

/// Longer than a message may take before a run has failed.
const LATENCY_MAX_NS: u64 = 60_000_000_000;
