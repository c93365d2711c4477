//! What the system, a person at the keyboard or a service manager asks of this process.

use std::sync::mpsc::Receiver;

/// Something that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To stop: Ctrl-C, or what the service manager sends.
    Stop,
    /// To read certificate and configuration anew (SIGHUP; there is no such signal outside of Unix).
    Reload,
}

/// Begins to listen. What is asked comes out of the receiver; twice the same is there twice.
///
/// # Errors
/// As a sentence.
pub(crate) fn listen() -> Result<Receiver<Signal>, String> {
    system::listen().map_err(|error| format!("signals cannot be handled: {error}"))
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::{self, Receiver};
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;

    use super::Signal;

    pub(super) fn listen() -> io::Result<Receiver<Signal>> {
        // A file that may not grow further is an error like a full disk, and not the end of the process.
        signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let (asked, signal) = mpsc::channel();
        let listen = move || {
            for number in signals.forever() {
                if asked.send(if number == SIGHUP { Signal::Reload } else { Signal::Stop }).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("signals".into()).spawn(listen)?;
        Ok(signal)
    }
}

#[cfg(not(unix))]
mod system {
    use std::sync::mpsc::{self, Receiver};

    use super::Signal;

    pub(super) fn listen() -> Result<Receiver<Signal>, ctrlc::Error> {
        let (asked, signal) = mpsc::channel();
        // Nobody listens any more when the server stops already.
        ctrlc::set_handler(move || drop(asked.send(Signal::Stop)))?;
        Ok(signal)
    }
}
