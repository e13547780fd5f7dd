//! `health.application`: HTTP endpoints that say how the application is.

use super::{cadence, expect, http};
use crate::config::check::backend_tls;
use crate::config::defaults::{APPLICATION_INTERVAL, APPLICATION_TIMEOUT, DEGRADE};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, key, required};
use crate::config::{ApplicationCheck, BackendTls, Endpoint};

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
        backend_tls::LAYER,
        key("on_failure", ON_FAILURE, "What follows when one fails; default `remove`."),
    ],
    later: &["method", "headers"],
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

const ON_FAILURE: Kind =
    Kind::AnyOf(&[Kind::Words { now: WORDS, later: &[] }, Kind::Shape(&DEGRADED)]);
const WORDS: &[&str] = &["remove", "degrade"];

static DEGRADED: Shape = Shape {
    name: "degraded",
    about: "Lowers the weight instead of removing the backend.",
    keys: &[required("degrade", Kind::Ratio, "What is left of the weight; as a word `50%`.")],
    later: &[],
};

/// Reads the layer.
pub(super) fn check(fields: &Fields<'_>, tls: Option<&BackendTls>) -> ApplicationCheck {
    let endpoints = fields.list("endpoints").unwrap_or_default();
    if let (true, Some(cursor)) = (endpoints.is_empty(), fields.get("endpoints")) {
        cursor.problem("the list is empty (expected at least one path such as /health)");
    }
    ApplicationCheck {
        cadence: cadence::read(fields, cadence::default(APPLICATION_INTERVAL, APPLICATION_TIMEOUT)),
        host: fields.get("host").and_then(|cursor| http::host(&cursor)),
        tls: backend_tls::read(fields, tls),
        endpoints: endpoints.iter().filter_map(endpoint).collect(),
        degrade: fields.get("on_failure").and_then(|cursor| degrade(&cursor)),
    }
}

/// What is left of the weight, unless the backend is to be removed.
fn degrade(cursor: &Cursor<'_>) -> Option<f64> {
    if !cursor.is_mapping() {
        return cursor.word(WORDS, &[]).filter(|word| *word == "degrade").map(|_| DEGRADE);
    }
    let kept = cursor.fields(&DEGRADED)?.ratio("degrade")?;
    if kept <= 0.0 {
        cursor.problem("`degrade: 0%` leaves nothing of the weight (expected more, or `remove`)");
    } else if kept >= 1.0 {
        cursor.warning("`degrade: 100%`: that an endpoint fails has no consequence");
    }
    Some(kept)
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
