//! What several modules' tests need.

use chatroom_core::name::{Account, NameLook, UserName};
use chatroom_core::secret::Password;
use chatroom_core::server::Question;
use zeroize::Zeroizing;

use crate::keys::{name_key, name_look};

pub(crate) fn account(name: &str) -> Account {
    Account::new(name_key, UserName::parse(name).unwrap()).unwrap()
}

pub(crate) fn look(name: &str) -> NameLook {
    NameLook::of_user(name_look, &UserName::parse(name).unwrap()).unwrap()
}

pub(crate) fn password(text: &str) -> Password {
    Password::parse(Zeroizing::new(text.to_owned())).unwrap()
}

pub(crate) fn register(name: &str, with: &str) -> Question {
    Question::Register { account: account(name), look: look(name), password: password(with) }
}

pub(crate) fn verify(name: &str, with: &str) -> Question {
    Question::Verify { account: account(name), password: password(with) }
}
