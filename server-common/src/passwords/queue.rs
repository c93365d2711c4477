//! The line in front of the hashing threads: fair, and as long as is honest.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use chatroom_core::limits::Limits;

use crate::network::network_of;

/// Jobs that wait, served in turn by address. Has no thread and reads no clock.
///
/// Each address has a line of its own, and the lines take turns, so who asks for much waits for it and others do not.
/// An address is an IPv4 address, the /64 of an IPv6 address (a household has a whole one, so single addresses in it
/// say nothing), or this machine.
pub struct Queue<J> {
    bounds: Bounds,
    /// The lines that are not empty.
    lines: BTreeMap<IpAddr, VecDeque<J>>,
    /// Their addresses, in the order in which they are served next.
    turns: VecDeque<IpAddr>,
    waiting: usize,
    waiting_loopback: usize,
    /// How many were turned away and may come back for the places that get free.
    turned_away: usize,
}

/// How long the line may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Jobs of all that may wait, this machine's not counted.
    pub jobs_max: usize,
    /// Jobs of this machine that may wait.
    pub loopback_jobs_max: usize,
    /// Whether this machine's jobs take places from the others' `jobs_max`, and theirs from its own.
    pub is_shared: bool,
    /// Jobs of one address that may wait, this machine's excepted.
    pub address_jobs_max: usize,
    /// How long it takes until the next job is begun while all threads are at work.
    pub pace: Duration,
}

impl Bounds {
    /// The bounds for `workers` threads of which each does a job in `cost`.
    ///
    /// The capacity is what is worked off in `password_queue_ms_max`; this machine has
    /// `password_queue_loopback_jobs_min` places at least, which do not count against it. Where
    /// `password_queue_jobs_max` is set, that is the number of places, for all together.
    #[must_use]
    pub fn new(limits: &Limits, cost: Duration, workers: usize) -> Self {
        let pace = cost / u32::try_from(workers.max(1)).unwrap_or(u32::MAX);
        let (jobs_max, loopback_jobs_max) = match limits.password_queue_jobs_max {
            Some(exactly) => (exactly, exactly),
            None => {
                let wait_max = Duration::from_millis(limits.password_queue_ms_max);
                let jobs = wait_max.as_nanos() / pace.as_nanos().max(1);
                // Where a single hash takes longer than anybody is to wait, one must still be able to.
                let jobs = usize::try_from(jobs).unwrap_or(usize::MAX).max(1);
                (jobs, jobs.max(limits.password_queue_loopback_jobs_min))
            }
        };
        Self {
            jobs_max,
            loopback_jobs_max,
            is_shared: limits.password_queue_jobs_max.is_some(),
            address_jobs_max: limits.password_address_jobs_max,
            pace,
        }
    }
}

/// A job that found no place.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<J> {
    /// The job, handed back.
    pub job: J,
    /// Milliseconds until there is a place, as far as can be told; at least 100.
    pub retry_ms: u64,
}

impl<J> Queue<J> {
    /// A line with nobody in it.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            lines: BTreeMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
            waiting_loopback: 0,
            turned_away: 0,
        }
    }

    /// Lets the line get longer, or less long, from now on; who waits already keeps their place.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Takes a job that `address` wants done.
    ///
    /// # Errors
    /// [`Full`] when there is no place for it.
    pub fn push(&mut self, address: IpAddr, job: J) -> Result<(), Full<J>> {
        let address = network_of(address);
        if !address.is_loopback() && self.line_len(address) >= self.bounds.address_jobs_max {
            // Once each line has had its turn, this one among them.
            return Err(Full { job, retry_ms: self.retry_ms(self.turns.len()) });
        }
        if !self.has_place(address) {
            // Each place that gets free may be taken by one who was turned away earlier. But no more is promised
            // than that all who wait now are served by then: who knocks again and again delays nobody for longer.
            self.turned_away = self.turned_away.saturating_add(1);
            return Err(Full { job, retry_ms: self.retry_ms(self.turned_away.min(self.waiting)) });
        }
        let line = self.lines.entry(address).or_default();
        if line.is_empty() {
            self.turns.push_back(address);
        }
        line.push_back(job);
        self.waiting += 1;
        self.waiting_loopback += usize::from(address.is_loopback());
        Ok(())
    }

    /// The job that is to be done next.
    pub fn pop(&mut self) -> Option<J> {
        let address = self.turns.pop_front()?;
        let line = self.lines.get_mut(&address).expect("each turn is a line's that is not empty");
        let job = line.pop_front().expect("each turn is a line's that is not empty");
        if line.is_empty() {
            self.lines.remove(&address);
        } else {
            self.turns.push_back(address);
        }
        self.waiting -= 1;
        self.waiting_loopback -= usize::from(address.is_loopback());
        // Where nobody waits any more, whoever was turned away has been let in, or has gone.
        self.turned_away = if self.waiting == 0 { 0 } else { self.turned_away.saturating_sub(1) };
        Some(job)
    }

    /// How many jobs wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether no job waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    fn has_place(&self, address: IpAddr) -> bool {
        let Bounds { jobs_max, loopback_jobs_max, is_shared, .. } = self.bounds;
        match (is_shared, address.is_loopback()) {
            (true, _) => self.waiting < jobs_max,
            (false, true) => self.waiting_loopback < loopback_jobs_max,
            (false, false) => self.waiting - self.waiting_loopback < jobs_max,
        }
    }

    fn line_len(&self, address: IpAddr) -> usize {
        self.lines.get(&address).map_or(0, VecDeque::len)
    }

    /// Milliseconds in which that many jobs are begun, rounded up.
    fn retry_ms(&self, jobs: usize) -> u64 {
        let jobs = u128::try_from(jobs).unwrap_or(u128::MAX);
        let ms = self.bounds.pace.as_nanos().saturating_mul(jobs).div_ceil(1_000_000);
        u64::try_from(ms).unwrap_or(u64::MAX).max(RETRY_MS_MIN)
    }
}

/// Coming back sooner is not worth the message.
const RETRY_MS_MIN: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        jobs_max: 4,
        loopback_jobs_max: 6,
        is_shared: false,
        address_jobs_max: 2,
        pace: Duration::from_millis(80),
    };

    /// Pushes jobs called as their addresses, and says who was let in (`+`) and who is to come back when.
    fn push(queue: &mut Queue<&'static str>, addresses: &[&'static str]) -> Vec<String> {
        let push = |address: &&'static str| match queue.push(address.parse().unwrap(), address) {
            Ok(()) => "+".to_owned(),
            Err(full) => full.retry_ms.to_string(),
        };
        addresses.iter().map(push).collect()
    }

    fn pop_all(queue: &mut Queue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn addresses_take_turns() {
        let mut queue = Queue::new(BOUNDS);
        push(&mut queue, &["10.0.0.1", "10.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.3", "10.0.0.2"]);
        assert_eq!(queue.len(), 6);
        let served = pop_all(&mut queue);
        assert_eq!(served, ["10.0.0.1", "127.0.0.1", "10.0.0.2", "10.0.0.1", "127.0.0.2", "127.0.0.3"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn who_comes_back_waits_for_the_others_turn() {
        let mut queue = Queue::new(BOUNDS);
        push(&mut queue, &["10.0.0.1", "10.0.0.1", "10.0.0.2"]);
        assert_eq!(queue.pop(), Some("10.0.0.1"));
        push(&mut queue, &["10.0.0.1"]);
        assert_eq!(pop_all(&mut queue), ["10.0.0.2", "10.0.0.1", "10.0.0.1"]);
    }

    #[test]
    fn one_address_gets_so_many_places_and_no_more() {
        let mut queue = Queue::new(BOUNDS);
        assert_eq!(push(&mut queue, &["10.0.0.1", "10.0.0.1", "10.0.0.1"]), ["+", "+", "100"]);
        assert_eq!(push(&mut queue, &["::ffff:10.0.0.1"]), ["100"], "mapped to IPv6 it is the same address");
        let (near, nearer, far) = ("2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8:0:1::1");
        assert_eq!(push(&mut queue, &[near, nearer, near]), ["+", "+", "160"], "a /64 is one address");
        queue.pop();
        queue.pop();
        assert_eq!(push(&mut queue, &[far]), ["+"], "and the next /64 another");
    }

    #[test]
    fn who_is_turned_away_is_told_when_it_is_their_turn() {
        let mut queue = Queue::new(BOUNDS);
        let full = push(
            &mut queue,
            &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7"],
        );
        assert_eq!(full, ["+", "+", "+", "+", "100", "160", "240"]);
        assert_eq!(push(&mut queue, &["10.0.0.8", "10.0.0.8"]), ["320", "320"], "by then all are served");
        queue.pop();
        assert_eq!(
            push(&mut queue, &["10.0.0.5", "10.0.0.6"]),
            ["+", "320"],
            "one came back, others still may"
        );
        pop_all(&mut queue);
        assert_eq!(push(&mut queue, &["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"])[4], "100");
    }

    #[test]
    fn this_machine_has_its_own_places() {
        let mut queue = Queue::new(BOUNDS);
        let local = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1", "127.1.2.3", "::1"];
        assert_eq!(push(&mut queue, &local), ["+", "+", "+", "+", "+", "+", "100"]);
        let remote = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
        assert_eq!(push(&mut queue, &remote)[..4], ["+", "+", "+", "+"]);
        assert_eq!((queue.len(), queue.is_empty()), (10, false));
        pop_all(&mut queue);
        assert_eq!(push(&mut queue, &local)[..6], ["+"; 6], "its places come back");
    }

    #[test]
    fn an_exact_number_of_places_is_for_all_together() {
        let mut queue = Queue::new(Bounds { jobs_max: 3, loopback_jobs_max: 3, is_shared: true, ..BOUNDS });
        let pushed = push(&mut queue, &["127.0.0.1", "127.0.0.1", "10.0.0.1", "127.0.0.1", "10.0.0.2"]);
        assert_eq!(pushed, ["+", "+", "+", "100", "160"]);
    }

    #[test]
    fn with_no_places_everybody_is_turned_away() {
        let limits = Limits { password_queue_jobs_max: Some(0), ..Limits::default() };
        let mut queue = Queue::new(Bounds::new(&limits, Duration::from_millis(80), 1));
        assert_eq!(push(&mut queue, &["127.0.0.1", "10.0.0.1", "10.0.0.1"]), ["100", "100", "100"]);
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn the_length_follows_from_what_a_job_costs() {
        fn check(limits: &Limits, cost_us: u64, workers: usize, jobs: usize, loopback: usize) {
            let bounds = Bounds::new(limits, Duration::from_micros(cost_us), workers);
            assert_eq!(
                (bounds.jobs_max, bounds.loopback_jobs_max),
                (jobs, loopback),
                "{cost_us} µs, {workers}"
            );
        }
        let limits = Limits {
            password_queue_ms_max: 2_000,
            password_queue_loopback_jobs_min: 64,
            ..Limits::default()
        };
        check(&limits, 80_000, 1, 25, 64);
        check(&limits, 80_000, 7, 175, 175);
        check(&limits, 130, 1, 15_384, 15_384);
        check(&limits, 5_000_000, 1, 1, 64);
        check(&limits, 80_000, 0, 25, 64);
        check(&limits, 0, 1, 2_000_000_000, 2_000_000_000);
        check(&Limits { password_queue_ms_max: 0, ..limits.clone() }, 80_000, 1, 1, 64);
        check(&Limits { password_queue_jobs_max: Some(5), ..limits.clone() }, 80_000, 1, 5, 5);
        check(&Limits { password_queue_jobs_max: Some(0), ..limits }, 80_000, 1, 0, 0);
    }
}
