//! Lines whose sockets are the test's, on a thread that takes turns or one that does not.

use std::net::Ipv4Addr;

use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::server::Rules;

use super::*;
use crate::keys::{name_key, name_look};
use crate::server::Server;
use crate::testing::{Clear, Trusting, framed};
use crate::turn::Rung;

/// A socket that takes what the test lets it take.
struct Socket {
    written: Mutex<Vec<u8>>,
    /// Bytes that it still takes.
    room: Mutex<usize>,
    /// What happens to it, in order.
    story: Mutex<Vec<&'static str>>,
    /// Done once, in the middle of a write.
    interruption: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Port for Socket {
    type Transport = Clear;

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let interruption = self.interruption.lock().unwrap().take();
        interruption.into_iter().for_each(|interruption| interruption());
        let mut room = self.room.lock().unwrap();
        let count = bytes.len().min(*room);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        *room -= count;
        self.note("write");
        self.written.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn shut(&self, how: Shutdown) {
        self.note(if how == Shutdown::Both { "shut" } else { "shut for writing" });
    }

    fn ring(line: &Arc<Line<Self>>) {
        line.port.note("rung");
    }

    fn watch(line: &Arc<Line<Self>>, wants: Wants) {
        line.port.note(match wants {
            Wants { is_over: true, .. } => "over",
            Wants { write: true, .. } => "to be written on",
            _ => "watched",
        });
    }
}

impl Socket {
    fn note(&self, what: &'static str) {
        self.story.lock().unwrap().push(what);
    }

    fn take_story(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.story.lock().unwrap())
    }

    /// What was written since the last time.
    fn take_written(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.written.lock().unwrap())).into_owned()
    }

    fn set_room(&self, bytes: usize) {
        *self.room.lock().unwrap() = bytes;
    }
}

type Town = Arc<Server<Arc<Line<Socket>>>>;

fn town() -> Town {
    let rules = Rules {
        limits: Limits::default(),
        registration: Registration::Open,
        history: false,
        key_of: name_key,
        look_of: name_look,
    };
    Server::new(Instant::default(), rules, &[], Box::new(Trusting), Box::new(|| {}))
}

/// Somebody in the lobby, who was told all there is.
fn user(town: &Town, name: &str) -> Arc<Line<Socket>> {
    let socket = Socket {
        written: Mutex::default(),
        room: Mutex::new(usize::MAX),
        story: Mutex::default(),
        interruption: Mutex::default(),
    };
    let accept = |line| town.accept(Instant::default(), Ipv4Addr::LOCALHOST.into(), Clear, line);
    let line = Line::begin(Clock::start(), socket, accept).expect("there is room");
    line.look();
    say(&line, &format!(r#"{{"type":"login","data":{{"username":"{name}","password":"1234"}}}}"#));
    end_turn();
    line.look();
    assert!(line.port.take_written().contains(r#""type":"login","status":"ok""#));
    line.port.take_story();
    line
}

fn say(line: &Arc<Line<Socket>>, json: &str) -> Wants {
    line.handle(Happened::Read(&framed(json)))
}

fn end_turn() {
    let mut rung = Rung::new();
    loop {
        turn::end(&mut rung);
        if rung.is_empty() {
            return;
        }
        turn::tend(&mut rung);
    }
}

/// Another thread has mail for everybody, and tends one of them. Where the lock is taken it goes away again.
fn shut_down_elsewhere(town: Town, line: Arc<Line<Socket>>) {
    let shut_down = move || {
        town.exchange().shut_down(Instant::default());
        line.tend(time::Instant::now());
    };
    std::thread::spawn(shut_down).join().unwrap();
}

#[test]
fn an_answer_and_others_mail_are_one_write_at_the_end_of_the_turn() {
    turn::begin();
    let town = town();
    let harper = user(&town, "harper");
    say(&harper, r#"{"type":"list"}"#);
    town.exchange().shut_down(Instant::default());
    assert_eq!(harper.port.take_written(), "", "the turn goes on");
    end_turn();
    let said = harper.port.take_written();
    assert!(said.contains(r#""type":"list""#) && said.contains("shutting_down"), "{said}");
    let story = harper.port.take_story();
    assert_eq!(story, ["write", "shut for writing", "watched"], "somebody waits for the time to linger");
}

#[test]
fn what_the_socket_does_not_take_is_left_to_who_waits_at_it() {
    turn::begin();
    let harper = user(&town(), "harper");
    harper.port.set_room(10);
    say(&harper, r#"{"type":"list"}"#);
    end_turn();
    assert_eq!(harper.port.take_story(), ["write", "to be written on"]);
    let begun = harper.port.take_written();
    // More to say does not make anybody try in vain, or say again what is known.
    say(&harper, r#"{"type":"list"}"#);
    end_turn();
    assert!(harper.port.take_written().is_empty() && harper.port.take_story().is_empty());
    harper.port.set_room(usize::MAX);
    assert!(!harper.flush().write, "all of it is written");
    let rest = harper.port.take_written();
    assert_eq!((begun + &rest).matches(r#""type":"list""#).count(), 2);
}

#[test]
fn who_takes_no_turns_has_it_tended_by_who_waits_at_the_socket() {
    let town = town();
    let harper = {
        let town = Arc::clone(&town);
        std::thread::spawn(move || {
            turn::begin();
            user(&town, "harper")
        })
        .join()
        .unwrap()
    };
    town.exchange().shut_down(Instant::default());
    assert_eq!(harper.port.take_story(), ["rung"], "once, whatever else comes");
    assert_eq!(harper.port.take_written(), "");
    harper.look();
    assert!(harper.port.take_written().contains("shutting_down"));
}

#[test]
fn mail_that_comes_while_another_thread_writes_is_not_left_lying() {
    turn::begin();
    let town = town();
    let harper = user(&town, "harper");
    let other = Arc::clone(&harper);
    let interruption = move || shut_down_elsewhere(town, other);
    *harper.port.interruption.lock().unwrap() = Some(Box::new(interruption));
    say(&harper, r#"{"type":"list"}"#);
    end_turn();
    let said = harper.port.take_written();
    assert!(said.contains(r#""type":"list""#) && said.contains("shutting_down"), "{said}");
}

#[test]
fn whoever_had_the_lock_for_whatever_tends_what_was_turned_away() {
    turn::begin();
    let town = town();
    let harper = user(&town, "harper");
    let lock = harper.state.lock().unwrap();
    shut_down_elsewhere(town, Arc::clone(&harper));
    drop(lock);
    assert!(harper.is_secure());
    assert!(harper.port.take_written().contains("shutting_down"));
}

#[test]
fn a_fault_ends_the_connection_it_concerns_and_no_other() {
    turn::begin();
    let town = town();
    let (harper, finch) = (user(&town, "harper"), user(&town, "finch"));
    // That finch has come.
    harper.port.take_story();
    *harper.port.interruption.lock().unwrap() = Some(Box::new(|| panic!("a fault")));
    for line in [&harper, &finch] {
        say(line, r#"{"type":"list"}"#);
    }
    end_turn();
    assert_eq!(harper.port.take_story(), ["shut", "over"]);
    assert!(
        finch.port.take_written().contains(r#""type":"list""#),
        "they were to be written to after harper"
    );
    assert_eq!((town.sessions(), town.exchange().connections()), (1, 1));
}

#[test]
fn a_line_that_ends_lets_go_of_everything() {
    turn::begin();
    let town = town();
    let harper = user(&town, "harper");
    let known = Arc::downgrade(&harper);
    harper.close(&"the network is down");
    assert_eq!(harper.port.take_story(), ["shut"]);
    assert!(harper.look().is_over);
    assert_eq!((town.sessions(), town.exchange().connections()), (0, 0));
    end_turn();
    drop(harper);
    assert!(known.upgrade().is_none(), "nothing holds on to it");
}
