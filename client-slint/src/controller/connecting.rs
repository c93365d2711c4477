//! The way to a server, and back to it.

use chatroom_core::client::End;

use super::{Controller, Effect, Identity, Link, Order, Page, Phrase, Sentence, Trusting};
use crate::address::Invitation;
use crate::screen::Login;
use crate::sentence::of_fault;

impl Controller {
    /// Connect to what was typed or pasted: an address, or a link that brings the fingerprint along.
    pub fn connect(&mut self, text: &str, trusting: Trusting) {
        self.screen.connect = Default::default();
        let invitation: Invitation = match text.trim().parse() {
            Ok(invitation) => invitation,
            Err(error) => {
                self.screen.connect.error = Sentence::with(Phrase::AddressInvalid, error);
                return;
            }
        };
        self.screen.connect.is_busy = true;
        let forgotten = self.screen.login.forgotten;
        self.screen.login = Login { forgotten, ..Login::default() };
        self.screen.login.server = invitation.address.to_string();
        self.screen.login.is_insecure = trusting == Trusting::AnyoneInsecurely;
        if invitation.invite.is_some() {
            self.screen.login.is_invited = true;
            self.screen.login.notice = Phrase::Invited.into();
        }
        self.invite.clone_from(&invitation.invite);
        self.server = Some(invitation.address.clone());
        self.is_multi = false;
        self.effects.push_back(Effect::Connect(invitation, trusting));
    }

    /// The server met for the first time is the right one.
    pub fn trust(&mut self) {
        self.screen.connect.question.clear();
        self.screen.connect.is_busy = true;
        self.order(Order::Trust);
    }

    /// Back to the page that asks for a server.
    pub fn disconnect(&mut self) {
        self.screen.banner = Sentence::default();
        self.interrupt();
        self.turn_back();
        self.order(Order::Disconnect);
        self.retitle();
    }

    /// Try at once, instead of when the wait is over.
    pub fn retry_now(&mut self) {
        self.order(Order::RetryNow);
    }

    /// Something kept the program from connecting at all.
    pub fn cannot_connect(&mut self, why: Sentence) {
        self.screen.connect.is_busy = false;
        self.screen.connect.error = why;
    }

    /// The server's key is not the one that is known, or not the one that the link names.
    pub fn key_differs(&mut self, expected: &str, found: &str) {
        self.turn_back();
        self.screen.connect.expected = expected.to_owned();
        self.screen.connect.found = found.to_owned();
    }

    /// The chat is hosted by this program, and others connect with this link.
    pub fn set_host_link(&mut self, link: String) {
        self.screen.lobby.host_link = link;
    }

    pub(super) fn on_link(&mut self, link: Link) {
        let address = self.server.as_ref().map(ToString::to_string).unwrap_or_default();
        match link {
            Link::Connecting if self.screen.page == Page::Connect => self.screen.connect.is_busy = true,
            Link::Connecting => self.screen.banner = Phrase::Connecting.into(),
            Link::Question(fingerprint) => {
                self.screen.connect.is_busy = false;
                self.screen.connect.question = fingerprint.to_string();
            }
            Link::Trusted(identity) => self.on_trusted(identity),
            Link::WrongKey { expected, found } => {
                self.key_differs(&expected.to_string(), &found.to_string());
            }
            Link::Refused(fault) => {
                self.turn_back();
                self.screen.connect.error = of_fault(&fault, &address);
            }
            Link::Away { retry_in, .. } => {
                let seconds = retry_in.as_millis().div_ceil(1_000);
                self.screen.banner = Sentence::with(Phrase::AwayRetry, seconds);
            }
            Link::Idle => {
                self.screen.connect.is_busy = false;
                self.screen.banner = Sentence::default();
            }
        }
    }

    pub(super) fn on_connected(&mut self) {
        self.screen.connect = Default::default();
        self.keeping.has_acks = false;
        self.screen.banner = match self.screen.page {
            Page::Connect | Page::Login => Sentence::default(),
            // The client finds back by itself, and says so.
            Page::Lobby | Page::Room => Phrase::SigningIn.into(),
        };
        if self.screen.page == Page::Connect {
            self.screen.page = Page::Login;
        }
    }

    /// The link says what comes next; here is only what the server did wrong.
    pub(super) fn on_disconnected(&mut self, end: End) {
        self.screen.login.is_busy = false;
        self.lose_presence();
        match end {
            End::Closed | End::Silent => {}
            End::ServerFault(what) => self.on_notice(Sentence::with(Phrase::ServerFault, what)),
        }
    }

    /// The page that asks for a server is shown, as it is at the start.
    fn turn_back(&mut self) {
        self.screen.connect = Default::default();
        self.screen.banner = Sentence::default();
        self.forget_place();
        self.screen.page = Page::Connect;
    }

    fn on_trusted(&mut self, identity: Identity) {
        self.screen.login.identity = match &identity {
            Identity::Key(fingerprint) => fingerprint.to_string(),
            Identity::Unknown | Identity::Authority | Identity::AnyoneInsecurely => String::new(),
        };
        self.keeping.server = match &identity {
            Identity::Key(fingerprint) => Some(fingerprint.to_string()),
            Identity::Authority => self.server.as_ref().map(ToString::to_string),
            Identity::Unknown | Identity::AnyoneInsecurely => None,
        };
        if let (Some(address), Identity::Key(_) | Identity::Authority) = (&self.server, &identity) {
            self.effects.push_back(Effect::Remember(address.clone(), identity));
        }
    }
}
