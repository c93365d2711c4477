//! What waits for one connection.

use alloc::collections::VecDeque;

use super::Mail;

/// A bounded queue of mail, in the order in which the hub decided it. Filled by the hub's owner, drained by the
/// connection's.
pub struct Mailbox {
    queue: VecDeque<Mail>,
    bytes: usize,
    bytes_max: usize,
    has_list: bool,
    has_farewell: bool,
    is_overflowed: bool,
}

/// What became of a piece of mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits, alone or with something urgent: whoever drains this mailbox is to be woken.
    First,
    /// It waits behind others, or there is no room for it any more: who drains this mailbox knows already.
    Behind,
}

impl Mailbox {
    /// A mailbox that holds `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            bytes_max,
            has_list: false,
            has_farewell: false,
            is_overflowed: false,
        }
    }

    /// Puts mail in. If it does not fit, everything is dropped, now and later: a reader that slow has lost the thread.
    pub fn push(&mut self, mail: Mail) -> Pushed {
        if self.is_overflowed {
            return Pushed::Behind;
        }
        if matches!(mail, Mail::List(_)) {
            self.drop_waiting_list();
            self.has_list = true;
        }
        // A farewell is news to a reader that knows of the rest and takes none of it.
        let is_news = self.queue.is_empty() || matches!(mail, Mail::Farewell(_));
        self.has_farewell |= matches!(mail, Mail::Farewell(_));
        self.bytes += cost(&mail);
        if self.bytes > self.bytes_max {
            self.give_up();
            return Pushed::First;
        }
        self.queue.push_back(mail);
        // What two threads would do that come here without the lock.
        #[cfg(planted_bug = "order_swapped_after_unlocking")]
        if let [.., last, added] = self.queue.make_contiguous() {
            core::mem::swap(last, added);
        }
        if is_news { Pushed::First } else { Pushed::Behind }
    }

    /// Drops everything, now and later, as if more had come than fits.
    pub fn give_up(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
        self.is_overflowed = true;
    }

    /// Takes the oldest mail out.
    pub fn pop(&mut self) -> Option<Mail> {
        let mail = self.queue.pop_front()?;
        self.bytes -= cost(&mail);
        if matches!(mail, Mail::List(_)) {
            self.has_list = false;
        }
        if self.queue.is_empty() && self.queue.capacity() > QUEUE_KEPT {
            self.queue = VecDeque::new();
        }
        Some(mail)
    }

    /// Whether more came than fits. Final.
    pub fn is_overflowed(&self) -> bool {
        self.is_overflowed
    }

    /// Whether the connection is told to go: then all that waits is to be taken, however much it is.
    pub fn has_farewell(&self) -> bool {
        self.has_farewell
    }

    /// Bytes that wait, roughly as they will be on the wire.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Pieces of mail that wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// An older list is worth nothing once there is a newer one.
    fn drop_waiting_list(&mut self) {
        if !self.has_list {
            return;
        }
        let waiting = self.queue.iter().position(|mail| matches!(mail, Mail::List(_)));
        if let Some(mail) = waiting.and_then(|index| self.queue.remove(index)) {
            self.bytes -= if cfg!(planted_bug = "mailbox_bytes_kept") { 0 } else { cost(&mail) };
        }
    }
}

/// What a piece of mail counts for, in bytes.
fn cost(mail: &Mail) -> usize {
    match mail {
        Mail::Frame(frame) | Mail::List(frame) => frame.len(),
        Mail::Whisper(whisper) => whisper.text.as_str().len() + ENVELOPE_BYTES,
        Mail::Here(here) => here.cost(),
        // One reply and one farewell at most wait for a connection, and what they refer to is shared.
        Mail::Reply(_)
        | Mail::Farewell(_)
        | Mail::Refused(_)
        | Mail::Joined(_)
        | Mail::Parted(..)
        | Mail::Read(..)
        | Mail::Tied(..) => ENVELOPE_BYTES,
    }
}

/// What a place in the queue takes, in bytes, whatever stands in it. A message that waits for many takes one of each.
pub const PLACE_BYTES: usize = size_of::<Mail>();

// Every delivery moves one. What is larger and rare is boxed.
const _: () = assert!(size_of::<Mail>() <= 5 * size_of::<usize>());

/// What is around a message's text, roughly: keys, and two names of the usual length.
const ENVELOPE_BYTES: usize = 128;
/// An empty queue of this many entries is kept for the next burst.
const QUEUE_KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::super::{Farewell, Whisper};
    use super::*;
    use crate::frame::Frame;
    use crate::message::Text;
    use crate::name::UserName;

    fn frame(bytes: usize) -> Frame {
        vec![0; bytes].into()
    }

    fn lengths(mailbox: &mut Mailbox) -> Vec<usize> {
        core::iter::from_fn(|| mailbox.pop()).map(|mail| cost(&mail)).collect()
    }

    #[test]
    fn only_the_first_mail_wakes_its_reader() {
        let mut mailbox = Mailbox::new(100);
        assert_eq!(mailbox.push(Mail::Frame(frame(10))), Pushed::First);
        assert_eq!(mailbox.push(Mail::Frame(frame(20))), Pushed::Behind);
        assert_eq!(lengths(&mut mailbox), [10, 20]);
        assert_eq!(mailbox.push(Mail::Frame(frame(30))), Pushed::First);
    }

    #[test]
    fn one_list_waits_at_most_and_it_is_the_newest() {
        let mut mailbox = Mailbox::new(100);
        for bytes in [1, 2, 3] {
            mailbox.push(Mail::List(frame(bytes)));
            mailbox.push(Mail::Frame(frame(bytes * 10)));
        }
        assert_eq!(mailbox.bytes(), 63);
        assert_eq!(lengths(&mut mailbox), [10, 20, 3, 30]);
        assert_eq!(mailbox.bytes(), 0);
    }

    #[test]
    fn what_waits_is_counted_by_pieces_and_by_bytes() {
        let mut mailbox = Mailbox::new(10_000);
        assert!((mailbox.len(), mailbox.is_empty()) == (0, true));
        let text = Text::parse("x".repeat(1_000)).unwrap();
        mailbox.push(Mail::Whisper(Whisper::new(UserName::parse("ann").unwrap(), text).into()));
        mailbox.push(Mail::Frame(frame(10)));
        assert_eq!((mailbox.len(), mailbox.is_empty()), (2, false));
        assert_eq!(mailbox.bytes(), 1_000 + ENVELOPE_BYTES + 10);
        mailbox.pop();
        assert_eq!((mailbox.len(), mailbox.bytes()), (1, 10));
    }

    #[test]
    fn a_farewell_wakes_a_reader_that_takes_nothing_and_is_remembered() {
        let mut mailbox = Mailbox::new(1_000);
        mailbox.push(Mail::Frame(frame(10)));
        assert!(!mailbox.has_farewell());
        assert_eq!(mailbox.push(Mail::Farewell(Farewell::Replaced)), Pushed::First);
        assert_eq!(mailbox.push(Mail::Frame(frame(10))), Pushed::Behind);
        assert!(mailbox.has_farewell());
    }

    #[test]
    fn a_burst_comes_out_whole_and_leaves_no_large_queue_behind() {
        let mut mailbox = Mailbox::new(usize::MAX);
        for burst in [20, 1_000] {
            for bytes in 1..=burst {
                mailbox.push(Mail::Frame(frame(bytes)));
            }
            assert_eq!(lengths(&mut mailbox), (1..=burst).collect::<Vec<_>>());
            assert_eq!(mailbox.queue.capacity() > 0, burst == 20, "kept after {burst}");
        }
    }

    #[test]
    fn a_mailbox_that_overflows_is_lost_as_a_whole() {
        let mut mailbox = Mailbox::new(100);
        mailbox.push(Mail::Frame(frame(100)));
        assert!(!mailbox.is_overflowed());
        assert_eq!(mailbox.push(Mail::Frame(frame(1))), Pushed::First, "its reader must learn of it");
        assert!(mailbox.is_overflowed());
        assert_eq!(mailbox.push(Mail::Frame(frame(1))), Pushed::Behind);
        assert!(mailbox.pop().is_none());
    }
}
