//! Whose queue goes when all of them together are too long: the longest.

use std::cmp::Reverse;
use std::sync::Arc;

use chatroom_core::ledger::Ledger;

use super::{Peer, State, Wake};

impl<W: Wake> State<W> {
    /// If more waits for all together than may, drops what waits for those for whom most does, until a little
    /// less than that is left. They are appended to `woken`, to see it and go. How many there were.
    ///
    /// All queues are looked at, which is dear; so a little more has to come before it is done again, and as long as
    /// nothing has to be done it costs one look at the count.
    pub(super) fn shed(&mut self, ledger: &Ledger, woken: &mut Vec<Arc<Peer<W>>>) -> usize {
        let bytes_max = self.outbox_total_bytes_max;
        let waiting = ledger.bytes();
        if waiting <= bytes_max {
            self.shed_above = bytes_max;
        }
        if waiting <= self.shed_above {
            return 0;
        }
        let a_little = bytes_max / 16;
        let enough = bytes_max - a_little;
        let woken_before = woken.len();
        // What those have sealed who were dropped is free when they have gone.
        let mut leaving = 0;
        let mut queues = Vec::new();
        for peer in self.peers.iter().flatten() {
            match peer.queued_bytes() {
                Some(bytes) => queues.push((bytes, peer)),
                None => leaving += peer.sealed_bytes(),
            }
        }
        queues.sort_by_key(|(bytes, _)| Reverse(*bytes));
        for (bytes, peer) in queues {
            if bytes == 0 || ledger.bytes().saturating_sub(leaving) <= enough {
                break;
            }
            peer.give_up();
            leaving += peer.sealed_bytes();
            woken.push(Arc::clone(peer));
        }
        self.shed_above = ledger.bytes().max(enough) + a_little;
        woken.len() - woken_before
    }
}
