//! Logins that last: by which of them connections have come, and what becomes of these when one ends.

use alloc::vec::Vec;

use super::{Answer, ConnId, Deliveries, Farewell, Hub};
use crate::message::hello::Caps;
use crate::message::logins::GrantId;
use crate::name::Account;
use crate::time::Instant;

impl Hub {
    /// The logins that last by which somebody is here.
    pub fn grants(&self) -> Vec<GrantId> {
        self.directory.everyone().filter_map(|id| self.directory.member(id)?.grant).collect()
    }

    /// Tells whoever has come by one of these logins to go, for they have ended. They are in order.
    pub fn end_logins(&mut self, now: Instant, ended: &[GrantId], deliveries: &mut Deliveries) {
        let has_ended =
            |id: &ConnId| self.grant_of(*id).is_some_and(|grant| ended.binary_search(&grant).is_ok());
        let connections: Vec<ConnId> = self.directory.everyone().filter(has_ended).collect();
        for id in connections {
            self.send_away(now, id, Farewell::Ended, deliveries);
        }
    }

    /// Somebody comes, perhaps by a login that lasts.
    pub(super) fn come_by(
        &mut self,
        now: Instant,
        from: ConnId,
        account: Account,
        caps: Caps,
        grant: Option<GrantId>,
        deliveries: &mut Deliveries,
    ) -> Answer {
        if !self.directory.is_visitor(from) {
            return None;
        }
        // It was on its way here when another device ended it.
        let has_ended =
            |grant| self.ended.iter().any(|(user, ended)| *ended == grant && *user == account.key);
        if grant.is_some_and(has_ended) && !cfg!(planted_bug = "ended_login_lets_in") {
            self.send_away(now, from, Farewell::Ended, deliveries);
            return None;
        }
        let answer = self.login(now, from, account, caps, deliveries);
        if let Some(member) = self.directory.member_mut(from) {
            member.grant = grant;
        }
        answer
    }

    /// A login of this connection's user has ended. Of nobody else's: which one it is comes from a client. One that was not
    /// there is not remembered, or a number could be shut out before it is given.
    pub(super) fn end_login(
        &mut self,
        now: Instant,
        from: ConnId,
        ended: GrantId,
        was_there: bool,
        deliveries: &mut Deliveries,
    ) -> Answer {
        let user = self.directory.user(self.directory.member(from)?.user)?;
        let key = user.account.key.clone();
        let came_by = |id: &ConnId| self.grant_of(*id) == Some(ended);
        let connections = user.single.iter().chain(&user.devices).copied().filter(came_by);
        let connections: Vec<ConnId> = connections.collect();
        for id in connections {
            self.send_away(now, id, Farewell::Ended, deliveries);
        }
        if was_there {
            if self.ended.len() == ENDED_KEPT {
                self.ended.pop_front();
            }
            self.ended.push_back((key, ended));
        }
        None
    }

    fn grant_of(&self, id: ConnId) -> Option<GrantId> {
        self.directory.member(id)?.grant
    }
}

/// How many logins that were ended are remembered, for those that are on their way here. That takes them no longer than it
/// takes a thread to get its turn.
const ENDED_KEPT: usize = 256;
