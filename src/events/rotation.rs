//! How a log stays within its bounds: files that are numbered by age.
//!
//! A log that grows for ever fills its disk in the very hour it is needed. So a file that is full is
//! renamed `<name>.1`, the one that was called so `<name>.2`, and the last of them is replaced.
//! Each rename is whole or not at all: a process that dies between two of them leaves a number that
//! nobody has, and whoever reads goes by the order of the numbers, not by there being no gap.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::state_dir::StateDir;

/// How much is kept of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes after which a new file is begun; `None` = only when that is asked for.
    pub file_bytes: Option<u64>,
    /// Files that are kept besides the one being written; at least 1.
    pub older: u32,
}

/// What became of full files. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Rotations(Arc<[AtomicU64; 3]>);

/// How one rotation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// Everything is still there.
    Kept,
    /// The oldest file had to go.
    Dropped,
    /// The files could not be renamed: the same file is written on.
    Failed,
}

impl Rotated {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kept, Self::Dropped, Self::Failed];

    /// The closed set of names used in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

impl Rotations {
    /// How many ended like this so far.
    #[must_use]
    pub fn count(&self, ended: Rotated) -> u64 {
        self.0[ended as usize].load(Relaxed)
    }

    pub(super) fn add_one(&self, ended: Rotated) {
        self.0[ended as usize].fetch_add(1, Relaxed);
    }
}

/// Makes room for a new file of this name; true if the oldest had to go for it.
pub(super) fn shift(dir: &StateDir, name: &str, older: u32) -> io::Result<bool> {
    let path = |number: u32| match number {
        0 => dir.path(name),
        number => dir.path(&format!("{name}.{number}")),
    };
    let dropped = path(older).try_exists()?;
    for number in (0..older).rev() {
        match fs::rename(path(number), path(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(dropped)
}

/// The files of a log in this folder, oldest first.
///
/// # Errors
/// The folder cannot be read.
pub fn files(dir: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let rest = path.file_name().and_then(|file| file.to_str()?.strip_prefix(name));
        let age = match rest {
            Some("") => Some(0),
            Some(rest) => rest.strip_prefix('.').and_then(|number| number.parse::<u32>().ok()),
            None => None,
        };
        found.extend(age.map(|age| (age, path)));
    }
    found.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_and_a_gap_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dir = StateDir::open(folder.path()).unwrap();
        let write = |text: &str| fs::write(dir.path("log"), text).unwrap();
        let kept = || -> Vec<String> {
            let files = files(folder.path(), "log").unwrap();
            files.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
        };
        for (text, dropped) in [("a", false), ("b", false), ("c", true)] {
            write(text);
            assert_eq!(shift(&dir, "log", 2).unwrap(), dropped, "{text}");
        }
        write("d");
        assert_eq!(kept(), ["b", "c", "d"]);
        // As a crash between two renames leaves it.
        fs::rename(dir.path("log.2"), dir.path("log.10")).unwrap();
        fs::write(dir.path("log.new"), "not of the log").unwrap();
        assert_eq!(kept(), ["b", "c", "d"]);
    }
}
