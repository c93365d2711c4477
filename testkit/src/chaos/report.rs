//! What a run has shown.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::proxy::Counts;
use super::town::Town;
use super::{Holding, Settings, Tally};

/// The figures of a run in which all held.
pub struct Report {
    seed: u64,
    guests: usize,
    seconds: u64,
    connections: u64,
    cuts: u64,
    half_closes: u64,
    stalls: u64,
    pieces: u64,
    bytes: u64,
    tally: Tally,
    replaced: u64,
    given_up: u64,
    /// At the start; when it was warm; at the end.
    holdings: [Holding; 3],
}

impl Report {
    pub(super) fn new(
        settings: &Settings,
        counts: &Counts,
        town: &Town,
        tally: Tally,
        holdings: [Holding; 3],
    ) -> Self {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            seed: settings.seed,
            guests: settings.guests,
            seconds: settings.storm.as_secs(),
            connections: read(&counts.connections),
            cuts: read(&counts.cuts),
            half_closes: read(&counts.half_closes),
            stalls: read(&counts.stalls),
            pieces: read(&counts.pieces),
            bytes: read(&counts.bytes),
            tally,
            replaced: town.replaced.get(),
            given_up: town.given_up.get(),
            holdings,
        }
    }

    /// What there was to judge.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// How many connections were cut, or closed by half.
    pub fn cuts(&self) -> u64 {
        self.cuts + self.half_closes
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, guests, seconds, connections, cuts, half_closes, stalls, pieces, bytes, .. } = self;
        let Tally { said, refused, uncertain, stays, heard, owed } = self.tally;
        writeln!(f, "seed {seed}: {guests} guests, {seconds} s, and a tenth of that before")?;
        writeln!(
            f,
            "network: {connections} connections, {cuts} cut, {half_closes} closed by half, {stalls} stalls, \
             {bytes} bytes in {pieces} pieces"
        )?;
        writeln!(f, "said: {said} messages, {refused} refused or not sent, {uncertain} unheard")?;
        writeln!(f, "heard: {heard} in {stays} stays, {owed} of them owed; none missing, none too many")?;
        writeln!(
            f,
            "{} connections left for want of an answer, {} guests sent away by a late login of their own",
            self.given_up, self.replaced
        )?;
        for (when, Holding { descriptors, threads, resident_kib }) in
            ["start", "warm", "end"].into_iter().zip(self.holdings)
        {
            writeln!(f, "{when:<6} {descriptors:>4} descriptors {threads:>4} threads {resident_kib:>8} KiB")?;
        }
        Ok(())
    }
}
