//! TLS with somebody in between.

use std::collections::VecDeque;
use std::sync::LazyLock;

use tls::{ClientConfig, Pipe, PrivateKeyDer, ServerConfig, TlsError, Trust};

use super::script::{Line, lines};

/// Whatever is done to the bytes between two pipes, what arrives is what was said, in its order, up to where it was cut or
/// changed; each call makes progress or fails for good; and after a failure nothing plain comes out and nothing more is
/// said. Of bytes that nobody touched all arrive.
///
/// A line is a letter and what it is about. Small letters are about what the client says, capitals about what the server
/// says: `s TEXT` it is said, `c` the end is said, `m N` so many bytes are moved (all, without a number), `f N` a bit of
/// what is on its way is turned over, `d N` so many bytes of it are lost, `b BYTES` others are put before it.
pub fn tls_pipe(data: &[u8]) {
    let mut wire = Wire::new();
    for line in lines(data) {
        wire.run(line);
    }
    wire.end();
}

/// Two ends, and what is on its way between them.
struct Wire {
    client: End,
    server: End,
    is_touched: bool,
}

/// One end, and what is known of it from outside.
struct End {
    pipe: Pipe,
    /// Sealed bytes that have not been moved yet.
    out: VecDeque<u8>,
    said: Vec<u8>,
    heard: Vec<u8>,
    /// Nothing more will be said: the end was, or it has failed.
    is_over: bool,
    /// The end was said before the handshake was over.
    is_early: bool,
    failure: Option<TlsError>,
    was_secure: bool,
}

impl Wire {
    fn new() -> Self {
        let mut client = End::of(Pipe::client(&CONFIGS.1, "localhost").expect("the host has a name"));
        client.open(&[]);
        Self { client, server: End::of(Pipe::server(&CONFIGS.0)), is_touched: false }
    }

    fn run(&mut self, line: Line<'_>) {
        let is_client = line.verb.is_ascii_lowercase();
        let (from, to) = match is_client {
            true => (&mut self.client, &mut self.server),
            false => (&mut self.server, &mut self.client),
        };
        match line.verb.to_ascii_lowercase() {
            b's' => from.say(line.rest),
            b'c' => from.close(),
            b'm' => {
                let count = line.numbers().next().and_then(|count| usize::try_from(count).ok());
                let count = count.unwrap_or(usize::MAX).min(from.out.len());
                let bytes: Vec<u8> = from.out.drain(..count).collect();
                to.open(&bytes);
            }
            b'f' => {
                let bit = line.count();
                if let Some(byte) = from.out.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                    self.is_touched = true;
                }
            }
            b'd' => {
                let count = line.count().min(from.out.len());
                from.out.drain(..count);
                self.is_touched |= count > 0;
            }
            b'b' => {
                let bytes = line.bytes();
                self.is_touched |= !bytes.is_empty();
                bytes.into_iter().rev().for_each(|byte| from.out.push_front(byte));
            }
            _ => {}
        }
        self.check();
    }

    /// What is on its way arrives, and the answers to it.
    fn end(&mut self) {
        while !self.client.out.is_empty() || !self.server.out.is_empty() {
            let bytes: Vec<u8> = self.client.out.drain(..).collect();
            self.server.open(&bytes);
            let bytes: Vec<u8> = self.server.out.drain(..).collect();
            self.client.open(&bytes);
        }
        self.check();
        // An end that is said during the handshake is no part of one, and the other side may take it for a fault.
        if self.is_touched || self.client.is_early || self.server.is_early {
            return;
        }
        assert!(
            self.client.failure.is_none() && self.server.failure.is_none(),
            "nobody touched it, and it failed"
        );
        assert!(
            self.client.was_secure && self.server.was_secure,
            "nobody touched it, and it is still under way"
        );
        assert!(
            self.server.heard == self.client.said && self.client.heard == self.server.said,
            "something is lost"
        );
    }

    fn check(&self) {
        for (end, other) in [(&self.client, &self.server), (&self.server, &self.client)] {
            assert!(other.said.starts_with(&end.heard), "something arrived that nobody said");
        }
    }
}

impl End {
    fn of(pipe: Pipe) -> Self {
        Self {
            pipe,
            out: VecDeque::new(),
            said: Vec::new(),
            heard: Vec::new(),
            is_over: false,
            is_early: false,
            failure: None,
            was_secure: false,
        }
    }

    fn open(&mut self, wire: &[u8]) {
        let (mut plain, mut out) = (Vec::new(), Vec::new());
        let opened = self.pipe.open(wire, &mut plain, &mut out);
        if let Some(failure) = &self.failure {
            assert_eq!(opened.as_ref().err(), Some(failure), "a failure is final");
            assert!(plain.is_empty() && out.is_empty(), "after a failure nothing comes");
            return;
        }
        assert!(!self.is_over || out.is_empty(), "something was said after the end");
        assert!(
            out.len() <= OUT_BYTES_MAX + self.said.len() * 2,
            "{} bytes come of {}",
            out.len(),
            wire.len()
        );
        assert!(
            plain.is_empty() || !self.pipe.is_handshaking(),
            "something was heard before the handshake was over"
        );
        let is_secure = !self.pipe.is_handshaking();
        assert!(is_secure || !self.was_secure, "a handshake that is over is not under way again");
        self.was_secure = is_secure;
        self.heard.extend(plain);
        self.out.extend(out);
        if let Err(failure) = opened {
            assert!(
                !matches!(failure, TlsError::Ours(_)),
                "what comes from outside is never our fault: {failure}"
            );
            assert!(!failure.to_string().is_empty());
            self.failure = Some(failure);
            self.is_over = true;
        }
    }

    fn say(&mut self, text: &[u8]) {
        let mut out = Vec::new();
        self.pipe.seal(&[text], &mut out);
        assert!(!self.is_over || out.is_empty(), "something was said after the end");
        if !self.is_over {
            self.said.extend(text);
        }
        self.out.extend(out);
    }

    fn close(&mut self) {
        let mut out = Vec::new();
        self.pipe.close(&mut out);
        assert!(!self.is_over || out.is_empty(), "the end is said once");
        self.is_early |= self.pipe.is_handshaking();
        self.is_over = true;
        self.out.extend(out);
    }
}

/// A server's identity, made anew in each process, and a client that knows it.
static CONFIGS: LazyLock<(ServerConfig, ClientConfig)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("the name is a name");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("it was just made");
    let server = ServerConfig::new(vec![made.cert.der().clone()], key).expect("the key is the certificate's");
    let client = ClientConfig::new(Trust::Key(server.fingerprint())).expect("a key is enough to trust");
    (server, client)
});

/// What TLS itself may have to say at once: a handshake's flight.
const OUT_BYTES_MAX: usize = 8 * 1024;
