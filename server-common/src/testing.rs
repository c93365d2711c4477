//! What several modules' tests need.

use std::net::IpAddr;
use std::sync::Arc;

use chatroom_core::Instant;
use chatroom_core::frame::Frame;
use chatroom_core::name::{Account, NameLook, UserName};
use chatroom_core::secret::Password;
use chatroom_core::server::{Answer, GrantId, Question, Ticket};
use tls::{Opened, TlsError};
use zeroize::Zeroizing;

use crate::exchange::{Peer, Wake};
use crate::keys::{name_key, name_look};
use crate::session::{Desk, Transport};

/// Every password is right.
pub(crate) struct Trusting;

/// A transport that leaves everything as it is.
pub(crate) struct Clear;

/// A frame around what a client says.
pub(crate) fn framed(json: &str) -> Vec<u8> {
    [&u32::try_from(json.len()).unwrap().to_be_bytes()[..], json.as_bytes()].concat()
}

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
    Question::Register { account: account(name), look: look(name), password: password(with), invite: None }
}

pub(crate) fn verify(name: &str, with: &str) -> Question {
    Question::Verify { account: account(name), password: password(with), lasts: false, client: None }
}

impl<W: Wake> Desk<W> for Trusting {
    fn ask(&self, _: Instant, _: IpAddr, peer: &Arc<Peer<W>>, ticket: Ticket, question: Question) {
        let Question::Verify { account, .. } = question else { panic!("nobody registers here") };
        peer.answer(ticket, Answer::Verified(account));
    }

    fn end(&self, _: GrantId) {}

    fn visit(&self, _: GrantId) {}
}

impl Transport for Clear {
    fn open(&mut self, wire: &[u8], plain: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<Opened, TlsError> {
        plain.extend_from_slice(wire);
        Ok(Opened { peer_closed: false })
    }

    fn seal(&mut self, frames: &[Frame], out: &mut Vec<u8>) {
        out.extend(frames.iter().flat_map(|frame| frame.iter()));
    }

    fn close(&mut self, _: &mut Vec<u8>) {}

    fn is_secure(&self) -> bool {
        true
    }
}
