//! `health.application`: HTTP endpoints that say how the application is.

use super::{cadence, expect, http, tls};
use crate::config::defaults::{APPLICATION_INTERVAL, APPLICATION_TIMEOUT};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, required};
use crate::config::{ApplicationCheck, Endpoint};

pub(super) static SHAPE: Shape = Shape {
    name: "application_check",
    about: "HTTP endpoints, all of which must answer as expected.",
    keys: &[
        required("endpoints", Kind::List(&ENDPOINT), "At least one."),
        cadence::interval("From one probe's start to the next's; default `1s`."),
        cadence::timeout("How long one probe may take; default `500ms`."),
        cadence::FALL,
        cadence::RISE,
        cadence::JITTER,
        http::HOST,
        tls::KEY,
    ],
    later: &["consequence", "method", "headers"],
};

static ENDPOINT_SHAPE: Shape = Shape {
    name: "endpoint",
    about: "An HTTP endpoint to ask; text alone is its path.",
    keys: &[
        required("path", Kind::Text(http::PATH), "The target, with query if needed."),
        expect::KEY,
    ],
    later: &["method", "headers"],
};

const ENDPOINT: Kind = Kind::AnyOf(&[Kind::Text(http::PATH), Kind::Shape(&ENDPOINT_SHAPE)]);

/// Reads the layer.
pub(super) fn check(fields: &Fields<'_>) -> ApplicationCheck {
    let endpoints = fields.list("endpoints").unwrap_or_default();
    if let (true, Some(cursor)) = (endpoints.is_empty(), fields.get("endpoints")) {
        cursor.problem("the list is empty (expected at least one path such as /health)");
    }
    ApplicationCheck {
        cadence: cadence::read(fields, cadence::default(APPLICATION_INTERVAL, APPLICATION_TIMEOUT)),
        host: fields.get("host").and_then(|cursor| http::host(&cursor)),
        tls: tls::read(fields),
        endpoints: endpoints.iter().filter_map(endpoint).collect(),
    }
}

fn endpoint(cursor: &Cursor<'_>) -> Option<Endpoint> {
    if !cursor.is_mapping() {
        return Some(Endpoint { path: http::path(cursor)?, expect: expect::default() });
    }
    let fields = cursor.fields(&ENDPOINT_SHAPE)?;
    let expect = expect::read(&fields);
    let path = fields.get("path").and_then(|cursor| http::path(&cursor))?;
    Some(Endpoint { path, expect })
}
