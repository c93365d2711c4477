//! When what is not kept any longer is let go: at the start and each hour from then on, in small cuts with a pause after each.
//! Where everything is kept, nobody wakes for it.

use std::time::Duration;

use chatroom_core::Instant;

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::store::{Place, Retention, StoreError};

/// See the module.
#[derive(Default)]
pub(crate) struct Sweep {
    keep: Retention,
    /// When the next cut is due.
    due: Option<Instant>,
    place: Place,
    /// How many messages this sweep has let go.
    gone: u64,
}

impl Sweep {
    /// Begins anew, with so much kept of what no room says otherwise about.
    pub(crate) fn begin(&mut self, now: Instant, keep: Retention) {
        *self = Self { keep, due: Some(now), ..Self::default() };
    }

    /// When to call [`advance`](Self::advance).
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Makes the cut that is due.
    pub(crate) fn advance(&mut self, accounts: &Accounts, clock: Clock) {
        let start = clock.now();
        // Whatever becomes of this one, it is not tried again at once.
        self.due = Some(start + INTERVAL);
        let pause = match self.cut(accounts, start) {
            Ok(Next::Cut) => Some((clock.now().since(start) * PAUSE).max(PAUSE_MIN)),
            Ok(Next::Sweep) => Some(INTERVAL),
            Ok(Next::Nothing) => None,
            Err(error) => {
                tracing::error!(%error, "what is not kept any longer could not be removed");
                self.end();
                Some(INTERVAL)
            }
        };
        self.due = pause.map(|pause| clock.now() + pause);
    }

    fn cut(&mut self, accounts: &Accounts, now: Instant) -> Result<Next, StoreError> {
        let is_first = self.place == Place::default();
        if is_first && self.keep.is_for_ever() && !accounts.has_room_retention()? {
            return Ok(Next::Nothing);
        }
        let cut = accounts.cut(now, self.keep, self.place)?;
        self.gone += cut.messages;
        if let Some(place) = cut.next {
            self.place = place;
            return Ok(Next::Cut);
        }
        self.end();
        Ok(Next::Sweep)
    }

    fn end(&mut self) {
        if self.gone > 0 {
            tracing::info!("{} messages are not kept any longer", self.gone);
        }
        (self.place, self.gone) = (Place::default(), 0);
    }
}

/// What comes after a cut.
enum Next {
    /// Another one, after a pause.
    Cut,
    /// Another sweep, in an hour.
    Sweep,
    /// Nothing: everything is kept.
    Nothing,
}

/// Between two sweeps.
const INTERVAL: Duration = Duration::from_secs(3_600);
/// After a cut others have the disk for so many times as long as it took.
const PAUSE: u32 = 4;
/// And for so long at least: who waited for the cut comes first.
const PAUSE_MIN: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use chatroom_core::limits::Limits;
    use chatroom_core::message::hello::Registration;

    use super::*;
    use crate::passwords::Hasher;
    use crate::store::Store;

    const KEEP: Retention = Retention { days: 0, messages: 10 };

    /// Accounts whose store has so many messages in one room.
    fn accounts(messages: u32) -> Accounts {
        let mut store = Store::in_memory().unwrap();
        store.fill_for_tests_only(messages);
        let hasher = Hasher::new(1).unwrap();
        Accounts::new(store, hasher, &Limits::default(), Registration::Open, Duration::ZERO)
    }

    fn messages(accounts: &Accounts) -> u64 {
        accounts.store().read(|store| store.list_rooms().unwrap().iter().map(|room| room.messages).sum())
    }

    #[test]
    fn a_sweep_is_many_cuts_and_the_next_one_comes_in_an_hour() {
        let (accounts, clock) = (accounts(1_000), Clock::start());
        let mut sweep = Sweep::default();
        assert_eq!(sweep.due(), None);
        sweep.begin(clock.now(), KEEP);
        let mut cuts = 0;
        while sweep.due().is_some_and(|due| due < clock.now() + INTERVAL / 2) {
            let before = messages(&accounts);
            sweep.advance(&accounts, clock);
            assert!(before - messages(&accounts) <= 32, "nobody waits for more");
            cuts += 1;
        }
        assert_eq!((messages(&accounts), cuts), (10, 31));
        assert!(sweep.due().is_some());
        accounts.store().read(Store::check).unwrap();
    }

    #[test]
    fn where_everything_is_kept_nobody_wakes() {
        let (accounts, clock) = (accounts(20), Clock::start());
        let mut sweep = Sweep::default();
        sweep.begin(clock.now(), Retention::default());
        sweep.advance(&accounts, clock);
        assert_eq!((sweep.due(), messages(&accounts)), (None, 20));
    }

    #[test]
    fn a_room_of_its_own_retention_is_reason_enough_to_look() {
        let (accounts, clock) = (accounts(20), Clock::start());
        let key = chatroom_core::name::NameKey::new(crate::keys::name_key, "den");
        accounts.store().commit(|store| store.set_room_retention(&key, Some(KEEP)).unwrap());
        let mut sweep = Sweep::default();
        sweep.begin(clock.now(), Retention::default());
        sweep.advance(&accounts, clock);
        assert_eq!((sweep.due().is_some(), messages(&accounts)), (true, 10));
    }
}
