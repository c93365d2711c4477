//! One client of a swarm: a socket, TLS, and what came over it.

use std::io::{self, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use tls::{ClientConfig, Pipe};

use super::Settings;
use super::dialect::{Dialect, Incoming, Mark};

pub(super) struct Client {
    dialect: Dialect,
    text_bytes: usize,
    name: String,
    room: Option<usize>,
    /// It is the first in its room, and makes it.
    is_host: bool,
    stream: TcpStream,
    pipe: Pipe,
    has_said_hello: bool,
    is_ready: bool,
    /// It has gone into a room where nobody talks.
    is_away: bool,
    /// What came and is not whole yet.
    plain: Vec<u8>,
    /// What the network has not taken yet.
    wire: Vec<u8>,
}

impl Client {
    pub(super) fn open(
        settings: &Settings,
        name: String,
        number: usize,
        room: Option<usize>,
        trust: &ClientConfig,
        registry: &Registry,
    ) -> Result<Self, String> {
        let connect = || {
            let mut stream = TcpStream::connect(settings.address)?;
            registry.register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
            Ok::<_, io::Error>(stream)
        };
        let stream = connect().map_err(|error| format!("cannot connect to {}: {error}", settings.address))?;
        let mut pipe = Pipe::client(trust, "localhost").map_err(|error| error.to_string())?;
        let mut wire = Vec::new();
        pipe.open(&[], &mut Vec::new(), &mut wire).map_err(|error| error.to_string())?;
        Ok(Self {
            dialect: settings.dialect,
            text_bytes: settings.text_bytes,
            name,
            room,
            is_host: number < settings.rooms,
            stream,
            pipe,
            has_said_hello: false,
            is_ready: false,
            is_away: false,
            plain: Vec::new(),
            wire,
        })
    }

    /// Whether it is where it is to be.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Says something in its room.
    pub(super) fn say(&mut self, text: &str) -> Result<(), String> {
        let message = self.dialect.message(&self.name, self.room.unwrap_or_default(), text);
        self.send(&message)
    }

    /// Goes into a room where nobody talks, or comes back.
    pub(super) fn move_on(&mut self) -> Result<(), String> {
        let request = self.dialect.move_on(self.is_away);
        self.is_away = !self.is_away;
        self.send(&request)
    }

    /// Reads and writes as far as the network goes along. `hear` is called with each text and when it came. `buffer` is
    /// for what is read, and all clients' in turn: to make one each time would cost more than most reads.
    pub(super) fn go_on(
        &mut self,
        buffer: &mut [u8],
        mut hear: impl FnMut(Instant, Mark) -> Result<(), String>,
    ) -> Result<(), String> {
        self.write()?;
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Err("the server has closed".into()),
                Ok(count) => count,
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(format!("cannot read: {error}")),
            };
            let now = Instant::now();
            let opened = self.pipe.open(&buffer[..count], &mut self.plain, &mut self.wire);
            opened.map_err(|error| error.to_string())?;
            self.take_in(now, &mut hear)?;
            self.write()?;
            // Less than there was room for: there is no more, and the next time is told.
            if count < buffer.len() {
                return Ok(());
            }
        }
    }

    fn take_in(
        &mut self,
        now: Instant,
        hear: &mut impl FnMut(Instant, Mark) -> Result<(), String>,
    ) -> Result<(), String> {
        if !self.pipe.is_handshaking() && !self.has_said_hello {
            self.has_said_hello = true;
            let hello = self.dialect.hello(&self.name);
            self.send(&hello)?;
        }
        let plain = std::mem::take(&mut self.plain);
        let mut start = 0;
        while let Some((length, incoming)) = self.dialect.next(&plain[start..], self.text_bytes) {
            start += length;
            match incoming {
                Incoming::Message(mark) => hear(now, mark)?,
                Incoming::Other(other) => self.take_other(other)?,
            }
        }
        self.plain = plain;
        self.plain.drain(..start);
        Ok(())
    }

    fn take_other(&mut self, other: &[u8]) -> Result<(), String> {
        let answer = if self.is_ready {
            self.dialect.answer(other)?
        } else {
            let room = self.room.map(|room| (room, self.is_host));
            self.dialect.come_in(&self.name, room, other)?
        };
        match answer {
            Some(answer) if answer.is_empty() => self.is_ready = true,
            Some(answer) => self.send(&answer)?,
            None => {}
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.pipe.seal(&[bytes], &mut self.wire);
        self.write()
    }

    fn write(&mut self) -> Result<(), String> {
        while !self.wire.is_empty() {
            match self.stream.write(&self.wire) {
                Ok(count) => drop(self.wire.drain(..count)),
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(format!("cannot write: {error}")),
            }
        }
        Ok(())
    }
}

/// Whether the network says to come back.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}
