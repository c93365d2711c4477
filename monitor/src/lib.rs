//! Answers who watches a server: `GET /metrics` and `GET /healthz`, over HTTP.
//!
//! One thread answers one request at a time, each on a connection of its own, within [`REQUEST_MAX`]. Who is slow keeps
//! others waiting for so long at most, and nobody who chats. There is no more of HTTP here than that needs: the answer
//! is HTTP/1.0, so that no client keeps the connection or expects chunks.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// What is answered, by who knows the server.
pub struct Pages<M, H> {
    /// The page `/metrics`, as OpenMetrics text.
    pub metrics: M,
    /// Whether the server is well, for `/healthz`; if not, what it has.
    pub health: H,
}

/// Takes the address that [`start`] answers on.
///
/// # Errors
/// When the address cannot be had.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
}

/// Answers requests to `listener` for as long as the process lives.
///
/// # Errors
/// When the system gives no thread.
pub fn start<M, H>(listener: TcpListener, pages: Pages<M, H>) -> io::Result<()>
where
    M: Fn() -> String + Send + 'static,
    H: Fn() -> Result<(), &'static str> + Send + 'static,
{
    let serve = move || {
        loop {
            match listener.accept() {
                // Whoever hangs up before the end of the answer has missed it.
                Ok((stream, _)) => drop(answer(&stream, &pages)),
                Err(_) => thread::sleep(ACCEPT_PAUSE),
            }
        }
    };
    thread::Builder::new().name("monitor".into()).stack_size(STACK_BYTES).spawn(serve).map(drop)
}

fn answer<M, H>(stream: &TcpStream, pages: &Pages<M, H>) -> io::Result<()>
where
    M: Fn() -> String,
    H: Fn() -> Result<(), &'static str>,
{
    let give_up_at = Instant::now() + REQUEST_MAX;
    let request = read_head(stream, give_up_at)?;
    let (status, content_type, body) = route(&request, pages);
    let head = format!(
        "HTTP/1.0 {status}\r\nContent-Type: {content_type}; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    write_all(stream, &[head.as_bytes(), body.as_bytes()].concat(), give_up_at)?;
    stream.shutdown(Shutdown::Write)
}

/// The status, the type of what follows it, and that.
fn route<M, H>(request: &[u8], pages: &Pages<M, H>) -> (&'static str, &'static str, String)
where
    M: Fn() -> String,
    H: Fn() -> Result<(), &'static str>,
{
    let line = request.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(_)) = (words.next(), words.next(), words.next()) else {
        return ("400 Bad Request", TEXT, "this is not HTTP\n".to_owned());
    };
    if method != b"GET" {
        return ("405 Method Not Allowed", TEXT, "there is only GET\n".to_owned());
    }
    match target.split(|byte| *byte == b'?').next() {
        Some(b"/metrics") => ("200 OK", OPENMETRICS, (pages.metrics)()),
        Some(b"/healthz") => match (pages.health)() {
            Ok(()) => ("200 OK", TEXT, "ok\n".to_owned()),
            Err(ailment) => ("503 Service Unavailable", TEXT, format!("{ailment}\n")),
        },
        _ => ("404 Not Found", TEXT, "there are /metrics and /healthz\n".to_owned()),
    }
}

/// Reads to the empty line. What is longer than any sensible request is cut off, and answered by what is in it.
fn read_head(mut stream: &TcpStream, give_up_at: Instant) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES_MAX);
    let mut buffer = [0; 1024];
    while head.len() < HEAD_BYTES_MAX && !is_complete(&head) {
        stream.set_read_timeout(Some(left(give_up_at)?))?;
        match stream.read(&mut buffer)? {
            0 => break,
            count => head.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(head)
}

fn is_complete(head: &[u8]) -> bool {
    head.windows(4).any(|end| end == b"\r\n\r\n") || head.windows(2).any(|end| end == b"\n\n")
}

fn write_all(mut stream: &TcpStream, mut bytes: &[u8], give_up_at: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(left(give_up_at)?))?;
        match stream.write(bytes)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => bytes = &bytes[count..],
        }
    }
    Ok(())
}

/// How much time there is; none is an error, for the system would take it for no limit.
fn left(give_up_at: Instant) -> io::Result<Duration> {
    let left = give_up_at.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

const TEXT: &str = "text/plain";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0";
/// How long a request and its answer may take together.
pub const REQUEST_MAX: Duration = Duration::from_secs(2);
/// Bytes of a request that are read.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// How long accepting pauses when the system has no descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const STACK_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `request` to a monitor of a server that is well, or not, and returns all it answers.
    fn ask(health: Result<(), &'static str>, request: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = || "chatroom_users 2\n".to_owned();
        start(listener, Pages { metrics, health: move || health }).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        // What is beyond the limit is not read, and a server that hangs up then resets the connection: before the rest was
        // sent, before this end is, or later.
        let _ = stream.write_all(request).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn who_asks_for_a_page_gets_it() {
        let answer = ask(Ok(()), b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\nContent-Length: 17\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nchatroom_users 2\n"), "{answer}");
        let answer = ask(Ok(()), b"GET /healthz?full HTTP/1.1\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    }

    #[test]
    fn a_server_that_is_not_well_says_what_it_has() {
        let answer = ask(Err("stalled"), b"GET /healthz HTTP/1.1\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.0 503 ") && answer.ends_with("\r\n\r\nstalled\n"), "{answer}");
    }

    #[test]
    fn everything_else_is_an_error() {
        let long = [&b"GET /metrics"[..], &[b'x'; 20_000]].concat();
        for (request, status) in [
            (&b""[..], "400"),
            (b"\x16\x03\x01\x02\x00", "400"),
            (b"GET\r\n\r\n", "400"),
            (b"GET /metrics\r\n\r\n", "400"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"GET / HTTP/1.1\r\n\r\n", "404"),
            (b"GET /metricsx HTTP/1.1\r\n\r\n", "404"),
        ] {
            let answer = ask(Ok(()), request);
            assert!(answer.starts_with(&format!("HTTP/1.0 {status} ")), "{answer}");
        }
        assert!(!ask(Ok(()), &long).contains("200 OK"));
    }

    #[test]
    fn who_says_nothing_holds_nobody_up_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        start(listener, Pages { metrics: String::new, health: || Ok(()) }).unwrap();
        let silent = TcpStream::connect(address).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("ok\n"), "{answer}");
        drop(silent);
    }
}
