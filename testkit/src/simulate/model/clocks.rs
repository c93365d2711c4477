//! What arrives, and whose time has come.

use std::time::Duration;

use chatroom_core::Instant;

use super::accounts::Question;
use super::conn::Stage;
use super::{Happened, Model, Over, Seen};

impl Model {
    /// What arrived, and whose time has come. Whether the connection ends for that, before anything else.
    pub(super) fn on_happened(&mut self, line: usize, happened: Happened) -> Option<Over> {
        let (now, limits) = (self.now, &self.swarm.limits);
        let conn = self.conns[line].as_mut().expect("who is told something is connected");
        let mut over = None;
        match (happened, conn.stage) {
            (Happened::Read(bytes), Stage::Handshake) => {
                // The first byte is the handshake.
                conn.stage = Stage::Open;
                conn.clocks.handshake = None;
                conn.clocks.login = Some(now + Duration::from_millis(limits.login_ms_max));
                conn.fed = bytes - 1;
            }
            (Happened::Read(bytes), Stage::Open) => {
                if bytes < conn.said.front().map_or(0, |said| said.bytes.len()) {
                    self.coverage.reach("frame_in_pieces");
                }
                conn.fed += bytes;
                conn.break_silence(now, limits);
            }
            (Happened::ReadEnd, stage) => {
                conn.is_eof = true;
                if stage == Stage::Handshake {
                    over = Some(Over::Closed("ended"));
                } else if stage == Stage::Open
                    && conn.asked.as_ref().is_some_and(|(question, ..)| {
                        !matches!(question, Question::History(_) | Question::Logins(_))
                    })
                {
                    over = Some(Over::Finished("ended_while_asking"));
                }
            }
            (Happened::Read(_), Stage::Lingering) | (Happened::Wrote(_) | Happened::Woken, _) => {}
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let clocks = &mut conn.clocks;
        clocks.pace = clocks.pace.filter(|at| *at > now);
        over = over.or_else(|| match () {
            () if is_due(clocks.handshake) => Some(Over::Closed("handshake_timeout")),
            () if is_due(clocks.login) => Some(Over::Dismissed("login_timeout")),
            () if is_due(clocks.frame) => Some(Over::Dismissed("frame_timeout")),
            () if is_due(clocks.linger) => Some(Over::Closed("lingered")),
            () if is_due(clocks.stall) => Some(Over::Closed("stalled")),
            () => None,
        });
        if over.is_none() && is_due(clocks.silence) { self.on_silence(line) } else { over }
    }

    /// Nothing was heard of somebody for long who can be asked.
    pub(super) fn on_silence(&mut self, line: usize) -> Option<Over> {
        let (now, limits) = (self.now, self.swarm.limits.clone());
        let conn = self.conn_mut(line);
        // Who is not read from, or does not take what there is, is not silent.
        if conn.is_eof || !conn.has_room(&limits) || conn.clocks.stall.is_some() {
            conn.break_silence(now, &limits);
            self.coverage.reach("silence_of_our_own");
            return None;
        }
        if conn.is_pinged {
            return Some(Over::Closed("silent"));
        }
        (conn.is_pinged, conn.is_to_be_asked) = (true, true);
        let left = limits.silent_gone_ms - limits.silent_probe_ms;
        conn.clocks.silence = Some(now + Duration::from_millis(left));
        self.coverage.reach("asked_in_silence");
        None
    }

    /// Sets the clocks as they have to be after a session was told something.
    pub(super) fn settle_clocks(
        &mut self,
        line: usize,
        seen: &Seen<'_>,
        stage_before: Stage,
        has_looked: bool,
    ) {
        let (now, limits) = (self.now, self.swarm.limits.clone());
        let is_paused = seen.wire_bytes >= limits.outbox_pause_bytes;
        let has_taken = matches!(seen.happened, Happened::Wrote(bytes) if bytes > 0);
        if is_paused {
            self.coverage.reach("paused");
        }
        let conn = self.conn_mut(line);
        if seen.is_finishing && stage_before != Stage::Lingering {
            conn.stage = Stage::Lingering;
            conn.clocks.finish(now, &limits);
            conn.due.clear();
            conn.said.clear();
            (conn.asked, conn.answered) = (None, None);
        }
        if conn.stage == Stage::Open {
            if has_looked {
                (conn.clocks.frame, conn.clocks.frame_left) = (None, None);
            }
            let is_reading = conn.is_idle() && !is_paused && !conn.is_eof && conn.clocks.pace.is_none();
            let is_begun = conn.fed > 0;
            conn.clocks.run_frame(now, is_reading && is_begun, &limits);
        }
        conn.clocks.run_stall(now, has_taken, seen.wire_bytes > 0, &limits);
    }
}
