//! A server without a limit on messages, and somebody who says many.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use client_slint::address::{Invitation, ServerAddress};
use serde_json::{Value, json};
use server_common::config::Config;
use server_common::run::{Running as _, Setup};
use server_std::{PROGRAM, Threads};
use tempfile::TempDir;
use testkit::check::Next;
use testkit::program::Client;
use testkit::transcript::frame;
use tls::Fingerprint;

use crate::subject::wait_for;

pub struct Crowd {
    server: Threads,
    key: Fingerprint,
    _folder: TempDir,
}

pub struct Speaker {
    client: Client,
    said: usize,
}

/// A message that the speaker heard.
pub struct Heard(Value);

impl Crowd {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a server");
        let args: [OsString; 7] = [
            PROGRAM.name.into(),
            "--listen".into(),
            "127.0.0.1:0".into(),
            "--data-dir".into(),
            folder.path().join("data").into_os_string(),
            "--message-rate".into(),
            "0".into(),
        ];
        let config = Config::load(&PROGRAM, args, |_| None).expect("the flags are right");
        let setup = Setup::open(config).expect("the folder is new");
        let key = setup.identity().tls.fingerprint();
        Self { server: Threads::start(setup).expect("a port is free"), key, _folder: folder }
    }

    pub fn link(&self) -> String {
        let at = self.address();
        let address = ServerAddress { host: at.ip().to_string(), port: at.port() };
        Invitation { address, key: Some(self.key), invite: None }.to_string()
    }

    pub fn wait_for_users(&self, count: usize) {
        wait_for("a login", || (self.server.users() == count).then_some(()));
    }

    /// Somebody in the first room.
    pub fn speaker(&self) -> Speaker {
        let client = Client::open(self.address(), true).expect("the server takes connections");
        let mut speaker = Speaker { client, said: 0 };
        let account = json!({"username": "speaker", "password": "words without end"});
        for (kind, data) in
            [("register", account.clone()), ("login", account), ("enter", json!({"room": "example"}))]
        {
            speaker.ask(&json!({"type": kind, "data": data}));
            speaker.wait_for(|frame| frame["type"] == kind && frame["status"] == "ok");
        }
        speaker
    }

    fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }
}

impl Speaker {
    pub fn wait_for_member(&mut self, name: &str) {
        self.ask(&json!({"type": "list"}));
        self.wait_for(|frame| {
            let people = frame["data"]["example"].as_array();
            people.is_some_and(|people| people.contains(&name.into()))
        });
    }

    /// Says so many messages within a second, a hundredth of them at a time, and tells what was heard meanwhile.
    pub fn say_many(&mut self, count: usize, mut hear: impl FnMut(&Heard)) {
        let start = Instant::now();
        for part in 0..PARTS {
            let due = start + Duration::from_millis((part * 1_000 / PARTS) as u64);
            sleep(due.saturating_duration_since(Instant::now()));
            let mut bytes = Vec::new();
            for _ in 0..count / PARTS {
                let text = format!("message {} says as much as people say in one line", self.said);
                self.said += 1;
                bytes.extend(frame(
                    json!({"type": "msg", "data": {"to": "public", "text": text}}).to_string().as_bytes(),
                ));
            }
            self.client.send(&bytes);
            let mut own = 0;
            while own < count / PARTS {
                let heard = Heard(self.next());
                hear(&heard);
                own += usize::from(heard.is_from("speaker"));
            }
        }
    }

    fn ask(&mut self, request: &Value) {
        self.client.send(&frame(request.to_string().as_bytes()));
    }

    fn wait_for(&mut self, is_it: impl Fn(&Value) -> bool) {
        while !is_it(&self.next()) {}
    }

    fn next(&mut self) -> Value {
        match self.client.receive().expect("the server goes on") {
            Next::Frame(text) => serde_json::from_str(&text).expect("the server speaks JSON"),
            Next::Closed => panic!("the server closed"),
        }
    }
}

impl Heard {
    pub fn is_from(&self, name: &str) -> bool {
        self.0["type"] == "msg" && self.0["data"]["from"] == name
    }
}

/// In how many parts a second's messages are said.
const PARTS: usize = 100;
