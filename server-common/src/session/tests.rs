//! A client that takes what it likes: the test is its network.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use chatroom_core::hub::Farewell;
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::secret::Token;
use chatroom_core::server::{Answer, Grant, Rules};

use super::*;
use crate::keys::{name_key, name_look};
use crate::testing::{Clear, Trusting, framed};

/// A connection without TLS, of somebody who is logged in.
struct Client {
    session: Session<Nobody, Clear>,
    now: Instant,
}

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

impl Client {
    fn of(server: &Arc<Server<Nobody>>, name: &str) -> Self {
        let now = Instant::default();
        let session = server.accept(now, Ipv4Addr::LOCALHOST.into(), Clear, Nobody).expect("there is room");
        let mut client = Self { session, now };
        client.say(&format!(r#"{{"type":"login","data":{{"username":"{name}","password":"1234"}}}}"#));
        client.takes_all_but(0);
        client
    }

    fn say(&mut self, json: &str) {
        self.session.handle(self.now, Happened::Read(&framed(json)));
    }

    /// The network takes what waits, but for the last so many bytes.
    fn takes_all_but(&mut self, left: usize) {
        while self.session.wire().len() > left {
            let bytes = self.session.wire().len() - left;
            self.session.handle(self.now, Happened::Wrote(bytes));
        }
    }
}

fn server(limits: Limits) -> Arc<Server<Nobody>> {
    let rules = Rules {
        limits,
        registration: Registration::Open,
        history: false,
        key_of: name_key,
        look_of: name_look,
    };
    Server::new(Instant::default(), rules, &[], Box::new(Trusting), Box::new(|| {}))
}

#[test]
fn a_client_that_never_takes_the_last_byte_makes_nobody_keep_the_others() {
    let mut client = Client::of(&server(Limits { list_rate: 0, ..Limits::default() }), "harper");
    client.say(r#"{"type":"list"}"#);
    let answer_bytes = client.session.wire().len();
    for _ in 0..1000 {
        client.takes_all_but(1);
        client.say(r#"{"type":"list"}"#);
    }
    let kept = client.session.wire.len();
    assert!(kept <= 4 * answer_bytes, "{kept} bytes are kept for answers of {answer_bytes}");
}

#[test]
fn a_client_that_takes_nothing_is_told_to_go_all_the_same() {
    let server = server(Limits { outbox_pause_bytes: 1, ..Limits::default() });
    let mut client = Client::of(&server, "harper");
    client.say(r#"{"type":"list"}"#);
    assert!(!client.session.wants_read(), "it is paused");
    server.exchange().shut_down(client.now);
    client.session.handle(client.now, Happened::Woken);
    let said = String::from_utf8_lossy(client.session.wire()).into_owned();
    assert!(said.contains("shutting_down") && client.session.is_finishing(), "{said}");
}

#[test]
fn who_is_replaced_while_taking_nothing_is_gone_after_the_time_to_linger() {
    let limits = Limits { outbox_pause_bytes: 1, ..Limits::default() };
    let linger = Duration::from_millis(limits.linger_ms_max);
    let server = server(limits);
    let mut old = Client::of(&server, "harper");
    old.say(r#"{"type":"list"}"#);
    let _new = Client::of(&server, "Harper");
    old.session.handle(old.now, Happened::Woken);
    assert_eq!(old.session.end(), None);
    old.session.handle(old.now + linger, Happened::Woken);
    assert_eq!(old.session.end(), Some(End::Dismissed(chatroom_core::message::reply::Code::Replaced)));
}

#[test]
fn what_the_hub_decided_before_a_request_comes_before_its_answer() {
    let server = server(Limits::default());
    let mut harper = Client::of(&server, "harper");
    let _casey = Client::of(&server, "casey");
    harper.say(r#"{"type":"dance"}"#);
    let said = String::from_utf8_lossy(harper.session.wire()).into_owned();
    let (list, answer) = (said.find("casey"), said.find("unknown_type"));
    assert!(list.is_some() && list < answer, "{said}");
}

/// Whispers count for more in a mailbox than they are on the wire, so that some are left in it while there is room.
#[test]
fn an_answer_does_not_overtake_mail_that_counts_for_more_than_it_is() {
    let limits = Limits { outbox_pause_bytes: 1000, message_rate: 0, ..Limits::default() };
    let server = server(limits);
    let (mut harper, mut casey) = (Client::of(&server, "harper"), Client::of(&server, "casey"));
    for client in [&mut harper, &mut casey] {
        client.say(r#"{"type":"create","data":{"room":"den"}}"#);
        client.say(r#"{"type":"enter","data":{"room":"den"}}"#);
        client.takes_all_but(0);
    }
    for number in 0..10 {
        casey.say(&format!(r#"{{"type":"msg","data":{{"to":"harper","text":"w{number}"}}}}"#));
        casey.takes_all_but(0);
    }
    harper.say(r#"{"type":"dance"}"#);
    let mut said = String::new();
    while !harper.session.wire().is_empty() {
        said += &String::from_utf8_lossy(harper.session.wire());
        let bytes = harper.session.wire().len();
        harper.session.handle(harper.now, Happened::Wrote(bytes));
    }
    let (last, answer) = (said.find("w9"), said.find("unknown_type"));
    assert!(last.is_some() && last < answer, "{said}");
}

/// A reason to go is not lost in a mailbox that nobody looks into.
#[test]
fn a_farewell_is_news_to_a_full_mailbox() {
    use chatroom_core::hub::{Mail, Mailbox, Pushed};
    let mut mailbox = Mailbox::new(1000);
    assert_eq!(mailbox.push(Mail::Farewell(Farewell::Crowded)), Pushed::First);
    let mut mailbox = Mailbox::new(1000);
    mailbox.push(Mail::Frame(Frame::from(&[0; 10][..])));
    assert_eq!(mailbox.push(Mail::Frame(Frame::from(&[0; 10][..]))), Pushed::Behind);
    assert_eq!(mailbox.push(Mail::Farewell(Farewell::Crowded)), Pushed::First);
}

/// What is sealed and not taken counts, to the byte; who is gone counts nothing.
#[test]
fn what_waits_for_the_network_counts_until_it_is_taken_or_the_connection_is_gone() {
    let server = server(Limits::default());
    let mut harper = Client::of(&server, "harper");
    let ledger = Arc::clone(server.exchange().ledger());
    assert_eq!(ledger.bytes(), 0);
    harper.say(r#"{"type":"list"}"#);
    let sealed = harper.session.wire().len();
    assert_eq!(ledger.bytes(), sealed);
    harper.takes_all_but(5);
    assert_eq!(ledger.bytes(), 5);
    harper.say(r#"{"type":"list"}"#);
    let sealed = harper.session.wire().len();
    assert_eq!(ledger.bytes(), sealed);
    drop(harper);
    assert_eq!((ledger.bytes(), server.sessions()), (0, 0));
}

/// A message that waits for its record is shared with others, and counts by itself.
#[test]
fn a_message_counts_once_before_it_is_sealed_and_once_after() {
    let server = server(Limits { message_rate: 0, ..Limits::default() });
    let (mut harper, mut casey) = (Client::of(&server, "harper"), Client::of(&server, "casey"));
    casey.say(r#"{"type":"create","data":{"room":"den"}}"#);
    for client in [&mut harper, &mut casey] {
        client.say(r#"{"type":"enter","data":{"room":"den"}}"#);
        client.takes_all_but(0);
    }
    harper.session.handle(harper.now, Happened::Woken);
    harper.takes_all_but(0);
    let ledger = Arc::clone(server.exchange().ledger());
    let before = ledger.bytes();
    casey.say(r#"{"type":"msg","data":{"to":"public","text":"hello"}}"#);
    casey.takes_all_but(0);
    harper.session.handle(harper.now, Happened::Woken);
    let pending = harper.session.pending_bytes();
    assert!(pending > 0);
    assert_eq!(ledger.bytes(), before + pending);
    harper.session.seal();
    assert_eq!((harper.session.pending_bytes(), ledger.bytes()), (pending, before + pending));
    harper.takes_all_but(0);
    assert_eq!(ledger.bytes(), before);
}

/// A transport that counts its records, until it is given what is no record.
struct Records {
    made: Arc<AtomicUsize>,
    is_broken: bool,
}

impl Transport for Records {
    fn open(&mut self, wire: &[u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<Opened, TlsError> {
        if wire == b"noise" {
            self.is_broken = true;
            out.extend(b"alert");
            return Err(TlsError::Peer(rustls::Error::DecryptError));
        }
        Clear.open(wire, plain, out)
    }

    fn seal(&mut self, frames: &[Frame], out: &mut Vec<u8>) {
        if !self.is_broken {
            self.made.fetch_add(1, Ordering::Relaxed);
            Clear.seal(frames, out);
        }
    }

    fn close(&mut self, _: &mut Vec<u8>) {}

    fn is_secure(&self) -> bool {
        true
    }
}

/// Somebody who has just come, and whose records are counted.
fn counted(made: &Arc<AtomicUsize>) -> Session<Nobody, Records> {
    let transport = Records { made: Arc::clone(made), is_broken: false };
    let server = server(Limits::default());
    let session = server.accept(Instant::default(), Ipv4Addr::LOCALHOST.into(), transport, Nobody);
    session.expect("there is room")
}

#[test]
fn what_comes_together_until_it_is_written_shares_a_record() {
    let made = Arc::default();
    let mut session = counted(&made);
    session.handle(Instant::default(), Happened::Read(&framed(r#"{"type":"dance"}"#)));
    session.peer().dismiss(Farewell::Crowded);
    assert_eq!((session.pending_bytes() > 0, made.load(Ordering::Relaxed)), (true, 0), "nobody writes yet");
    session.handle(Instant::default(), Happened::Woken);
    let said = String::from_utf8_lossy(session.wire()).into_owned();
    assert!(said.contains("unknown_type") && said.contains("busy"), "{said}");
    assert_eq!(made.load(Ordering::Relaxed), 1);
    assert_eq!(session.pending_bytes(), said.len());
}

#[test]
fn an_answer_is_sealed_before_what_follows_turns_out_to_be_noise() {
    let mut session = counted(&Arc::default());
    session.handle(Instant::default(), Happened::Read(&framed(r#"{"type":"dance"}"#)));
    session.handle(Instant::default(), Happened::Read(b"noise"));
    let said = String::from_utf8_lossy(session.wire()).into_owned();
    let (answer, alert) = (said.find("unknown_type"), said.find("alert"));
    assert!(answer.is_some() && answer < alert, "{said}");
}

/// The oldest handshake gives way to a newcomer, and hears nothing of it: there is no TLS to say it in.
#[test]
fn a_handshake_that_gives_way_is_closed_at_once() {
    let server = server(Limits { handshakes_max: 1, ..Limits::default() });
    let now = Instant::default();
    let from = Ipv4Addr::LOCALHOST.into();
    let mut first = server.accept(now, from, Clear, Nobody).expect("there is room");
    let _second = server.accept(now, from, Clear, Nobody).expect("there is always room for one more");
    first.handle(now, Happened::Woken);
    assert_eq!(first.end(), Some(End::Dismissed(chatroom_core::message::reply::Code::Busy)));
    assert!(first.wire().is_empty());
}

/// Every password is right, every login lasts, and visits are counted.
#[derive(Clone, Default)]
struct Granting(Arc<AtomicUsize>);

impl Desk<Nobody> for Granting {
    fn ask(&self, _: Instant, _: IpAddr, peer: &Arc<Peer<Nobody>>, ticket: Ticket, question: Question) {
        let Question::Verify { account, lasts: true, .. } = question else {
            panic!("nobody asks for that here")
        };
        let token = Token::new("00".to_owned().into());
        peer.answer(ticket, Answer::Granted(account, Grant { id: GrantId(7), token, expires_ms: 1 }));
    }

    fn end(&self, _: GrantId) {}

    fn visit(&self, grant: GrantId) {
        assert_eq!(grant, GrantId(7));
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn who_stays_for_days_is_noted_each_day_and_when_they_go() {
    let desk = Granting::default();
    let visits = Arc::clone(&desk.0);
    let rules = Rules {
        limits: Limits::default(),
        registration: Registration::Open,
        history: false,
        key_of: name_key,
        look_of: name_look,
    };
    let server = Server::new(Instant::default(), rules, &[], Box::new(desk), Box::new(|| {}));
    let hour = Duration::from_secs(3_600);
    let check = |stays: &[u32], expected: usize| {
        let now = Instant::default();
        let session = server.accept(now, Ipv4Addr::LOCALHOST.into(), Clear, Nobody).expect("there is room");
        let mut client = Client { session, now };
        client.say(r#"{"type":"hello","proto":1,"caps":["resume"]}"#);
        client.say(r#"{"type":"login","data":{"username":"harper","password":"1234"}}"#);
        client.takes_all_but(0);
        for hours in stays {
            client.now = Instant::default() + hour * *hours;
            client.say(r#"{"type":"list"}"#);
            client.takes_all_but(0);
        }
        let now = client.now;
        client.session.let_go(now);
        assert_eq!(visits.swap(0, Ordering::Relaxed), expected, "{stays:?}");
    };
    check(&[], 0);
    check(&[0], 0);
    check(&[2], 1);
    check(&[23], 1);
    check(&[24], 1);
    check(&[24, 30], 2);
    check(&[24, 48, 100], 3);
}
