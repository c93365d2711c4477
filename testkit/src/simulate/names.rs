//! The few names and passwords there are in the simulation, so that people meet.
//!
//! Which spellings are one name, and which names look alike, is written down here, and not asked of the code that is
//! tried.

/// A name as somebody types it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Whose name it is, in any spelling.
    pub id: usize,
    /// As it is typed.
    pub text: &'static str,
}

/// Each user's name in two spellings. The last two look alike in both: one is Latin, the other Cyrillic.
pub const USERS: [[&str; 2]; 10] = [
    ["ann", "ANN"],
    ["Bob", "bOB"],
    ["Zo\u{eb}", "ZOE\u{308}"],
    ["Stra\u{df}e", "STRASSE"],
    ["\u{434}\u{438}\u{43c}\u{430}", "\u{414}\u{418}\u{41c}\u{410}"],
    ["joe", "Joe"],
    ["Kim", "\u{212a}im"],
    ["lee", "LEE"],
    ["coco", "COCO"],
    ["\u{441}\u{43e}\u{441}\u{43e}", "\u{421}\u{41e}\u{421}\u{41e}"],
];

/// Each room's name in two spellings; the first two exist from the start, and the last ones are as long as names get,
/// so that a list of them all does not fit.
#[rustfmt::skip]
pub const ROOMS: [[&str; 2]; 13] = [
    ["lobby", "LOBBY"],
    ["example", "Example"],
    ["den", "DEN"],
    ["Nook", "nook"],
    ["Tea Time", "tea time"],
    ["\u{e9}t\u{e9}", "E\u{301}TE\u{301}"],
    ["aééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé", "AÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉ"],
    ["bééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé", "BÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉ"],
    ["cééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé", "CÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉ"],
    ["dééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé", "DÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉ"],
    ["eééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé", "EÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉ"],
    ["fééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé", "FÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉ"],
    ["gééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé", "GÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉ"],
];

/// What programs call themselves.
pub const PROGRAMS: [&str; 5] = [
    "raw 1.0",
    "\u{fc}ber \u{1f600}",
    "",
    " ",
    "another one that calls itself by more than the 64 bytes it may have",
];

/// Those of them that are no names, and count as none.
pub const UNFIT_PROGRAMS: [&str; 3] = [PROGRAMS[2], PROGRAMS[3], PROGRAMS[4]];

/// Users in the order of their names, as a server compares them: without case, and Latin before Cyrillic.
pub const ALPHABET: [usize; USERS.len()] = [0, 1, 8, 5, 6, 7, 3, 2, 4, 9];

/// The lobby's number among [`ROOMS`].
pub const LOBBY: usize = 0;
/// The number of the room that is always there.
pub const EXAMPLE: usize = 1;

/// Passwords that can be registered.
pub const PASSWORDS: [&str; 3] = ["correct horse", "battery staple", "caf\u{e9} au lait"];

/// The user with that number, spelled as the first or the second.
pub fn user(id: usize, spelling: usize) -> Name {
    Name { id, text: USERS[id % USERS.len()][spelling % 2] }
}

/// The room with that number, spelled as the first or the second.
pub fn room(id: usize, spelling: usize) -> Name {
    Name { id, text: ROOMS[id % ROOMS.len()][spelling % 2] }
}

/// The user whose name looks like that user's.
pub fn lookalike(user: usize) -> Option<usize> {
    match user {
        8 => Some(9),
        9 => Some(8),
        _ => None,
    }
}

/// Whose name that text is, if it is one of [`USERS`].
pub fn find_user(text: &str) -> Option<Name> {
    find(&USERS, text)
}

/// Which room's name that text is, if it is one of [`ROOMS`].
pub fn find_room(text: &str) -> Option<Name> {
    find(&ROOMS, text)
}

fn find(names: &'static [[&'static str; 2]], text: &str) -> Option<Name> {
    names.iter().enumerate().find_map(|(id, spellings)| {
        let text = spellings.iter().find(|spelling| **spelling == text)?;
        Some(Name { id, text })
    })
}
