//! What sockets are told before they are used.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use chatroom_core::limits::Limits;
use socket2::{SockRef, TcpKeepalive};

/// Has the system keep a crowd waiting until it is accepted; the standard library has it keep 128. Of who comes beyond that
/// Linux forgets the first packet, and they try again after a second (RFC 6298, section 2.1). Other systems may keep fewer, or go on
/// keeping 128.
pub(crate) fn let_wait(listener: &TcpListener) -> io::Result<()> {
    SockRef::from(listener).listen(WAITING_MAX)
}

/// Has the system send what is written at once, and look after clients that say nothing.
///
/// A client that was silent for `silent_probe_ms` is probed; one that was silent for `silent_gone_ms`, or has left data
/// unacknowledged for so long, is gone: reading from it is an error then. The protocol has no word for that, since
/// clients of the original server know none. A system that cannot be told so keeps its own times, which are hours.
///
/// # Errors
/// When the connection is gone already.
pub(crate) fn prepare(socket: SockRef<'_>, limits: &Limits) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    if let Err(error) = watch(&socket, limits) {
        tracing::debug!(%error, "a silent client of this connection is noticed late");
    }
    Ok(())
}

fn watch(socket: &SockRef<'_>, limits: &Limits) -> io::Result<()> {
    let probe_after = Duration::from_millis(limits.silent_probe_ms);
    let gone_after = Duration::from_millis(limits.silent_gone_ms);
    let keepalive = TcpKeepalive::new().with_time(probe_after);
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    let keepalive =
        keepalive.with_interval(gone_after.saturating_sub(probe_after) / PROBES).with_retries(PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    // Linux probes nobody for whom data is on its way, and sends that again for a quarter of an hour.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(gone_after))?;
    Ok(())
}

/// Connections that wait to be accepted: all that come back when a server of that many has started again. Linux allows as many
/// unless told otherwise (`net.core.somaxconn`).
const WAITING_MAX: i32 = 4_096;

/// How often a silent client is probed before it is gone: one lost packet is not to end a connection.
#[cfg(any(target_os = "linux", target_os = "macos", windows))]
const PROBES: u32 = 4;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_crowd_waits_until_it_is_accepted() {
        let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        let crowd = 200.min(allowed.trim().parse().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let_wait(&listener).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(500)).unwrap();
        let crowd: Vec<TcpStream> = (0..crowd).map(|_| connect()).collect();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(crowd.iter().filter(|_| listener.accept().is_ok()).count(), crowd.len());
    }

    #[test]
    fn a_silent_client_is_probed_after_a_minute_and_gone_after_two() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        prepare(SockRef::from(&stream), &Limits::default()).unwrap();
        let socket = SockRef::from(&stream);
        let seconds = |s| Duration::from_secs(s);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), seconds(60));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), seconds(15));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(seconds(120)));
    }
}
