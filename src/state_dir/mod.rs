//! The one folder that survives a restart: what was ordered, what was seen, what was decided.
//!
//! What is kept there decides where traffic goes after the next start, so it is its owner's alone
//! (folder 0700, files 0600), and a file is replaced whole or not at all: a process that is killed
//! while it writes leaves the file before.

mod wire;

pub use wire::{decode, encode};

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bytes of a file that is read whole; what is written is far smaller.
const READ_MAX: u64 = 64 * 1024 * 1024;

/// A folder for state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir(PathBuf);

/// What could not be done, and with which path.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub struct StateError {
    /// The path.
    pub path: PathBuf,
    /// What the system answered.
    pub cause: io::Error,
}

impl StateDir {
    /// Takes the folder, or makes it; nobody but its owner can look into it from here on.
    ///
    /// # Errors
    /// It cannot be made, is no folder, or belongs to somebody else.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        let opened = made.and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)));
        opened.map_err(|cause| StateError { path: path.to_owned(), cause })?;
        Ok(Self(path.to_owned()))
    }

    /// The path of one of its files.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The content of a file; `None` if there is none.
    ///
    /// # Errors
    /// It is there and cannot be read, or is far larger than anything that was written here.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let read = || {
            let mut bytes = Vec::new();
            File::open(self.path(name))?.take(READ_MAX + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > READ_MAX {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large"));
            }
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(StateError { path: self.path(name), cause }),
        }
    }

    /// Replaces a file. Whoever reads it, also after a crash, finds all of the old content or all
    /// of the new.
    ///
    /// # Errors
    /// The content before is still there then.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), StateError> {
        let (new, path) = (self.path(&format!("{name}.new")), self.path(name));
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            // The name, too, is only on the disk when its folder is.
            File::open(&self.0)?.sync_all()
        };
        write().map_err(|cause| StateError { path: path.clone(), cause })
    }

    /// Opens a file to append to; makes it if there is none.
    ///
    /// # Errors
    /// What opening it answered.
    pub fn append(&self, name: &str) -> Result<File, StateError> {
        let path = self.path(name);
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        opened.map_err(|cause| StateError { path, cause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn everything_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/state");
        let state = StateDir::open(&path).unwrap();
        state.replace("orders.json", b"{}").unwrap();
        state.append("events.jsonl").unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&state.path("orders.json")), 0o600);
        assert_eq!(mode(&state.path("events.jsonl")), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        StateDir::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn what_was_written_last_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        assert_eq!(state.read("f").unwrap(), None);
        state.replace("f", b"one, and long").unwrap();
        state.replace("f", b"two").unwrap();
        assert_eq!(state.read("f").unwrap(), Some(b"two".to_vec()));
    }

    #[test]
    fn a_replacement_that_fails_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        state.replace("f", b"one").unwrap();
        fs::create_dir(dir.path().join("f.new")).unwrap();
        let error = state.replace("f", b"two").unwrap_err();
        assert!(error.to_string().contains("/f: "), "{error}");
        assert_eq!(state.read("f").unwrap(), Some(b"one".to_vec()));
    }

    #[test]
    fn a_file_in_the_way_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        fs::write(&path, b"").unwrap();
        let error = StateDir::open(&path).unwrap_err();
        assert!(error.to_string().contains("/state: "), "{error}");
    }
}
