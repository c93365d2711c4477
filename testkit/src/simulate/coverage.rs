//! What was reached. A simulation that never gets somewhere says nothing about it.

use std::fmt;

/// How often each place was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage([u64; PLACES.len()]);

/// The places that a run has to reach: what is answered, why connections end, and what goes wrong.
pub const PLACES: [&str; 196] = [
    "greeted",
    "ping_answered",
    "pong_heard",
    "client_asks",
    "client_doubts",
    "asked_in_silence",
    "registered",
    "invited",
    "logged_in",
    "granted",
    "resumed",
    "listed",
    "created",
    "entered",
    "left",
    "logged_out",
    "said",
    "whispered",
    "whispered_to_oneself",
    "unasked_list",
    "unasked_list_room",
    "list_too_long",
    "room_gave_way",
    "kept",
    "kept_in_a_group",
    "acknowledged",
    "repeated",
    "placed",
    "told",
    "told_of_two",
    "read_on_entering",
    "read_what_was_missed",
    "read_older",
    "found_what_was_said",
    "screen_settled",
    "program_went_on",
    "exit_waits",
    "create_waits",
    "room_came_back",
    // Devices.
    "device_logged_in",
    "device_replaced",
    "sixteen_devices",
    "rooms_listed",
    "roster_listed",
    "rooms_in_several_frames",
    "told_of_rooms",
    "told_of_people",
    "took_part",
    "took_part_elsewhere",
    "took_no_part",
    "took_no_part_elsewhere",
    "too_many_places",
    "place_not_kept",
    "said_by_device",
    "whispered_from_anywhere",
    "read",
    "read_elsewhere",
    "read_noted_later",
    "read_noted_again",
    "read_of_two",
    "read_of_two_elsewhere",
    "told_of_talks",
    "told_once_of_talks",
    "not_told_of_talks",
    "told_again_of_talks",
    "told_of_friends",
    "waited_for_friends",
    "friends_listed",
    "nothing_to_each_other",
    "befriended",
    "asking",
    "asked",
    "blocked_by_choice",
    "told_of_a_tie",
    "deleted_friend_is_told",
    "blocked_author",
    "wrote_to_absent_friend",
    "no_such_user",
    "no_request",
    "blocked",
    "too_many_friends",
    "rate_limited friend",
    "rate_limited read",
    // Who is here.
    "said_of_oneself",
    "said_of_oneself_again",
    "told_of_oneself",
    "told_who_is_here",
    "told_who_is_in",
    "told_of_a_new_friend",
    "told_of_a_lost_friend",
    "told_unasked_who_is_here",
    "rate_limited presence",
    // Where one is logged in.
    "logins_listed",
    "login_ended",
    "ended_login_is_told",
    "login_ended_on_its_way",
    "ended_login_is_found",
    "no_such_login",
    "own_login",
    "rate_limited logins",
    // Clients that are in many rooms.
    "window_read_on",
    "window_read_on_in_private",
    "window_read_older",
    "window_read_anew",
    "window_found_what_was_said",
    "window_went_on",
    "window_had_more_to_say",
    "window_began_anew",
    "window_settled",
    "window_sees_somebody",
    "window_sees_what_somebody_says",
    "window_says_again",
    "window_misses_friend",
    "windows_of_one_account",
    // What is not kept.
    "let_go_by_age",
    "let_go_by_count",
    "told_after_a_cut",
    "deleted",
    "deleted_with_devices",
    "deleted_is_told",
    "deleted_while_taking_part",
    "told_of_what_is_deleted",
    "account_disabled",
    // What waits.
    "crowded_by_one",
    "crowded_by_all",
    // Refusals.
    "name_taken",
    "name_resembles",
    "name_invalid",
    "password_too_short",
    "password_too_long",
    "rate_limited register",
    "rate_limited list",
    "rate_limited rooms",
    "rate_limited roster",
    "rate_limited create",
    "rate_limited msg",
    "rate_limited history",
    "rate_limited ping",
    "registration_closed",
    "invite_required",
    "invite_invalid",
    "session_ended",
    "busy",
    "unavailable",
    "auth_failed",
    "auth_throttled",
    "auth_throttled by address",
    "room_exists",
    "too_many_rooms",
    "no_such_room",
    "already_there",
    "room_full",
    "not_in_room",
    "cid_conflict",
    "not_kept",
    "from_mismatch",
    "text_empty",
    "text_too_long",
    "text_invalid",
    "wrong_state",
    "unknown_type",
    "bad_request",
    "bad_frame",
    "moves_slowed_down",
    // Ends.
    "bad_frame closes",
    "auth_throttled closes",
    "frame_empty",
    "frame_too_large",
    "frame_timeout",
    "login_timeout",
    "handshake_timeout",
    "replaced",
    "crowded",
    "shutting_down",
    "ended",
    "ended_while_asking",
    "stalled",
    "silent",
    "silent_server_left",
    "silence_of_our_own",
    "overflowed",
    "lingered",
    "refused_connection",
    // Faults.
    "paused",
    "frame_at_the_limit",
    "frame_in_pieces",
    "frames_in_one_piece",
    "cut",
    "job_of_nobody",
    "repeated_answer",
    "store_fault",
    "crash_before_commit",
    "crash_after_commit",
    "promises_kept",
    "came_back",
    "came_back_by_device",
];

impl Coverage {
    /// Notes that a place was reached.
    ///
    /// # Panics
    /// If it is none of [`PLACES`].
    pub fn reach(&mut self, place: &str) {
        let index = PLACES.iter().position(|known| *known == place);
        self.0[index.unwrap_or_else(|| panic!("{place} is no place"))] += 1;
    }

    /// Adds what another run has reached.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    /// The places that were never reached.
    pub fn missed(&self) -> Vec<&'static str> {
        PLACES.into_iter().zip(self.0).filter(|(_, count)| *count == 0).map(|(place, _)| place).collect()
    }
}

impl Default for Coverage {
    fn default() -> Self {
        Self([0; PLACES.len()])
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PLACES.into_iter().zip(self.0).try_for_each(|(place, count)| writeln!(f, "{count:>12}  {place}"))
    }
}
