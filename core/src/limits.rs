//! Every limit, in one place.
//!
//! What both sides of the wire must agree on is a constant of the protocol. What a server's operator may choose is a
//! field of [`Limits`], under the same name in the `[limits]` table of the configuration file.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A user name has at most this many characters (Unicode scalar values).
pub const USER_CHARS_MAX: usize = 32;
/// A user name has at most this many bytes of UTF-8.
pub const USER_BYTES_MAX: usize = 64;
/// A room name has at most this many characters (Unicode scalar values).
pub const ROOM_CHARS_MAX: usize = 64;
/// A room name has at most this many bytes of UTF-8.
pub const ROOM_BYTES_MAX: usize = 128;
/// A password has at most this many bytes of UTF-8.
pub const PASSWORD_BYTES_MAX: usize = 512;
/// A message's text has at most this many bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 4096;
/// A message's text has at most this many lines.
pub const TEXT_LINES_MAX: usize = 100;
/// A request's `rid` has at most this many bytes of UTF-8.
pub const RID_BYTES_MAX: usize = 64;
/// What a client calls a message, its `cid`, has at most this many bytes of UTF-8.
pub const CID_BYTES_MAX: usize = 36;
/// What a user says of themselves, beside whether they are here, has at most this many bytes of UTF-8.
pub const STATUS_BYTES_MAX: usize = 128;
/// What a client calls itself has at most this many bytes of UTF-8, or it is as good as not said.
pub const CLIENT_NAME_BYTES_MAX: usize = 64;
/// A page of what was said before has at most this many messages.
pub const HISTORY_MESSAGES_MAX: usize = 100;
/// How many private conversations of a user are told: those in which something was said last.
pub const TALKS_MAX: usize = 100;
/// Objects and arrays in a frame are nested at most this deep; the envelope is the first level.
pub const JSON_DEPTH_MAX: usize = 8;
/// A frame from server to client has at most this many bytes of JSON.
pub const SERVER_FRAME_BYTES_MAX: usize = 256 * 1024;

/// A client remembers at most this many rooms of those that a server tells of; what is beyond it is passed over.
pub const ROOMS_TOLD_MAX: usize = 65_536;
/// A client remembers at most this many of the people in a room that it looks at.
pub const MEMBERS_TOLD_MAX: usize = 65_536;
/// A user is told at most this many logins of theirs: those that were used last.
pub const LOGINS_TOLD_MAX: usize = 64;
/// A client remembers where it is in at most this many conversations. What is said in others is shown as it comes.
pub const CONVERSATIONS_MAX: usize = 10_000;
/// A client remembers at most this many people who are something to its account.
pub const FRIENDS_TOLD_MAX: usize = 10_000;
/// A client remembers of at most this many people that they are here.
pub const PRESENCES_TOLD_MAX: usize = 65_536;
/// What is said while a client reads what was said before waits for that in so much memory at most. What is beyond it
/// is read like what was said before.
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a server's operator may choose. The defaults are the ones PROTOCOL.md promises.
///
/// The last word of a name is its unit. A server reads these at its start; a value that contradicts another is
/// reported by [`Limits::check`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// JSON bytes in one frame from a client that has not logged in; more ends the connection.
    pub frame_before_login_bytes_max: usize,
    /// JSON bytes in one frame from a client that has logged in; more ends the connection.
    pub frame_bytes_max: usize,
    /// JSON bytes in a list of rooms or members; names beyond it are left out.
    pub list_bytes_max: usize,
    /// Frames that are not readable as a request before the connection ends; this one included.
    pub bad_frames_max: u32,

    /// Milliseconds from accepting a connection to the end of its TLS handshake.
    pub handshake_ms_max: u64,
    /// Milliseconds a connection may stay without a login.
    pub login_ms_max: u64,
    /// Milliseconds from the first byte of a frame to its last, while the server is reading.
    pub frame_ms_max: u64,
    /// Milliseconds for which input is discarded after an error that closes, so that the error arrives.
    pub linger_ms_max: u64,
    /// Milliseconds of silence after which a client is asked whether it is still there: by a `ping` if it was granted that,
    /// else by the system.
    pub silent_probe_ms: u64,
    /// Milliseconds of silence after which a client that does not answer that is gone.
    pub silent_gone_ms: u64,

    /// Bytes waiting for one client; more and it is dropped.
    pub outbox_bytes_max: usize,
    /// Bytes waiting for all clients together, a message that waits for many counted once; beyond it, those are dropped
    /// for whom most is waiting.
    pub outbox_total_bytes_max: usize,
    /// Bytes sealed, or about to be, and not yet taken by the network at which the server stops reading from a client.
    pub outbox_pause_bytes: usize,
    /// Milliseconds without any byte taken while some are waiting; longer and the client is dropped.
    pub outbox_stall_ms_max: u64,

    /// Connections at once. Those without a login are let go, oldest first, when they pass half of it.
    pub connections_max: usize,
    /// Unfinished TLS handshakes at once; one more takes the place of the oldest, of the address that holds most.
    pub handshakes_max: usize,
    /// Connections of one address at once; an IPv6 /64 counts as one address, here and below.
    pub address_connections_max: usize,
    /// Connections of one address without a login at once.
    pub address_visitors_max: usize,
    /// Connections of one address that come and never log in: so many at once, and as many again in each
    /// `address_visits_window_ms`. 0 for no limit.
    pub address_visits_max: u32,
    /// Milliseconds in which `address_visits_max` come back.
    pub address_visits_window_ms: u64,
    /// Addresses without a connection whose visits are remembered; beyond it, those go first that have most left.
    pub addresses_remembered_max: usize,
    /// Whether this machine's own connections are free of the limits by address.
    pub loopback_is_exempt: bool,
    /// Rooms at once; one more takes the place of the room that has been empty longest.
    pub rooms_max: usize,
    /// Milliseconds a created room is safe in after its last member left, even at `rooms_max`.
    pub room_idle_ms_min: u64,
    /// Members of one room; the lobby has no such limit.
    pub room_members_max: usize,
    /// Rooms one account may take part in at once, who is in many.
    pub rooms_joined_max: usize,
    /// Connections of one account at once that are in many rooms; one more takes the place of the oldest.
    pub account_devices_max: usize,
    /// Friends of one account at once.
    pub friends_max: usize,
    /// Users whom one account has asked to be friends, and who have not agreed, at once.
    pub friends_asked_max: usize,
    /// Users who wait for one account to agree, at once.
    pub friends_asking_max: usize,
    /// Users whom one account has blocked, at once.
    pub friends_blocked_max: usize,
    /// Rooms one account may create at once; as many come back in an hour.
    pub rooms_created_per_hour_max: u32,

    /// Requests of one connection that are refused within `refusals_window_ms` before it ends; this one included. 0
    /// for no limit.
    pub refusals_max: u32,
    /// Milliseconds in which `refusals_max` are forgotten again.
    pub refusals_window_ms: u64,
    /// Messages a second for one user, 0 for no limit.
    pub message_rate: u32,
    /// Messages a user may send at once before `message_rate` counts.
    pub message_burst: u32,
    /// Messages of one connection that may be on their way to the disk; beyond it, what it asks next is looked at later.
    pub appends_connection_max: u32,
    /// Messages and rooms on their way to the disk, of all together, with the same outcome beyond it.
    pub appends_total_max: u64,
    /// Explicit `list` requests a second for one connection, 0 for no limit.
    pub list_rate: u32,
    /// Explicit `list` requests at once before `list_rate` counts.
    pub list_burst: u32,
    /// Pages of what was said before that one connection may ask for in a second, 0 for no limit.
    pub history_rate: u32,
    /// Such pages at once before `history_rate` counts.
    pub history_burst: u32,
    /// Requests `ping` and `pong` together that one connection may send in a second, 0 for no limit.
    pub ping_rate: u32,
    /// Such requests at once before `ping_rate` counts.
    pub ping_burst: u32,
    /// Times a second one account may say how it is here, 0 for no limit.
    pub status_rate: u32,
    /// Such times at once before `status_rate` counts.
    pub status_burst: u32,
    /// Rooms a second one connection may enter or leave; beyond it, it is answered later. 0 for no limit.
    pub move_rate: u32,
    /// Rooms one connection may enter or leave at once before `move_rate` counts.
    pub move_burst: u32,
    /// Registrations a minute for one connection, 0 for no limit.
    pub register_per_minute: u32,
    /// Registrations at once before `register_per_minute` counts.
    pub register_burst: u32,

    /// Failed logins to one account within `auth_window_ms` that cost nothing but their hash; an address that the account
    /// logged in from lately has as many of its own.
    pub auth_failures_max: u32,
    /// Milliseconds after which failed logins to an account are forgotten.
    pub auth_window_ms: u64,
    /// Milliseconds to wait after the first failure beyond `auth_failures_max`; doubles with each one more.
    pub auth_pause_ms_min: u64,
    /// Milliseconds that wait grows to.
    pub auth_pause_ms_max: u64,
    /// Failed logins from one address, to whatever account, before the next has to wait; 0 for no limit.
    pub auth_address_failures_max: u32,
    /// Milliseconds in which one of them comes back.
    pub auth_address_interval_ms: u64,
    /// Failed logins on one connection before it ends, that one included; 0 for no limit.
    pub auth_connection_failures_max: u32,
    /// Accounts, and as many addresses, whose failures are remembered; one more, and the one goes that would be
    /// forgotten first.
    pub auth_remembered_max: usize,
    /// Days after its last login to an account for which an address is known there; 0, and none is.
    pub auth_known_days: u32,
    /// Addresses that one account is known to log in from; one more takes the place of the one longest unused.
    pub auth_known_addresses_max: usize,
    /// Such addresses of all accounts; one more takes the place of the one longest unused.
    pub auth_known_total_max: usize,
    /// Days without a visit after which a login that lasts ends.
    pub session_days: u32,
    /// Logins of one account that last at once; beyond it the one longest unused ends.
    pub session_account_max: u32,

    /// Characters a new password has at least. The command line's `--min-password-chars`.
    pub password_chars_min: usize,
    /// Milliseconds of hashing that may wait before a login or registration is answered `busy`.
    pub password_queue_ms_max: u64,
    /// Password jobs from this machine itself that may wait, however long they take.
    pub password_queue_loopback_jobs_min: usize,
    /// Password jobs that may wait, exactly; absent, it follows from `password_queue_ms_max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_queue_jobs_max: Option<usize>,
    /// Password jobs that may wait for one address; this machine itself is exempt.
    pub password_address_jobs_max: usize,
    /// How nice the hashing threads are to the rest: 0 is not at all, 19 is most (Unix).
    pub password_nice: u8,

    /// Milliseconds between two unasked lists to one audience.
    pub presence_ms_min: u64,
    /// Bytes a second of unasked lists to one connection, on average.
    pub presence_connection_bytes_per_second: u64,
    /// Bytes a second of unasked lists to all connections together, on average.
    pub presence_total_bytes_per_second: u64,
}

impl Limits {
    /// Says what contradicts what, as a sentence for the operator.
    pub fn check(&self) -> Result<(), &'static str> {
        let rules = [
            (self.frame_before_login_bytes_max >= 1024, "frame_before_login_bytes_max must be at least 1024"),
            (
                self.frame_before_login_bytes_max <= self.frame_bytes_max,
                "frame_bytes_max must not be below frame_before_login_bytes_max",
            ),
            (
                self.frame_bytes_max <= 16 * 1024 * 1024,
                "frame_bytes_max must be at most 16777216: a connection may hold that much memory",
            ),
            (
                (1024..=SERVER_FRAME_BYTES_MAX).contains(&self.list_bytes_max),
                "list_bytes_max must be between 1024 and 262144",
            ),
            (self.bad_frames_max >= 1, "bad_frames_max must be at least 1"),
            (self.rooms_joined_max >= 1, "rooms_joined_max must be at least 1"),
            (self.account_devices_max >= 1, "account_devices_max must be at least 1"),
            (
                self.silent_probe_ms >= 1_000,
                "silent_probe_ms must be at least 1000: systems count in seconds",
            ),
            (
                self.silent_gone_ms.saturating_sub(self.silent_probe_ms) >= 4_000,
                "silent_gone_ms must be at least 4000 more than silent_probe_ms, for four probes",
            ),
            (
                self.silent_gone_ms <= 32_767_000,
                "silent_gone_ms must be at most 32767000: systems count no further",
            ),
            (
                self.outbox_bytes_max >= 2 * self.list_bytes_max,
                "outbox_bytes_max must be at least twice list_bytes_max",
            ),
            (
                self.outbox_total_bytes_max >= self.outbox_bytes_max,
                "outbox_total_bytes_max must not be below outbox_bytes_max",
            ),
            (self.outbox_pause_bytes >= 1, "outbox_pause_bytes must be at least 1"),
            (self.connections_max >= 2, "connections_max must be at least 2"),
            (self.handshakes_max >= 1, "handshakes_max must be at least 1"),
            (self.address_visitors_max >= 1, "address_visitors_max must be at least 1"),
            (
                self.address_visitors_max <= self.address_connections_max,
                "address_connections_max must not be below address_visitors_max",
            ),
            (
                self.address_visits_max == 0 || self.address_visits_window_ms >= 1,
                "address_visits_window_ms must be at least 1",
            ),
            (self.rooms_max >= 1, "rooms_max must be at least 1"),
            (self.room_members_max >= 1, "room_members_max must be at least 1"),
            (self.refusals_max != 1, "refusals_max must be at least 2, or 0 for no limit"),
            (self.refusals_max == 0 || self.refusals_window_ms >= 1, "refusals_window_ms must be at least 1"),
            (self.message_rate == 0 || self.message_burst >= 1, "message_burst must be at least 1"),
            (self.appends_connection_max >= 1, "appends_connection_max must be at least 1"),
            (self.appends_total_max >= 1, "appends_total_max must be at least 1"),
            (self.list_rate == 0 || self.list_burst >= 1, "list_burst must be at least 1"),
            (self.history_rate == 0 || self.history_burst >= 1, "history_burst must be at least 1"),
            (self.ping_rate == 0 || self.ping_burst >= 1, "ping_burst must be at least 1"),
            (self.status_rate == 0 || self.status_burst >= 1, "status_burst must be at least 1"),
            (self.move_rate == 0 || self.move_burst >= 1, "move_burst must be at least 1"),
            (self.register_per_minute == 0 || self.register_burst >= 1, "register_burst must be at least 1"),
            (
                self.auth_pause_ms_min <= self.auth_pause_ms_max,
                "auth_pause_ms_max must not be below auth_pause_ms_min",
            ),
            (
                self.auth_address_failures_max == 0 || self.auth_address_interval_ms >= 1,
                "auth_address_interval_ms must be at least 1",
            ),
            (self.auth_remembered_max >= 1, "auth_remembered_max must be at least 1"),
            (
                self.auth_known_addresses_max <= self.auth_known_total_max,
                "auth_known_total_max must not be below auth_known_addresses_max",
            ),
            (self.session_days >= 1, "session_days must be at least 1"),
            (self.session_account_max >= 1, "session_account_max must be at least 1"),
            (
                (1..=PASSWORD_BYTES_MAX / 4).contains(&self.password_chars_min),
                "password_chars_min must be between 1 and 128",
            ),
            (self.password_nice <= 19, "password_nice must be at most 19"),
            (
                self.presence_connection_bytes_per_second >= 1,
                "presence_connection_bytes_per_second must be at least 1",
            ),
            (self.presence_total_bytes_per_second >= 1, "presence_total_bytes_per_second must be at least 1"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(rule))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_before_login_bytes_max: 4 * 1024,
            frame_bytes_max: 32 * 1024,
            list_bytes_max: SERVER_FRAME_BYTES_MAX,
            bad_frames_max: 3,
            handshake_ms_max: 10_000,
            login_ms_max: 300_000,
            frame_ms_max: 15_000,
            linger_ms_max: 2_000,
            silent_probe_ms: 60_000,
            silent_gone_ms: 120_000,
            outbox_bytes_max: 1024 * 1024,
            outbox_total_bytes_max: 256 * 1024 * 1024,
            outbox_pause_bytes: 64 * 1024,
            outbox_stall_ms_max: 30_000,
            connections_max: 20_000,
            handshakes_max: 256,
            address_connections_max: 256,
            address_visitors_max: 16,
            address_visits_max: 64,
            address_visits_window_ms: 600_000,
            addresses_remembered_max: 65_536,
            loopback_is_exempt: true,
            rooms_max: 10_000,
            room_idle_ms_min: 3_600_000,
            room_members_max: 5_000,
            rooms_joined_max: 100,
            account_devices_max: 16,
            friends_max: 500,
            friends_asked_max: 100,
            friends_asking_max: 100,
            friends_blocked_max: 500,
            rooms_created_per_hour_max: 20,
            refusals_max: 1_000,
            refusals_window_ms: 10_000,
            message_rate: 10,
            message_burst: 50,
            appends_connection_max: 64,
            appends_total_max: 4_096,
            list_rate: 2,
            list_burst: 20,
            history_rate: 10,
            history_burst: 100,
            ping_rate: 2,
            ping_burst: 20,
            status_rate: 1,
            status_burst: 10,
            move_rate: 50,
            move_burst: 100,
            register_per_minute: 60,
            register_burst: 100,
            auth_failures_max: 10,
            auth_window_ms: 900_000,
            auth_pause_ms_min: 1_000,
            auth_pause_ms_max: 300_000,
            auth_address_failures_max: 10,
            auth_address_interval_ms: 6_000,
            auth_connection_failures_max: 10,
            auth_remembered_max: 50_000,
            auth_known_days: 30,
            auth_known_addresses_max: 8,
            auth_known_total_max: 200_000,
            session_days: 30,
            session_account_max: 16,
            password_chars_min: 4,
            password_queue_ms_max: 2_000,
            password_queue_loopback_jobs_min: 64,
            password_queue_jobs_max: None,
            password_address_jobs_max: 2,
            password_nice: 10,
            presence_ms_min: 250,
            presence_connection_bytes_per_second: 16 * 1024,
            presence_total_bytes_per_second: 4 * 1024 * 1024,
        }
    }
}

/// A limit in milliseconds as a duration.
pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

// The longest answer that is not a list is a message of the longest text, every byte of it escaped to six.
const _: () = assert!(TEXT_BYTES_MAX * 6 + USER_BYTES_MAX * 12 + 1024 < SERVER_FRAME_BYTES_MAX);
const _: () = assert!(USER_CHARS_MAX <= USER_BYTES_MAX && ROOM_CHARS_MAX <= ROOM_BYTES_MAX);

#[cfg(test)]
mod tests;
