//! A worker's end of the log: formats lines, batches them, hands full batches over.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};

use super::writer::{Batch, Message};
use super::{Line, Losses, MAX_LINE_BYTES};
use crate::config::LogPath;

/// A buffer's capacity, in bytes. It is handed over as soon as the longest line might not fit any
/// more, so it never grows.
const BATCH_BYTES: usize = 64 * 1024;

/// Buffers of one sink. All of them full and unwritten means the writer is behind, and lines are
/// dropped: 1 MiB covers a stall of about 40 ms at 60,000 requests a second.
const BUFFERS: usize = 16;

/// Where one worker logs to one destination. Made by [`Writer::sink`](super::Writer::sink).
///
/// Never blocks and, once made, never allocates. Dropping it hands over what it holds.
#[derive(Debug)]
pub struct Sink {
    path: Arc<LogPath>,
    batch: Vec<u8>,
    lines: u64,
    /// Used from its end, so that the buffers touched are those still in the cache.
    spare: Vec<Vec<u8>>,
    messages: SyncSender<Message>,
    home: SyncSender<Vec<u8>>,
    returned: Receiver<Vec<u8>>,
    losses: Losses,
}

impl Sink {
    pub(super) fn new(path: &LogPath, messages: SyncSender<Message>, losses: Losses) -> Self {
        let (home, returned) = mpsc::sync_channel(BUFFERS);
        let mut buffers = (0..BUFFERS).map(|_| Vec::with_capacity(BATCH_BYTES));
        let batch = buffers.next().unwrap_or_default();
        let spare = buffers.collect();
        Self {
            path: Arc::new(path.clone()),
            batch,
            lines: 0,
            spare,
            messages,
            home,
            returned,
            losses,
        }
    }

    /// Adds one line; hands the batch over when it is full.
    ///
    /// Returns how many lines were dropped because the writer is behind: nearly always 0, else
    /// the whole batch, this line included.
    #[must_use]
    pub fn record(&mut self, entry: &impl Line) -> u64 {
        entry.append(&mut self.batch);
        self.lines += 1;
        if self.batch.len() + MAX_LINE_BYTES > BATCH_BYTES { self.flush() } else { 0 }
    }

    /// Hands over what was recorded; the worker calls this on its tick, so that a quiet log is
    /// never late. Returns how many lines were dropped, as [`record`](Self::record) does.
    #[must_use]
    pub fn flush(&mut self) -> u64 {
        if self.lines == 0 {
            return 0;
        }
        let lines = mem::take(&mut self.lines);
        self.spare.extend(self.returned.try_iter());
        let Some(next) = self.spare.pop() else {
            self.batch.clear();
            return lines;
        };
        let bytes = mem::replace(&mut self.batch, next);
        let batch = Batch { path: Arc::clone(&self.path), bytes, lines, home: self.home.clone() };
        match self.messages.try_send(Message::Batch(batch)) {
            Ok(()) => 0,
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => {
                if let Message::Batch(mut batch) = message {
                    batch.bytes.clear();
                    self.spare.push(batch.bytes);
                }
                lines
            }
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let dropped = self.flush();
        self.losses.add_lines(dropped);
    }
}
