//! Small files that are this user's alone, and whole at any moment.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;

/// Writes a file in place of what was there. A crash leaves the old one or the new one, never half of it.
///
/// # Errors
/// What the system says.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        private_dir(DirBuilder::new().recursive(true)).create(folder)?;
    }
    let draft = path.with_extension("new");
    let mut file = private_file(OpenOptions::new().write(true).create(true).truncate(true)).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// Writes a value in place of what was there, as TOML.
///
/// # Errors
/// When it cannot be written, with the name of the file.
pub fn save(path: &Path, value: &impl Serialize) -> Result<(), String> {
    let error = |why: String| format!("{}: {why}", path.display());
    let text = toml::to_string(value).map_err(|why| error(why.to_string()))?;
    write_private(path, &text).map_err(|why| error(why.to_string()))
}

/// Reads a file; one that is not there is empty.
///
/// # Errors
/// What the system says, but for the file not being there.
pub fn read_or_empty(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        result => result,
    }
}

/// Makes a file that is there its owner's alone.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(unix)]
pub(crate) fn private_file(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(unix)]
pub(crate) fn private_dir(builder: &mut DirBuilder) -> &mut DirBuilder {
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700)
}

#[cfg(not(unix))]
pub(crate) fn private_file(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(not(unix))]
pub(crate) fn private_dir(builder: &mut DirBuilder) -> &mut DirBuilder {
    builder
}
