//! What somebody sees of a room who has a client of this project: it has to be a part of what was said there, in its order,
//! without a hole and without anything twice.

use std::collections::BTreeSet;

use chatroom_core::client::Event;

/// A screen.
#[derive(Default)]
pub struct Screen {
    /// The room, as it is spelled.
    pub room: Option<String>,
    /// Who said what, to everybody.
    lines: Vec<(String, String)>,
    /// The numbers of what its person has said and seen.
    seen: BTreeSet<u64>,
    /// It has come back to its room since, and not been told what it missed.
    has_returned: bool,
    /// What was reached since somebody looked.
    pub reached: Vec<&'static str>,
}

impl Screen {
    /// The client tells its person something.
    pub fn see(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Entered { room } => self.begin(Some(room.clone())),
            Event::LoggedIn { .. } | Event::LoggedOut | Event::Left | Event::Returned { room: None, .. } => {
                self.begin(None);
            }
            Event::Returned { .. } => self.has_returned = true,
            Event::Message { from, text, said, private_with, .. } => {
                self.see_own(*said)?;
                if private_with.is_none() {
                    self.lines.push((from.clone(), text.clone()));
                }
            }
            Event::Past { messages, is_older, is_anew, .. } => {
                if *is_anew {
                    self.lines.clear();
                }
                self.reached.push(match (is_older, self.has_returned) {
                    (true, _) => "read_older",
                    (false, true) => "read_what_was_missed",
                    (false, false) => "read_on_entering",
                });
                self.has_returned &= *is_older;
                for past in messages {
                    self.see_own(past.said)?;
                    self.reached.extend(past.said.map(|_| "found_what_was_said"));
                }
                let lines = messages.iter().map(|past| (past.from.clone(), past.text.clone()));
                let index = if *is_older { 0 } else { self.lines.len() };
                self.lines.splice(index..index, lines);
            }
            _ => {}
        }
        Ok(())
    }

    /// How much it shows.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it shows a part of all that was said, and, if all has settled, the end of it.
    pub fn check(&self, said: &[(String, String)], is_settled: bool) -> Result<(), String> {
        let is_part = match (self.lines.is_empty(), is_settled) {
            (true, true) => said.is_empty(),
            (true, false) => true,
            (false, true) => said.ends_with(&self.lines),
            (false, false) => said.windows(self.lines.len()).any(|part| part == self.lines),
        };
        if is_part { Ok(()) } else { Err(self.difference(said)) }
    }

    /// What is wrong, from where it begins.
    fn difference(&self, said: &[(String, String)]) -> String {
        let first = self.lines.first().and_then(|first| said.iter().position(|line| line == first));
        let rest = &said[first.unwrap_or(said.len())..];
        let same = self.lines.iter().zip(rest).take_while(|(shown, said)| shown == said).count();
        let few = |lines: &[(String, String)]| {
            let texts = lines.iter().skip(same.saturating_sub(2)).take(6).map(|(_, text)| text.as_str());
            texts.collect::<Vec<_>>().join(" | ")
        };
        format!("the screen shows … {}\nwhere this was said … {}", few(&self.lines), few(rest))
    }

    fn begin(&mut self, room: Option<String>) {
        self.room = room;
        self.has_returned = false;
        self.lines.clear();
    }

    fn see_own(&mut self, said: Option<u64>) -> Result<(), String> {
        match said {
            Some(said) if !self.seen.insert(said) => Err(format!("its own message {said} is shown twice")),
            _ => Ok(()),
        }
    }
}
