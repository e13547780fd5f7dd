//! How much of what happened is kept in the state folder.

/// The bounds of the event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLog {
    /// Bytes after which a new file is begun; `None` = never.
    pub file_bytes: Option<u64>,
    /// Files that are kept, the one being written among them; at least 2.
    pub files: u32,
}

impl EventLog {
    /// Months of a busy installation in a quarter of a gigabyte.
    pub const DEFAULT: Self = Self { file_bytes: Some(64 << 20), files: 4 };
}
