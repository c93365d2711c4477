//! One connection on a stage: the test plays its network, its account store and its clock; the hub is a real one.

mod clocks;
mod ending;
mod floods;
mod hall;
mod lasting;
mod logins;
mod order;
mod rations;
mod silence;

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::hub::{ConnId, Deliveries, Hub, Mailbox};
use crate::name::{Account, LookFn, RoomName, UserName};
use crate::secret::Token;

const MINUTE: u64 = 60_000;
const LOGIN: &str = r#"{"type":"login","data":{"username":"ann","password":"1234"}}"#;
const REGISTER: &str = r#"{"type":"register","data":{"username":"ann","password":"1234"}}"#;
const LIST: &str = r#"{"type":"list"}"#;
const CREATE: &str = r#"{"type":"create","data":{"room":"den"}}"#;
const ENTER: &str = r#"{"type":"enter","data":{"room":"den"}}"#;
const EXIT: &str = r#"{"type":"exit"}"#;
const LOGOUT: &str = r#"{"type":"logout"}"#;
/// What logging in looks like in a log.
const WELCOME: &str = "login ok, list ok";

struct Stage {
    now: Instant,
    conn: Conn,
    hub: Hub,
    id: ConnId,
    mailbox: Mailbox,
    asked: Option<(Ticket, Question)>,
    /// The network takes whatever is sent, at once.
    network_is_fast: bool,
    /// The hub's mail arrives at once.
    hub_is_fast: bool,
    unsent: usize,
    log: Vec<String>,
}

impl Stage {
    fn before_handshake(limits: Limits) -> Self {
        let key_of: KeyFn = |name| name.to_lowercase();
        let look_of: LookFn = |name| Ok(name.to_lowercase());
        let now = Instant::default();
        let mut hub = Hub::new(now, limits.clone(), key_of, look_of, &[RoomName::parse("example").unwrap()]);
        let id = hub.connect(&mut Deliveries::new()).unwrap();
        Self {
            now,
            conn: Conn::new(
                now,
                Arc::new(Rules {
                    limits: limits.clone(),
                    registration: Registration::Open,
                    history: false,
                    key_of,
                    look_of,
                }),
            ),
            hub,
            id,
            mailbox: Mailbox::new(limits.outbox_bytes_max),
            asked: None,
            network_is_fast: true,
            hub_is_fast: true,
            unsent: 0,
            log: vec![],
        }
    }

    fn with(limits: Limits) -> Self {
        let mut stage = Self::before_handshake(limits);
        stage.tell(Input::Secured);
        stage
    }

    fn new() -> Self {
        Self::with(Limits::default())
    }

    /// A connection on which ann has logged in.
    fn in_lobby() -> Self {
        let mut stage = Self::new();
        stage.say(LOGIN);
        stage.verified();
        stage.check(&format!("ask, {WELCOME}"));
        stage
    }

    fn tell(&mut self, input: Input<'_>) {
        self.conn.handle(self.now, input);
        self.run();
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.tell(Input::Bytes(bytes));
    }

    fn say(&mut self, json: &str) {
        self.bytes(&framed(json));
    }

    /// Several requests in one chunk.
    fn say_all(&mut self, requests: &[&str]) {
        self.bytes(&requests.iter().flat_map(|json| framed(json)).collect::<Vec<_>>());
    }

    fn answer(&mut self, answer: Answer) {
        let (ticket, _) = self.asked.take().expect("a question is open");
        self.tell(Input::Answer(ticket, answer));
    }

    fn verified(&mut self) {
        self.answer(Answer::Verified(ann()));
    }

    fn sent(&mut self, taken: usize, pending: usize) {
        self.note_sent(taken, pending);
        self.run();
    }

    fn note_sent(&mut self, taken: usize, pending: usize) {
        let was_at_rest = self.conn.is_at_rest();
        self.conn.handle(self.now, Input::Sent { taken, pending });
        if was_at_rest {
            assert!(self.conn.poll_output().is_none(), "it was at rest, so that nobody would have asked");
        }
    }

    /// Lets time pass as a frontend does: it comes back at each deadline on the way.
    fn wait(&mut self, milliseconds: u64) {
        let until = self.now + ms(milliseconds);
        while let Some(at) = self.conn.deadline().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.tell(Input::Timeout);
            assert!(self.conn.deadline().is_none_or(|at| at > self.now), "a deadline that does not go away");
        }
        self.now = until;
    }

    /// What came out since the last look, in order.
    #[track_caller]
    fn check(&mut self, expected: &str) {
        assert_eq!(mem::take(&mut self.log).join(", "), expected);
    }

    /// Nothing happens for so long, and then this.
    #[track_caller]
    fn check_after(&mut self, milliseconds: u64, expected: &str) {
        self.wait(milliseconds - 1);
        self.check("");
        self.wait(1);
        self.check(expected);
    }

    fn run(&mut self) {
        loop {
            let mut is_news = false;
            while let Some(output) = self.conn.poll_output() {
                is_news = true;
                self.act(output);
            }
            if self.network_is_fast && mem::take(&mut is_news) {
                let taken = mem::take(&mut self.unsent);
                self.note_sent(taken, 0);
                continue;
            }
            let mail = if self.hub_is_fast { self.mailbox.pop() } else { None };
            let Some(mail) = mail else { return };
            self.conn.handle(self.now, Input::Mail(mail));
        }
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Frame(frame) => {
                self.unsent += frame.len();
                self.log.push(shown(&frame));
            }
            Output::Ask(ticket, question) => {
                self.asked = Some((ticket, question));
                self.log.push("ask".into());
            }
            Output::Hub(command) => {
                if let Command::EndLogin { login: GrantId(id), .. } = &command {
                    self.log.push(format!("ended {id}"));
                }
                let mut deliveries = Deliveries::new();
                self.hub.apply(self.now, self.id, command, &mut deliveries);
                for (_, mail) in deliveries.into_iter().filter(|(to, _)| *to == self.id) {
                    self.mailbox.push(mail);
                }
            }
            Output::End(GrantId(id)) => self.log.push(format!("end {id}")),
            Output::Finish => self.log.push("finish".into()),
            Output::Close(end) => self.log.push(format!("close {end:?}")),
        }
    }
}

fn ann() -> Account {
    Account::new(|name| name.to_lowercase(), UserName::parse("ann").unwrap()).unwrap()
}

fn framed(json: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(json.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes
}

/// A `list` request of exactly so many bytes.
fn long_list(bytes: usize) -> String {
    format!("{LIST:<bytes$}")
}

/// A message of so many bytes, from the hub.
fn heavy(bytes: usize) -> Input<'static> {
    Input::Mail(Mail::Frame(vec![b' '; bytes].into()))
}

/// A frame in a few words: its type, `ok` or its code, its rid.
fn shown(frame: &[u8]) -> String {
    let envelope = frame.get(PREFIX_BYTES..).and_then(|json| Envelope::decode(json).ok());
    let Some(envelope) = envelope else { return format!("{} bytes", frame.len()) };
    let reply = crate::message::reply::Received::decode(&envelope).unwrap();
    let outcome = if reply.ok { "ok" } else { reply.code.as_deref().unwrap_or("no code") };
    let rid = envelope.rid().unwrap().map(|rid| serde_json::to_string(&rid).unwrap());
    [reply.kind.as_str(), outcome].into_iter().chain(rid.as_deref()).collect::<Vec<_>>().join(" ")
}
