//! How many connections the system's limit on open files allows.

use chatroom_core::limits::Limits;

use crate::admission::{connections_max, sockets_max};
use crate::turn::threads;
use crate::unix;

/// Every connection takes a descriptor, and the files some more. Where the system allows too few, fewer connections are
/// served, so that there are always some left for the files.
///
/// # Errors
/// When so few are allowed that nobody could be served, as a sentence.
pub(crate) fn fit(limits: &mut Limits) -> Result<(), String> {
    let Some(may_open) = unix::raise_descriptor_limit() else { return Ok(()) };
    let needed = sockets_max(limits.connections_max) + descriptors_kept();
    let may_open = usize::try_from(may_open).unwrap_or(usize::MAX);
    if may_open >= needed {
        return Ok(());
    }
    let fitting = connections_max(may_open.saturating_sub(descriptors_kept()));
    let remedy =
        format!("raise the limit to {needed} (ulimit -Hn, LimitNOFILE=), or lower limits.connections_max");
    let fewer = Limits { connections_max: fitting, ..limits.clone() };
    if fewer.check().is_err() {
        return Err(format!("this process may open {may_open} files, too few to serve anybody; {remedy}"));
    }
    tracing::warn!(
        "this process may open {may_open} files, so it serves {fitting} connections and not {}; {remedy}",
        limits.connections_max
    );
    *limits = fewer;
    Ok(())
}

/// Descriptors for what is no connection: the database, the lock, the listeners, the log, and what threads wait with.
fn descriptors_kept() -> usize {
    FILES_MAX + WAITING_DESCRIPTORS * threads()
}

/// Files, listeners and pipes.
const FILES_MAX: usize = 64;
/// An event queue, a second handle to it, and what wakes from it.
const WAITING_DESCRIPTORS: usize = 3;
