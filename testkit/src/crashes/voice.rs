//! Somebody who talks, numbers what they say, and says it again until they are told that it is kept: whatever crashes
//! in between.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::check::{Next, PASSWORD};
use crate::program::Client;
use crate::transcript::frame;

/// See the module. It outlives servers and connections, as what is on a client's disk does.
pub struct Voice {
    name: String,
    /// How much it has said.
    said: usize,
    /// What it is not told of yet that it is kept.
    unheard: VecDeque<usize>,
    /// The place of each message that it was told of.
    acknowledged: BTreeMap<usize, u64>,
    /// What was on its screen, for each connection.
    screens: Vec<Vec<(u64, String)>>,
}

/// What is kept of what all have said.
pub struct Kept {
    /// The messages, each with its author.
    lines: Vec<(String, String)>,
}

impl Voice {
    pub fn new(name: String) -> Self {
        Self { name, said: 0, unheard: VecDeque::new(), acknowledged: BTreeMap::new(), screens: Vec::new() }
    }

    /// How many messages it was told of that they are kept.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// How many messages came to it.
    pub fn delivered(&self) -> usize {
        self.screens.iter().map(Vec::len).sum()
    }

    /// Talks until the server is gone. Each time it has heard so much, it crashes itself, and comes back.
    pub fn talk(&mut self, address: SocketAddr, patience: usize) -> Result<(), String> {
        while let Ok(mut client) = Client::open(address, true) {
            if self.talk_once(&mut client, patience).map_err(|error| format!("{}: {error}", self.name))? {
                break;
            }
        }
        Ok(())
    }

    /// Whether the server is gone.
    fn talk_once(&mut self, client: &mut Client, patience: usize) -> Result<bool, String> {
        self.screens.push(Vec::new());
        enter(client, &self.name);
        for number in &self.unheard {
            say(client, &self.name, *number);
        }
        for _ in 0..patience {
            let Next::Frame(frame) = client.receive()? else { return Ok(true) };
            let frame: Value = serde_json::from_str(&frame).map_err(|error| error.to_string())?;
            match (frame["type"].as_str(), frame["status"].as_str()) {
                (Some("msg"), Some("ok")) => self.on_msg(&frame["data"])?,
                (Some("ack"), Some("ok")) => self.on_ack(&frame["data"])?,
                (Some("register"), Some("error")) if frame["code"] == "name_taken" => {}
                (Some("error"), _) if frame["code"] == "replaced" => {}
                (_, Some("ok")) => {}
                _ => return Err(format!("was told {frame}")),
            }
            // Once it is in the room.
            while frame["type"] != "list" && self.unheard.len() < WINDOW && self.is_in_a_room(&frame) {
                self.said += 1;
                self.unheard.push_back(self.said);
                say(client, &self.name, self.said);
            }
        }
        Ok(false)
    }

    fn is_in_a_room(&self, frame: &Value) -> bool {
        frame["type"] == "list_room" || self.screens.last().is_some_and(|screen| !screen.is_empty())
    }

    /// What is on the screen follows what was there before, without a hole and without anything twice.
    fn on_msg(&mut self, data: &Value) -> Result<(), String> {
        let (Some(seq), Some(text)) = (data["seq"].as_u64(), data["text"].as_str()) else {
            return Err(format!("a message without a place: {data}"));
        };
        let screen = self.screens.last_mut().ok_or("a message before it was connected")?;
        if screen.last().is_some_and(|(before, _)| seq != before + 1) {
            return Err(format!("message {seq} came after {:?}", screen.last()));
        }
        screen.push((seq, text.to_owned()));
        Ok(())
    }

    fn on_ack(&mut self, data: &Value) -> Result<(), String> {
        let number = data["cid"].as_str().and_then(|cid| cid.rsplit(' ').next()?.parse().ok());
        let (Some(seq), Some(number)) = (data["seq"].as_u64(), number) else {
            return Err(format!("no acknowledgement: {data}"));
        };
        self.unheard.retain(|other| *other != number);
        match self.acknowledged.insert(number, seq) {
            Some(before) if before != seq => {
                Err(format!("message {number} is acknowledged as {seq}, and was as {before}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether all that it was told is so.
    pub fn check(&self, kept: &Kept) -> Result<(), String> {
        let at = |seq: u64| kept.lines.get(usize::try_from(seq).ok()?.checked_sub(1)?);
        for (number, seq) in &self.acknowledged {
            if at(*seq) != Some(&(self.name.clone(), text(&self.name, *number))) {
                return Err(format!(
                    "{}'s message {number} was acknowledged as {seq}, and there is {:?}",
                    self.name,
                    at(*seq)
                ));
            }
        }
        for (seq, text) in self.screens.iter().flatten() {
            if at(*seq).is_none_or(|(_, kept)| kept != text) {
                return Err(format!("{} has seen {text:?} as {seq}, and there is {:?}", self.name, at(*seq)));
            }
        }
        for number in 1..=self.said {
            let own = (self.name.clone(), text(&self.name, number));
            let count = kept.lines.iter().filter(|line| **line == own).count();
            let count_min = usize::from(self.acknowledged.contains_key(&number));
            if !(count_min..=1).contains(&count) {
                return Err(format!("{}'s message {number} is kept {count} times", self.name));
            }
        }
        Ok(())
    }
}

impl Kept {
    /// Reads all that was said in the room.
    pub fn read(address: SocketAddr) -> Result<Self, String> {
        let mut client = Client::open(address, true)?;
        enter(&mut client, "reader");
        let mut lines = Vec::new();
        loop {
            ask(&mut client, &json!({"type": "history", "data": {"room": ROOM, "after": lines.len()}}));
            let page = loop {
                let Next::Frame(frame) = client.receive()? else { return Err("the server is gone".into()) };
                let frame: Value = serde_json::from_str(&frame).map_err(|error| error.to_string())?;
                if frame["type"] == "history" {
                    break frame["data"].clone();
                }
            };
            for line in page["msgs"].as_array().ok_or_else(|| format!("no page: {page}"))? {
                let (from, text) = (line["from"].as_str(), line["text"].as_str());
                if line["seq"].as_u64() != Some(lines.len() as u64 + 1) {
                    return Err(format!("after {} messages comes {line}", lines.len()));
                }
                lines.push((from.unwrap_or_default().to_owned(), text.unwrap_or_default().to_owned()));
            }
            if page["more"] == false {
                return Ok(Self { lines });
            }
        }
    }

    /// The messages, each with its author.
    pub fn lines(&self) -> &[(String, String)] {
        &self.lines
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether nobody has said what is kept.
    pub fn has_foreign(&self, voices: &[Voice]) -> bool {
        let is_own = |(from, said): &(String, String)| {
            voices.iter().any(|voice| {
                let number = said.rsplit(' ').next().and_then(|number| number.parse().ok());
                *from == voice.name
                    && number.is_some_and(|number| number <= voice.said && *said == text(&voice.name, number))
            })
        };
        !self.lines.iter().all(is_own)
    }
}

fn enter(client: &mut Client, name: &str) {
    let who = json!({"username": name, "password": PASSWORD});
    ask(client, &json!({"type": "hello", "proto": 1, "caps": ["ack", "history"]}));
    ask(client, &json!({"type": "register", "data": who}));
    ask(client, &json!({"type": "login", "data": who}));
    ask(client, &json!({"type": "enter", "data": {"room": ROOM}}));
}

fn say(client: &mut Client, name: &str, number: usize) {
    let said = text(name, number);
    ask(client, &json!({"type": "msg", "data": {"to": "public", "text": said, "cid": said}}));
}

fn text(name: &str, number: usize) -> String {
    format!("{name} says {number}")
}

fn ask(client: &mut Client, json: &Value) {
    client.send(&frame(json.to_string().as_bytes()));
}

/// How many messages of one voice are on their way at once.
const WINDOW: usize = 8;
const ROOM: &str = "example";
