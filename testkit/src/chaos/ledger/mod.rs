//! What must hold, whatever the network does.
//!
//! A *stay* is what one guest heard from entering a room to leaving it, or to the end of the connection.
//!
//! 1. Nobody hears what nobody said: each message is, to the letter, one that its author said.
//! 2. Nobody hears a room they are not in, nor what was over before they asked to enter.
//! 3. A whisper is heard by the one it was said to, and by who said it.
//! 4. Nobody hears a message twice, or an author's messages in another order than they were said in; also not after
//!    coming back.
//! 5. All who hear two messages of a room hear them in one order, and with nothing missing in between: what comes right
//!    after a message is the same for all who hear anything after it.
//! 6. A stay has no hole. Whoever was in the room before a message was said hears it, if anybody did, unless their own
//!    connection ended before. It did not end before if they heard something that was said later, or left by
//!    themselves after somebody had heard it.
//! 7. What was refused was heard by nobody.
//! 8. An account that was acknowledged logs in again, and is nobody else's.
//! 9. After the faults, everybody gets through within a bound, says a last word, and hears everybody else's.
//!
//! Not promised, and not asked for:
//! * What is said while somebody is away is not kept for them. There is no history.
//! * A message whose answer did not come before the connection ended is uncertain: it was heard by all or by none.
//!   Until somebody has heard it, both are right.
//! * A login that was on its way when a connection was given up may arrive after the next one, and then it wins
//!   (`replaced`). The server cannot know that nobody waits for it any more.

mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Instant;

pub use verdict::Tally;

/// What was said and heard so far, by all guests.
pub(super) struct Ledger {
    /// By author, in the order they were said.
    said: Vec<Vec<Message>>,
    stays: Vec<Stay>,
    /// By guest: the stay that goes on.
    open: Vec<Option<usize>>,
    /// By hearer and author: the last number heard.
    last_heard: BTreeMap<(usize, usize), usize>,
    faults: Vec<String>,
}

/// A message's author, and its number among the author's.
type Id = (usize, usize);

struct Message {
    room: usize,
    /// Whom it is whispered to.
    to: Option<usize>,
    said_at: Instant,
    /// When the first of all hearers heard it.
    heard_at: Option<Instant>,
    is_refused: bool,
}

struct Stay {
    guest: usize,
    room: usize,
    /// When entering was asked for, or earlier.
    asked_at: Instant,
    entered_at: Instant,
    heard: Vec<Id>,
    /// When leaving was asked for, if that is how it ended.
    left_at: Option<Instant>,
}

impl Ledger {
    pub(super) fn new(guests: usize) -> Self {
        Self {
            said: (0..guests).map(|_| Vec::new()).collect(),
            stays: Vec::new(),
            open: vec![None; guests],
            last_heard: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// Somebody is about to say something in a room, to everybody or to one. Its number, and the words to say it in.
    pub(super) fn say(
        &mut self,
        author: usize,
        room: usize,
        to: Option<usize>,
        now: Instant,
    ) -> (usize, String) {
        let number = self.said[author].len();
        let message = Message { room, to, said_at: now, heard_at: None, is_refused: false };
        self.said[author].push(message);
        (number, words(author, number))
    }

    /// A message was refused, by the server or before it was sent: it was said to nobody.
    pub(super) fn refuse(&mut self, author: usize, number: usize) {
        let message = &mut self.said[author][number];
        message.is_refused = true;
        if message.heard_at.is_some() {
            self.accuse(format!(
                "{} was told that message {number} was refused, but it was heard",
                name(author)
            ));
        }
    }

    /// Somebody is in a room, having asked for it at `asked_at` or later.
    pub(super) fn enter(&mut self, guest: usize, room: usize, asked_at: Instant, now: Instant) {
        self.lose(guest);
        self.open[guest] = Some(self.stays.len());
        self.stays.push(Stay { guest, room, asked_at, entered_at: now, heard: Vec::new(), left_at: None });
    }

    /// Somebody is out of their room, having asked for it at `asked_at`.
    pub(super) fn leave(&mut self, guest: usize, asked_at: Instant) {
        if let Some(stay) = self.open[guest].take() {
            self.stays[stay].left_at = Some(asked_at);
        }
    }

    /// Somebody lost their connection.
    pub(super) fn lose(&mut self, guest: usize) {
        self.open[guest] = None;
    }

    /// Somebody heard something: `from` and `text` as they came, and whether it was whispered.
    pub(super) fn hear(&mut self, guest: usize, from: &str, text: &str, is_whisper: bool, now: Instant) {
        if let Err(fault) = self.try_hear(guest, from, text, is_whisper, now) {
            self.accuse(format!("{} heard {text:.60?} from {from}: {fault}", name(guest)));
        }
    }

    /// Something is wrong.
    pub(super) fn accuse(&mut self, fault: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    /// What is wrong, the first ones.
    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    fn try_hear(
        &mut self,
        guest: usize,
        from: &str,
        text: &str,
        is_whisper: bool,
        now: Instant,
    ) -> Result<(), &'static str> {
        let id @ (author, number) = parse(text).ok_or("nobody says such a thing")?;
        let message = self.said.get_mut(author).and_then(|said| said.get_mut(number));
        let message = message.ok_or("nobody has said that")?;
        if text != words(author, number) {
            return Err("those are not the words it was said in");
        }
        if from != name(author) {
            return Err("somebody else said it");
        }
        if is_whisper != message.to.is_some() {
            return Err("a whisper is no public message, nor the other way round");
        }
        if message.to.is_some_and(|to| to != guest && author != guest) {
            return Err("it was whispered to somebody else");
        }
        if message.is_refused {
            return Err("it was refused");
        }
        let stay = self.open[guest].and_then(|stay| self.stays.get_mut(stay)).ok_or("they are in no room")?;
        if message.room != stay.room {
            return Err("they are in another room");
        }
        if message.heard_at.is_some_and(|at| at < stay.asked_at) {
            return Err("it was over before they came");
        }
        message.heard_at.get_or_insert(now);
        stay.heard.push(id);
        match self.last_heard.insert((guest, author), number) {
            Some(last) if last == number => Err("they have heard it before"),
            Some(last) if last > number => Err("they have heard what was said after it"),
            _ => Ok(()),
        }
    }
}

/// A guest's name.
pub(super) fn name(guest: usize) -> String {
    format!("guest{guest}")
}

/// The guest of that name.
pub(super) fn guest(name: &str) -> Option<usize> {
    name.strip_prefix("guest")?.parse().ok()
}

/// The words of a message: who says it, its number, and a murmur whose length differs, to nearly the most there may be.
fn words(author: usize, number: usize) -> String {
    let murmurs = match number % 16 {
        15 => 1_300,
        other => other * 2,
    };
    format!("{author} {number}{}", " la".repeat(murmurs))
}

fn parse(text: &str) -> Option<Id> {
    let mut parts = text.splitn(3, ' ');
    let author = parts.next()?.parse().ok()?;
    Some((author, parts.next()?.parse().ok()?))
}

/// One fault tends to bring others; nobody reads more than these.
const FAULTS_MAX: usize = 20;
