//! A computer that sleeps, and what the person sees of that.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::desk::{Desk, ENTERED, MEMBERS, Place, ROOMS};
use super::scripted::{Server, Step, framed};
use super::*;
use crate::screen::Page;
use crate::sentence::Sentence;

const GREETED: &str = r#"{"type":"hello","status":"ok","data":{"proto":1,"caps":["resume","ping"],"server":"x","registration":"open"}}"#;
const LOGGED_IN: &str = r#"{"type":"login","status":"ok","message":"Welcome","data":{"username":"ann","chatroom":"lobby","session":{"token":"one","expires":1}}}"#;
const RESUMED: &str = r#"{"type":"resume","status":"ok","message":"Welcome back","data":{"username":"ann","chatroom":"lobby","session":{"token":"two","expires":1}}}"#;

/// The monotonic clock stands while the computer sleeps, and only the one on the wall goes on. The server that it was connected
/// to answers nothing any more on that connection.
#[test]
fn who_wakes_up_is_back_in_the_room_by_token_and_nobody_asks_for_anything() {
    let say = |json| Step::Say(framed(json));
    let evening = vec![
        Step::Hear("hello"),
        say(GREETED),
        Step::Hear("login"),
        say(LOGGED_IN),
        Step::Hear("list"),
        say(ROOMS),
        Step::Hear("enter"),
        say(ENTERED),
        Step::Hear("list"),
        say(MEMBERS),
        Step::Hear("ping"),
    ];
    let morning = vec![Step::Hear("resume"), say(RESUMED), Step::Hear("enter"), say(ENTERED)];
    let server = Server::start(vec![evening, morning]);
    let hours = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&hours);
    let mut desk = Desk::by(Box::new(move || Duration::from_secs(clock.load(Ordering::SeqCst) * 3_600)));
    desk.go_to(Place::Room, &server);

    hours.store(8, Ordering::SeqCst);
    let is_away = Cell::new(false);
    desk.hear_until(|news| {
        is_away.set(is_away.get() || matches!(news, News::Link(Link::Away { .. })));
        matches!(news, News::Client(Event::Returned { room, .. }) if room.as_deref() == Some("den"))
    });
    assert!(!is_away.get(), "it waited before it came back");
    assert_eq!(desk.controller.screen().page, Page::Room);
    assert_eq!(desk.controller.screen().banner, Sentence::default());
}
