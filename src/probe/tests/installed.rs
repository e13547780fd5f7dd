//! PostgreSQL and Redis as they are installed, run for one test.
//!
//! Included by the unit tests of the probes and by the integration tests, which are two programs.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Who may log in to PostgreSQL.
pub(crate) const USER: &str = "check";
/// By which password.
pub(crate) const PASSWORD: &str = "hunter2";

/// A server that ends with its test.
pub(crate) struct Installed {
    /// Where it listens, soon after it was started.
    pub(crate) address: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Installed {
    /// A new Redis without data; `None` where it is not installed.
    pub(crate) fn redis(arguments: &[&str]) -> Option<Self> {
        let program = installed("redis-server")?;
        let (folder, address) = (tempfile::tempdir().expect("a temporary folder"), free_address());
        let process = Command::new(program)
            .args(["--bind", "127.0.0.1", "--save", "", "--port", &address.port().to_string()])
            .args(arguments)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("it is installed");
        Some(Self { address, process, _folder: folder })
    }

    /// A new PostgreSQL that wants the password of everybody; `None` where it is not installed.
    pub(crate) fn postgres() -> Option<Self> {
        use std::os::unix::fs::PermissionsExt;

        let initdb = installed("initdb")?;
        let (folder, address) = (tempfile::tempdir().expect("a temporary folder"), free_address());
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).expect("a writable folder");
        for (path, mode) in [(folder.path(), 0o777), (password.as_path(), 0o644)] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path, permissions).expect("our own file");
        }
        let made = as_user(&initdb)
            .args(["--no-sync", "--auth=scram-sha-256", "--username", USER, "--pwfile"])
            .arg(&password)
            .arg("--pgdata")
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .expect("it is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let process = as_user(&initdb.with_file_name("postgres"))
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c"])
            .args(["fsync=off", "-p", &address.port().to_string(), "-D"])
            .arg(&data)
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("it is installed");
        Some(Self { address, process, _folder: folder })
    }

    /// Its process, to be signalled.
    #[allow(dead_code, reason = "one of the two programs that include this only asks it")]
    pub(crate) fn process(&self) -> &Child {
        &self.process
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program of this name; where it is not installed, says that a test is skipped.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|it| it.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// An address of loopback that nobody uses just now.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
    listener.local_addr().expect("a bound socket")
}

/// A command that is run as a user whom PostgreSQL accepts: it refuses to run as root.
fn as_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}
