//! What the service manager hands over and is told. Where there is none, as on systems other than Unix, nothing is.

use std::net::TcpListener;
use std::time::Duration;

/// The listeners that this process was started with (socket activation), in the order of the manager's configuration.
///
/// # Errors
/// As a sentence, when one of them is not for TCP.
pub(crate) fn listeners() -> Result<Vec<TcpListener>, String> {
    let mut handed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..handed.len() {
        match handed.take_tcp_listener(index) {
            Ok(Some(listener)) => listeners.push(listener),
            Ok(None) => {}
            Err(error) => {
                return Err(format!(
                    "socket {index} of those that the service manager hands over cannot be listened on: {error}; let it \
                     hand over TCP sockets alone (ListenStream= with a port)"
                ));
            }
        }
    }
    Ok(listeners)
}

/// How often [`alive`] is to be said: twice in the time after which the manager takes this process for dead.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    #[cfg(unix)]
    return sd_notify::watchdog_enabled().map(|patience| patience / 2);
    #[cfg(not(unix))]
    None
}

/// Connections are accepted.
pub(crate) fn ready() {
    #[cfg(unix)]
    tell(&[sd_notify::NotifyState::Ready]);
}

/// The configuration is read anew; [`ready`] follows.
pub(crate) fn reloading() {
    #[cfg(unix)]
    match sd_notify::NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[sd_notify::NotifyState::Reloading, now]),
        Err(_) => tell(&[sd_notify::NotifyState::Reloading]),
    }
}

/// The process is about to end.
pub(crate) fn stopping() {
    #[cfg(unix)]
    tell(&[sd_notify::NotifyState::Stopping]);
}

/// The server still does its work.
pub(crate) fn alive() {
    #[cfg(unix)]
    tell(&[sd_notify::NotifyState::Watchdog]);
}

#[cfg(unix)]
fn tell(news: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(news) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}
