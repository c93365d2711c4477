//! The hub, where it is told who is here.

use chatroom_core::message::presence::PresenceState;
use models::presences::{Kind, ROOMS, SEATS, Step, USERS, WORDS, check};

use super::script::{Line, lines, op};

/// Whoever comes, goes, becomes a friend or is none any more, is in rooms and says how they are, and however late it is told:
/// who sees somebody knows in the end how that one is, and of whom one does not see one is told nothing.
///
/// A line is a letter, and then seats, kinds, users, rooms, numbers or milliseconds: `c0 2 1`, `o0 1 2`, `w250`; what is done
/// about somebody has the letters of `script::OPS`.
pub fn presences(data: &[u8]) {
    let mut left_ms = STORY_MS_MAX;
    let steps: Vec<Step> = lines(data).filter_map(|line| step(line, &mut left_ms)).collect();
    check(&steps);
}

fn step(line: Line<'_>, left_ms: &mut u64) -> Option<Step> {
    let mut next = line.picks();
    if let Some(op) = op(line.verb) {
        return Some(Step::Tie(next(SEATS), op, next(USERS.len())));
    }
    Some(match line.verb {
        b'c' => {
            Step::Come(next(SEATS), [Kind::Single, Kind::Friendly, Kind::Present][next(3)], next(USERS.len()))
        }
        b'd' => Step::Go(next(SEATS)),
        b'o' => {
            let (seat, state) = (next(SEATS), STATES[next(STATES.len())]);
            // 0 is no words.
            Step::Present(seat, state, next(WORDS.len() + 1).checked_sub(1))
        }
        b'e' => Step::Enter(next(SEATS), next(ROOMS.len())),
        b'q' => Step::Exit(next(SEATS), next(ROOMS.len())),
        b'l' => Step::People(next(SEATS), next(ROOMS.len())),
        b'k' => Step::Delete(next(USERS.len())),
        b't' => Step::Take,
        b'g' => Step::Give(next(LATE_MAX)),
        b'h' => Step::Rest,
        b'w' => {
            let ms = line.numbers().next().unwrap_or(0).min(*left_ms);
            *left_ms -= ms;
            Step::Wait(ms)
        }
        _ => return None,
    })
}

/// How somebody can say they are.
const STATES: [PresenceState; 3] = [PresenceState::Online, PresenceState::Away, PresenceState::Busy];
/// Bulletins that are late by more than this are as late as any.
const LATE_MAX: usize = 8;
/// A day, which is more than any pace minds.
const STORY_MS_MAX: u64 = 86_400_000;
