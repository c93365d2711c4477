//! What a server counts of itself, and how it says so: as OpenMetrics text, which Prometheus reads, without anybody's
//! name.
//!
//! Counting is one addition for each refusal and end of a connection, and a short lock for each hash and commit, which
//! take a thousand times as long; messages and their copies are counted under the exchange's lock, which is held there
//! anyway. Everything else is looked up when somebody asks.

use std::time::Instant;

use chatroom_core::message::reply::Code;
use chatroom_core::server::End;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What is counted of connections, beside the exchange.
#[derive(Default)]
pub(crate) struct Counts {
    handshakes_failed: Counter,
    slow_readers_dropped: Counter,
    refusals: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Counts {
    pub(crate) fn refused(&self, code: Code) {
        self.refusals.get_or_create(&[("code", code.as_str())]).inc();
    }

    pub(crate) fn ended(&self, end: End) {
        match end {
            End::NoHandshake => drop(self.handshakes_failed.inc()),
            End::Stalled | End::Overflowed => drop(self.slow_readers_dropped.inc()),
            End::Closed | End::Silent | End::Dismissed(_) => {}
        }
    }
}

/// How long something took, each time.
#[derive(Clone)]
pub(crate) struct Times(Histogram);

impl Times {
    /// Does `work`, and notes how long it took.
    pub(crate) fn measure<R>(&self, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = work();
        self.0.observe(start.elapsed().as_secs_f64());
        result
    }
}

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::new(BOUNDS))
    }
}

/// What the exchange knows at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Connections, logged in or not.
    pub connections: usize,
    /// Users who are logged in.
    pub users: usize,
    /// Rooms, the lobby included.
    pub rooms: usize,
    /// Messages that were passed on since the start.
    pub messages: u64,
    /// How often one was handed to a connection since the start, lists not counted.
    pub copies: u64,
}

/// All there is to say.
pub(crate) struct Report<'a> {
    pub(crate) census: Census,
    pub(crate) counts: &'a Counts,
    pub(crate) queued_bytes: usize,
    pub(crate) password_jobs: usize,
    pub(crate) hashes: &'a Times,
    pub(crate) commits: &'a Times,
}

impl Report<'_> {
    /// The report as OpenMetrics text.
    pub(crate) fn encode(&self) -> String {
        let mut registry = Registry::with_prefix("chatroom");
        self.register_state(&mut registry);
        self.register_counts(&mut registry);
        let mut page = String::with_capacity(8 * 1024);
        // A String takes whatever is written.
        let _ = text::encode(&mut page, &registry);
        page
    }

    fn register_state(&self, registry: &mut Registry) {
        let Census { connections, users, rooms, .. } = self.census;
        for (name, help, value) in [
            ("connections", "Open connections, logged in or not", connections),
            ("users", "Users who are logged in", users),
            ("rooms", "Rooms, the lobby included", rooms),
            ("queued_bytes", "Bytes that wait for clients, what they share counted once", self.queued_bytes),
            ("password_jobs_waiting", "Logins and registrations that wait for a hash", self.password_jobs),
        ] {
            registry.register(name, help, ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)));
        }
    }

    fn register_counts(&self, registry: &mut Registry) {
        let Census { messages, copies, .. } = self.census;
        let Counts { handshakes_failed, slow_readers_dropped, refusals } = self.counts;
        for (name, help, count) in [
            ("messages", "Messages that were passed on, public and private", messages),
            ("deliveries", "Copies of messages that were handed to connections", copies),
            ("handshakes_failed", "Connections that ended without a TLS handshake", handshakes_failed.get()),
            (
                "slow_readers_dropped",
                "Connections that did not take what waited for them",
                slow_readers_dropped.get(),
            ),
        ] {
            registry.register(name, help, ConstCounter::new(count));
        }
        registry.register("refusals", "Error answers, by their code", refusals.clone());
        for (name, help, times) in [
            ("password_hash", "How long hashing a password took", self.hashes),
            ("commit", "How long writing to the disk took", self.commits),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, times.0.clone());
        }
    }
}

/// Seconds: a commit is at the lower end, a hash at the upper.
const BOUNDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_was_counted() {
        let (counts, hashes, commits) = (Counts::default(), Times::default(), Times::default());
        counts.refused(Code::Busy);
        counts.refused(Code::Busy);
        counts.ended(End::NoHandshake);
        counts.ended(End::Stalled);
        counts.ended(End::Closed);
        hashes.0.observe(0.054);
        hashes.0.observe(0.1);
        hashes.0.observe(60.0);
        let census = Census { connections: 3, users: 2, rooms: 4, messages: 5, copies: 10 };
        let report = Report {
            census,
            counts: &counts,
            queued_bytes: 7,
            password_jobs: 1,
            hashes: &hashes,
            commits: &commits,
        };
        let page = report.encode();
        for line in [
            "# TYPE chatroom_connections gauge",
            "chatroom_connections 3",
            "chatroom_users 2",
            "chatroom_rooms 4",
            "chatroom_queued_bytes 7",
            "chatroom_password_jobs_waiting 1",
            "# TYPE chatroom_messages counter",
            "chatroom_messages_total 5",
            "chatroom_deliveries_total 10",
            "chatroom_handshakes_failed_total 1",
            "chatroom_slow_readers_dropped_total 1",
            "chatroom_refusals_total{code=\"busy\"} 2",
            "chatroom_password_hash_seconds_bucket{le=\"0.05\"} 0",
            "chatroom_password_hash_seconds_bucket{le=\"0.1\"} 2",
            "chatroom_password_hash_seconds_bucket{le=\"+Inf\"} 3",
            "chatroom_password_hash_seconds_sum 60.154",
            "chatroom_password_hash_seconds_count 3",
            "chatroom_commit_seconds_count 0",
            "# EOF",
        ] {
            assert!(page.lines().any(|found| found == line), "no {line} in\n{page}");
        }
    }
}
