//! What no chat server on this stack can go below: for each member, a record that is sealed and a write that takes it.
//!
//! Nothing is read, decided, queued or woken, and who writes knows without asking that there is something to write. One
//! thread seals and writes with this project's `tls` and blocking sockets, and it alone counts. Another one reads and
//! opens everything, as the clients of a swarm do, and lets the next round begin when this one has reached everybody.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use chatroom_core::frame::{self, Frame};
use mio::{Events, Interest, Poll, Token};
use serde_json::json;
use tls::Pipe;

use crate::{pipes, process};

/// One end of a connection.
struct End<S> {
    stream: S,
    pipe: Pipe,
}

type Ends<S> = Vec<End<S>>;

/// What is written again and again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// To so many sockets.
    pub(super) members: usize,
    /// So many messages in a record.
    pub(super) messages: usize,
    /// As often as this at most; zero is as often as it goes. Who sleeps in between finds caches cold, as a server does.
    pub(super) interval: Duration,
}

/// Microseconds of processor time for each message that reaches a member.
pub(super) fn cpu_us_per_delivery(
    round: Round,
    text_bytes: usize,
    warm_up: Duration,
    span: Duration,
) -> Result<f64, String> {
    process::raise_descriptor_limit();
    let frames = vec![message(text_bytes); round.messages];
    let bytes = round.members * frames.iter().map(|frame| frame.as_ref().len()).sum::<usize>();
    let (writers, readers) = connect(round.members).map_err(|error| format!("the floor: {error}"))?;
    let (round_is_read, is_read) = mpsc::channel();
    let reader = thread::spawn(move || read_all(readers, bytes, &round_is_read));
    let measured = write_rounds(writers, &frames, round.interval, &is_read, warm_up, span);
    reader.join().map_err(|_| "the floor's reader has panicked".to_owned())??;
    measured
}

/// What a member gets when somebody says something.
fn message(text_bytes: usize) -> Frame {
    let data = json!({ "to": "public", "from": "u100", "text": "x".repeat(text_bytes) });
    frame::encode(&json!({ "type": "msg", "status": "ok", "data": data }))
}

fn connect(members: usize) -> io::Result<(Ends<TcpStream>, Ends<mio::net::TcpStream>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (mut writers, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..members {
        let stream = TcpStream::connect(listener.local_addr()?)?;
        stream.set_nonblocking(true)?;
        let stream = mio::net::TcpStream::from_std(stream);
        let (accepted, _) = listener.accept()?;
        accepted.set_nodelay(true)?;
        // The handshake is no part of a delivery, and goes through memory.
        let (server, client) = pipes::pair();
        writers.push(End { stream: accepted, pipe: server });
        readers.push(End { stream, pipe: client });
    }
    Ok((writers, readers))
}

/// Writes round after round, and hangs up in the end.
fn write_rounds(
    mut writers: Ends<TcpStream>,
    frames: &[Frame],
    interval: Duration,
    is_read: &Receiver<()>,
    warm_up: Duration,
    span: Duration,
) -> Result<f64, String> {
    let mut wire = Vec::new();
    let mut rounds_for = |span: Duration| {
        let end = Instant::now() + span;
        let mut rounds = 0;
        let mut next_at = Instant::now();
        while next_at < end {
            for writer in &mut writers {
                wire.clear();
                writer.pipe.seal(frames, &mut wire);
                writer.stream.write_all(&wire).map_err(|error| format!("the floor cannot write: {error}"))?;
            }
            is_read.recv().map_err(|_| "the floor's reader has given up")?;
            rounds += 1;
            let now = Instant::now();
            next_at = now.max(next_at + interval);
            if next_at > now {
                thread::sleep(next_at - now);
            }
        }
        Ok::<_, String>(rounds)
    };
    rounds_for(warm_up)?;
    let before = process::cpu_of_this_thread()?;
    let rounds = rounds_for(span)?;
    let cpu = process::cpu_of_this_thread()?.saturating_sub(before);
    Ok(cpu.as_secs_f64() * 1e6 / (rounds * writers.len() * frames.len()) as f64)
}

/// Reads until somebody hangs up, as then all do, and says whenever another round's bytes have come.
fn read_all(
    mut readers: Ends<mio::net::TcpStream>,
    round_bytes: usize,
    round_is_read: &Sender<()>,
) -> Result<(), String> {
    let mut poll = Poll::new().map_err(|error| format!("no poll: {error}"))?;
    for (number, reader) in readers.iter_mut().enumerate() {
        let registered = poll.registry().register(&mut reader.stream, Token(number), Interest::READABLE);
        registered.map_err(|error| error.to_string())?;
    }
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    let mut heard = 0;
    loop {
        poll.poll(&mut events, None).map_err(|error| format!("poll: {error}"))?;
        for event in &events {
            let Some(bytes) = readers[event.token().0].read(&mut buffer)? else { return Ok(()) };
            heard += bytes;
        }
        if heard == round_bytes {
            heard = 0;
            // Who does not wait any more is about to hang up.
            let _ = round_is_read.send(());
        }
    }
}

impl End<mio::net::TcpStream> {
    /// How many bytes of frames there were to read; `None` if the other end has hung up.
    fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, String> {
        let mut plain = Vec::new();
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Ok(None),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Some(plain.len())),
                Err(error) => return Err(format!("the floor cannot read: {error}")),
            };
            let opened = self.pipe.open(&buffer[..count], &mut plain, &mut Vec::new());
            opened.map_err(|error| error.to_string())?;
            // Less than there was room for: there is no more, and the next time is told.
            if count < buffer.len() {
                return Ok(Some(plain.len()));
            }
        }
    }
}
