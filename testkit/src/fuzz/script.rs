//! Stories as a fuzzer can tell them: lines, each a letter for what happens and then what it happens with.
//!
//! A byte that is put in, taken out or changed changes one line and leaves the others what they were, so a mutation of a
//! story is a story. And who finds one in a corpus can read it.

use std::time::Duration;

use chatroom_core::message::friend::Op;

/// What happens, and with what.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// The first byte.
    pub(super) verb: u8,
    /// The others.
    pub(super) rest: &'a [u8],
}

/// The lines of a story; of a very long one, the beginning.
pub(super) fn lines(story: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let lines = story.split(|byte| *byte == b'\n');
    lines.filter_map(|line| line.split_first().map(|(verb, rest)| Line { verb: *verb, rest })).take(LINES_MAX)
}

impl<'a> Line<'a> {
    /// Numbers with anything between them; one that is too large is the largest.
    pub(super) fn numbers(self) -> impl Iterator<Item = u64> + use<'a> {
        let runs = self.rest.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty());
        runs.map(|digits| {
            let digit =
                |number: u64, byte: &u8| number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
            digits.iter().fold(0, digit)
        })
    }

    /// The first number, as a count of something; 0 if there is none.
    pub(super) fn count(self) -> usize {
        self.numbers().next().map_or(0, |number| usize::try_from(number).unwrap_or(usize::MAX))
    }

    /// Picks one of so many things by the next number, and the first where there is no number left.
    pub(super) fn picks(self) -> impl FnMut(usize) -> usize + use<'a> {
        let mut numbers = self.numbers();
        move |count| usize::try_from(numbers.next().unwrap_or(0)).unwrap_or(usize::MAX) % count
    }

    /// The first number as milliseconds, a day at most.
    pub(super) fn milliseconds(self) -> Duration {
        Duration::from_millis(self.numbers().next().unwrap_or(0)).min(DAY)
    }

    /// The rest with `\n` for a line's end and `\\` for a backslash: any bytes can be written.
    pub(super) fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.rest.len());
        let mut rest = self.rest;
        while let [first, tail @ ..] = rest {
            let (byte, tail) = match (first, tail) {
                (b'\\', [b'n', tail @ ..]) => (b'\n', tail),
                (b'\\', [b'\\', tail @ ..]) => (b'\\', tail),
                _ => (*first, tail),
            };
            bytes.push(byte);
            rest = tail;
        }
        bytes
    }
}

/// The letters for what somebody does about another.
pub(super) const OPS: [(u8, Op); 6] = [
    (b'r', Op::Request),
    (b'a', Op::Accept),
    (b'n', Op::Decline),
    (b'x', Op::Remove),
    (b'b', Op::Block),
    (b'u', Op::Unblock),
];

/// What that letter stands for.
pub(super) fn op(letter: u8) -> Option<Op> {
    OPS.into_iter().find(|(known, _)| *known == letter).map(|(_, op)| op)
}

/// Writes bytes so that [`Line::bytes`] reads them.
pub(super) fn escaped(bytes: &[u8]) -> Vec<u8> {
    let escape = |byte: &u8| match byte {
        b'\n' => b"\\n".to_vec(),
        b'\\' => b"\\\\".to_vec(),
        other => vec![*other],
    };
    bytes.iter().flat_map(escape).collect()
}

const LINES_MAX: usize = 400;
const DAY: Duration = Duration::from_secs(86_400);
