//! Our client against our server.

use models::duplex::{LINES, Step, check};
use models::words::command;
use server_common::keys::name_key;

use super::script::{Line, lines};

/// Whatever people want, however bytes travel and whoever hangs up, our client and our server never accuse each other of
/// breaking the protocol, and in the end agree on who is where.
///
/// The first line says by a `p` whether people are patient. Each further one begins with a letter and the number of who
/// it is about: `c0 login ann 1234`, `t0 12 400` for bytes that travel up and down, `a0`, `h0`, `w50`.
pub fn duplex(data: &[u8]) {
    let is_patient = data.starts_with(b"p\n");
    let mut left_ms = STORY_MS_MAX;
    let steps: Vec<(usize, Step)> = lines(data).filter_map(|line| step(line, &mut left_ms)).collect();
    check(name_key, is_patient, &steps);
}

fn step(line: Line<'_>, left_ms: &mut u64) -> Option<(usize, Step)> {
    let (seat, rest) = line.rest.split_first()?;
    let seat = usize::from(*seat) % LINES;
    let rest = Line { rest, ..line };
    let step = match line.verb {
        b'c' => {
            let words = String::from_utf8(rest.bytes()).ok()?.trim_start().to_owned();
            command(&words, chatroom_core::name::LOBBY, 0).map(|_| Step::Want(words))?
        }
        b't' => {
            let mut numbers = rest.numbers().map(|number| usize::try_from(number).unwrap_or(usize::MAX));
            Step::Travel(numbers.next().unwrap_or(usize::MAX), numbers.next().unwrap_or(usize::MAX))
        }
        b'a' => Step::Attend,
        b'h' => Step::HangUp,
        b'w' => {
            let ms = line.numbers().next().unwrap_or(0).min(*left_ms);
            *left_ms -= ms;
            Step::Wait(ms)
        }
        _ => return None,
    };
    Some((seat, step))
}

/// Less than a frame may take, or the server would rightly complain of one that was begun and left.
const STORY_MS_MAX: u64 = 14_000;
