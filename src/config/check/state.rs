//! What is kept across restarts.

use std::path::PathBuf;

use super::PATH;
use crate::config::EventLog;
use crate::config::read::Fields;
use crate::config::shape::{Kind, OFF, Shape, key, required};

static EVENT_LOG: Shape = Shape {
    name: "event_log",
    about: "How much of the event log is kept.",
    keys: &[
        key(
            "file_size",
            Kind::AnyOf(&[OFF, Kind::Size { min: 1 << 16, max: 1 << 40 }]),
            "Begin a new file after so much, and call the one before `events.jsonl.1`, that before it \
             `.2` and so on; default `64MiB`; `off` = never.",
        ),
        key(
            "files",
            Kind::Integer { min: 2, max: 1_000 },
            "Files that are kept, the newest among them; the oldest is dropped; default 4.",
        ),
    ],
    later: &[],
};

pub(super) static SHAPE: Shape = Shape {
    name: "state",
    about: "Where state is kept across restarts.",
    keys: &[
        required("dir", Kind::Text(PATH), "A directory; relative to the current directory."),
        key("events", Kind::Shape(&EVENT_LOG), "How much of the event log is kept."),
        key(
            "record",
            Kind::AnyOf(&[OFF, Kind::Size { min: 1 << 20, max: 1 << 40 }]),
            "Record what decisions are made from, for `replay`: at most so much; default `off`.",
        ),
    ],
    later: &[],
};

/// What is kept, and where.
pub(super) struct Settings {
    pub(super) dir: Option<PathBuf>,
    pub(super) record_bytes: Option<u64>,
    pub(super) event_log: EventLog,
}

impl Default for Settings {
    fn default() -> Self {
        Self { dir: None, record_bytes: None, event_log: EventLog::DEFAULT }
    }
}

pub(super) fn check(fields: &Fields<'_>) -> Settings {
    Settings {
        dir: fields.text("dir").map(|(_, dir)| PathBuf::from(dir)),
        record_bytes: fields.size_or_off("record").flatten(),
        event_log: fields.fields("events").as_ref().map_or(EventLog::DEFAULT, event_log),
    }
}

fn event_log(fields: &Fields<'_>) -> EventLog {
    let EventLog { file_bytes, files } = EventLog::DEFAULT;
    EventLog {
        file_bytes: fields.size_or_off("file_size").unwrap_or(file_bytes),
        files: fields.integer("files").unwrap_or(files),
    }
}
