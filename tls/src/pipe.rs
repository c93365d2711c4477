//! One end of one TLS connection, between buffers.

use std::io::{BufRead, IoSlice, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ServerConnection};
use smallvec::SmallVec;

use crate::{ClientConfig, Fingerprint, HostError, ServerConfig, TlsError};

/// One end of one TLS connection.
///
/// Every method appends to the caller's buffers and keeps nothing that is ready to be sent, so whatever
/// is in `out` afterwards is to be written to the socket, in that order, whether or not the call failed.
///
/// # What it costs
/// An idle pipe that is past its handshake takes about 7 KiB, 4 of them the buffer for the next record; after a
/// large record it keeps up to 22 KiB until more comes. A received byte is copied twice and decrypted in
/// place between the copies, with one allocation a record. A sealed byte is copied into its record,
/// encrypted there, and copied to `out`, with two allocations a record, or one where the record holds
/// a single frame, and one more a batch of more than four.
pub struct Pipe {
    tls: Connection,
    /// The first failure, which every later `open` repeats.
    failure: Option<TlsError>,
    /// `close` was called: nothing may follow our close_notify.
    closed: bool,
}

/// What [`Pipe::open`] noticed besides bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The peer has sent close_notify: it says nothing more, and what it said is whole. The other
    /// direction stays open until [`Pipe::close`].
    pub peer_closed: bool,
}

impl Pipe {
    /// The server's end of a new connection. It says nothing before the client does.
    pub fn server(config: &ServerConfig) -> Pipe {
        let tls = ServerConnection::new(Arc::clone(&config.rustls))
            .expect("ServerConfig leaves the record size at its default, the one thing checked here");
        Pipe::new(Connection::Server(tls))
    }

    /// The client's end of a new connection to `host`, a DNS name or an IP address (an IPv6 address
    /// without brackets). The name is told to the server in clear, an address is not.
    ///
    /// The first flight comes out of the first [`open`](Pipe::open), which may be called with no bytes.
    ///
    /// # Errors
    /// When `host` is neither a name nor an address.
    pub fn client(config: &ClientConfig, host: &str) -> Result<Pipe, HostError> {
        let name = ServerName::try_from(host).map_err(|_| HostError::new(host))?.to_owned();
        let tls = ClientConnection::new(Arc::clone(&config.rustls), name)
            .expect("ClientConfig has suites, groups and a short ALPN name, and the system has randomness");
        Ok(Pipe::new(Connection::Client(tls)))
    }

    fn new(mut tls: Connection) -> Pipe {
        // Without this rustls takes part of a batch and leaves the rest to a second call. Nothing grows
        // by it: `seal` empties the buffer at once, and during a handshake the caller has the bytes anyway.
        tls.set_buffer_limit(None);
        Pipe { tls, failure: None, closed: false }
    }

    /// Takes ciphertext as it came from the socket, cut anywhere and of any length, all of it.
    ///
    /// Appends what could be decrypted to `plain`, and to `out` what TLS itself has to say: handshake
    /// messages, what was sealed before the handshake ended, and in nearly all cases the alert that says
    /// why it failed. Call it with an empty `wire` to fetch a client's first flight. After the peer's close_notify the rest of
    /// `wire` is ignored, as TLS demands.
    ///
    /// # Errors
    /// The connection has failed for good: send what is in `out` and hang up. What the peer said before
    /// the fault is authentic and still appended to `plain`, so the cuts of the stream do not decide how
    /// much arrives; from then on every call returns the same error and appends nothing.
    pub fn open(&mut self, wire: &[u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<Opened, TlsError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = self.decrypt(wire, plain);
        // Also when it failed: the alert is among it.
        self.flush(out);
        if let Err(failure) = &result {
            self.failure = Some(failure.clone());
        }
        result
    }

    /// Seals a batch of frames into as few records as they fit, frame after frame without a gap, and
    /// appends the records to `out`. A record holds 16 KiB, and a frame may span two.
    ///
    /// During the handshake the frames are copied and wait inside; they come out of the
    /// [`open`](Pipe::open) that ends it. After [`close`](Pipe::close) or a failure there is nobody left
    /// to tell and the frames are dropped.
    pub fn seal<F: AsRef<[u8]>>(&mut self, frames: &[F], out: &mut Vec<u8>) {
        if self.closed || self.failure.is_some() {
            return;
        }
        // rustls gathers the slices of one call into full records, but walks all of them again for each
        // record. So it gets one record's worth a call, which keeps a large batch linear.
        let mut record = Slices::with_capacity(frames.len().min(SLICES_PLANNED));
        let mut room_bytes = RECORD_BYTES_MAX;
        for frame in frames {
            let mut rest = frame.as_ref();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(room_bytes));
                record.push(IoSlice::new(now));
                room_bytes -= now.len();
                rest = later;
                if room_bytes == 0 {
                    self.write(&mut record, out);
                    room_bytes = RECORD_BYTES_MAX;
                }
            }
        }
        self.write(&mut record, out);
    }

    /// Says close_notify, once: nothing more will be sent. Call it before the socket is shut for writing.
    ///
    /// Receiving goes on until the peer closes too. From here on nothing is appended to any `out`. What was
    /// sealed during a handshake that has not ended is lost. Does nothing after a failure.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if self.closed || self.failure.is_some() {
            return;
        }
        self.tls.send_close_notify();
        self.flush(out);
        self.closed = true;
    }

    /// Whether the handshake is still under way; true forever when it failed.
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// The fingerprint of the server's key, at a client whose handshake got as far as proving it; `None`
    /// before that, and at a server, since clients show no certificate. Hashes at each call.
    pub fn peer_fingerprint(&self) -> Option<Fingerprint> {
        let certificate = self.tls.peer_certificates()?.first()?;
        Fingerprint::of_certificate(certificate).ok()
    }

    /// Feeds `wire` to rustls in the portions it takes, about 4 KiB each, and collects the plaintext.
    fn decrypt(&mut self, mut wire: &[u8], plain: &mut Vec<u8>) -> Result<Opened, TlsError> {
        // Not with nothing: rustls would take that for the end of the stream.
        while !wire.is_empty() {
            let taken = self.tls.read_tls(&mut wire).map_err(|_| TlsError::overlong_message())?;
            if taken == 0 {
                break; // after close_notify
            }
            let state = self.tls.process_new_packets();
            self.collect(plain);
            if state?.peer_has_closed() {
                return Ok(Opened { peer_closed: true });
            }
        }
        // Nothing new to process: this only asks.
        let state = self.tls.process_new_packets()?;
        Ok(Opened { peer_closed: state.peer_has_closed() })
    }

    /// Moves the decrypted records to `plain`.
    fn collect(&mut self, plain: &mut Vec<u8>) {
        let mut reader = self.tls.reader();
        // An error here says "nothing more for now".
        while let Ok(chunk) = reader.fill_buf() {
            let bytes = chunk.len();
            if bytes == 0 {
                return;
            }
            plain.extend_from_slice(chunk);
            reader.consume(bytes);
        }
    }

    /// Makes one record of the slices and empties the list.
    fn write(&mut self, record: &mut Slices<'_>, out: &mut Vec<u8>) {
        let mut rest = record.as_mut_slice();
        while !rest.is_empty() {
            // Never short without a buffer limit, but a write that is must not lose a byte silently.
            let written = self.tls.writer().write_vectored(rest).expect("a failed pipe does not seal");
            assert_ne!(written, 0, "rustls takes everything when it has no buffer limit");
            IoSlice::advance_slices(&mut rest, written);
        }
        record.clear();
        // Until the handshake is over rustls only stores what it is given.
        if !self.tls.is_handshaking() {
            self.flush(out);
        }
    }

    /// Moves the records that are ready to `out`, or away once we have closed.
    fn flush(&mut self, out: &mut Vec<u8>) {
        while self.tls.wants_write() {
            let moved = match self.closed {
                false => self.tls.write_tls(out),
                true => self.tls.write_tls(&mut std::io::sink()),
            };
            moved.expect("a Vec takes every write, and so does a sink");
        }
    }
}

/// The most plaintext that TLS allows in one record.
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// What a record is made of. As few as mostly come together are held in place, which spares an allocation.
type Slices<'a> = SmallVec<[IoSlice<'a>; 4]>;

/// How many slices of a record there is room for at first: enough for frames of 64 bytes.
const SLICES_PLANNED: usize = 256;

#[cfg(test)]
mod tests;
