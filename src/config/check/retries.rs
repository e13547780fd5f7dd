//! `retries`: which tries are followed by another, of a route, and how many a pool bears.

use std::time::Duration;

use crate::config::problem::{nearest, shown};
use crate::config::read::{Cursor, Fields};
use crate::config::retries::GRPC_CODES;
use crate::config::shape::{DAY_MS, Kind, OFF, Shape, TIMEOUT, duration, key};
use crate::config::{Backoff, GrpcCodes, Retries, RetryBudget, RetryOn, RouteTimeouts};

/// `retries` of a route.
pub(super) static OF_ROUTE: Shape = Shape {
    name: "retries",
    about: "Which tries are followed by another, at another backend.",
    keys: &[
        key("attempts", Kind::Integer { min: 1, max: 10 }, "The first included; default 3."),
        key("on", Kind::OneOrMany(&Kind::Text(CAUSE)), "Default `[connect-failure, reset]`."),
        key("backoff", BACKOFF, "The pause before a request that was sent is sent again."),
        key(
            "per_try",
            Kind::AnyOf(&[OFF, TIMEOUT]),
            "From a try's begin to its response's head; default `off`.",
        ),
        key(
            "body_bytes",
            Kind::Size { min: 0, max: 1024 * 1024 },
            "A longer body is not held, and so not sent again; default `64KiB`.",
        ),
        key("idempotent", Kind::Boolean, "Any method may be repeated; default `false`."),
    ],
    later: &[],
};

const BACKOFF: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&BACKOFF_SHAPE)]);

static BACKOFF_SHAPE: Shape = Shape {
    name: "backoff",
    about: "Pauses of random length, each at most twice as long as the one before.",
    keys: &[
        key("first", PAUSE, "The first one at most; default `100ms`."),
        key("max", PAUSE, "The longest; default `1s`."),
    ],
    later: &[],
};

/// `retries` of a pool.
pub(super) static OF_POOL: Shape = Shape {
    name: "retry_budget",
    about: "How many requests may be sent again, of all routes together.",
    keys: &[
        key("budget", Kind::Ratio, "As a part of the recent requests; default `20%`."),
        key(
            "min_per_second",
            Kind::Integer { min: 0, max: 1_000_000 },
            "So many at least; default 3.",
        ),
    ],
    later: &[],
};

const PAUSE: Kind = duration(1, DAY_MS);
const CAUSE: &str = "`connect-failure`, `reset`, `timeout`, a status such as 503, a range such as \
                     502-504, or of gRPC `unavailable`, `resource-exhausted`, `internal`, \
                     `deadline-exceeded`, `cancelled`";
const WORDS: [&str; 3] = ["connect-failure", "reset", "timeout"];

/// Reads the `retries` of a route with these deadlines.
pub(super) fn of_route(route: &Fields<'_>, timeouts: &RouteTimeouts) -> Retries {
    let Some(fields) = route.fields("retries") else { return Retries::DEFAULT };
    let all = Retries::DEFAULT;
    let bytes = fields.size("body_bytes").and_then(|bytes| usize::try_from(bytes).ok());
    let retries = Retries {
        attempts: fields.integer("attempts").unwrap_or(all.attempts),
        on: on(&fields).unwrap_or(all.on),
        backoff: fields.get("backoff").map_or(all.backoff, |cursor| backoff(&cursor)),
        per_try: fields.duration_or_off("per_try").unwrap_or(all.per_try),
        body_bytes: bytes.unwrap_or(all.body_bytes),
        idempotent: fields.boolean("idempotent").unwrap_or(all.idempotent),
    };
    contradictions(&fields, &retries, timeouts);
    retries
}

fn contradictions(fields: &Fields<'_>, retries: &Retries, timeouts: &RouteTimeouts) {
    let needless = ["on", "backoff", "body_bytes"].into_iter().filter_map(|key| fields.get(key));
    if retries.attempts == 1 {
        for cursor in needless {
            cursor.warning("with `attempts: 1` nothing is ever tried again, and this does nothing");
        }
    }
    if let Some(cursor) = fields.get("on").filter(|_| retries.on.codes != GrpcCodes::NONE)
        && !retries.idempotent
    {
        cursor.warning(
            "calls of gRPC are POST requests: after a code of theirs none is tried again unless the \
             route says that its requests may be repeated (add `idempotent: true`)",
        );
    }
    let Some((cursor, per_try)) = fields.get("per_try").zip(retries.per_try) else { return };
    if let Some(total) = timeouts.total.filter(|total| *total <= per_try) {
        cursor.problem(format!(
            "one try may not take as long as all of them together (expected less than the route's \
             `timeouts.total`, {})",
            crate::config::value::duration(total)
        ));
    }
    if retries.attempts > 1 && !retries.on.timeout {
        cursor.warning(
            "a try that takes too long ends the request: `timeout` is not among what is tried \
             again (add it to `on`)",
        );
    }
}

fn on(fields: &Fields<'_>) -> Option<RetryOn> {
    let mut on = RetryOn::NOTHING;
    fields.list("on")?.iter().for_each(|cursor| cause(cursor, &mut on));
    Some(on)
}

fn cause(cursor: &Cursor<'_>, on: &mut RetryOn) {
    let Some(text) = cursor.text(CAUSE) else { return };
    match text {
        "connect-failure" => on.connect_failure = true,
        "reset" => on.reset = true,
        "timeout" => on.timeout = true,
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => match statuses(text) {
            Some((first, last)) => (first..=last).for_each(|status| on.statuses.add(status)),
            None => cursor.problem(format!(
                "{} is no status that a failure has (expected 400 to 599, as 503 or 502-504)",
                shown(text)
            )),
        },
        _ if code(text).is_some() => on.codes.add(code(text).unwrap_or_default()),
        _ => match nearest(text, WORDS.into_iter().chain(GRPC_CODES.map(|(name, _)| name))) {
            Some(near) => cursor.problem(format!(
                "{} does not fit (expected {CAUSE}; did you mean `{near}`?)",
                shown(text)
            )),
            None => cursor.mismatch(CAUSE),
        },
    }
}

/// The code of gRPC that is called so.
fn code(text: &str) -> Option<u8> {
    GRPC_CODES.iter().find(|(name, _)| *name == text).map(|(_, code)| *code)
}

fn statuses(text: &str) -> Option<(u16, u16)> {
    let status = |text: &str| text.parse().ok().filter(|it| (400..=599).contains(it));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((status(first)?, status(last)?)).filter(|(first, last)| first <= last)
}

fn backoff(cursor: &Cursor<'_>) -> Backoff {
    if !cursor.is_mapping() {
        if !cursor.is_word("off") {
            cursor.mismatch(&BACKOFF.expected());
        }
        return Backoff { first: Duration::ZERO, max: Duration::ZERO };
    }
    let Some(fields) = cursor.fields(&BACKOFF_SHAPE) else { return Backoff::DEFAULT };
    let all = Backoff::DEFAULT;
    let (first, max) = (fields.duration("first"), fields.duration("max"));
    match (first, max) {
        (Some(first), Some(max)) if first > max => fields
            .cursor()
            .problem("the first pause is longer than the longest (expected `first` at most `max`)"),
        _ => {}
    }
    let first = first.unwrap_or(all.first.min(max.unwrap_or(all.max)));
    Backoff { first, max: max.unwrap_or(all.max).max(first) }
}

/// Reads the `retries` of a pool.
pub(super) fn of_pool(pool: &Fields<'_>) -> RetryBudget {
    let Some(fields) = pool.fields("retries") else { return RetryBudget::DEFAULT };
    let all = RetryBudget::DEFAULT;
    RetryBudget {
        part: fields.ratio("budget").unwrap_or(all.part),
        min_per_second: fields.integer("min_per_second").unwrap_or(all.min_per_second),
    }
}
