//! However a client's bytes arrive, and however late the answers to what the server asks itself, it says the same.

#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped here fails the test, as it should")]

use std::sync::Arc;

use chatroom_core::Instant;
use chatroom_core::frame::PREFIX_BYTES;
use chatroom_core::hub::{Command, ConnId, Deliveries, Hub, Mailbox};
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::{Caps, Registration};
use chatroom_core::name::{Account, NameError, NameKey, RoomName, UserName};
use chatroom_core::server::{Answer, Conn, Input, Output, Question, Refusal, Rules, Ticket};
use proptest::prelude::*;

/// A server with one connection on it; bob is there too, in the room `example`.
struct Server {
    conn: Conn,
    hub: Hub,
    id: ConnId,
    mailbox: Mailbox,
    asked: Option<(Ticket, Question)>,
    /// Everything that came out, frames word for word.
    log: Vec<String>,
}

const NOW: Instant = Instant::from_start(std::time::Duration::ZERO);

impl Server {
    fn new() -> Self {
        let limits = Limits { list_burst: 3, message_burst: 4, ..Limits::default() };
        let rules = Arc::new(Rules {
            limits: limits.clone(),
            registration: Registration::Open,
            history: false,
            key_of,
            look_of,
        });
        let mut hub = Hub::new(NOW, limits, key_of, look_of, &[RoomName::parse("example").unwrap()]);
        let mut deliveries = Deliveries::new();
        let bob = hub.connect(&mut deliveries).unwrap();
        hub.apply(NOW, bob, Command::Login(account("bob"), Caps::default(), None), &mut deliveries);
        let room = RoomName::parse("example").unwrap();
        hub.apply(NOW, bob, Command::Enter(NameKey::new(key_of, "example"), room), &mut deliveries);
        let id = hub.connect(&mut deliveries).unwrap();
        let mut conn = Conn::new(NOW, rules);
        conn.handle(NOW, Input::Secured);
        Self { conn, hub, id, mailbox: Mailbox::new(1 << 20), asked: None, log: vec![] }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.conn.handle(NOW, input);
        while let Some(output) = self.conn.poll_output() {
            match output {
                Output::Frame(frame) => {
                    self.log.push(String::from_utf8(frame[PREFIX_BYTES..].to_vec()).unwrap());
                }
                Output::Ask(ticket, question) => {
                    self.log.push("asks".into());
                    self.asked = Some((ticket, question));
                }
                Output::Hub(command) => self.apply(command),
                Output::End(grant) => self.log.push(format!("ends: {grant:?}")),
                Output::Finish => self.log.push("finishes".into()),
                Output::Close(end) => self.log.push(format!("closes: {end:?}")),
            }
        }
    }

    fn apply(&mut self, command: Command) {
        let mut deliveries = Deliveries::new();
        self.hub.apply(NOW, self.id, command, &mut deliveries);
        for (_, mail) in deliveries.into_iter().filter(|(to, _)| *to == self.id) {
            self.mailbox.push(mail);
        }
    }

    /// Lets the network, the store and the hub do what they have to do. Whether there was anything.
    fn attend(&mut self) -> bool {
        self.handle(Input::Sent { taken: 1, pending: 0 });
        if let Some((ticket, question)) = self.asked.take() {
            let answer = match question {
                Question::Register { account, .. } => Answer::Registered(account),
                Question::Verify { account, password, .. } if password.expose() == "1234" => {
                    Answer::Verified(account)
                }
                Question::Verify { .. }
                | Question::Resume { .. }
                | Question::History(_)
                | Question::Logins { .. }
                | Question::Decoy => Answer::Refused(Refusal::AuthFailed),
            };
            self.handle(Input::Answer(ticket, answer));
            return true;
        }
        let mail = self.mailbox.pop();
        let is_news = mail.is_some();
        mail.into_iter().for_each(|mail| self.handle(Input::Mail(mail)));
        is_news
    }

    /// The bytes in pieces of these lengths, and after each piece as many things attended to as are said with it.
    fn log_of(stream: &[u8], pieces: &[(usize, usize)]) -> Vec<String> {
        let mut server = Self::new();
        let mut rest = stream;
        for (bytes, attentions) in pieces.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*bytes));
            server.handle(Input::Bytes(now));
            for _ in 0..*attentions {
                server.attend();
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        while server.attend() {}
        server.handle(Input::Eof);
        server.handle(Input::Sent { taken: 0, pending: 0 });
        server.log
    }
}

fn key_of(name: &str) -> String {
    name.to_lowercase()
}

fn look_of(name: &str) -> Result<String, NameError> {
    Ok(name.to_lowercase())
}

fn account(name: &str) -> Account {
    Account::new(key_of, UserName::parse(name).unwrap()).unwrap()
}

fn framed(json: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(json.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes
}

const REGISTER: &str = r#"{"type":"register","data":{"username":"Ann","password":"1234"},"rid":"r"}"#;
const LOGIN: &str = r#"{"type":"login","data":{"username":"Ann","password":"1234"}}"#;
const LIST: &str = r#"{"type":"list","data":null}"#;
const CREATE: &str = r#"{"type":"create","data":{"room":"午餐"},"rid":"c"}"#;
const ENTER: &str = r#"{"type":"enter","data":{"room":"example"}}"#;
const SAY: &str = r#"{"type":"msg","data":{"from":"Ann","to":"public","text":"héllo \ud83d\ude00"}}"#;
const WHISPER: &str = r#"{"type":"msg","data":{"to":"bob","text":"psst"}}"#;
const EXIT: &str = r#"{"type":"exit"}"#;
const LOGOUT: &str = r#"{"type":"logout"}"#;

/// A visit from the first request to the last.
fn whole_visit() -> Vec<u8> {
    let requests =
        [REGISTER, LOGIN, LIST, CREATE, ENTER, LIST, SAY, WHISPER, EXIT, LIST, LOGOUT, LOGIN, ENTER, SAY];
    requests.iter().flat_map(|request| framed(request)).collect()
}

/// Something a client might send, sensible or not.
fn any_request() -> impl Strategy<Value = Vec<u8>> {
    let sensible = [REGISTER, LOGIN, LIST, CREATE, ENTER, SAY, WHISPER, EXIT, LOGOUT].map(framed);
    let wrong = [
        framed(r#"{"type":"login","data":{"username":"Ann","password":"4321"}}"#),
        framed(r#"{"type":"enter","data":{"room":"nowhere"}}"#),
        framed(r#"{"type":"msg","data":{"to":"zoe","text":"psst"}}"#),
        framed(r#"{"type":"dance"}"#),
        framed(r#"{"type":"create","data":[]}"#),
        framed("{"),
        framed(&format!("{LIST}{}", " ".repeat(4096))),
    ];
    prop_oneof![
        20 => prop::sample::select(sensible.to_vec()),
        10 => prop::sample::select(wrong.to_vec()),
        1 => Just(vec![0, 0, 0, 0]),
    ]
}

#[test]
fn a_visit_cut_in_two_anywhere_gives_the_same_answers() {
    let stream = whole_visit();
    let expected = Server::log_of(&stream, &[(stream.len(), 100)]);
    assert_eq!(expected.len(), 24, "{expected:#?}");
    assert!(expected.iter().all(|line| !line.contains("error")), "{expected:#?}");
    for at in 1..stream.len() {
        assert_eq!(Server::log_of(&stream, &[(at, 1), (stream.len(), 100)]), expected, "cut at {at}");
    }
    assert_eq!(Server::log_of(&stream, &[(1, 1)]), expected, "byte by byte");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_requests_in_any_pieces_get_the_same_answers(
        head in prop::sample::select(vec![vec![], framed(LOGIN), [framed(LOGIN), framed(ENTER)].concat()]),
        requests in prop::collection::vec(any_request(), 1..20),
        pieces in prop::collection::vec((1..120_usize, 0..4_usize), 1..60),
    ) {
        let stream = [head, requests.concat()].concat();
        let expected = Server::log_of(&stream, &[(stream.len(), 1000)]);
        prop_assert_eq!(Server::log_of(&stream, &pieces), expected.clone());
        let ends = expected.iter().filter(|line| line.starts_with("closes")).count();
        prop_assert_eq!(ends, 1);
        prop_assert!(expected.last().is_some_and(|line| line.starts_with("closes")));
    }
}
