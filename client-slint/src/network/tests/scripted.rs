//! A server that says what a test has it say, right or wrong, over real TLS.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use chatroom_core::frame::Decoder;
use server_common::data::DataDir;
use server_common::identity::Identity;
use tls::{Pipe, ServerConfig};

use crate::address::{Invitation, ServerAddress};

/// What the server does next with a connection. When all is done it waits for the client to hang up.
#[derive(Clone)]
pub(super) enum Step {
    /// Waits for a request of this type, and passes over others.
    Hear(&'static str),
    /// Says these bytes: frames, or what only looks like some.
    Say(Vec<u8>),
    /// Says these bytes, and in the same breath something that is no TLS.
    Spoil(Vec<u8>),
    /// Says goodbye.
    End,
    /// Ends without a goodbye.
    Cut,
    /// Takes nothing any more.
    TurnDeaf,
}

/// A server for as many connections as it has scripts.
pub(super) struct Server {
    pub(super) invitation: Invitation,
    thread: JoinHandle<usize>,
    /// Who is deaf listens for the end of this.
    _life: Sender<()>,
}

impl Server {
    /// Serves one connection after another, each by its script.
    pub(super) fn start(scripts: Vec<Vec<Step>>) -> Self {
        Self::start_with(scripts, usize::MAX)
    }

    /// Serves one connection, and cuts it once so many bytes of ciphertext were written.
    pub(super) fn start_and_cut(script: Vec<Step>, bytes: usize) -> Self {
        Self::start_with(vec![script], bytes)
    }

    fn start_with(scripts: Vec<Vec<Step>>, bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (life, death) = mpsc::channel();
        let thread = thread::spawn(move || {
            let visits = scripts.iter().map(|script| {
                let (stream, _) = listener.accept().unwrap();
                let mut visit = Visit::new(stream, bytes);
                // Who serves a client that hangs up has nothing left to do.
                let _ = visit.play(script, &death);
                visit.whole_writes
            });
            visits.sum()
        });
        let address = ServerAddress { host: "127.0.0.1".into(), port };
        Self {
            invitation: Invitation { address, key: Some(identity().fingerprint()), invite: None },
            thread,
            _life: life,
        }
    }

    /// How many of its writes were not cut, once its clients are gone: the handshake, and each thing said.
    pub(super) fn whole_writes(self) -> usize {
        self.thread.join().unwrap()
    }
}

/// One connection.
struct Visit {
    stream: TcpStream,
    pipe: Pipe,
    decoder: Decoder,
    bytes_left: usize,
    whole_writes: usize,
}

impl Visit {
    fn new(stream: TcpStream, bytes_left: usize) -> Self {
        stream.set_nodelay(true).unwrap();
        let pipe = Pipe::server(identity());
        Self { stream, pipe, decoder: Decoder::default(), bytes_left, whole_writes: 0 }
    }

    fn play(&mut self, script: &[Step], death: &Receiver<()>) -> io::Result<()> {
        while self.pipe.is_handshaking() {
            self.take()?;
        }
        for step in script {
            match step {
                Step::Hear(kind) => self.hear(kind)?,
                Step::Say(bytes) => {
                    let wire = self.sealed(bytes);
                    self.write(&wire)?;
                }
                Step::Spoil(bytes) => {
                    let mut wire = self.sealed(bytes);
                    wire.extend_from_slice(NO_TLS);
                    self.write(&wire)?;
                }
                Step::End => {
                    let mut wire = Vec::new();
                    self.pipe.close(&mut wire);
                    self.write(&wire)?;
                    self.cut()?;
                }
                Step::Cut => self.cut()?,
                Step::TurnDeaf => _ = death.recv(),
            }
        }
        self.wait_for_end()
    }

    fn hear(&mut self, kind: &str) -> io::Result<()> {
        let wanted = format!(r#"{{"type":"{kind}","#);
        loop {
            while let Some(frame) =
                self.decoder.decode(REQUEST_BYTES_MAX).expect("a client keeps to the protocol")
            {
                if frame.starts_with(wanted.as_bytes()) {
                    return Ok(());
                }
            }
            self.take()?;
        }
    }

    /// Reads something, and answers it where TLS itself has an answer.
    fn take(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer)?;
        let (mut plain, mut wire) = (Vec::new(), Vec::new());
        let opened = self.pipe.open(&buffer[..count], &mut plain, &mut wire);
        self.decoder.extend(&plain);
        if !wire.is_empty() {
            self.write(&wire)?;
        }
        match opened {
            Ok(opened) if count > 0 && !opened.peer_closed => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn sealed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        self.pipe.seal(&[bytes], &mut wire);
        wire
    }

    fn write(&mut self, wire: &[u8]) -> io::Result<()> {
        let count = wire.len().min(self.bytes_left);
        self.stream.write_all(&wire[..count])?;
        self.bytes_left -= count;
        if count < wire.len() {
            self.cut()?;
            self.wait_for_end()?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.whole_writes += 1;
        Ok(())
    }

    fn cut(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Whoever closed with something unread would send a reset, which overtakes what was said last.
    fn wait_for_end(&mut self) -> io::Result<()> {
        io::copy(&mut self.stream, &mut io::sink()).map(drop)
    }
}

/// A length and JSON.
pub(super) fn framed(json: impl AsRef<[u8]>) -> Vec<u8> {
    let json = json.as_ref();
    let length = u32::try_from(json.len()).unwrap();
    [&length.to_be_bytes(), json].concat()
}

/// One key for all: making it costs more than most of what is done with it.
fn identity() -> &'static ServerConfig {
    static IDENTITY: OnceLock<ServerConfig> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        Identity::open(&data, None).unwrap().tls
    })
}

/// A record that no key has sealed.
const NO_TLS: &[u8] = b"\x17\x03\x03\x00\x18this was sealed by nobody";

/// More than any request has.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
