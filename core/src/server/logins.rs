//! Where an account is logged in, for who is logged in: `logins`, in any state.

use super::asked::{Asked, Subject};
use super::{Cx, GrantId, Question, Waiting};
use crate::hub::Command;
use crate::message::Kind;
use crate::message::logins::Logins;
use crate::message::reply::Code;
use crate::name::Account;

/// Asks the store which logins there are, perhaps after one has ended. `None` is a request that was refused.
pub(super) fn ask(wanted: Logins, account: &Account, waiting: Waiting, cx: &mut Cx) -> Option<Asked> {
    let end = match wanted {
        Logins::List => None,
        Logins::End(id) if cx.grant == Some(id) => {
            cx.refuse(&waiting, Code::OwnLogin, "That is the login you have come by, log out to end it");
            return None;
        }
        Logins::End(id) => Some(id),
    };
    if !cx.may_list(Kind::Logins.as_str(), &waiting) {
        return None;
    }
    let ticket = cx.ask(Question::Logins { account: account.clone(), own: cx.grant, end });
    Some(Asked { ticket, waiting, of: Subject::Logins { ended: end } })
}

/// Has whoever came by a login told that it has ended, just now or before.
pub(super) fn dismiss(ended: Option<GrantId>, was_there: bool, cx: &mut Cx) {
    if let Some(login) = ended {
        cx.command(Command::EndLogin { login, was_there });
    }
}
