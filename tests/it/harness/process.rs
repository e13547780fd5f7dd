//! The `pulsegate` process: started on a config, watched, signalled, and gone at the end.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::Instant;

use super::PATIENCE;

/// The lines a process prints, as they come.
#[derive(Clone, Default)]
struct Lines(Arc<(Mutex<Printed>, Condvar)>);

#[derive(Default)]
struct Printed {
    lines: Vec<String>,
    closed: bool,
}

impl Lines {
    fn follow(from: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let writer = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                writer.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
                writer.0.1.notify_all();
            }
            writer.lock().closed = true;
            writer.0.1.notify_all();
        });
        lines
    }

    fn lock(&self) -> MutexGuard<'_, Printed> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `found` has an answer; `None` when the stream closed or patience ended.
    fn wait<T>(&self, mut found: impl FnMut(&Printed) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        let mut printed = self.lock();
        loop {
            if let Some(answer) = found(&printed) {
                return Some(answer);
            }
            let left = PATIENCE.checked_sub(start.elapsed())?;
            if printed.closed {
                return None;
            }
            let waited = self.0.1.wait_timeout(printed, left);
            printed = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn text(&self) -> String {
        self.lock().lines.join("\n")
    }
}

/// A process that has ended by itself.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary to its end.
pub(crate) fn pulsegate<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pulsegate"));
    Running::spawn(command.args(arguments)).finish()
}

/// A child process and its output; killed by its id when dropped.
struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary was built");
        let stdout = Lines::follow(child.stdout.take().expect("piped"));
        let stderr = Lines::follow(child.stderr.take().expect("piped"));
        Self { child, stdout, stderr }
    }

    /// Waits for its end, which its closing both streams announces.
    fn finish(mut self) -> Finished {
        for lines in [&self.stdout, &self.stderr] {
            let closed = lines.wait(|printed| printed.closed.then_some(()));
            assert!(closed.is_some(), "the process goes on");
        }
        let code = self.child.wait().expect("our own child").code();
        Finished { code, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            let (out, err) = (self.stdout.text(), self.stderr.text());
            eprintln!("--- pulsegate stdout ---\n{out}\n--- pulsegate stderr ---\n{err}\n---");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Any command of the binary, under way.
pub(crate) struct Program(Running);

impl Program {
    pub(crate) fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pulsegate"));
        Self(Running::spawn(command.args(arguments)))
    }

    /// Waits for a line on standard error that contains `text`.
    pub(crate) fn says(&self, text: &str) -> String {
        let found = self.0.stderr.wait(|printed| printed.containing(text));
        found.unwrap_or_else(|| panic!("never said `{text}` on standard error"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0.child), signal).expect("our own child");
    }

    /// Waits for its end.
    pub(crate) fn finish(self) -> Finished {
        self.0.finish()
    }
}

/// A balancer that is ready.
pub(crate) struct Pulsegate {
    running: Running,
    folder: TempDir,
}

impl Pulsegate {
    /// A folder for a config and all that it names.
    pub(crate) fn folder() -> TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    /// Writes the config and runs on it until it says `ready`.
    pub(crate) fn start(folder: TempDir, config: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pulsegate"));
        command.arg("run").arg("--config").arg(folder.path().join("pulsegate.yaml"));
        Self::start_by(&mut command, folder, config)
    }

    /// The same with at most this many open files.
    pub(crate) fn start_with_files(folder: TempDir, config: &str, open_files: u32) -> Self {
        let script = format!("ulimit -n {open_files}; exec \"$0\" run --config \"$1\"");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_pulsegate"));
        command.arg(folder.path().join("pulsegate.yaml"));
        Self::start_by(&mut command, folder, config)
    }

    fn start_by(command: &mut Command, folder: TempDir, config: &str) -> Self {
        fs::write(folder.path().join("pulsegate.yaml"), config).expect("a writable folder");
        let running = Running::spawn(command.current_dir(folder.path()));
        let ready = running.stdout.wait(|printed| printed.has("ready").then_some(()));
        assert!(ready.is_some(), "never became ready on this config:\n{config}");
        Self { running, folder }
    }

    /// Stops it and runs it again on the same folder.
    pub(crate) fn restart(self) -> Self {
        self.restart_with(|_| {})
    }

    /// The same, with something done to the folder in between.
    pub(crate) fn restart_with(self, between: impl FnOnce(&Path)) -> Self {
        let folder = self.stop();
        between(folder.path());
        let config = fs::read_to_string(folder.path().join("pulsegate.yaml")).expect("it is there");
        Self::start(folder, &config)
    }

    /// The same, where it will not start.
    pub(crate) fn restart_in_vain(self) -> Finished {
        let folder = self.stop();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pulsegate"));
        command.args(["run", "--config", "pulsegate.yaml"]).current_dir(folder.path());
        Running::spawn(&mut command).finish()
    }

    fn stop(self) -> TempDir {
        self.signal(Signal::TERM);
        let Self { running, folder } = self;
        running.finish();
        folder
    }

    /// The bound address of the listener of this name (its first).
    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        let prefix = format!("listening {listener} ");
        let found = self.running.stdout.wait(|printed| printed.address(&prefix));
        found.unwrap_or_else(|| panic!("no line `{prefix}…`"))
    }

    /// The admin API's bound TCP address.
    pub(crate) fn admin(&self) -> SocketAddr {
        let found = self.running.stdout.wait(|printed| printed.address("admin "));
        found.expect("an `admin …` line")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("pulsegate.yaml")
    }

    /// Replaces the config file; nobody is told.
    pub(crate) fn rewrite(&self, config: &str) {
        fs::write(self.config(), config).expect("a writable folder");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.running.child), signal).expect("our own child");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.child.id()
    }

    /// Waits for a line on standard error that contains `text`.
    pub(crate) fn says(&self, text: &str) -> String {
        let found = self.running.stderr.wait(|printed| printed.containing(text));
        found.unwrap_or_else(|| panic!("never said `{text}` on standard error"))
    }

    /// Waits for a line on standard output that contains `text`.
    pub(crate) fn prints(&self, text: &str) -> String {
        let found = self.running.stdout.wait(|printed| printed.containing(text));
        found.unwrap_or_else(|| panic!("never printed `{text}`"))
    }

    /// Lines on standard error that contain `text`, so far.
    pub(crate) fn said(&self, text: &str) -> usize {
        self.running.stderr.lock().lines.iter().filter(|line| line.contains(text)).count()
    }

    /// Runs `pulsegate <command>` against this process, by its admin socket.
    pub(crate) fn command(&self, command: &str) -> Finished {
        pulsegate([command.as_ref(), "--socket".as_ref(), self.socket().as_os_str()])
    }

    /// Waits for its end.
    pub(crate) fn finish(self) -> Finished {
        self.running.finish()
    }
}

impl Printed {
    fn has(&self, line: &str) -> bool {
        self.lines.iter().any(|printed| printed == line)
    }

    fn address(&self, prefix: &str) -> Option<SocketAddr> {
        self.lines.iter().find_map(|line| line.strip_prefix(prefix)?.trim().parse().ok())
    }

    fn containing(&self, text: &str) -> Option<String> {
        self.lines.iter().find(|line| line.contains(text)).cloned()
    }
}
