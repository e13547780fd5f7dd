//! `health.process`: the least the process can answer.

use std::sync::Arc;

use super::{cadence, http};
use crate::config::check::backend_tls;
use crate::config::defaults::{PROCESS_INTERVAL, PROCESS_TIMEOUT};
use crate::config::read::Fields;
use crate::config::shape::{Kind, Shape, key};
use crate::config::{BackendTls, ProcessAsk, ProcessCheck};

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
        key("path", Kind::Text(http::PATH), "`http`: the target of the request; default `/`."),
        key("prefix", Kind::Text(PREFIX), "`banner`: how it must begin; default any byte."),
        key(
            "server_name",
            Kind::Text(backend_tls::NAME),
            "`tls`: asked for; default the backend's host.",
        ),
        key("service", Kind::Text(SERVICE), "`grpc`: asked for; default the server as a whole."),
        backend_tls::LAYER,
        key("port", Kind::Integer { min: 1, max: 65_535 }, "`agent`: where it listens."),
        key("send", Kind::Text(LINE), "`agent`: a line it is sent first; default nothing."),
    ],
    later: &[],
};

const TYPE: Kind = Kind::Words { now: &["http", "banner", "tls", "grpc", "agent"], later: &[] };
const PREFIX: &str = "the beginning of a banner such as SSH-2.0, at most 256 bytes";
const SERVICE: &str = "a service such as shop.v1.Cart, at most 127 bytes";
const LINE: &str = "one line of at most 256 bytes";

/// The keys that belong to each type, besides those of every layer.
const OWN_KEYS: [(&str, &[&str]); 5] = [
    ("http", &["host", "path", "tls"]),
    ("banner", &["prefix"]),
    ("tls", &["server_name"]),
    ("grpc", &["host", "service", "tls"]),
    ("agent", &["port", "send"]),
];

/// Reads the layer.
pub(super) fn check(fields: &Fields<'_>, tls: Option<&BackendTls>) -> ProcessCheck {
    let kind = fields.word("type").unwrap_or("http");
    refuse_others(fields, kind);
    let host = fields.get("host").and_then(|cursor| http::host(&cursor));
    let ask = match kind {
        "banner" => ProcessAsk::Banner { prefix: text(fields, "prefix", PREFIX, 256) },
        "tls" => ProcessAsk::Tls {
            server_name: fields.get("server_name").and_then(|cursor| backend_tls::name(&cursor)),
        },
        "grpc" => {
            let service = text(fields, "service", SERVICE, 127);
            ProcessAsk::Grpc { host, service, tls: backend_tls::read(fields, tls) }
        }
        "agent" => {
            if !fields.has("port") {
                fields.cursor().problem("`port` is missing (expected the agent's port)");
            }
            let port = fields.integer("port").unwrap_or(1);
            ProcessAsk::Agent { port, send: text(fields, "send", LINE, 256) }
        }
        _ => {
            let path = fields.get("path").and_then(|cursor| http::path(&cursor));
            let path = path.unwrap_or_else(|| Arc::from("/"));
            ProcessAsk::Http { host, path, tls: backend_tls::read(fields, tls) }
        }
    };
    let cadence = cadence::read(fields, cadence::default(PROCESS_INTERVAL, PROCESS_TIMEOUT));
    ProcessCheck { cadence, ask }
}

/// Reports the keys that are of another type than this.
fn refuse_others(fields: &Fields<'_>, kind: &str) {
    let own = OWN_KEYS.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, keys)| keys);
    for key in SHAPE.keys.iter().filter(|key| !own.contains(&key.name)) {
        let mut owners = OWN_KEYS.iter().filter(|(_, keys)| keys.contains(&key.name)).peekable();
        if let (Some(cursor), true) = (fields.get(key.name), owners.peek().is_some()) {
            let owners: Vec<String> = owners.map(|(name, _)| format!("`type: {name}`")).collect();
            let owners = owners.join(" or ");
            cursor.problem(format!(
                "`{}` belongs to {owners}, and this is `type: {kind}` (remove one)",
                key.name
            ));
        }
    }
}

/// The text of a key, or nothing.
fn text(fields: &Fields<'_>, name: &str, expected: &str, bytes_max: usize) -> Arc<str> {
    let Some((cursor, text)) = fields.text(name) else { return Arc::default() };
    if text.len() > bytes_max {
        cursor.mismatch(expected);
    }
    Arc::from(text)
}
