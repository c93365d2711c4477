//! The hub.

use models::hub::{ROOMS, SEATS, Step, USERS, check};

use super::script::{Line, lines};

/// Whatever connections do in whatever order, the hub answers, delivers and counts as a naive model does, and is empty when
/// all are gone.
///
/// A line is a letter, a seat, and perhaps a user, a room or milliseconds: `c0`, `l0 2`, `w1500`.
pub fn hub(data: &[u8]) {
    let steps: Vec<Step> = lines(data).filter_map(step).collect();
    check(&steps);
}

fn step(line: Line<'_>) -> Option<Step> {
    let mut numbers = line.numbers().map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    let seat = numbers.next().unwrap_or(0) % SEATS;
    let other = numbers.next().unwrap_or(0);
    let (user, room) = (other % USERS.len(), other % ROOMS.len());
    Some(match line.verb {
        b'c' => Step::Connect(seat),
        b'd' => Step::Disconnect(seat),
        b'l' => Step::Login(seat, user),
        b'o' => Step::Logout(seat),
        b'?' => Step::List(seat),
        b'm' => Step::Create(seat, room),
        b'e' => Step::Enter(seat, room),
        b'x' => Step::Exit(seat),
        b's' => Step::Say(seat),
        b'p' => Step::Whisper(seat, user),
        b'w' => Step::Wait(line.numbers().next().unwrap_or(0).min(10_000_000)),
        _ => return None,
    })
}
