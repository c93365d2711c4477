//! Somebody with a window of the original client: it asks one thing at a time, and knows nothing of what came after it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use chatroom_core::frame::Decoder;
use chatroom_core::limits::SERVER_FRAME_BYTES_MAX;
use fastrand::Rng;
use serde_json::{Value, json};
use smol::Timer;

use super::{PATIENCE, Town};
use crate::chaos::line::Line;
use crate::check::PASSWORD;
use crate::simulate::original::{Original, Page};
use crate::transcript::frame;

/// See the module.
pub(super) struct Window {
    town: Rc<Town>,
    name: String,
    rng: Rng,
    decoder: Decoder,
    screen: Original,
    is_registered: bool,
    /// What it has asked for and was not answered, and when.
    asked: Option<(&'static str, Instant)>,
    /// The room it asked for, and then is in.
    room: String,
    /// What it heard there.
    heard: Vec<super::record::Line>,
    said: u64,
    act_at: Instant,
    frames: u64,
}

impl Window {
    pub(super) fn new(town: Rc<Town>, number: usize, rng: Rng) -> Self {
        let name = town.people[number].clone();
        Self {
            town,
            name,
            rng,
            decoder: Decoder::default(),
            screen: Original::default(),
            is_registered: false,
            asked: None,
            room: String::new(),
            heard: Vec::new(),
            said: 0,
            act_at: Instant::now(),
            frames: 0,
        }
    }

    /// Does what they like until it is over. How many frames it was sent.
    pub(super) async fn live(mut self) -> u64 {
        while !self.town.is_over.get() {
            match Line::open(self.town.address, &self.town.tls).await {
                Ok(line) => self.stay(line).await,
                Err(_) => _ = Timer::after(Duration::from_millis(100)).await,
            }
            self.leave();
        }
        self.frames
    }

    /// On one connection, until it is over or they go.
    async fn stay(&mut self, mut line: Line) {
        (self.decoder, self.screen, self.asked) = (Decoder::default(), Original::default(), None);
        loop {
            if self.asked.is_none() && (self.town.is_over.get() || !self.act(&mut line)) {
                return line.close().await;
            }
            let waited = line.wait(Instant::now() + Duration::from_millis(20)).await;
            let plain = line.take_plain();
            self.decoder.extend(&plain);
            while let Ok(Some(json)) = self.decoder.decode(SERVER_FRAME_BYTES_MAX) {
                let json = String::from_utf8_lossy(json).into_owned();
                self.hear(&json);
            }
            if waited.is_err() {
                return self.accuse("lost its connection");
            }
            if self.asked.is_some_and(|(_, at)| at.elapsed() > PATIENCE) {
                return self.accuse(&format!("waits for ever for an answer to {:?}", self.asked));
            }
        }
    }

    /// Does the next thing, if it is time. Whether they stay.
    fn act(&mut self, line: &mut Line) -> bool {
        if Instant::now() < self.act_at {
            return true;
        }
        self.act_at = Instant::now() + Duration::from_millis(self.rng.u64(20..400));
        let who = json!({"username": self.name, "password": PASSWORD});
        match self.screen.page() {
            Page::Login if self.is_registered => self.ask(line, "login", Some(who)),
            Page::Login => self.ask(line, "register", Some(who)),
            Page::Lobby => match self.rng.u8(..20) {
                0 => self.ask(line, "logout", None),
                1 | 2 => self.ask(line, "list", None),
                3 => {
                    let room = self.some_room();
                    self.ask(line, "create", Some(json!({"room": room})));
                }
                _ => {
                    self.room = self.some_room();
                    let room = json!({"room": self.room});
                    self.ask(line, "enter", Some(room));
                }
            },
            Page::Room => match self.rng.u8(..40) {
                0 => return false,
                1 | 2 => self.ask(line, "exit", None),
                3 => self.ask(line, "list", None),
                4..10 => {
                    let people = Rc::clone(&self.town);
                    let to = self.rng.choice(&people.people).expect("there are people");
                    self.say(line, to);
                }
                _ => self.say(line, "public"),
            },
        }
        true
    }

    fn say(&mut self, line: &mut Line, to: &str) {
        self.said += 1;
        let text = format!("{} {}", self.name, self.said);
        self.screen.asks(&text);
        self.ask(line, "msg", Some(json!({"to": to, "from": self.name, "text": text})));
    }

    fn ask(&mut self, line: &mut Line, kind: &'static str, data: Option<Value>) {
        let asked = match data {
            Some(data) => json!({"type": kind, "data": data}),
            None => json!({"type": kind}),
        };
        line.say(&[frame(asked.to_string().as_bytes()).into()]);
        self.asked = Some((kind, Instant::now()));
    }

    fn hear(&mut self, json: &str) {
        self.frames += 1;
        if let Err(broken) = self.screen.hear(json, &self.name) {
            self.accuse(&broken);
        }
        let Ok(heard) = serde_json::from_str::<Value>(json) else {
            return self.accuse(&format!("got what is no JSON: {json}"));
        };
        let (kind, is_ok) = (heard["type"].as_str().unwrap_or_default(), heard["status"] == "ok");
        let (from, text) = (string(&heard["data"]["from"]), string(&heard["data"]["text"]));
        let is_own = from == self.name;
        if kind == "msg" && is_ok && heard["data"]["to"] == "public" {
            if is_own {
                self.town.record.borrow_mut().say((from.clone(), text.clone()));
            }
            self.heard.push((from, text));
        }
        // Lists come by themselves, too: one is as good as another.
        let is_answer = self.asked.is_some_and(|(asked, _)| match asked {
            "msg" => kind == "msg" && (!is_ok || is_own),
            "list" => matches!(kind, "list" | "list_room"),
            asked => kind == asked,
        });
        if !is_answer {
            return;
        }
        self.asked = None;
        match (kind, is_ok) {
            ("register", true) => self.is_registered = true,
            ("exit", true) => self.leave(),
            ("register" | "login" | "enter" | "exit" | "logout" | "list", false) => {
                self.accuse(&format!("was refused: {json}"));
            }
            _ => {}
        }
    }

    /// They are in no room any more.
    fn leave(&mut self) {
        let heard = std::mem::take(&mut self.heard);
        if !heard.is_empty() {
            self.town.record.borrow_mut().visit(&self.room, heard);
        }
    }

    fn some_room(&mut self) -> String {
        self.rng.choice(&self.town.rooms).expect("there are rooms").as_str().to_owned()
    }

    fn accuse(&self, what: &str) {
        self.town.accuse(&self.name, what);
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
