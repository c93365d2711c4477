//! A client at a desk: the test is its person, its network, its server and its clock.

mod faults;
mod floods;
mod friends;
mod keeping;
mod logins;
mod many;
mod original;
mod presences;
mod pulse;
mod returning;

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;
use core::str;

use zeroize::Zeroizing;

use super::*;
use crate::frame::PREFIX_BYTES;
use crate::message::Text;
use crate::message::logins::Login;
use crate::message::presence::Presence;
use crate::message::rooms::Crowd;
use crate::name::{RoomName, UserName};
use crate::secret::Password;

/// What is said first on each connection.
const HELLO: &str =
    r#"> {"type":"hello","proto":1,"caps":["resume","ping","logins"],"client":"chatroom 0.1.0"}"#;
const LOGGED_IN: &str = r#"{"type":"login","status":"ok","message":"Login successful","data":{"username":"Ann","chatroom":"lobby"}}"#;
const ENTERED: &str =
    r#"{"type":"enter","status":"ok","message":"Welcome to den","data":{"username":"Ann","room":"den"}}"#;

#[derive(Default)]
struct Desk {
    now: Instant,
    client: Client,
    log: Vec<String>,
    /// Messages are logged with their conversation.
    shows_where: bool,
}

impl Desk {
    fn connected() -> Self {
        let mut desk = Self::default();
        desk.tell(Input::Connected);
        desk.check(&format!("connected, {HELLO}"));
        desk
    }

    fn in_lobby() -> Self {
        let mut desk = Self::connected();
        desk.hear(LOGGED_IN);
        desk.check("logged in Ann");
        desk
    }

    fn in_room() -> Self {
        let mut desk = Self::in_lobby();
        desk.hear(ENTERED);
        desk.check("entered den");
        desk
    }

    fn tell(&mut self, input: Input<'_>) {
        self.client.handle(self.now, input);
        while let Some(output) = self.client.poll_output() {
            self.log.push(shown(&output, self.shows_where));
        }
    }

    /// One command in words: `enter den`, `say hello`, `whisper bob psst`.
    fn want(&mut self, words: &str) {
        let here = self.client.room().and_then(|room| RoomName::parse(room).ok());
        self.tell(Input::Command(command(words, here)));
    }

    fn hear(&mut self, json: &str) {
        self.tell(Input::Bytes(&framed(json)));
    }

    /// Time passes, with a visit at each deadline.
    fn wait(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.client.deadline().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.tell(Input::Timeout);
            assert!(
                self.client.deadline().is_none_or(|at| at > self.now),
                "a deadline that does not go away"
            );
        }
        self.now = until;
    }

    /// What came out since the last look, in order.
    #[track_caller]
    fn check(&mut self, expected: &str) {
        assert_eq!(mem::take(&mut self.log).join(", "), expected);
    }

    #[track_caller]
    fn check_hears(&mut self, json: &str, expected: &str) {
        self.hear(json);
        self.check(expected);
    }

    /// The same, whatever is sent because of it.
    #[track_caller]
    fn check_hears_and_goes_on(&mut self, json: &str, expected: &str) {
        self.hear(json);
        self.log.retain(|line| !line.starts_with("> "));
        self.check(expected);
    }
}

/// The room that most is about.
fn den() -> Conversation {
    Conversation::Room(RoomName::parse("den").unwrap())
}

/// What is said is for the room that the client is in, or is to come back to.
fn command(words: &str, here: Option<RoomName>) -> Command {
    let here = here.map_or_else(den, Conversation::Room);
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    let user = |name: &str| UserName::parse(name).unwrap();
    let room = || RoomName::parse(rest).unwrap();
    let text = |text: &str| Text::try_from(text).unwrap();
    let credentials = || {
        let (name, password) = rest.split_once(' ').unwrap();
        (user(name), Password::parse(Zeroizing::new(password.into())).unwrap())
    };
    match verb {
        "register" => {
            let (name, password) = credentials();
            Command::Register(name, password, None)
        }
        "login" => {
            let (name, password) = credentials();
            Command::Login(name, password)
        }
        "list" => Command::List,
        "create" => Command::Create(room()),
        "enter" => Command::Enter(room()),
        "say" => Command::Say { to: here, text: text(rest), id: 7, cid: None },
        "whisper" => {
            let (to, rest) = rest.split_once(' ').unwrap();
            Command::Say { to: Conversation::Peer(user(to)), text: text(rest), id: 7, cid: None }
        }
        "exit" => Command::Exit(RoomName::parse("den").unwrap()),
        "logout" => Command::Logout,
        _ => panic!("{verb} is no command"),
    }
}

fn framed(json: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(json.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes
}

fn shown(output: &Output, shows_where: bool) -> String {
    match output {
        Output::Frame(frame) => {
            let json = str::from_utf8(&frame[PREFIX_BYTES..]).unwrap();
            assert_eq!(&frame[..], framed(json), "a frame says its length");
            format!("> {json}")
        }
        Output::Event(event) => shown_event(event, shows_where),
        Output::Close => "close".into(),
    }
}

fn shown_event(event: &Event, shows_where: bool) -> String {
    let place = |of: &Conversation| match of {
        _ if !shows_where => String::new(),
        Conversation::Room(room) => format!("{room} "),
        Conversation::Peer(peer) => format!("@{peer} "),
    };
    let roster = |room: &Room| format!("{}: {}", room.name, room.members.join(" "));
    match event {
        Event::Connected => "connected".into(),
        Event::Disconnected(End::Closed) => "disconnected".into(),
        Event::Disconnected(End::Silent) => "lost in silence".into(),
        Event::Disconnected(End::ServerFault(_)) => "server fault".into(),
        Event::Greeted(greeting) => format!("greeted by {} {:?}", greeting.server, greeting.registration),
        Event::Registered => "registered".into(),
        Event::LoggedIn { username } => format!("logged in {username}"),
        Event::Session { username, token } => format!("{username} may show {}", token.expose()),
        Event::Acknowledged { said, posted, .. } => format!("{said} acknowledged as {}", posted.seq),
        Event::Returned { username, room } => {
            format!("{username} returned to {}", room.as_deref().unwrap_or("the lobby"))
        }
        Event::LoggedOut => "logged out".into(),
        Event::Rooms(rooms) => format!("rooms [{}]", rooms.iter().map(roster).collect::<Vec<_>>().join("; ")),
        Event::Members(room) => format!("members [{}]", roster(room)),
        Event::Created { message } => format!("created ({message})"),
        Event::Entered { room } => format!("entered {room}"),
        Event::Left { room } if shows_where => format!("left {room}"),
        Event::Left { .. } => "left".into(),
        Event::Crowds(crowds) => {
            let shown = |crowd: &Crowd| format!("{}: {}", crowd.room, crowd.people);
            format!("crowds [{}]", crowds.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Event::Friends(Friends { friends, asking, asked, blocked }) => {
            let names = |names: &[UserName]| names.iter().map(|name| format!(" {name}")).collect::<String>();
            format!("friends [{};{};{};{}]", names(friends), names(asking), names(asked), names(blocked))
        }
        Event::Presence(presences) => {
            let shown = |Presence { user, state, text }: &Presence| {
                let text = text.as_ref().map(|text| format!(" ({})", text.as_str())).unwrap_or_default();
                format!("{user} {}{text}", state.as_str())
            };
            format!("here [{}]", presences.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Event::Logins(logins) => {
            let shown = |login: &Login| {
                let client = login.client.as_ref().map_or("unknown", ClientName::as_str);
                format!("{} {client}{}", login.id.0, if login.is_own { " (own)" } else { "" })
            };
            format!("logins [{}]", logins.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Event::Places(places) => {
            let shown =
                |place: &Place| format!("{} {} of {}", shown_conversation(&place.of), place.read, place.last);
            format!("places [{}]", places.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Event::Message { of, from, text, is_own, private_with, .. } => {
            let own = if *is_own { " (own)" } else { "" };
            let private = private_with.as_ref().map(|peer| format!(" [with {peer}]")).unwrap_or_default();
            format!("{}{from}{own}{private}: {text}", place(of))
        }
        Event::Past { of, messages, is_older, is_anew, has_older } => {
            let line = |past: &Past| {
                let said = past.said.map(|said| format!(", said {said}")).unwrap_or_default();
                let own = if past.is_own { format!(" (own{said})") } else { String::new() };
                format!("{}{own}: {}", past.from, past.text.as_deref().unwrap_or("(deleted)"))
            };
            let kind = match (is_older, is_anew) {
                (true, _) => "older",
                (false, true) => "anew",
                (false, false) => "past",
            };
            let lines: Vec<String> = messages.iter().map(line).collect();
            format!(
                "{kind} {}[{}]{}",
                place(of),
                lines.join(", "),
                if *has_older { ", older there" } else { "" }
            )
        }
        Event::Refused { request, code, message, retry_ms, .. } => {
            let code = code.as_deref().unwrap_or("no code");
            let retry = retry_ms.map(|ms| format!(" for {ms} ms")).unwrap_or_default();
            format!("{request} refused, {code}{retry} ({message})")
        }
        Event::Unanswered { request, .. } => format!("{request} unanswered"),
        Event::Notice { code, message } => {
            format!("notice, {} ({message})", code.as_deref().unwrap_or("no code"))
        }
    }
}

fn shown_conversation(of: &Conversation) -> String {
    match of {
        Conversation::Room(room) => format!("{room}"),
        Conversation::Peer(peer) => format!("@{peer}"),
    }
}

/// A message as servers send it.
fn msg(to: &str, from: &str, text: &str) -> String {
    format!(r#"{{"type":"msg","status":"ok","data":{{"to":"{to}","from":"{from}","text":"{text}"}}}}"#)
}

// What a person wants.

#[test]
fn each_command_is_one_request() {
    for (mut desk, words, request) in [
        (
            Desk::connected(),
            r#"register Ann a "b" \"#,
            r#"{"type":"register","data":{"username":"Ann","password":"a \"b\" \\"}}"#,
        ),
        (
            Desk::connected(),
            "login Ann 1234",
            r#"{"type":"login","data":{"username":"Ann","password":"1234"}}"#,
        ),
        (Desk::in_lobby(), "list", r#"{"type":"list","data":null}"#),
        (Desk::in_lobby(), "create my den", r#"{"type":"create","data":{"room":"my den"}}"#),
        (Desk::in_lobby(), "enter 午餐", r#"{"type":"enter","data":{"room":"午餐"}}"#),
        (Desk::in_lobby(), "logout", r#"{"type":"logout","data":null}"#),
        (Desk::in_room(), "list", r#"{"type":"list","data":null}"#),
        (
            Desk::in_room(),
            "say hi\tall\n😀",
            r#"{"type":"msg","data":{"from":"Ann","to":"public","text":"hi\tall\n😀"}}"#,
        ),
        (
            Desk::in_room(),
            "whisper bob psst",
            r#"{"type":"msg","data":{"from":"Ann","to":"bob","text":"psst"}}"#,
        ),
        (Desk::in_room(), "exit", r#"{"type":"exit","data":null}"#),
    ] {
        desk.want(words);
        desk.check(&format!("> {request}"));
    }
}

#[test]
fn a_server_that_answers_hello_is_known_and_one_that_does_not_is_not_waited_for() {
    let mut desk = Desk::connected();
    desk.check_hears(
        r#"{"type":"hello","status":"ok","data":{"proto":1,"caps":[],"server":"chatroom 0.1.0","registration":"invite"}}"#,
        "greeted by chatroom 0.1.0 Some(Invite)",
    );
    let mut desk = Desk::connected();
    desk.check_hears(r#"{"type":"hello","status":"error","message":"No","code":"bad_request"}"#, "");
    desk.check_hears(LOGGED_IN, "logged in Ann");
    let mut original = Desk::connected();
    assert_eq!(original.client.deadline(), None);
    original.wait(600);
    original.check_hears(LOGGED_IN, "logged in Ann");
    // Not even a greeting that comes too late leads anywhere.
    original.check_hears(r#"{"type":"hello","status":"ok","data":{"registration":"open"}}"#, "");
}

#[test]
fn a_command_that_makes_no_sense_here_is_refused_and_not_sent() {
    let wants = ["register a 1", "login a 1", "list", "create a", "enter a", "say a", "exit", "logout"];
    let phases = [
        (Desk::default as fn() -> Desk, "", "no code (There is no connection to a server)"),
        (Desk::connected, "register login", "wrong_state (Log in first)"),
        (Desk::in_lobby, "list create enter logout", "wrong_state"),
        (Desk::in_room, "list say exit", "wrong_state"),
    ];
    for (desk, allowed, refusal) in phases {
        for words in wants {
            let mut desk = desk();
            desk.want(words);
            let said = desk.log.remove(0);
            let verb = words.split(' ').next().unwrap();
            let kind = if verb == "say" { "msg" } else { verb };
            if allowed.split(' ').any(|allowed| allowed == verb) {
                assert!(said.starts_with("> "), "{words}: {said}");
            } else {
                assert!(said.starts_with(&format!("{kind} refused, {refusal}")), "{words}: {said}");
                assert_eq!(desk.client.deadline(), None, "{words}: nothing is waited for");
            }
            desk.check("");
        }
    }
}

// What a server says.

#[test]
fn every_answer_of_this_projects_server_is_an_event() {
    let mut desk = Desk::connected();
    desk.check_hears(
        r#"{"type":"register","status":"ok","message":"Registered, you can log in now","data":{"username":"Ann","chatroom":"lobby"}}"#,
        "registered",
    );
    desk.check_hears(
        r#"{"type":"login","status":"error","message":"Wait","code":"auth_throttled","retry_ms":1500}"#,
        "login refused, auth_throttled for 1500 ms (Wait)",
    );
    desk.check_hears(LOGGED_IN, "logged in Ann");
    assert_eq!((desk.client.phase(), desk.client.username()), (Some(Phase::Lobby), Some("Ann")));
    desk.check_hears(
        r#"{"type":"list","status":"ok","data":{"lobby":["zoe","Ann"],"example":[],"a":["bob"]}}"#,
        "rooms [lobby: zoe Ann; example: ; a: bob]",
    );
    desk.check_hears(
        r#"{"type":"create","status":"ok","message":"den created successfully"}"#,
        "created (den created successfully)",
    );
    desk.check_hears(
        r#"{"type":"enter","status":"error","message":"den is full","code":"room_full"}"#,
        "enter refused, room_full (den is full)",
    );
    desk.check_hears(ENTERED, "entered den");
    assert_eq!((desk.client.phase(), desk.client.room()), (Some(Phase::Chat), Some("den")));
    desk.check_hears(
        r#"{"type":"list_room","status":"ok","data":{"den":["bob","Ann"]}}"#,
        "members [den: bob Ann]",
    );
    desk.check_hears(&msg("public", "bob", "hi"), "bob: hi");
    desk.check_hears(&msg("Ann", "bob", "psst"), "bob [with bob]: psst");
    desk.check_hears(
        r#"{"type":"list_room","status":"error","message":"Slow","code":"rate_limited","retry_ms":500}"#,
        "list refused, rate_limited for 500 ms (Slow)",
    );
    desk.check_hears(
        r#"{"type":"exit","status":"ok","message":"Left den, back in the lobby","rid":"1"}"#,
        "left",
    );
    assert_eq!((desk.client.phase(), desk.client.room()), (Some(Phase::Lobby), None));
    desk.check_hears(r#"{"type":"logout","status":"ok","message":"Ann logged out"}"#, "logged out");
    assert_eq!((desk.client.phase(), desk.client.username()), (Some(Phase::Auth), None));
    desk.check_hears(
        r#"{"type":"error","status":"error","message":"Bye","code":"shutting_down"}"#,
        "notice, shutting_down (Bye)",
    );
    desk.check_hears(r#"{"type":"from_the_future","status":"ok","data":[1]}"#, "");
}

// Who a private message is with.

#[test]
fn the_own_copy_of_a_private_message_belongs_to_whom_it_was_for() {
    let mut desk = Desk::in_room();
    for words in ["whisper bob 1", "say 2", "whisper eve 3", "whisper zoe 4", "whisper Ann 5"] {
        desk.want(words);
    }
    desk.log.clear();
    desk.check_hears_and_goes_on(&msg("Ann", "eve", "0"), "eve [with eve]: 0");
    desk.check_hears_and_goes_on(&msg("Ann", "Ann", "1"), "Ann (own) [with bob]: 1");
    desk.check_hears_and_goes_on(&msg("public", "Ann", "2"), "Ann (own): 2");
    desk.check_hears_and_goes_on(&msg("Ann", "Ann", "3"), "Ann (own) [with eve]: 3");
    desk.check_hears_and_goes_on(
        r#"{"type":"msg","status":"error","message":"zoe not in den","code":"not_in_room"}"#,
        "msg refused, not_in_room (zoe not in den)",
    );
    desk.check_hears_and_goes_on(&msg("Ann", "Ann", "5"), "Ann (own) [with Ann]: 5");
    assert_eq!(desk.client.deadline(), None);
    // The original server sends a note to oneself twice; the second is no answer to what was said in public.
    desk.want("say 6");
    desk.log.clear();
    desk.check_hears_and_goes_on(&msg("Ann", "Ann", "5"), "Ann (own) [with Ann]: 5");
    assert!(desk.client.deadline().is_some());
    desk.check_hears_and_goes_on(&msg("public", "Ann", "6"), "Ann (own): 6");
    assert_eq!(desk.client.deadline(), None);
}

// What is not answered.

#[test]
fn a_request_is_given_up_after_30_seconds_each_by_its_own_clock() {
    let mut desk = Desk::in_room();
    desk.want("list");
    desk.wait(10);
    desk.want("whisper bob psst");
    desk.want("exit");
    desk.log.clear();
    desk.wait(19);
    desk.check("");
    desk.wait(1);
    desk.check("list unanswered");
    desk.check_hears(r#"{"type":"exit","status":"ok","message":null,"data":null}"#, "left");
    desk.wait(10);
    desk.check("msg unanswered");
    assert_eq!(desk.client.deadline(), None);
}

#[test]
fn what_was_asked_when_the_connection_ends_is_unanswered_and_nothing_of_it_reaches_the_next() {
    let mut desk = Desk::in_room();
    desk.want("list");
    desk.want("exit");
    desk.tell(Input::Bytes(&framed(LOGGED_IN)[..20]));
    desk.log.clear();
    desk.tell(Input::Closed);
    desk.check("list unanswered, exit unanswered, disconnected");
    assert_eq!((desk.client.phase(), desk.client.deadline()), (None, None));
    desk.tell(Input::Closed);
    desk.hear(LOGGED_IN);
    desk.check("");
    desk.tell(Input::Connected);
    desk.hear(LOGGED_IN);
    desk.check(&format!("connected, {HELLO}, logged in Ann"));
}

#[test]
fn a_message_whispered_to_public_is_one_to_everybody() {
    let mut desk = Desk::in_room();
    desk.want("whisper public hi");
    desk.log.clear();
    desk.check_hears(&msg("public", "Ann", "hi"), "Ann (own): hi");
    assert_eq!(desk.client.deadline(), None, "it was answered");
}

#[test]
fn what_was_whispered_to_public_does_not_put_a_later_whisper_into_the_wrong_window() {
    let mut desk = Desk::in_room();
    for words in ["whisper Public hi", "whisper zoe 1", "whisper bob 2"] {
        desk.want(words);
    }
    desk.log.clear();
    desk.check_hears_and_goes_on(&msg("public", "Ann", "hi"), "Ann (own): hi");
    desk.check_hears_and_goes_on(
        r#"{"type":"msg","status":"error","message":"zoe not in den","code":"not_in_room"}"#,
        "msg refused, not_in_room (zoe not in den)",
    );
    desk.check_hears_and_goes_on(&msg("Ann", "Ann", "2"), "Ann (own) [with bob]: 2");
}

/// The original server sends a whisper to oneself twice.
#[test]
fn the_second_copy_of_a_note_to_oneself_is_not_taken_for_the_next_whisper() {
    let mut desk = Desk::in_room();
    desk.want("whisper Ann note");
    desk.want("whisper bob secret");
    desk.log.clear();
    desk.check_hears_and_goes_on(&msg("Ann", "Ann", "note"), "Ann (own) [with Ann]: note");
    desk.check_hears_and_goes_on(&msg("Ann", "Ann", "note"), "Ann (own) [with Ann]: note");
    desk.check_hears_and_goes_on(&msg("Ann", "Ann", "secret"), "Ann (own) [with bob]: secret");
}

/// The original server passes on what no UTF-8 can write.
#[test]
fn a_text_with_half_a_character_throws_nobody_out() {
    let mut desk = Desk::in_room();
    desk.check_hears(&msg("public", "bob", r"\ud800"), "");
    desk.check_hears(&msg("public", "bob", "hi"), "bob: hi");
}
