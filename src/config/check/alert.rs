//! `admin.alerts`: what an alert that comes in by webhook orders.

use crate::config::read::Cursor;
use crate::config::shape::{Kind, Shape, duration, key, required};
use crate::config::{AlertAction, AlertPlace, AlertRule};

/// An entry of `admin.alerts`.
pub(super) static SHAPE: Shape = Shape {
    name: "alert",
    about: "What an alert in Alertmanager's form orders; about a zone or a region: one of them.",
    keys: &[
        required("match", MATCH, "Labels the alert must have."),
        key("zone", LABEL, "The label that names the zone."),
        key("region", LABEL, "The label that names the region."),
        required("action", ACTION, "What is ordered while it fires; the opposite when resolved."),
        key("for", duration(1_000, 30 * 86_400_000), "How long it holds; default until resolved."),
    ],
    later: &["pool", "backend", "why"],
};

const VALUE: &str = "a label's value";
const MATCH: Kind = Kind::Map { of: "label", values: &Kind::Text(VALUE), x_keys: false };
const LABEL: Kind = Kind::Text("a label's name such as zone");
const ACTION: Kind =
    Kind::Words { now: &["drain", "failover", "pause"], later: &["weight", "maint"] };

/// Reads one rule.
pub(super) fn check(cursor: &Cursor<'_>) -> Option<AlertRule> {
    let fields = cursor.fields(&SHAPE)?;
    let named = fields.entries("match");
    if let (Some([]), Some(empty)) = (named.as_deref(), fields.get("match")) {
        empty.problem("every alert would match (expected at least one label)");
    }
    let value = |it: &crate::config::read::Named<'_>| {
        Some((it.name.to_owned(), it.value.text(VALUE)?.to_owned()))
    };
    let matches = named.unwrap_or_default().iter().filter_map(value).collect();
    let label = |name| fields.text(name).map(|(_, label)| label.to_owned());
    let place = match (fields.has("zone"), fields.has("region")) {
        (true, false) => label("zone").map(AlertPlace::Zone),
        (false, true) => label("region").map(AlertPlace::Region),
        _ => {
            cursor.problem("what the order is about is not clear (expected `zone` or `region`)");
            None
        }
    };
    let action = fields.word("action").map(|word| match word {
        "drain" => AlertAction::Drain,
        "failover" => AlertAction::Failover,
        _ => AlertAction::Pause,
    });
    let lasts = fields.duration("for");
    Some(AlertRule { matches, place: place?, action: action?, lasts })
}
