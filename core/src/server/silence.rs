//! Whether the client is still there, where it was granted `ping`.
//!
//! The clock is set anew with every byte, and a deadline that moves away wakes no frontend: a connection costs one look in a
//! minute. A `pong` keeps its place among the answers, for a `ping` behind a request is not looked at before that is
//! answered: so the client waits for it as long as it would for that answer, or takes any byte for a sign of life.

use super::{Conn, Cx, End, Waiting};
use crate::bucket::Rate;
use crate::limits::ms;
use crate::message::Kind;
use crate::message::reply;
use crate::timer::Timer;

impl Conn {
    /// Nothing was heard of the client for as long as that may be. It is asked; if it was, it is gone.
    pub(super) fn on_silence(&mut self) {
        // One that is not read from cannot be heard, and one that does not take what waits for it has its own clock.
        if !self.wants_bytes() || self.cx.timers.get(Timer::Stall).is_some() {
            return self.cx.break_silence();
        }
        if self.cx.is_pinged {
            return self.close(End::Silent);
        }
        self.cx.is_pinged = true;
        self.cx.send(reply::encode_ok(Kind::Ping.as_str(), None, None::<&()>, None));
        let limits = &self.cx.rules.limits;
        let left = ms(limits.silent_gone_ms.saturating_sub(limits.silent_probe_ms));
        self.cx.timers.set(Timer::Silence, self.cx.now + left);
    }
}

impl Cx {
    /// Something was heard of the client: its silence begins anew.
    pub(super) fn break_silence(&mut self) {
        if self.caps.ping {
            self.is_pinged &= cfg!(planted_bug = "sign_of_life_missed");
            self.timers.set(Timer::Silence, self.now + ms(self.rules.limits.silent_probe_ms));
        }
    }

    /// Answers a `ping`. A `pong` has done its work by being heard, and is only counted.
    pub(super) fn on_sign_of_life(&mut self, waiting: &Waiting) {
        let rate = Rate::per_second(self.rules.limits.ping_rate, self.rules.limits.ping_burst);
        let taken = self.pings.take(self.now, rate);
        let is_in_time =
            self.is_in_time(taken, waiting.kind.as_str(), "You send pings and pongs too often", waiting);
        if is_in_time && waiting.kind == Kind::Ping {
            self.send(reply::encode_ok(Kind::Pong.as_str(), None, None::<&()>, waiting.rid.as_ref()));
        }
    }
}
