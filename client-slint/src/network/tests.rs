//! The network thread against real servers, against what is none, and against what only looks like one.

mod asleep;
mod desk;
mod hostile;
mod scripted;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};

use tempfile::TempDir;

use super::*;
use crate::address::Invitation;
use crate::host::Host;

/// A network, and all it tells.
struct Listener {
    network: Network,
    news: Receiver<News>,
}

impl Listener {
    fn connect(address: ServerAddress, trust: Identity) -> Self {
        let (tell, news) = mpsc::channel();
        let network = Network::start(move |item| tell.send(item).is_ok()).unwrap();
        network.order(Order::Connect(Target { address, trust }));
        Self { network, news }
    }

    /// Waits for what is told next. A thread that tells nothing is a test that hangs, which the runner ends.
    fn next(&self) -> News {
        self.news.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    #[track_caller]
    fn check(&self, expected: impl Into<News>) {
        let news = self.next();
        assert!(news == expected.into(), "{}", shown(&news));
    }
}

impl From<Link> for News {
    fn from(link: Link) -> Self {
        Self::Link(link)
    }
}

impl From<Event> for News {
    fn from(event: Event) -> Self {
        Self::Client(event)
    }
}

fn shown(news: &News) -> String {
    match news {
        News::Link(link) => format!("{link:?}"),
        News::Client(_) => "an event of the client".to_owned(),
        News::Store(_) => "what the file has".to_owned(),
    }
}

/// A server of this project.
fn server() -> (Host, Invitation, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    // Not on the usual port: when this one is gone, a host of another test could come there.
    let host = Host::start_on(&[0], folder.path()).unwrap();
    let invitation = host.own_invitation();
    (host, invitation, folder)
}

/// Something that answers each connection with these bytes and hangs up.
fn answers_with(bytes: Vec<u8>) -> ServerAddress {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&bytes);
        }
    });
    at(address)
}

fn at(address: SocketAddr) -> ServerAddress {
    ServerAddress { host: address.ip().to_string(), port: address.port() }
}

#[test]
fn a_server_met_for_the_first_time_is_asked_about_and_then_known() {
    let (_host, invitation, _folder) = server();
    let key = invitation.key.unwrap();
    let listener = Listener::connect(invitation.address, Identity::Unknown);
    listener.check(Link::Connecting);
    listener.check(Link::Question(key));
    listener.network.order(Order::Trust);
    listener.check(Link::Connecting);
    listener.check(Link::Trusted(Identity::Key(key)));
    listener.check(Event::Connected);
    // That may come before the order and after it, so it is waited for.
    assert!(matches!(listener.next(), News::Client(Event::Greeted(_))));
    listener.network.order(Order::Disconnect);
    listener.check(Event::Disconnected(chatroom_core::client::End::Closed));
    listener.check(Link::Idle);
}

#[test]
fn a_known_key_needs_no_question_and_another_one_is_refused() {
    let (_host, invitation, _folder) = server();
    let key = invitation.key.unwrap();
    let listener = Listener::connect(invitation.address.clone(), Identity::Key(key));
    listener.check(Link::Connecting);
    listener.check(Link::Trusted(Identity::Key(key)));
    listener.check(Event::Connected);

    let other = Fingerprint::of_public_key(b"another");
    let listener = Listener::connect(invitation.address, Identity::Key(other));
    listener.check(Link::Connecting);
    listener.check(Link::WrongKey { expected: other, found: key });
}

#[test]
fn a_server_that_an_authority_vouched_for_has_to_be_vouched_for_again() {
    let (_host, invitation, _folder) = server();
    let listener = Listener::connect(invitation.address, Identity::Authority);
    listener.check(Link::Connecting);
    let News::Link(Link::Refused(Fault::Tls(why))) = listener.next() else { panic!("it is refused") };
    assert!(why.contains("authority"), "{why}");
}

#[test]
fn nobody_listening_and_something_else_listening_are_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = Listener::connect(at(closed), Identity::Unknown);
    listener.check(Link::Connecting);
    listener.check(Link::Refused(Fault::RefusedConnection));

    let web = answers_with(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let listener = Listener::connect(web, Identity::AnyoneInsecurely);
    listener.check(Link::Connecting);
    listener.check(Link::Refused(Fault::NotTls));
}

#[test]
fn a_lost_connection_is_tried_again_and_an_order_leads_away_from_it() {
    let (host, invitation, _folder) = server();
    let key = invitation.key.unwrap();
    let listener = Listener::connect(invitation.address, Identity::Key(key));
    listener.check(Link::Connecting);
    listener.check(Link::Trusted(Identity::Key(key)));
    listener.check(Event::Connected);
    drop(host);
    // The server says goodbye before it goes.
    let mut news = listener.next();
    while !matches!(news, News::Link(_)) {
        news = listener.next();
    }
    let News::Link(Link::Away { retry_in, .. }) = news else { panic!("{}", shown(&news)) };
    assert!(retry_in <= Duration::from_millis(500), "{retry_in:?}");
    listener.network.order(Order::RetryNow);
    listener.check(Link::Connecting);
    assert!(matches!(listener.next(), News::Link(Link::Away { fault: Fault::RefusedConnection, .. })));
    listener.network.order(Order::Disconnect);
    let mut news = listener.next();
    while news != News::Link(Link::Idle) {
        news = listener.next();
    }
}

#[test]
fn a_server_cut_at_any_byte_of_its_handshake_is_a_fault_and_no_more() {
    let (_host, invitation, _folder) = server();
    // What a server says first, taken from a real one.
    let mut hello = Vec::new();
    let config = tls::ClientConfig::new(tls::Trust::AnyoneInsecurely).unwrap();
    let mut pipe = tls::Pipe::client(&config, "127.0.0.1").unwrap();
    pipe.open(&[], &mut Vec::new(), &mut hello).unwrap();
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", invitation.address.port)).unwrap();
    stream.write_all(&hello).unwrap();
    let mut flight = vec![0; 4096];
    let count = stream.read(&mut flight).unwrap();
    for length in (0..count).step_by(97) {
        let server = answers_with(flight[..length].to_vec());
        let listener = Listener::connect(server, Identity::AnyoneInsecurely);
        listener.check(Link::Connecting);
        assert!(matches!(listener.next(), News::Link(Link::Refused(_))), "cut after {length} bytes");
    }
}
