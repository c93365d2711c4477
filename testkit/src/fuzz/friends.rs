//! The hub, where users are friends, want to be, or want to hear nothing of each other.

use models::friends::{Kind, SEATS, Step, USERS, check};

use super::script::{Line, lines, op};

/// Whatever people do about each other by whichever devices, whoever is deleted, and whenever the disk writes or fails or the
/// server starts again, each hears what a naive model says, knows who is what to them, and is told so in the end.
///
/// A line is a letter, and then seats, kinds, users or numbers: `c0 2 1`, `r0 3`, `t7`; what is done about somebody has the
/// letters of `script::OPS`.
pub fn friends(data: &[u8]) {
    let steps: Vec<Step> = lines(data).filter_map(step).collect();
    check(&steps);
}

fn step(line: Line<'_>) -> Option<Step> {
    let mut next = line.picks();
    if let Some(op) = op(line.verb) {
        // The last of them is nobody.
        return Some(Step::Tie(next(SEATS), op, next(USERS.len() + 1)));
    }
    Some(match line.verb {
        b'c' => {
            Step::Come(next(SEATS), [Kind::Single, Kind::Device, Kind::Friendly][next(3)], next(USERS.len()))
        }
        b'd' => Step::Go(next(SEATS)),
        b'l' => Step::List(next(SEATS)),
        b'p' => Step::Whisper(next(SEATS), next(USERS.len())),
        b't' => Step::Take(next(TAKEN_MAX)),
        b'v' => Step::Write(next(2) == 1),
        b'y' => Step::Settle,
        b'k' => Step::Delete(next(USERS.len())),
        b'z' => Step::Restart,
        _ => return None,
    })
}

/// As many as the disk takes at most.
const TAKEN_MAX: usize = 8;
