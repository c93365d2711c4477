//! The network thread and the controller together, as the program puts them together, in front of a scripted server.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use jiff::civil::{DateTime, date};

use super::scripted::{Server, Step, framed};
use super::*;
use crate::controller::{Controller, Effect, Trusting};

/// A window without its looks.
pub(super) struct Desk {
    pub(super) network: Network,
    news: Receiver<News>,
    pub(super) controller: Controller,
}

/// How far a person is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Asked who they are.
    Login,
    /// Waiting for the answer to their login.
    Asked,
    /// In the lobby, as ann.
    Lobby,
    /// In the room `den`.
    Room,
}

impl Desk {
    pub(super) fn new() -> Self {
        let (tell, news) = mpsc::channel();
        let network = Network::start(move |item| tell.send(item).is_ok()).unwrap();
        Self { network, news, controller: Controller::new(Rc::new(RefCell::default())) }
    }

    /// The same, where the clock on the wall is set by the test.
    pub(super) fn by(wall: Wall) -> Self {
        let (tell, news) = mpsc::channel();
        let network = Network::start_by(wall, move |item| tell.send(item).is_ok()).unwrap();
        Self { network, news, controller: Controller::new(Rc::new(RefCell::default())) }
    }

    /// A person at this place, whose server then goes on with these steps.
    pub(super) fn at(place: Place, steps: &[Step]) -> (Self, Server) {
        let server = Server::start(vec![[place.script(), steps.to_vec()].concat()]);
        let mut desk = Self::new();
        desk.go_to(place, &server);
        (desk, server)
    }

    pub(super) fn go_to(&mut self, place: Place, server: &Server) {
        let invitation = server.invitation.to_string();
        self.act(|controller| controller.connect(&invitation, Trusting::Checked));
        self.hear_until(|news| *news == Event::Connected.into());
        if place != Place::Login {
            self.act(|controller| controller.log_in("ann", "secret words"));
        }
        if matches!(place, Place::Lobby | Place::Room) {
            self.hear_until(|news| matches!(news, News::Client(Event::Rooms(_))));
        }
        if place == Place::Room {
            self.act(|controller| controller.enter("den"));
            self.hear_until(|news| matches!(news, News::Client(Event::Members(_))));
        }
    }

    pub(super) fn act(&mut self, act: impl FnOnce(&mut Controller)) {
        act(&mut self.controller);
        while let Some(effect) = self.controller.poll_effect() {
            match effect {
                Effect::Connect(invitation, _) => {
                    let trust = Identity::Key(invitation.key.expect("a scripted server's link has its key"));
                    self.network.order(Order::Connect(Target { address: invitation.address, trust }));
                }
                Effect::Order(order) => self.network.order(order),
                // There is no file.
                Effect::GoOn(..) | Effect::Store(_) => {}
                Effect::Remember(..) | Effect::RememberUser(_) | Effect::Notify { .. } => {}
            }
        }
    }

    /// Takes what the network tells, up to the first thing that is meant. A thread that tells nothing, or is gone, is
    /// the failure.
    #[track_caller]
    pub(super) fn hear_until(&mut self, is_meant: impl Fn(&News) -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let news = self.news.recv_timeout(left).expect("the network tells what is waited for");
            let is_last = is_meant(&news);
            self.act(|controller| controller.apply(now(), [news]));
            if is_last {
                return;
            }
        }
    }

    /// What is to be seen, one thing a line, without what is only true of this server.
    pub(super) fn seen(&self) -> Vec<String> {
        let own = ["title: ", "login.server: ", "login.identity: "];
        let screen = self.controller.screen().to_string();
        screen
            .lines()
            .filter(|line| !own.iter().any(|own| line.starts_with(own)))
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}

impl Place {
    /// What a server says on the way there.
    pub(super) fn script(self) -> Vec<Step> {
        let mut script = Vec::new();
        if self != Self::Login {
            script.push(Step::Hear("login"));
        }
        if matches!(self, Self::Lobby | Self::Room) {
            script.extend([Step::Say(framed(LOGGED_IN)), Step::Hear("list"), Step::Say(framed(ROOMS))]);
        }
        if self == Self::Room {
            script.extend([Step::Hear("enter"), Step::Say(framed(ENTERED))]);
            script.extend([Step::Hear("list"), Step::Say(framed(MEMBERS))]);
        }
        script
    }
}

fn now() -> DateTime {
    date(2026, 11, 24).at(9, 0, 0, 0)
}

pub(super) const LOGGED_IN: &str =
    r#"{"type":"login","status":"ok","message":"Welcome","data":{"username":"ann","chatroom":"lobby"}}"#;
pub(super) const ROOMS: &str = r#"{"type":"list","status":"ok","data":{"lobby":["ann"],"den":["bob"]}}"#;
pub(super) const ENTERED: &str =
    r#"{"type":"enter","status":"ok","message":"Welcome","data":{"username":"ann","room":"den"}}"#;
pub(super) const MEMBERS: &str = r#"{"type":"list_room","status":"ok","data":{"den":["bob","ann"]}}"#;
