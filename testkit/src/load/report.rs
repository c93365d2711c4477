//! What a run has shown.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::tally::Tally;

/// What a run has shown.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Messages that reached a member while it counted.
    pub deliveries: u64,
    /// The same a second.
    pub deliveries_per_second: f64,
    /// From saying a message to hearing it, in microseconds: half of them took no longer.
    pub latency_us_p50: f64,
    /// 99 of a hundred took no longer.
    pub latency_us_p99: f64,
    /// The longest.
    pub latency_us_max: f64,
    /// How many cores the clients took. Near 1, they are what is measured.
    pub generator_cores: f64,
    /// Processor time a delivery of the server, in microseconds, user and system.
    pub cpu_us_per_delivery: Option<f64>,
    /// How many cores the server took.
    pub server_cores: Option<f64>,
    /// What the server's memory grew by as they came in, in KiB for each, everybody logged in and silent.
    pub kib_per_connection: Option<f64>,
    /// The server's memory in the end, in KiB.
    pub memory_kib: Option<u64>,
    /// The server's threads in the end.
    pub threads: Option<usize>,
}

/// What the server's process took.
#[derive(Clone, Copy, Debug)]
pub struct ServerCost {
    /// Processor time while it counted, user and system.
    pub cpu: Duration,
    /// What its memory grew by as they came in, in KiB for each.
    pub kib_per_connection: f64,
    /// Its memory in the end, in KiB.
    pub memory_kib: u64,
    /// Its threads in the end.
    pub threads: usize,
}

impl Report {
    pub(super) fn new(tally: &Tally, span: Duration, own: Duration, server: Option<ServerCost>) -> Self {
        let deliveries = tally.deliveries();
        let us = |ns: u64| Duration::from_nanos(ns).as_secs_f64() * 1e6;
        let latencies = tally.latencies();
        let seconds = span.as_secs_f64();
        Self {
            deliveries,
            deliveries_per_second: deliveries as f64 / seconds,
            latency_us_p50: us(latencies.value_at_quantile(0.5)),
            latency_us_p99: us(latencies.value_at_quantile(0.99)),
            latency_us_max: us(latencies.max()),
            generator_cores: own.as_secs_f64() / seconds,
            cpu_us_per_delivery: server
                .filter(|_| deliveries > 0)
                .map(|cost| cost.cpu.as_secs_f64() * 1e6 / deliveries as f64),
            server_cores: server.map(|cost| cost.cpu.as_secs_f64() / seconds),
            kib_per_connection: server.map(|cost| cost.kib_per_connection),
            memory_kib: server.map(|cost| cost.memory_kib),
            threads: server.map(|cost| cost.threads),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line =
            |f: &mut fmt::Formatter<'_>, what: &str, value: String| writeln!(f, "{what:<36}{value:>14}");
        line(f, "deliveries", self.deliveries.to_string())?;
        line(f, "deliveries a second", format!("{:.0}", self.deliveries_per_second))?;
        line(f, "latency, half below", format!("{:.0} us", self.latency_us_p50))?;
        line(f, "latency, 99 % below", format!("{:.0} us", self.latency_us_p99))?;
        line(f, "latency, longest", format!("{:.0} us", self.latency_us_max))?;
        line(f, "cores taken by the clients", format!("{:.2}", self.generator_cores))?;
        if let Some(us) = self.cpu_us_per_delivery {
            line(f, "server: processor time a delivery", format!("{us:.3} us"))?;
        }
        if let Some(cores) = self.server_cores {
            line(f, "server: cores taken", format!("{cores:.3}"))?;
        }
        if let Some(kib) = self.kib_per_connection {
            line(f, "server: memory a connection", format!("{kib:.1} KiB"))?;
        }
        if let Some(kib) = self.memory_kib {
            line(f, "server: memory", format!("{kib} KiB"))?;
        }
        if let Some(threads) = self.threads {
            line(f, "server: threads", threads.to_string())?;
        }
        Ok(())
    }
}
