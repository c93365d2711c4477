//! The data folder: where everything that is kept is kept, by one server at a time.

use std::error::Error;
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{self, Path, PathBuf};

use crate::unix;

/// A data folder that is there, can be written, and belongs to this process until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// The lock is the file's, not its name's: a file that a crash left behind locks nobody out.
    _lock: File,
}

impl DataDir {
    /// Takes the folder at `path`, made for its owner alone if it is not there.
    ///
    /// # Errors
    /// When it cannot be made or written, or another server has it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        // So that messages name the folder whole, wherever the process was started.
        let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let error = |cause| DataDirError { path: path.clone(), cause };
        unix::private_dir(DirBuilder::new().recursive(true))
            .create(&path)
            .map_err(|e| error(Cause::Create(e)))?;
        let mut options = OpenOptions::new();
        let lock = unix::private_file(options.read(true).write(true).create(true).truncate(false))
            .open(path.join(LOCK))
            .map_err(|e| error(Cause::Write(e)))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(error(Cause::InUse)),
            Err(TryLockError::Error(e)) => Err(error(Cause::Lock(e))),
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The place of the account database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        database(&self.path)
    }
}

/// The place of the account database in a data folder that is somebody else's, or nobody's.
#[must_use]
pub fn database(folder: &Path) -> PathBuf {
    folder.join("chatroom.db")
}

/// Why a data folder cannot be had.
#[derive(Debug)]
pub struct DataDirError {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Create(io::Error),
    Write(io::Error),
    Lock(io::Error),
    InUse,
}

impl fmt::Display for DataDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            Cause::Create(error) => write!(
                f,
                "data folder cannot be created: {path}: {error}; create it for this user, or choose another with --data-dir"
            ),
            Cause::Write(error) => write!(
                f,
                "data folder not writable: {path}: {error}; give this user the right to write it, or choose another \
                 with --data-dir"
            ),
            Cause::Lock(error) => write!(
                f,
                "data folder cannot be locked: {path}: {error}; choose one on a local disk with --data-dir"
            ),
            Cause::InUse => write!(
                f,
                "data folder in use: {path}: another server runs with it; stop that one, or choose another folder with \
                 --data-dir"
            ),
        }
    }
}

impl Error for DataDirError {}

const LOCK: &str = "chatroom.lock";

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_folder_belongs_to_one_server_at_a_time() {
        let parent = TempDir::new().unwrap();
        let path = parent.path().join("chat").join("room");
        let first = DataDir::open(&path).unwrap();
        let error = DataDir::open(&path).unwrap_err().to_string();
        assert!(error.starts_with("data folder in use: ") && error.contains("--data-dir"), "{error}");
        drop(first);
        let second = DataDir::open(&path).unwrap();
        assert_eq!(second.database(), path.join("chatroom.db"));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_folder_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let parent = TempDir::new().unwrap();
        let data = DataDir::open(&parent.path().join("chatroom")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(data.path()), 0o700);
        assert_eq!(mode(&data.path().join(LOCK)), 0o600);
    }

    #[test]
    fn what_is_no_folder_is_refused_in_one_line() {
        let parent = TempDir::new().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = DataDir::open(&path).unwrap_err().to_string();
            assert!(
                error.starts_with("data folder cannot be created: ") && error.contains("file"),
                "{error}"
            );
            assert_eq!(error.lines().count(), 1);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_refused() {
        let parent = TempDir::new().unwrap();
        // In the way of the lock; a folder without the right to write would not stop a privileged user.
        fs::create_dir(parent.path().join(LOCK)).unwrap();
        let error = DataDir::open(parent.path()).unwrap_err().to_string();
        assert!(error.starts_with("data folder not writable: "), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}
