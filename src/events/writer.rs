//! The thread that owns a file of lines, and the handle to it.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use super::rotation::{Bounds, Rotated, Rotations, shift};
use super::wire::Line;
use crate::state_dir::StateDir;

/// The log's file in the state folder.
pub const FILE: &str = "events.jsonl";

/// Lines that may wait for the thread.
const QUEUE: usize = 8_192;

enum Message {
    Line(Vec<u8>),
    Reopen,
    /// What follows goes to a new file; the one before keeps its name with `.1` after it.
    Rotate,
    /// Everything before it is written; the sender is dropped then.
    Flush(SyncSender<()>),
}

/// Lines that were lost because the thread was behind or the disk refused them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Losses(Arc<AtomicU64>);

impl Losses {
    /// Lines lost so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(super) fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// The event log's writing end; clones lead to the same thread, which ends with the last of them.
#[derive(Clone, Debug)]
pub struct Writer {
    messages: SyncSender<Message>,
    reopen: Arc<AtomicBool>,
    losses: Losses,
    rotations: Rotations,
}

impl Writer {
    /// Opens a log of this name and starts its thread, which keeps it within these bounds.
    ///
    /// # Errors
    /// The file cannot be opened, or the system refuses a thread.
    pub fn start(dir: StateDir, name: &'static str, bounds: Bounds) -> std::io::Result<Self> {
        let path = dir.path(name);
        let file = dir.append(name).map_err(std::io::Error::other)?;
        let (messages, queue) = mpsc::sync_channel(QUEUE);
        let (losses, rotations) = (Losses::default(), Rotations::default());
        let reopen = Arc::<AtomicBool>::default();
        let mut output = Output {
            dir,
            name,
            bounds,
            written: length(&file),
            file: Some(file),
            torn: ends_inside_a_line(&path),
            failing: false,
            losses: losses.clone(),
            rotations: rotations.clone(),
            reopen: Arc::clone(&reopen),
        };
        thread::Builder::new().name("event-log".into()).spawn(move || output.run(&queue))?;
        Ok(Self { messages, reopen, losses, rotations })
    }

    /// Hands a line over; never waits.
    pub fn write(&self, line: &Line) {
        self.write_text(line.text());
    }

    /// Hands the text of a line over, with its newline; never waits. False if it is lost.
    pub fn write_text(&self, text: Vec<u8>) -> bool {
        let taken = self.messages.try_send(Message::Line(text)).is_ok();
        if !taken {
            self.losses.add_one();
        }
        taken
    }

    /// What became of full files.
    #[must_use]
    pub fn rotations(&self) -> Rotations {
        self.rotations.clone()
    }

    /// Has a new file begun, and the one before kept. False if nobody could be told.
    #[must_use]
    pub fn rotate(&self) -> bool {
        self.messages.try_send(Message::Rotate).is_ok()
    }

    /// Has the file closed and opened by its name again.
    pub fn reopen(&self) {
        self.reopen.store(true, Relaxed);
        // A full queue wakes the thread as well.
        drop(self.messages.try_send(Message::Reopen));
    }

    /// Waits until all that was handed over is written, for at most `within`; false if it was not.
    #[must_use]
    pub fn flush(&self, within: Duration) -> bool {
        let (written, wait) = mpsc::sync_channel(0);
        let asked = self.messages.try_send(Message::Flush(written)).is_ok();
        asked && wait.recv_timeout(within) == Err(RecvTimeoutError::Disconnected)
    }

    /// What was lost.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses.clone()
    }
}

/// The file as the thread sees it.
struct Output {
    dir: StateDir,
    name: &'static str,
    bounds: Bounds,
    file: Option<File>,
    /// Bytes in the file, or since it should have been rotated.
    written: u64,
    /// What is in the file may end inside a line.
    torn: bool,
    /// The last write failed; an episode is told once.
    failing: bool,
    losses: Losses,
    rotations: Rotations,
    reopen: Arc<AtomicBool>,
}

impl Output {
    fn run(&mut self, queue: &Receiver<Message>) {
        while let Ok(message) = queue.recv() {
            if self.reopen.swap(false, Relaxed) {
                // At once: whoever moved the file looks for the new one.
                self.open();
            }
            match message {
                Message::Line(text) => {
                    let length = self.written + text.len() as u64;
                    if self.bounds.file_bytes.is_some_and(|most| length > most) {
                        self.rotate();
                    }
                    self.write(&text);
                }
                Message::Reopen => {}
                Message::Rotate => self.rotate(),
                Message::Flush(written) => drop(written),
            }
        }
    }

    fn open(&mut self) {
        self.file = self.dir.append(self.name).ok();
        self.written = self.file.as_ref().map_or(0, length);
    }

    fn rotate(&mut self) {
        if self.written == 0 {
            return;
        }
        let ended = match shift(&self.dir, self.name, self.bounds.older) {
            Ok(dropped) => {
                self.open();
                self.torn = false;
                if dropped {
                    let (file, kept) = (self.name, self.bounds.older + 1);
                    tracing::info!(file, kept, "the oldest file of a log was dropped");
                }
                if dropped { Rotated::Dropped } else { Rotated::Kept }
            }
            Err(error) => {
                // No line is lost for it: the file goes on, and after as much again another try is made.
                tracing::error!(file = self.name, %error, "a log cannot be rotated");
                self.written = 0;
                Rotated::Failed
            }
        };
        self.rotations.add_one(ended);
    }

    fn write(&mut self, text: &[u8]) {
        match self.try_write(text) {
            Ok(()) if self.failing => {
                self.failing = false;
                let (file, lost) = (self.name, self.losses.lines());
                tracing::info!(file, lost, "a log is written again");
            }
            Ok(()) => {}
            Err(error) => {
                if !self.failing {
                    tracing::error!(file = self.name, %error, "a log cannot be written");
                }
                self.failing = true;
                self.torn = true;
                self.losses.add_one();
                // A file whose disk was full, or that was replaced, may be well again by its name.
                self.file = None;
            }
        }
    }

    fn try_write(&mut self, text: &[u8]) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            closed => {
                let file = self.dir.append(self.name).map_err(std::io::Error::other)?;
                self.written = length(&file);
                closed.insert(file)
            }
        };
        if self.torn {
            file.write_all(b"\n")?;
            self.torn = false;
        }
        file.write_all(text)?;
        self.written += text.len() as u64;
        Ok(())
    }
}

/// Bytes in a file.
fn length(file: &File) -> u64 {
    file.metadata().map_or(0, |file| file.len())
}

/// Whether a process before was killed while it wrote.
fn ends_inside_a_line(path: &Path) -> bool {
    let mut last = [0];
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)
    });
    read.is_ok() && last != *b"\n"
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::events::wire::Event;
    use crate::events::{Chain, files, read};
    use crate::model::UnixMillis;

    const UNBOUNDED: Bounds = Bounds { file_bytes: None, older: 1 };

    const PATIENCE: Duration = Duration::from_secs(60);

    fn line(chain: &mut Chain) -> Line {
        let event = Event::Published { generation: 2, moves: Vec::new(), because: Vec::new() };
        chain.next(UnixMillis(5), event)
    }

    #[test]
    fn lines_go_on_where_the_last_process_ended() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        for _ in 0..2 {
            let writer = Writer::start(state.clone(), FILE, UNBOUNDED).unwrap();
            let mut chain = Chain::default();
            writer.write(&line(&mut chain));
            writer.write(&line(&mut chain));
            assert!(writer.flush(PATIENCE));
            assert_eq!(writer.losses().lines(), 0);
        }
        let lines = read(File::open(state.path(FILE)).unwrap()).unwrap();
        let numbers: Vec<u64> = lines.iter().map(|line| line.seq).collect();
        assert_eq!(numbers, [1, 2, 1, 2]);
    }

    #[test]
    fn a_line_torn_by_a_crash_spoils_none_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        fs::write(state.path(FILE), b"{\"seq\":1,").unwrap();
        let writer = Writer::start(state.clone(), FILE, UNBOUNDED).unwrap();
        writer.write(&line(&mut Chain::default()));
        assert!(writer.flush(PATIENCE));
        assert_eq!(read(File::open(state.path(FILE)).unwrap()).unwrap().len(), 1);
    }

    #[test]
    fn after_reopen_lines_go_to_the_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        let writer = Writer::start(state.clone(), FILE, UNBOUNDED).unwrap();
        let mut chain = Chain::default();
        writer.write(&line(&mut chain));
        assert!(writer.flush(PATIENCE));
        fs::rename(state.path(FILE), state.path("rotated")).unwrap();
        writer.reopen();
        writer.write(&line(&mut chain));
        assert!(writer.flush(PATIENCE));
        for name in ["rotated", FILE] {
            assert_eq!(read(File::open(state.path(name)).unwrap()).unwrap().len(), 1, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        std::os::unix::fs::symlink("/dev/full", state.path(FILE)).unwrap();
        let writer = Writer::start(state.clone(), FILE, UNBOUNDED).unwrap();
        let mut chain = Chain::default();
        writer.write(&line(&mut chain));
        assert!(writer.flush(PATIENCE));
        assert_eq!(writer.losses().lines(), 1);
        fs::remove_file(state.path(FILE)).unwrap();
        writer.write(&line(&mut chain));
        assert!(writer.flush(PATIENCE));
        let text = fs::read_to_string(state.path(FILE)).unwrap();
        assert_eq!(text.trim_start().lines().count(), 1);
        assert_eq!(writer.losses().lines(), 1);
    }

    #[test]
    fn a_full_file_is_followed_by_another_and_what_is_dropped_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        let mut chain = Chain::default();
        let of_two = 2 * line(&mut Chain::default()).text().len() as u64 + 10;
        let bounds = Bounds { file_bytes: Some(of_two), older: 2 };
        let kept = || -> Vec<u64> {
            let files = files(dir.path(), FILE).unwrap();
            let lines = files.iter().flat_map(|path| read(File::open(path).unwrap()).unwrap());
            lines.map(|line| line.seq).collect()
        };
        // A restart goes on counting where the file is.
        for _ in 0..4 {
            let writer = Writer::start(state.clone(), FILE, bounds).unwrap();
            writer.write(&line(&mut chain));
            assert!(writer.flush(PATIENCE));
        }
        assert_eq!(files(dir.path(), FILE).unwrap().len(), 2);
        let writer = Writer::start(state, FILE, bounds).unwrap();
        for _ in 0..5 {
            writer.write(&line(&mut chain));
        }
        assert!(writer.flush(PATIENCE));
        assert_eq!(kept(), [5, 6, 7, 8, 9]);
        let ended = Rotated::ALL.map(|ended| writer.rotations().count(ended));
        assert_eq!((ended, writer.losses().lines()), ([1, 2, 0], 0));
    }

    #[test]
    fn where_nothing_can_be_renamed_no_line_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        let in_the_way = state.path(&format!("{FILE}.1"));
        fs::create_dir(&in_the_way).unwrap();
        let mut chain = Chain::default();
        let writer =
            Writer::start(state.clone(), FILE, Bounds { file_bytes: Some(1), older: 1 }).unwrap();
        for _ in 0..3 {
            writer.write(&line(&mut chain));
        }
        assert!(writer.flush(PATIENCE));
        assert_eq!(read(File::open(state.path(FILE)).unwrap()).unwrap().len(), 3);
        assert_eq!(writer.rotations().count(Rotated::Failed), 2);
        fs::remove_dir(&in_the_way).unwrap();
        writer.write(&line(&mut chain));
        assert!(writer.flush(PATIENCE));
        assert_eq!(writer.rotations().count(Rotated::Kept), 1);
    }
}
