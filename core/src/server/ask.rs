//! Questions a connection asks and waits for: whatever needs a hash or the store.

use alloc::vec::Vec;
use core::fmt;

use crate::message::history::{Page, Window};
use crate::message::logins::{ClientName, Login};
use crate::name::{Account, NameKey, NameLook};
use crate::secret::{Password, Token};

pub use crate::message::logins::GrantId;

/// Names one open question of a connection, so that a late answer to an earlier one is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub(super) u64);

/// A login that lasts: who shows its token is let in without a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// What the account store calls it.
    pub id: GrantId,
    /// What to show. The one before stays good until this one was shown, for it may get lost on its way.
    pub token: Token,
    /// Until when, in milliseconds since 1970.
    pub expires_ms: u64,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a connection wants to know. Debug output is left out on purpose: all but one hold something secret.
pub enum Question {
    /// Make this account. Answered after the account is durable.
    Register {
        /// Who wants to exist.
        account: Account,
        /// What that name looks like, which nobody else's may.
        look: NameLook,
        /// What they will log in with; long enough already.
        password: Password,
        /// What they show for having been invited.
        invite: Option<Token>,
    },
    /// Is this the account's password?
    Verify {
        /// Who is claimed to be there, spelled as it was typed.
        account: Account,
        /// What they say they registered with.
        password: Password,
        /// Whether the login is to last.
        lasts: bool,
        /// What their program calls itself, to be noted with a login that lasts.
        client: Option<ClientName>,
    },
    /// Who shows this?
    Resume {
        /// Of a login that lasts.
        token: Token,
    },
    /// What was said before?
    History(Recall),
    /// Where is this account logged in, by logins that last?
    Logins {
        /// Whose they are.
        account: Account,
        /// The one by which who asks has come.
        own: Option<GrantId>,
        /// The one that is to end first, durably. It is another one.
        end: Option<GrantId>,
    },
    /// A login that cannot succeed, for its name or password is impossible. It costs what a real one costs.
    Decoy,
}

/// What somebody wants to read who may.
pub struct Recall {
    /// Who wants to.
    pub reader: Account,
    /// Of which conversation.
    pub conversation: Conversation,
    /// Which part of it.
    pub window: Window,
}

/// Whose conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversation {
    /// A room's.
    Room(NameKey),
    /// The reader's and this one's.
    Peer(NameKey),
}

/// What came of a [`Question`].
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// The account exists now, durably.
    Registered(Account),
    /// The password is right; the account is spelled as it was at registration.
    Verified(Account),
    /// The same, or the token was right, and the login lasts.
    Granted(Account, Grant),
    /// This was said.
    Told(Page),
    /// These last, the one that was used last at the head.
    Logins(Vec<Login>),
    /// It did not happen.
    Refused(Refusal),
}

/// What people say does not belong into logs.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered(account) => f.debug_tuple("Registered").field(account).finish(),
            Self::Verified(account) => f.debug_tuple("Verified").field(account).finish(),
            Self::Granted(account, grant) => f.debug_tuple("Granted").field(account).field(grant).finish(),
            Self::Logins(logins) => f.debug_tuple("Logins").field(logins).finish(),
            Self::Told(page) => write!(f, "Told({} messages)", page.messages().len()),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
        }
    }
}

/// Why a question was answered with no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The name, or one that counts as the same, belongs to somebody.
    NameTaken,
    /// The name looks like one that belongs to somebody.
    NameResembles,
    /// This server takes no new accounts.
    RegistrationClosed,
    /// This server takes only who was invited.
    InviteRequired,
    /// There is no such invitation, or it was used up or has ended: nobody outside learns which.
    InviteInvalid,
    /// The token is of no login that lasts, or of one that has ended.
    SessionEnded,
    /// The account has no login of that number that lasts.
    NoSuchLogin,
    /// No such account, or not its password: nobody outside learns which.
    AuthFailed,
    /// The password is right, and whoever runs the server has shut the account out.
    AccountDisabled,
    /// Too many failures for this account, or from this address; try again after `retry_ms` milliseconds.
    AuthThrottled {
        /// Milliseconds until another try is looked at.
        retry_ms: u64,
    },
    /// Too much hashing is waiting already; try again after `retry_ms` milliseconds.
    Busy {
        /// Milliseconds until there is room, as far as can be told.
        retry_ms: u64,
    },
    /// The store could not read or write; nothing was changed.
    Unavailable {
        /// Milliseconds after which trying again makes sense.
        retry_ms: u64,
    },
}
