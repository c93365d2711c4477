//! Which limits go together.

use super::*;

#[test]
fn the_defaults_do_not_contradict_each_other() {
    assert_eq!(Limits::default().check(), Ok(()));
}

type Change = fn(&mut Limits);

/// Each rule's last value that passes, the first that does not, and the rule.
const EDGES: [(Change, Change, &str); 43] = [
    (
        |it| it.frame_before_login_bytes_max = 1024,
        |it| it.frame_before_login_bytes_max = 1023,
        "frame_before_login_bytes_max must be at least 1024",
    ),
    (
        |it| it.frame_bytes_max = 4096,
        |it| it.frame_bytes_max = 4095,
        "frame_bytes_max must not be below frame_before_login_bytes_max",
    ),
    (
        |it| it.frame_bytes_max = 16_777_216,
        |it| it.frame_bytes_max = 16_777_217,
        "frame_bytes_max must be at most 16777216: a connection may hold that much memory",
    ),
    (
        |it| it.list_bytes_max = 1024,
        |it| it.list_bytes_max = 1023,
        "list_bytes_max must be between 1024 and 262144",
    ),
    (
        |it| it.list_bytes_max = 262_144,
        |it| it.list_bytes_max = 262_145,
        "list_bytes_max must be between 1024 and 262144",
    ),
    (|it| it.bad_frames_max = 1, |it| it.bad_frames_max = 0, "bad_frames_max must be at least 1"),
    (
        |it| it.silent_probe_ms = 1_000,
        |it| it.silent_probe_ms = 999,
        "silent_probe_ms must be at least 1000: systems count in seconds",
    ),
    (
        |it| it.silent_gone_ms = 64_000,
        |it| it.silent_gone_ms = 63_999,
        "silent_gone_ms must be at least 4000 more than silent_probe_ms, for four probes",
    ),
    (
        |it| it.silent_gone_ms = 32_767_000,
        |it| it.silent_gone_ms = 32_767_001,
        "silent_gone_ms must be at most 32767000: systems count no further",
    ),
    (
        |it| it.outbox_bytes_max = 524_288,
        |it| it.outbox_bytes_max = 524_287,
        "outbox_bytes_max must be at least twice list_bytes_max",
    ),
    (
        |it| it.outbox_total_bytes_max = 1_048_576,
        |it| it.outbox_total_bytes_max = 1_048_575,
        "outbox_total_bytes_max must not be below outbox_bytes_max",
    ),
    (|it| it.outbox_pause_bytes = 1, |it| it.outbox_pause_bytes = 0, "outbox_pause_bytes must be at least 1"),
    (|it| it.connections_max = 2, |it| it.connections_max = 1, "connections_max must be at least 2"),
    (|it| it.handshakes_max = 1, |it| it.handshakes_max = 0, "handshakes_max must be at least 1"),
    (
        |it| it.address_visitors_max = 1,
        |it| it.address_visitors_max = 0,
        "address_visitors_max must be at least 1",
    ),
    (
        |it| it.address_connections_max = 16,
        |it| it.address_connections_max = 15,
        "address_connections_max must not be below address_visitors_max",
    ),
    (
        |it| it.address_visits_window_ms = 1,
        |it| it.address_visits_window_ms = 0,
        "address_visits_window_ms must be at least 1",
    ),
    (|it| it.rooms_max = 1, |it| it.rooms_max = 0, "rooms_max must be at least 1"),
    (|it| it.rooms_joined_max = 1, |it| it.rooms_joined_max = 0, "rooms_joined_max must be at least 1"),
    (
        |it| it.account_devices_max = 1,
        |it| it.account_devices_max = 0,
        "account_devices_max must be at least 1",
    ),
    (|it| it.room_members_max = 1, |it| it.room_members_max = 0, "room_members_max must be at least 1"),
    (
        |it| it.refusals_max = 2,
        |it| it.refusals_max = 1,
        "refusals_max must be at least 2, or 0 for no limit",
    ),
    (|it| it.refusals_window_ms = 1, |it| it.refusals_window_ms = 0, "refusals_window_ms must be at least 1"),
    (|it| it.message_burst = 1, |it| it.message_burst = 0, "message_burst must be at least 1"),
    (|it| it.list_burst = 1, |it| it.list_burst = 0, "list_burst must be at least 1"),
    (|it| it.move_burst = 1, |it| it.move_burst = 0, "move_burst must be at least 1"),
    (|it| it.register_burst = 1, |it| it.register_burst = 0, "register_burst must be at least 1"),
    (
        |it| it.auth_pause_ms_max = 1_000,
        |it| it.auth_pause_ms_max = 999,
        "auth_pause_ms_max must not be below auth_pause_ms_min",
    ),
    (
        |it| it.auth_address_interval_ms = 1,
        |it| it.auth_address_interval_ms = 0,
        "auth_address_interval_ms must be at least 1",
    ),
    (
        |it| it.auth_remembered_max = 1,
        |it| it.auth_remembered_max = 0,
        "auth_remembered_max must be at least 1",
    ),
    (
        |it| it.auth_known_total_max = 8,
        |it| it.auth_known_total_max = 7,
        "auth_known_total_max must not be below auth_known_addresses_max",
    ),
    (
        |it| it.password_chars_min = 1,
        |it| it.password_chars_min = 0,
        "password_chars_min must be between 1 and 128",
    ),
    (
        |it| it.password_chars_min = 128,
        |it| it.password_chars_min = 129,
        "password_chars_min must be between 1 and 128",
    ),
    (|it| it.password_nice = 19, |it| it.password_nice = 20, "password_nice must be at most 19"),
    (
        |it| it.presence_connection_bytes_per_second = 1,
        |it| it.presence_connection_bytes_per_second = 0,
        "presence_connection_bytes_per_second must be at least 1",
    ),
    (
        |it| it.presence_total_bytes_per_second = 1,
        |it| it.presence_total_bytes_per_second = 0,
        "presence_total_bytes_per_second must be at least 1",
    ),
    // What is not limited needs no more than that: 0 for the rate, whatever its burst or its window.
    (
        |it| (it.address_visits_max, it.address_visits_window_ms) = (0, 0),
        |it| (it.address_visits_max, it.address_visits_window_ms) = (1, 0),
        "address_visits_window_ms must be at least 1",
    ),
    (
        |it| (it.refusals_max, it.refusals_window_ms) = (0, 0),
        |it| (it.refusals_max, it.refusals_window_ms) = (2, 0),
        "refusals_window_ms must be at least 1",
    ),
    (
        |it| (it.message_rate, it.message_burst) = (0, 0),
        |it| (it.message_rate, it.message_burst) = (1, 0),
        "message_burst must be at least 1",
    ),
    (
        |it| (it.list_rate, it.list_burst, it.move_rate, it.move_burst) = (0, 0, 0, 0),
        |it| (it.list_rate, it.list_burst, it.move_rate, it.move_burst) = (0, 0, 1, 0),
        "move_burst must be at least 1",
    ),
    (
        |it| (it.ping_rate, it.ping_burst) = (0, 0),
        |it| (it.ping_rate, it.ping_burst) = (1, 0),
        "ping_burst must be at least 1",
    ),
    (
        |it| (it.status_rate, it.status_burst) = (0, 0),
        |it| (it.status_rate, it.status_burst) = (1, 0),
        "status_burst must be at least 1",
    ),
    (
        |it| (it.register_per_minute, it.register_burst) = (0, 0),
        |it| (it.register_per_minute, it.register_burst) = (1, 0),
        "register_burst must be at least 1",
    ),
];

#[test]
fn each_rule_ends_where_it_says_and_is_named() {
    for (fits, contradicts, rule) in EDGES {
        let mut limits = Limits::default();
        fits(&mut limits);
        assert_eq!(limits.check(), Ok(()), "the last value for: {rule}");
        contradicts(&mut limits);
        assert_eq!(limits.check(), Err(rule));
    }
}
