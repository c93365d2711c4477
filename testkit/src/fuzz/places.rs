//! The hub, where users are in many rooms by several devices.

use models::places::{Kind, LOGINS, ROOMS, SEATS, Step, USERS, check};

use super::script::{Line, lines};

/// Whatever connections and devices do in whatever order, and whenever the disk writes or fails, lists are published or the
/// server starts again, each hears what a naive model says, and knows who is where when nothing is left to be told.
///
/// A line is a letter, and then seats, users, logins, rooms, numbers or milliseconds: `c0 2`, `l0 1 2`, `n0 1 3`, `w1500`.
pub fn places(data: &[u8]) {
    let steps: Vec<Step> = lines(data).filter_map(step).collect();
    check(&steps);
}

fn step(line: Line<'_>) -> Option<Step> {
    let mut next = line.picks();
    Some(match line.verb {
        b'c' => Step::Connect(next(SEATS), [Kind::Original, Kind::Acking, Kind::Device][next(3)]),
        b'd' => Step::Disconnect(next(SEATS)),
        // 0 is no login that lasts.
        b'l' => Step::Login(next(SEATS), next(USERS.len()), next(LOGINS + 1).checked_sub(1)),
        b'o' => Step::Logout(next(SEATS)),
        b'k' => Step::Dismiss(next(USERS.len())),
        b'g' => Step::EndLogin(next(SEATS), next(LOGINS), next(2) == 0),
        b'G' => Step::EndLogins(next(LOGINS)),
        b'?' => Step::List(next(SEATS)),
        b'r' => Step::People(next(SEATS), next(ROOMS.len())),
        b'm' => Step::Create(next(SEATS), next(ROOMS.len())),
        b'e' => Step::Enter(next(SEATS), next(ROOMS.len())),
        b'x' => Step::Leave(next(SEATS), next(ROOMS.len())),
        b's' => Step::Say(next(SEATS), next(ROOMS.len())),
        b'p' => Step::Whisper(next(SEATS), next(USERS.len())),
        b'q' => Step::WhisperIn(next(SEATS), next(USERS.len()), next(ROOMS.len())),
        b'a' => Step::Again(next(SEATS)),
        b'n' => Step::Read(next(SEATS), next(ROOMS.len()), next(READ_MAX) as u64),
        b'N' => Step::ReadPeer(next(SEATS), next(USERS.len()), next(READ_MAX) as u64),
        b't' => Step::Take(next(TAKEN_MAX)),
        b'v' => Step::Write(next(2) == 1),
        b'y' => Step::Settle,
        b'b' => Step::Poll(next(2) == 1),
        b'u' => Step::Publish(next(OUTSTANDING_MAX)),
        b'h' => Step::Show,
        b'w' => Step::Wait(line.numbers().next().unwrap_or(0).min(10_000_000)),
        b'z' => Step::Restart,
        _ => return None,
    })
}

/// Numbers of messages that are worth trying.
const READ_MAX: usize = 8;
/// How many the disk takes at most; there are never more.
const TAKEN_MAX: usize = 8;
/// Lists that are on their way at most, of a lobby and three rooms.
const OUTSTANDING_MAX: usize = 4;
