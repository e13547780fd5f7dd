//! `health.business`: what a user would do, from the first request to the last.

use super::{cadence, expect, http, tls};
use crate::config::defaults::{BUSINESS_FALL, BUSINESS_INTERVAL, BUSINESS_TIMEOUT};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Key, Kind, Shape, key, required};
use crate::config::{BusinessAsk, BusinessCheck, Cadence, Step};

pub(super) static SHAPE: Shape = Shape {
    name: "business_check",
    about: "A synthetic transaction.",
    keys: &[
        required(
            "transaction",
            Kind::List(&Kind::Shape(&STEP)),
            "HTTP requests in order, each of which must be answered as expected; at least one.",
        ),
        cadence::interval("From one transaction's start to the next's; default `5s`."),
        cadence::timeout("How long one may take, all its steps together; default `2s`."),
        FALL,
        cadence::RISE,
        cadence::JITTER,
        http::HOST,
        tls::KEY,
    ],
    later: &["query"],
};

static STEP: Shape = Shape {
    name: "step",
    about: "One request of a transaction.",
    keys: &[
        required("get", Kind::Text(http::PATH), "The target of a `GET`, with query if needed."),
        expect::KEY,
    ],
    later: &["post", "headers", "body", "save"],
};

const FALL: Key = key("fall", cadence::COUNT, "Failures in a row until Down; default 2.");

/// Reads the layer.
pub(super) fn check(fields: &Fields<'_>) -> BusinessCheck {
    let steps = fields.list("transaction").unwrap_or_default();
    if let (true, Some(cursor)) = (steps.is_empty(), fields.get("transaction")) {
        cursor.problem("the list is empty (expected at least one step such as `{ get: /login }`)");
    }
    let default = cadence::default(BUSINESS_INTERVAL, BUSINESS_TIMEOUT);
    BusinessCheck {
        cadence: cadence::read(fields, Cadence { fall: BUSINESS_FALL, ..default }),
        ask: BusinessAsk::Transaction {
            host: fields.get("host").and_then(|cursor| http::host(&cursor)),
            tls: tls::read(fields),
            steps: steps.iter().filter_map(step).collect(),
        },
    }
}

fn step(cursor: &Cursor<'_>) -> Option<Step> {
    let fields = cursor.fields(&STEP)?;
    let expect = expect::read(&fields);
    let path = fields.get("get").and_then(|cursor| http::path(&cursor))?;
    Some(Step { path, expect })
}
