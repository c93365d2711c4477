//! What was said in a room, and who has heard it.

use std::collections::VecDeque;
use std::time::Instant;

use super::dialect::Mark;

/// A room whose members must all hear the same.
pub(super) struct Room {
    /// Whether who says something hears it too. Where it does not, no two members hear the same, and there is no one
    /// order to hold them to.
    echoes: bool,
    senders: Vec<Sender>,
    /// What stands for all that each member has heard, in its order.
    orders: Vec<u64>,
    missing: usize,
}

/// A member, as far as others hear it.
#[derive(Default)]
struct Sender {
    said: u32,
    /// What somebody has not heard yet; the last of them is number `said` less one.
    open: VecDeque<Open>,
    /// The number that each member hears next. Made when it says something first.
    next: Vec<u32>,
}

struct Open {
    said_at: Instant,
    /// Who has not heard it yet.
    left: usize,
}

/// A message that reached a member.
#[derive(Debug, PartialEq)]
pub(super) struct Arrival {
    pub(super) said_at: Instant,
    /// Nobody waits for it any more.
    pub(super) is_last: bool,
}

impl Room {
    pub(super) fn new(members: usize, echoes: bool) -> Self {
        let senders = (0..members).map(|_| Sender::default()).collect();
        Self { echoes, senders, orders: vec![0; members], missing: 0 }
    }

    pub(super) fn members(&self) -> usize {
        self.senders.len()
    }

    /// Deliveries that are still to come.
    pub(super) fn missing(&self) -> usize {
        self.missing
    }

    /// Whether all members have heard everything in one order, as far as this can be known.
    pub(super) fn is_in_order(&self) -> bool {
        !self.echoes || self.orders.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// A member says something.
    pub(super) fn say(&mut self, sender: u16, now: Instant) -> Mark {
        let members = self.members();
        let left = members - usize::from(!self.echoes);
        self.missing += left;
        let member = &mut self.senders[usize::from(sender)];
        member.next.resize(members, 0);
        member.open.push_back(Open { said_at: now, left });
        member.said += 1;
        Mark { sender, number: member.said - 1 }
    }

    /// A member hears something. An error says what a chat must not do.
    pub(super) fn hear(&mut self, member: usize, mark: Mark) -> Result<Arrival, String> {
        let sender = self.senders.get_mut(usize::from(mark.sender)).ok_or("nobody here has said that")?;
        let due = sender.next.get(member).copied().unwrap_or_default();
        if mark.number != due || due >= sender.said {
            return Err(format!(
                "{mark:?} came where number {due} of that sender was due, of {} said",
                sender.said
            ));
        }
        sender.next[member] += 1;
        let from_last = usize::try_from(sender.said - mark.number).map_err(|error| error.to_string())?;
        let index = sender.open.len().checked_sub(from_last).ok_or("all had heard that already")?;
        let open = &mut sender.open[index];
        open.left -= 1;
        let arrival = Arrival { said_at: open.said_at, is_last: open.left == 0 };
        while sender.open.front().is_some_and(|open| open.left == 0) {
            sender.open.pop_front();
        }
        self.missing -= 1;
        let word = u64::from(mark.number) << 16 | u64::from(mark.sender);
        self.orders[member] = (self.orders[member] ^ word).wrapping_mul(FNV_PRIME);
        Ok(arrival)
    }
}

/// Of the 64-bit hash by Fowler, Noll and Vo, over words here. Nobody tries to deceive it.
const FNV_PRIME: u64 = 0x0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    fn hear_all(room: &mut Room, member: usize, marks: &[Mark]) -> Result<Vec<bool>, String> {
        marks.iter().map(|mark| room.hear(member, *mark).map(|arrival| arrival.is_last)).collect()
    }

    #[test]
    fn each_message_is_done_when_the_last_has_heard_it() {
        let mut room = Room::new(2, true);
        let now = Instant::now();
        let marks = [room.say(0, now), room.say(1, now), room.say(0, now)];
        assert_eq!(room.missing(), 6);
        assert_eq!(hear_all(&mut room, 1, &marks), Ok(vec![false; 3]));
        assert_eq!(hear_all(&mut room, 0, &marks), Ok(vec![true; 3]));
        assert_eq!(room.missing(), 0);
        assert!(room.is_in_order());
    }

    #[test]
    fn without_an_echo_the_sender_hears_only_the_others() {
        let mut room = Room::new(3, false);
        let now = Instant::now();
        let [a, b, c] = [room.say(0, now), room.say(1, now), room.say(0, now)];
        assert_eq!(hear_all(&mut room, 0, &[b]), Ok(vec![false]));
        assert_eq!(hear_all(&mut room, 2, &[a, b, c]), Ok(vec![false, true, false]));
        assert_eq!(hear_all(&mut room, 1, &[a, c]), Ok(vec![true, true]));
        assert_eq!(room.missing(), 0);
        assert!(room.is_in_order());
    }

    #[test]
    fn what_a_chat_must_not_do_is_an_error() {
        let now = Instant::now();
        let story = |order: &[usize], other: &[usize]| {
            let mut room = Room::new(2, true);
            let marks = [room.say(0, now), room.say(0, now), room.say(1, now)];
            let at = |order: &[usize]| order.iter().map(|index| marks[*index]).collect::<Vec<_>>();
            hear_all(&mut room, 0, &at(order))?;
            hear_all(&mut room, 1, &at(other))?;
            Ok::<_, String>((room.missing(), room.is_in_order()))
        };
        assert_eq!(story(&[0, 1, 2], &[0, 1, 2]), Ok((0, true)));
        assert_eq!(story(&[0, 2, 1], &[0, 1, 2]), Ok((0, false)), "two members see two orders");
        assert_eq!(story(&[0, 1, 2], &[0, 1]), Ok((1, false)), "the last one is lost");
        assert!(story(&[1, 0], &[]).is_err(), "a sender's words change places");
        assert!(story(&[0, 0], &[]).is_err(), "one comes twice");
        assert!(story(&[0, 1], &[1]).is_err(), "one is left out");
    }
}
