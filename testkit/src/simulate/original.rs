//! A window of the original client, as far as it can be broken: the five rules of PROTOCOL.md, "What an original
//! client cannot survive". Held against each frame on its own, whatever the model thinks of it.

use std::collections::VecDeque;

/// What is open on an original client's screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Page {
    #[default]
    Login,
    Lobby,
    Room,
}

/// The screen of an original client.
#[derive(Default)]
pub struct Original {
    page: Page,
    /// Messages of its own that the server has looked at and not answered.
    asked: VecDeque<String>,
    /// It is none, for it has said hello.
    has_greeted: bool,
}

impl Original {
    /// What is open.
    pub(crate) fn page(&self) -> Page {
        self.page
    }

    /// The server has looked at a message of this client.
    pub fn asks(&mut self, text: &str) {
        self.asked.push_back(format!(r#""text":"{text}""#));
    }

    /// The server has looked at a hello of this client.
    pub fn greets(&mut self) {
        self.has_greeted = true;
    }

    /// The server says something. An error is the rule that was broken.
    pub fn hear(&mut self, json: &str, own_name: &str) -> Result<(), String> {
        let broken = |rule: &str| Err(format!("rule {rule} for original clients: {json}"));
        let Some((kind, rest)) = json.strip_prefix(r#"{"type":""#).and_then(|rest| rest.split_once('"'))
        else {
            return broken("1, `type` is always there");
        };
        let is_ok = rest.starts_with(r#","status":"ok""#);
        if !is_ok && !rest.starts_with(r#","status":"error","message":""#) {
            return broken("1, `status` and `message` are strings");
        }
        if rest.contains(r#""data":["#) {
            return broken("1, `data` is never an array");
        }
        match (kind, is_ok) {
            ("login" | "resume" | "exit", true) => self.page = Page::Lobby,
            ("enter", true) => self.page = Page::Room,
            ("logout", true) => self.page = Page::Login,
            ("list", _) if is_ok && !rest.starts_with(r#","status":"ok","data":{""#) => {
                return broken("2, a list is a map");
            }
            ("list", true) if self.page != Page::Lobby => return broken("3, `list` only in the lobby"),
            ("list_room", _) | ("msg", true) if self.page != Page::Room => {
                return broken("3, `list_room` and `msg` only in the room");
            }
            ("list", false) if self.page == Page::Room => return broken("3, no `list` in a room"),
            ("msg", true) if !self.has_greeted && rest.contains(r#","seq":"#) => {
                return broken("5, nothing new to who did not ask for it");
            }
            ("msg", true) => {
                let from = rest.split_once(r#""from":""#).map_or("", |(_, from)| from);
                // What its user said on a connection before this one is no answer on this.
                if from.strip_prefix(own_name).is_some_and(|rest| rest.starts_with('"')) {
                    let answered = self.asked.iter().position(|text| from.contains(text));
                    answered.and_then(|index| self.asked.remove(index));
                }
            }
            ("msg", false) if self.asked.pop_front().is_none() => {
                return broken("4, an error of type `msg` only as an answer");
            }
            ("rooms" | "roster" | "read" | "friend" | "presence", _) => {
                return broken("5, nothing of many rooms to who did not ask for it");
            }
            ("hello" | "resume" | "ack" | "ping" | "pong" | "logins", _) if !self.has_greeted => {
                return broken("5, nothing new to who did not ask for it");
            }
            _ => {}
        }
        Ok(())
    }

    /// The server answers nothing. An error is the rule that was broken.
    pub fn hear_farewell(json: &str) -> Result<(), String> {
        if json.starts_with(r#"{"type":"error","status":"error""#) {
            return Ok(());
        }
        Err(format!("rule 5 for original clients, what answers nothing is of type `error`: {json}"))
    }
}
