//! `health.business`: what a user would do, or what a database answers.

use std::sync::Arc;

use super::{cadence, http, query, step};
use crate::config::check::backend_tls;
use crate::config::check::secret;
use crate::config::defaults::{BUSINESS_FALL, BUSINESS_INTERVAL, BUSINESS_TIMEOUT, FLOOR};
use crate::config::problem::shown;
use crate::config::read::{Fields, Named};
use crate::config::shape::{Key, Kind, Shape, key};
use crate::config::{BackendTls, BusinessAsk, BusinessCheck, Cadence, SecretSource};
use crate::model::Secret;

pub(super) static SHAPE: Shape = Shape {
    name: "business_check",
    about: "A synthetic transaction; either `transaction` or `query`.",
    keys: &[
        key(
            "transaction",
            Kind::List(&Kind::Shape(&step::SHAPE)),
            "HTTP requests in order, each of which must be answered as expected; at least one.",
        ),
        key("query", Kind::Shape(&query::SHAPE), "A question to a database."),
        key(
            "values",
            Kind::Map { of: "value", values: &Kind::Shape(&query::SECRET), x_keys: false },
            "Secrets that the transaction sends as `${name}`.",
        ),
        cadence::interval("From one transaction's start to the next's; default `5s`."),
        cadence::timeout("How long one may take, all its steps together; default `2s`."),
        FALL,
        cadence::RISE,
        cadence::JITTER,
        http::HOST,
        backend_tls::LAYER,
        key(
            "floor",
            Kind::Ratio,
            "What is left of the weight at the least while it fails; default `10%`.",
        ),
    ],
    later: &[],
};

const FALL: Key = key("fall", cadence::COUNT, "Failures in a row until Down; default 2.");

/// Reads the layer.
pub(super) fn check(fields: &Fields<'_>, tls: Option<&BackendTls>) -> BusinessCheck {
    let default = cadence::default(BUSINESS_INTERVAL, BUSINESS_TIMEOUT);
    let cadence = cadence::read(fields, Cadence { fall: BUSINESS_FALL, ..default });
    let floor = fields.ratio("floor").unwrap_or(FLOOR);
    let transaction = transaction(fields, tls);
    if fields.has("transaction") == fields.has("query") {
        fields.cursor().problem("it is not clear what is done (expected `transaction` or `query`)");
    }
    let Some(query) = fields.fields("query") else {
        return BusinessCheck { cadence, ask: transaction, floor };
    };
    for name in ["values", "host", "tls"] {
        if let Some(cursor) = fields.get(name) {
            cursor
                .problem(format!("`{name}` belongs to `transaction`, not to `query` (remove it)"));
        }
    }
    BusinessCheck { cadence, ask: query::check(&query).unwrap_or(transaction), floor }
}

fn transaction(fields: &Fields<'_>, tls: Option<&BackendTls>) -> BusinessAsk {
    let steps = fields.list("transaction").unwrap_or_default();
    if let (true, Some(cursor)) = (steps.is_empty(), fields.get("transaction")) {
        cursor.problem("the list is empty (expected at least one step such as `{ get: /login }`)");
    }
    let values = fields.entries("values").unwrap_or_default();
    let values: Vec<_> = values.iter().filter_map(value).collect();
    let mut known = values.iter().map(|(name, ..)| Arc::clone(name)).collect();
    BusinessAsk::Transaction {
        host: fields.get("host").and_then(|cursor| http::host(&cursor)),
        tls: backend_tls::read(fields, tls),
        values,
        steps: steps.iter().filter_map(|cursor| step::check(cursor, &mut known)).collect(),
    }
}

fn value(named: &Named<'_>) -> Option<(Arc<str>, Secret, SecretSource)> {
    if !step::is_value_name(named.name) {
        let name = shown(named.name);
        named.problem(format!("{name} is not a value's name (expected letters, digits and `_`)"));
    }
    let (secret, source) = secret::at(&named.value, &query::SECRET)?;
    Some((Arc::from(named.name), secret, source))
}
