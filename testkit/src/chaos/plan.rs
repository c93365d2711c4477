//! What the proxy does to one connection, decided before its first byte.

use std::time::Duration;

use fastrand::Rng;

/// What happens to a connection.
pub(super) struct Plan {
    /// From the client to the server.
    pub(super) up: Way,
    /// From the server to the client.
    pub(super) down: Way,
    /// At this age both sides lose it, whatever has passed.
    pub(super) cut_at: Option<Duration>,
    /// How they lose it, then or after so many bytes.
    pub(super) cut: Cut,
}

/// One direction of a connection.
pub(super) struct Way {
    /// Bytes are passed on in pieces of one to so many.
    pub(super) piece_bytes_max: usize,
    /// Each piece that was read waits for up to this long.
    pub(super) delay_max: Duration,
    /// When nothing passes.
    pub(super) stall: Option<Stall>,
    /// What comes to pass when so many bytes have: it can be in the middle of a record.
    pub(super) end: Option<(u64, WayEnd)>,
    /// How much later than the data its end is passed on.
    pub(super) end_delay: Duration,
}

/// A time in which nothing passes, by the connection's age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stall {
    from: Duration,
    to: Duration,
}

/// How a direction ends by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WayEnd {
    /// With the whole connection.
    Cut,
    /// Alone: its receiver is told that nothing more comes, the other direction goes on.
    HalfClose,
}

/// How both sides lose a connection.
#[derive(Clone, Copy)]
pub(super) enum Cut {
    /// By a reset.
    Reset,
    /// By an end that looks like any other, but for the goodbye that TLS would have.
    Finish,
    /// The client by a reset now, the server so much later: it talks to a ghost meanwhile.
    ServerLater(Duration),
    /// The server by a reset now, the client so much later.
    ClientLater(Duration),
}

impl Plan {
    /// The plan for connection `number`, counted from 0, in the storm of this seed.
    pub(super) fn draw(seed: u64, number: u64) -> Self {
        let mut rng = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let (up_stall, down_stall) = draw_stalls(&mut rng);
        let (mut up, mut down) = (Way::draw(&mut rng, up_stall), Way::draw(&mut rng, down_stall));
        let cut = match rng.u8(..4) {
            0 => Cut::Reset,
            1 => Cut::Finish,
            2 => Cut::ServerLater(draw_duration(&mut rng, 0, 4_000)),
            _ => Cut::ClientLater(draw_duration(&mut rng, 0, 4_000)),
        };
        let mut cut_at = None;
        let end = if rng.u8(..4) == 0 { WayEnd::HalfClose } else { WayEnd::Cut };
        match rng.u8(..20) {
            // In the handshake, or in what comes first after it.
            0..4 => up.end = Some((rng.u64(1..2_500), end)),
            4..8 => down.end = Some((rng.u64(1..3_500), end)),
            // Some time later, in the middle of something.
            8..10 => up.end = Some((rng.u64(2_000..20_000), end)),
            10..13 => down.end = Some((rng.u64(3_000..150_000), end)),
            // While nothing may be on its way.
            13..18 => cut_at = Some(draw_duration(&mut rng, 1_000, 60_000)),
            // Not at all.
            _ => {}
        }
        Self { up, down, cut_at, cut }
    }
}

impl Way {
    fn draw(rng: &mut Rng, stall: Option<Stall>) -> Self {
        let piece_bytes_max = match rng.u8(..40) {
            0 => 1,
            1..8 => 16,
            8..18 => 300,
            18..28 => 1_500,
            _ => usize::MAX,
        };
        let delay_max = match rng.u8(..10) {
            0..6 => Duration::ZERO,
            6..9 => Duration::from_millis(20),
            _ => Duration::from_millis(250),
        };
        let end_delay = if rng.u8(..4) == 0 { draw_duration(rng, 0, 3_000) } else { Duration::ZERO };
        Self { piece_bytes_max, delay_max, stall, end: None, end_delay }
    }

    /// Until which age a piece has to wait that would be passed on at `age`.
    pub(super) fn stalled_until(&self, age: Duration) -> Option<Duration> {
        self.stall.filter(|stall| (stall.from..stall.to).contains(&age)).map(|stall| stall.to)
    }
}

/// When nothing passes: in neither direction, in one, or in both.
fn draw_stalls(rng: &mut Rng) -> (Option<Stall>, Option<Stall>) {
    // Some begin within the handshake.
    let from = if rng.bool() { draw_duration(rng, 0, 500) } else { draw_duration(rng, 500, 20_000) };
    let stall = Some(Stall { from, to: from + draw_duration(rng, 1_000, 5_000) });
    match rng.u8(..10) {
        0 => (stall, None),
        1 => (None, stall),
        2 => (stall, stall),
        _ => (None, None),
    }
}

fn draw_duration(rng: &mut Rng, ms_min: u64, ms_max: u64) -> Duration {
    Duration::from_millis(rng.u64(ms_min..=ms_max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans() -> impl Iterator<Item = Plan> {
        (0..1_000).map(|number| Plan::draw(7, number))
    }

    #[test]
    fn a_plan_is_the_same_each_time() {
        for number in 0..100 {
            let (one, other) = (Plan::draw(7, number), Plan::draw(7, number));
            assert_eq!(one.cut_at, other.cut_at);
            assert_eq!(one.up.piece_bytes_max, other.up.piece_bytes_max);
            assert_eq!(one.down.stall, other.down.stall);
            assert!(one.up.end == other.up.end && one.down.end == other.down.end);
        }
    }

    #[test]
    fn everything_that_can_happen_does() {
        let ends = |plan: &Plan| [plan.up.end, plan.down.end].into_iter().flatten().collect::<Vec<_>>();
        assert!(plans().any(|plan| ends(&plan).iter().any(|(_, end)| *end == WayEnd::HalfClose)));
        assert!(
            plans().any(|plan| ends(&plan).iter().any(|(bytes, end)| *end == WayEnd::Cut && *bytes < 500))
        );
        assert!(plans().any(|plan| ends(&plan).is_empty() && plan.cut_at.is_none()));
        assert!(plans().any(|plan| plan.up.stall.is_some() && plan.down.stall.is_none()));
        assert!(plans().any(|plan| plan.up.stall.is_some() && plan.down.stall.is_some()));
        assert!(plans().any(|plan| plan.up.piece_bytes_max == 1));
        assert!(plans().any(|plan| matches!(plan.cut, Cut::ServerLater(later) if later.as_secs() > 2)));
        assert!(plans().any(|plan| matches!(plan.cut, Cut::ClientLater(_)) && plan.cut_at.is_some()));
    }

    #[test]
    fn a_stall_holds_what_comes_within_it() {
        let ms = Duration::from_millis;
        let mut way = Way::draw(&mut Rng::with_seed(1), None);
        way.stall = Some(Stall { from: ms(10), to: ms(20) });
        assert_eq!(way.stalled_until(ms(9)), None);
        assert_eq!(way.stalled_until(ms(10)), Some(ms(20)));
        assert_eq!(way.stalled_until(ms(20)), None);
    }
}
