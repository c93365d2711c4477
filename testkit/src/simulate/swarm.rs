//! What exists in a seed's world: each seed has some features and lacks others, so that rare ones meet undisturbed.

use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use fastrand::Rng;

/// The make-up of one world.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// The server's limits, most of them tiny.
    pub limits: Limits,
    /// Who may register.
    pub registration: Registration,
    /// Whether what is said is kept.
    pub history: bool,
    /// Whether some connections are wherever their users take part.
    pub devices: bool,
    /// There is one account alone.
    pub is_alone: bool,
    /// Lines on which somebody may be connected.
    pub lines: usize,
    /// How many of them are held by clients of this project.
    pub clients: usize,
    /// How many of these are in many rooms at once.
    pub crowds: usize,
    /// Users among whom all share.
    pub users: usize,
    /// Rooms that are spoken of.
    pub rooms: usize,
    /// In a hundred: how often somebody does something, and not something moves that is on its way.
    pub hurry: u8,
    /// In a hundred: how often what somebody does makes no sense.
    pub nonsense: u8,
    /// Bytes are carried in pieces.
    pub splits: bool,
    /// Some clients take nothing for a while.
    pub stalls: bool,
    /// Connections are cut.
    pub cuts: bool,
    /// Clients end their sending side.
    pub ends: bool,
    /// The account store fails.
    pub faults: bool,
    /// The store answers once more than it was asked.
    pub repeats: bool,
    /// The server crashes, as it likes or while it writes.
    pub crashes: bool,
    /// The server stops in the end, and everybody is told.
    pub stops: bool,
    /// The clock jumps.
    pub jumps: bool,
    /// Texts may be long.
    pub long_texts: bool,
    /// Some never finish their handshake.
    pub strangers: bool,
    /// Everybody comes from this machine.
    pub is_local: bool,
    /// What was said is not kept for ever.
    pub forgets: bool,
    /// Accounts are deleted.
    pub deletions: bool,
    /// Some programs end with their connection, and are started again.
    pub restarts: bool,
}

impl Swarm {
    /// Draws a world.
    pub fn draw(rng: &mut Rng) -> Self {
        let lines = rng.usize(2..=10);
        let limits = limits(rng);
        let history = rng.u8(..4) > 0;
        let devices = history && rng.u8(..3) > 0;
        let clients = if devices || rng.bool() { rng.usize(..=lines / 2) } else { 0 };
        let crowds = if devices { rng.usize(..=clients) } else { 0 };
        let swarm = Self {
            limits,
            registration: match rng.u8(..20) {
                0 => Registration::Closed,
                1..=3 => Registration::Invite,
                _ => Registration::Open,
            },
            history,
            devices,
            is_alone: false,
            lines,
            clients,
            crowds,
            users: rng.usize(1..=super::names::USERS.len()),
            rooms: rng.usize(2..=super::names::ROOMS.len()),
            hurry: rng.u8(3..50),
            nonsense: if rng.bool() { rng.u8(1..30) } else { 0 },
            splits: rng.bool(),
            stalls: rng.bool(),
            cuts: rng.bool(),
            ends: rng.bool(),
            faults: rng.bool(),
            repeats: rng.u8(..4) == 0,
            crashes: rng.u8(..4) == 0,
            stops: rng.u8(..8) == 0,
            jumps: rng.u8(..4) == 0,
            long_texts: rng.u8(..3) == 0,
            strangers: rng.u8(..3) == 0,
            is_local: rng.bool(),
            forgets: rng.u8(..3) == 0,
            deletions: rng.u8(..4) == 0,
            restarts: rng.bool(),
        };
        if rng.u8(..40) == 0 { swarm.alone() } else { swarm }
    }

    /// One account by more devices than it may have, and little that would keep these from being there.
    fn alone(self) -> Self {
        let Limits { list_bytes_max, history_rate, move_rate, .. } = self.limits;
        let limits = Limits {
            list_bytes_max,
            history_rate,
            move_rate,
            password_chars_min: 4,
            password_queue_jobs_max: None,
            // Who is let in at the door the model does not know.
            address_connections_max: usize::MAX,
            address_visitors_max: usize::MAX,
            address_visits_max: 0,
            handshakes_max: usize::MAX,
            refusals_max: 0,
            ..Limits::default()
        };
        Self { limits, history: true, devices: true, is_alone: true, lines: 19, users: 1, ..self.calm() }
    }

    /// The same world without anything that goes wrong by itself, as it is in the end.
    pub fn calm(&self) -> Self {
        Self { splits: false, stalls: false, cuts: false, ends: false, nonsense: 0, ..self.clone() }
    }
}

/// Limits, each either its default or so small that it is met.
fn limits(rng: &mut Rng) -> Limits {
    let usual = Limits::default();
    let mut limits = usual.clone();
    if rng.bool() {
        limits.frame_before_login_bytes_max = 1024;
        limits.frame_bytes_max = rng.usize(1024..6000);
    }
    if rng.bool() {
        limits.list_bytes_max = [1024, 1024, 2048][rng.usize(..3)];
    }
    if rng.bool() {
        limits.list_bytes_max = 1024;
        limits.outbox_bytes_max = 2048 + rng.usize(..2048);
    }
    if rng.bool() {
        limits.outbox_pause_bytes = rng.usize(1..3000);
    }
    limits.bad_frames_max = rng.u32(1..4);
    limits.handshake_ms_max = rng.u64(100..10_000);
    limits.login_ms_max = if rng.bool() { rng.u64(500..20_000) } else { usual.login_ms_max };
    limits.frame_ms_max = rng.u64(50..15_000);
    limits.linger_ms_max = rng.u64(1..2_000);
    limits.outbox_stall_ms_max = rng.u64(200..30_000);
    // Who is asked has to have the time that passes in the end without anything moving.
    if rng.bool() {
        limits.silent_probe_ms = rng.u64(1_000..60_000);
        limits.silent_gone_ms = limits.silent_probe_ms + rng.u64(6_000..30_000);
    }
    limits.connections_max = rng.usize(2..16);
    // Who is let in at the door, and how much may be refused, the model does not know; both have tests of their own.
    limits.address_connections_max = usize::MAX;
    limits.address_visitors_max = usize::MAX;
    limits.address_visits_max = 0;
    limits.handshakes_max = usize::MAX;
    limits.refusals_max = 0;
    limits.rooms_max = rng.usize(2..16);
    limits.room_idle_ms_min = if rng.bool() { rng.u64(..5_000) } else { usual.room_idle_ms_min };
    limits.room_members_max = if rng.bool() { rng.usize(1..5) } else { usual.room_members_max };
    limits.rooms_joined_max = if rng.bool() { rng.usize(1..4) } else { usual.rooms_joined_max };
    limits.account_devices_max = if rng.bool() { rng.usize(1..4) } else { usual.account_devices_max };
    if rng.bool() {
        let mut few = || rng.usize(1..4);
        (limits.friends_max, limits.friends_blocked_max) = (few(), few());
        (limits.friends_asked_max, limits.friends_asking_max) = (few(), few());
    }
    limits.rooms_created_per_hour_max = rng.u32(..6);
    if rng.bool() {
        (limits.message_rate, limits.message_burst) = (rng.u32(..5), rng.u32(1..6));
        (limits.list_rate, limits.list_burst) = (rng.u32(..5), rng.u32(1..6));
        (limits.move_rate, limits.move_burst) = (rng.u32(..5), rng.u32(1..6));
        (limits.register_per_minute, limits.register_burst) = (rng.u32(..60), rng.u32(1..6));
    } else {
        (limits.message_rate, limits.list_rate, limits.move_rate) = (0, 0, 0);
    }
    (limits.history_rate, limits.history_burst) =
        if rng.bool() { (rng.u32(..5), rng.u32(1..6)) } else { (0, 1) };
    (limits.status_rate, limits.status_burst) =
        if rng.bool() { (rng.u32(1..4), rng.u32(1..5)) } else { (0, 1) };
    if rng.u8(..4) == 0 {
        (limits.ping_rate, limits.ping_burst) = (rng.u32(..3), rng.u32(1..4));
    }
    limits.appends_connection_max = rng.u32(1..6);
    limits.appends_total_max = if rng.bool() { rng.u64(1..8) } else { usual.appends_total_max };
    limits.auth_failures_max = rng.u32(..4);
    limits.auth_window_ms = rng.u64(1_000..60_000);
    limits.auth_pause_ms_min = rng.u64(1..2_000);
    limits.auth_pause_ms_max = limits.auth_pause_ms_min * rng.u64(1..10);
    if rng.u8(..4) == 0 {
        limits.auth_address_failures_max = rng.u32(..6);
        limits.auth_address_interval_ms = rng.u64(100..20_000);
    }
    if rng.u8(..4) == 0 {
        limits.auth_connection_failures_max = rng.u32(1..5);
    }
    // Nobody comes from more addresses than one account may be known at: which of them goes, a hash would decide.
    limits.auth_known_days = if rng.bool() { usual.auth_known_days } else { 0 };
    limits.session_account_max = if rng.bool() { usual.session_account_max } else { rng.u32(1..4) };
    limits.loopback_is_exempt = rng.bool();
    limits.password_chars_min = rng.usize(4..=12);
    limits.password_queue_jobs_max = if rng.bool() { Some(rng.usize(1..4)) } else { None };
    limits.password_address_jobs_max = rng.usize(1..3);
    limits.presence_ms_min = rng.u64(..1_000);
    if rng.u8(..4) == 0 {
        limits.presence_connection_bytes_per_second = rng.u64(100..2_000);
        limits.presence_total_bytes_per_second = rng.u64(100..10_000);
    }
    debug_assert_eq!(limits.check(), Ok(()));
    limits
}
