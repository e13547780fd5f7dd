//! One destination: opened when first written to, and again after any failure.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use crate::config::LogPath;

/// Proves that lines could be written to `path`: opens it for appending, and makes the file (mode
/// 0640) if there is none. A named pipe is believed: opening one waits for its reader.
///
/// # Errors
///
/// What opening the file answered.
pub fn verify(path: &LogPath) -> io::Result<()> {
    if let LogPath::File(path) = path
        && fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
    {
        return Ok(());
    }
    open(path).map(drop)
}

fn open(path: &LogPath) -> io::Result<File> {
    match path {
        LogPath::Stdout => Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
        LogPath::File(path) => OpenOptions::new().append(true).create(true).mode(0o640).open(path),
    }
}

/// A destination's state between batches.
#[derive(Debug, Default)]
pub(super) struct Output {
    file: Option<File>,
    /// The last write ended inside a line.
    torn: bool,
    /// Lines lost since writing began to fail; `None` = it works.
    failing: Option<u64>,
}

impl Output {
    /// Closes the file; the next batch opens it by its name again.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// Writes a batch of `lines` whole lines and returns how many of them were lost.
    ///
    /// An episode of failures is logged at its first error and at its end, not per batch.
    pub(super) fn write(&mut self, path: &LogPath, bytes: &[u8], lines: u64) -> u64 {
        match self.try_write(path, bytes) {
            Ok(()) => {
                if let Some(lost) = self.failing.take() {
                    tracing::info!(path = %name(path), lost, "access log is written again");
                }
                0
            }
            Err((written, error)) => {
                let whole = memchr::memchr_iter(b'\n', &bytes[..written]).count() as u64;
                let lost = lines.saturating_sub(whole);
                if self.failing.is_none() {
                    tracing::error!(path = %name(path), %error, "access log cannot be written");
                }
                *self.failing.get_or_insert(0) += lost;
                // A file whose disk was full, or that was replaced by something unwritable, may
                // be well again under its name.
                self.file = None;
                lost
            }
        }
    }

    /// On failure tells how many bytes of the batch were written before it.
    fn try_write(&mut self, path: &LogPath, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let file = match &mut self.file {
            Some(file) => file,
            closed => closed.insert(open(path).map_err(|error| (0, error))?),
        };
        if self.torn {
            file.write_all(b"\n").map_err(|error| (0, error))?;
            self.torn = false;
        }
        let mut written = 0;
        while written < bytes.len() {
            match file.write(&bytes[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(n) => {
                    written += n;
                    self.torn = bytes[written - 1] != b'\n';
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }
}

fn name(path: &LogPath) -> std::borrow::Cow<'_, str> {
    match path {
        LogPath::Stdout => "stdout".into(),
        LogPath::File(path) => path.to_string_lossy(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_full_disk_loses_lines_and_nothing_else() {
        let full = LogPath::File(PathBuf::from("/dev/full"));
        let mut output = Output::default();
        assert_eq!(output.write(&full, b"a\nb\n", 2), 2);
        assert_eq!(output.write(&full, b"c\n", 1), 1);
        assert_eq!(output.failing, Some(3));

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("access.log");
        assert_eq!(output.write(&LogPath::File(file.clone()), b"d\n", 1), 0);
        assert_eq!(output.failing, None);
        assert_eq!(fs::read(&file).unwrap(), b"d\n");
    }

    #[test]
    fn after_a_torn_line_the_next_begins_on_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("access.log");
        let path = LogPath::File(file.clone());
        let mut output = Output { torn: true, ..Output::default() };
        output.write(&path, b"whole\n", 1);
        assert_eq!(fs::read(&file).unwrap(), b"\nwhole\n");
    }

    #[test]
    fn a_new_file_is_for_its_owner_and_group() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("access.log");
        verify(&LogPath::File(file.clone())).unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
        assert!(verify(&LogPath::File(dir.path().join("none/access.log"))).is_err());
    }
}
