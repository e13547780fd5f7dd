//! `health.process`: the least the process can answer.

use std::sync::Arc;

use super::{cadence, http};
use crate::config::defaults::{PROCESS_INTERVAL, PROCESS_TIMEOUT};
use crate::config::read::Fields;
use crate::config::shape::{Kind, Shape, key};
use crate::config::{ProcessAsk, ProcessCheck};

pub(super) static SHAPE: Shape = Shape {
    name: "process_check",
    about: "The least the process can answer; `{}` takes every default.",
    keys: &[
        key("type", TYPE, "What it is asked; default `http`: any valid status line is life."),
        cadence::interval("From one probe's start to the next's; default `500ms`."),
        cadence::timeout("How long one probe may take; default `250ms`."),
        cadence::FALL,
        cadence::RISE,
        cadence::JITTER,
        http::HOST,
        key("path", Kind::Text(http::PATH), "The target of the request; default `/`."),
    ],
    later: &[],
};

const TYPE: Kind = Kind::Words { now: &["http"], later: &["banner", "tls", "grpc", "agent"] };

/// Reads the layer.
pub(super) fn check(fields: &Fields<'_>) -> ProcessCheck {
    fields.word("type");
    let host = fields.get("host").and_then(|cursor| http::host(&cursor));
    let path = fields.get("path").and_then(|cursor| http::path(&cursor));
    ProcessCheck {
        cadence: cadence::read(fields, cadence::default(PROCESS_INTERVAL, PROCESS_TIMEOUT)),
        ask: ProcessAsk::Http { host, path: path.unwrap_or_else(|| Arc::from("/")) },
    }
}
