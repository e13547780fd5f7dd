//! The unix socket: made so that nobody else could ever connect, removed only if it is ours.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, fchmod};
use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;

/// Why the unix socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers on it.
    #[error("another process answers on it")]
    InUse,
    /// The path names something that is not a socket.
    #[error("a file that is not a socket is in the way")]
    NotASocket,
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The socket's file; dropping this removes it, unless another one took its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // It may be gone already; then there is nothing left to do.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Opens the socket, mode 0600. A missing directory is made, mode 0700; a socket file that nobody
/// answers on (its process was killed) is replaced.
pub(super) async fn bind(path: &Path) -> Result<(UnixListener, SocketFile), SocketError> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    remove_stale(path).await?;
    let socket = UnixSocket::new_stream()?;
    // Linux gives the file the mode the socket has, so there is no moment in which it is wider.
    fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(io::Error::from)?;
    socket.bind(path).map_err(|error| match error.kind() {
        // Somebody bound it since we looked.
        ErrorKind::AddrInUse => SocketError::InUse,
        _ => error.into(),
    })?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path)? };
    Ok((socket.listen(BACKLOG)?, file))
}

async fn remove_stale(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NotASocket),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        // A full queue is an answer, too.
        Ok(_) => Err(SocketError::InUse),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(SocketError::InUse),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(fs::remove_file(path)?),
        Err(error) => Err(error.into()),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_socket_and_its_new_directory_are_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/admin.sock");
        let (_listener, file) = bind(&path).await.unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        drop(file);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let stale = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(stale);
        let (_listener, _file) = bind(&path).await.unwrap();
        assert!(matches!(bind(&path).await, Err(SocketError::InUse)));
        UnixStream::connect(&path).await.unwrap();
    }

    #[tokio::test]
    async fn another_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path).await, Err(SocketError::NotASocket)));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[tokio::test]
    async fn a_successors_socket_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let (listener, file) = bind(&path).await.unwrap();
        drop(listener);
        fs::rename(&path, dir.path().join("kept")).unwrap();
        let (_listener, _successor) = bind(&path).await.unwrap();
        drop(file);
        assert!(path.exists());
    }
}
