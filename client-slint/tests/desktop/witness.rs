//! Somebody in the room who speaks the protocol, and says what really came.

use std::net::SocketAddr;

use serde_json::{Value, json};
use testkit::Stage as _;
use testkit::check::Next;
use testkit::program::Program;
use testkit::transcript::frame;
use tls::Fingerprint;

pub struct Witness {
    server: Program,
}

impl Witness {
    /// New on a server.
    pub fn log_in(server: Program) -> Self {
        let mut witness = Self { server };
        witness.connect();
        witness.ask(json!({"type": "register", "data": {"username": NAME, "password": PASSWORD}}));
        witness.wait_for("the account", |frame| frame["type"] == "register" && frame["status"] == "ok");
        witness.introduce();
        witness
    }

    /// Known to a server already.
    pub fn return_to(server: Program) -> Self {
        let mut witness = Self { server };
        witness.connect();
        witness.introduce();
        witness
    }

    pub fn into_server(self) -> Program {
        self.server
    }

    pub fn server_identity(&mut self) -> (SocketAddr, Fingerprint) {
        (self.server.address(), self.server.fingerprint(NAME).expect("the handshake is done"))
    }

    pub fn create(&mut self, room: &str) {
        self.ask(json!({"type": "create", "data": {"room": room}}));
        self.wait_for("the new room", |frame| frame["type"] == "create" && frame["status"] == "ok");
    }

    pub fn enter(&mut self, room: &str) {
        self.ask(json!({"type": "enter", "data": {"room": room}}));
        self.wait_for("the room", |frame| frame["type"] == "enter" && frame["status"] == "ok");
    }

    /// From the lobby: waits until `person` is in `room`.
    pub fn sees(&mut self, person: &str, room: &str) {
        self.ask(json!({"type": "list"}));
        self.wait_for(&format!("{person} in {room}"), |frame| {
            frame["type"] == "list"
                && frame["data"][room].as_array().is_some_and(|people| people.contains(&person.into()))
        });
    }

    /// From the room: to everybody.
    pub fn say(&mut self, text: &str) {
        self.ask(json!({"type": "msg", "data": {"to": "public", "text": text}}));
    }

    pub fn signal_server(&self, signal: &str) {
        self.server.signal(signal).expect("the server is there");
    }

    /// From the room: the next message is this one.
    pub fn hears(&mut self, from: &str, text: &str) {
        let message = self.wait_for("a message", |frame| frame["type"] == "msg");
        assert_eq!(message["data"], json!({"to": "public", "from": from, "text": text}));
    }

    fn connect(&mut self) {
        self.server.connect(NAME, true).expect("the server takes connections");
    }

    fn introduce(&mut self) {
        self.ask(json!({"type": "login", "data": {"username": NAME, "password": PASSWORD}}));
        self.wait_for("the login", |frame| frame["type"] == "login" && frame["status"] == "ok");
    }

    fn ask(&mut self, request: Value) {
        self.server.send(NAME, &frame(request.to_string().as_bytes())).expect("the server is there");
    }

    fn wait_for(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let next = self.server.next(NAME).unwrap_or_else(|error| panic!("{what}: {error}"));
            let Next::Frame(text) = next else {
                panic!("{what}: the server closed, and has said:\n{}", self.server.log())
            };
            let frame: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            if is_it(&frame) {
                return frame;
            }
        }
    }
}

const NAME: &str = "witness";
const PASSWORD: &str = "a seat by the door";
