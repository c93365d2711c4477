//! What only Unix has, Linux in part, and what is done elsewhere.
//!
//! Elsewhere means nothing: there, files take the rights of the folder they are in, and threads run as they are.

use std::fs::{DirBuilder, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a file that is about to be created readable and writable by its owner alone, from its first moment.
pub(crate) fn private_file(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes folders that are about to be created accessible by their owner alone, from their first moment.
pub(crate) fn private_dir(builder: &mut DirBuilder) -> &mut DirBuilder {
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
    builder
}

/// Whether others than the owner may read a file, as far as that can be told.
pub(crate) fn others_may_read(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::mode(metadata) & 0o077 != 0;
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

/// Makes what was created or renamed in a folder survive a power cut.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::fs::File::open(path)?.sync_all();
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}

/// Lets other threads go before the calling one: 0 is as equals, 19 is whenever nobody else wants to.
///
/// Only Linux counts this by thread; where it would slow the whole process down, nothing is done.
pub(crate) fn nice_this_thread(nice: u8) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if nice > 0 {
        rustix::process::setpriority_process(Some(rustix::thread::gettid()), i32::from(nice))?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
    Ok(())
}

/// Has the system write no picture of this process's memory to disk, whatever ends it: passwords that are being looked
/// at are in it.
///
/// On Linux it also keeps other processes of the same user from reading that memory.
pub(crate) fn forbid_core_dumps() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
        // A program that takes dumps from the kernel's hands is not bound by that limit, but by this.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    Ok(())
}

/// Lets this process hold as many files and sockets as it may, and says how many. Most systems begin with 1,024, which
/// is meant for programs that could not count further.
///
/// `None` where there is no such limit, or none that can be told.
pub(crate) fn raise_descriptor_limit() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        let may_be = limit.maximum;
        if limit.current != may_be {
            let was = limit.current;
            limit.current = may_be;
            if setrlimit(Resource::Nofile, limit).is_err() {
                return was;
            }
        }
        may_be
    }
    #[cfg(not(target_os = "linux"))]
    None
}
