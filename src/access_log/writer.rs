//! The thread that owns the files, and the handle to it.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::Sink;
use super::output::Output;
use crate::config::LogPath;

/// Batches that may wait for the writer, from all sinks; each sink's own buffers run out first
/// unless there are very many of them.
const QUEUE: usize = 1024;

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Write this.
    Batch(Batch),
    /// Look at the requests in [`Shared`].
    Wake,
}

/// Whole lines on their way to one destination.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) path: Arc<LogPath>,
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
    /// Where the empty buffer is returned to.
    pub(super) home: SyncSender<Vec<u8>>,
}

/// Lines that reached the writer and still were lost, and why. Cheap to clone.
///
/// Lines dropped before, because the writer was behind, are returned by [`Sink::record`] and
/// [`Sink::flush`] instead.
#[derive(Clone, Debug, Default)]
pub struct Losses(Arc<LossCounters>);

#[derive(Debug, Default)]
struct LossCounters {
    lines: AtomicU64,
    failed_writes: AtomicU64,
}

impl Losses {
    /// Lines lost to write errors, or with a sink that was dropped while the writer was behind.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.0.lines.load(Relaxed)
    }

    /// Batches that could not be written in full.
    #[must_use]
    pub fn failed_writes(&self) -> u64 {
        self.0.failed_writes.load(Relaxed)
    }

    pub(super) fn add_lines(&self, lines: u64) {
        self.0.lines.fetch_add(lines, Relaxed);
    }
}

/// The access log's writer thread. Clones are handles to the same thread.
#[derive(Clone, Debug)]
pub struct Writer {
    messages: SyncSender<Message>,
    shared: Arc<Shared>,
    losses: Losses,
}

/// Requests to the thread. They are flags beside the queue, so that they arrive though it is full.
#[derive(Debug, Default)]
struct Shared {
    reopen: AtomicBool,
    stop: AtomicBool,
    finished: Mutex<bool>,
    finished_changed: Condvar,
}

impl Writer {
    /// Starts the thread. It ends at [`shutdown`](Self::shutdown), or when all its handles and
    /// sinks are gone.
    ///
    /// # Errors
    ///
    /// When the system refuses a new thread.
    pub fn start() -> io::Result<Self> {
        let (messages, queue) = mpsc::sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let losses = Losses::default();
        let finish = Finish(Arc::clone(&shared));
        let counted = losses.clone();
        thread::Builder::new().name("access-log".into()).spawn(move || {
            write_all(&queue, &finish.0, &counted);
        })?;
        Ok(Self { messages, shared, losses })
    }

    /// A new end of the log for one worker. The file is opened when its first line is written;
    /// use [`verify`](super::verify) to know beforehand that it can be.
    #[must_use]
    pub fn sink(&self, path: &LogPath) -> Sink {
        Sink::new(path, self.messages.clone(), self.losses.clone())
    }

    /// Lines and writes lost by the writer.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses.clone()
    }

    /// Asks the writer to close every file and open it by its name again, as log rotation needs.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Relaxed);
        // A full queue wakes the thread as well.
        drop(self.messages.try_send(Message::Wake));
    }

    /// Writes everything handed over so far, then ends the thread; blocks for at most `within`.
    ///
    /// Returns whether everything was written in time. If not (nobody reads the pipe, the disk
    /// hangs), the thread is left behind for the process's exit to end.
    #[must_use]
    pub fn shutdown(&self, within: Duration) -> bool {
        self.shared.stop.store(true, Relaxed);
        drop(self.messages.try_send(Message::Wake));
        let finished = self.shared.finished.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shared.finished_changed.wait_timeout_while(finished, within, |f| !*f);
        let (finished, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *finished
    }
}

/// Says that the thread has ended, however it ended.
struct Finish(Arc<Shared>);

impl Drop for Finish {
    fn drop(&mut self) {
        *self.0.finished.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.finished_changed.notify_all();
    }
}

fn write_all(queue: &Receiver<Message>, shared: &Shared, losses: &Losses) {
    let mut outputs = HashMap::new();
    while let Ok(message) = queue.recv() {
        if shared.reopen.swap(false, Relaxed) {
            outputs.values_mut().for_each(Output::close);
        }
        write(&mut outputs, message, losses);
        if shared.stop.load(Relaxed) {
            queue.try_iter().for_each(|message| write(&mut outputs, message, losses));
            return;
        }
    }
}

fn write(outputs: &mut HashMap<LogPath, Output>, message: Message, losses: &Losses) {
    let Message::Batch(mut batch) = message else { return };
    if !outputs.contains_key(&*batch.path) {
        outputs.insert(LogPath::clone(&batch.path), Output::default());
    }
    if let Some(output) = outputs.get_mut(&*batch.path) {
        let lost = output.write(&batch.path, &batch.bytes, batch.lines);
        if lost > 0 {
            losses.add_lines(lost);
            losses.0.failed_writes.fetch_add(1, Relaxed);
        }
    }
    batch.bytes.clear();
    // The sink may be gone.
    drop(batch.home.try_send(batch.bytes));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;
    use crate::access_log::entry::tests::sample;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn lines(path: &Path) -> usize {
        let text = fs::read_to_string(path).unwrap();
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        text.lines().count()
    }

    #[test]
    fn everything_handed_over_is_written_before_shutdown_returns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        let writer = Writer::start().unwrap();
        let log = LogPath::File(path.clone());
        let (mut first, mut second) = (writer.sink(&log), writer.sink(&log));
        let mut dropped = 0;
        for _ in 0..2000 {
            dropped += first.record(&sample()) + second.record(&sample());
        }
        dropped += first.flush();
        drop(second);
        assert!(writer.shutdown(PATIENCE));
        assert_eq!(lines(&path) as u64 + dropped + writer.losses().lines(), 4000);
        assert_eq!(dropped, 0);
    }

    #[test]
    fn a_pipe_nobody_reads_drops_lines_and_never_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let writer = Writer::start().unwrap();
        let mut sink = writer.sink(&LogPath::File(path.clone()));
        let mut dropped = 0;
        let mut recorded = 0;
        while dropped < 1000 {
            dropped += sink.record(&sample());
            recorded += 1;
        }
        assert!(!writer.shutdown(Duration::ZERO));

        let reader = thread::spawn(move || lines(&path));
        assert!(writer.shutdown(PATIENCE));
        dropped += sink.flush();
        drop(sink);
        let read = reader.join().unwrap() as u64;
        assert_eq!(read + dropped, recorded);
    }

    #[test]
    fn after_reopen_lines_go_to_the_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        let rotated = dir.path().join("access.log.1");
        let writer = Writer::start().unwrap();
        let mut sink = writer.sink(&LogPath::File(path.clone()));
        assert_eq!(sink.record(&sample()) + sink.flush(), 0);
        while !path.exists() || lines(&path) == 0 {
            thread::yield_now();
        }
        fs::rename(&path, &rotated).unwrap();
        writer.reopen();
        assert_eq!(sink.record(&sample()) + sink.flush(), 0);
        assert!(writer.shutdown(PATIENCE));
        assert_eq!((lines(&rotated), lines(&path)), (1, 1));
    }

    #[test]
    fn lost_lines_are_counted() {
        let writer = Writer::start().unwrap();
        let mut sink = writer.sink(&LogPath::File("/dev/full".into()));
        assert_eq!(sink.record(&sample()) + sink.flush(), 0);
        assert!(writer.shutdown(PATIENCE));
        assert_eq!((writer.losses().lines(), writer.losses().failed_writes()), (1, 1));
    }
}
