//! `passthrough` of a listener's `tls`: clients whose TLS is not ended here.
//!
//! What they ask for is told as in a `tcp` listener, and so is how long they may stay.

use std::sync::Arc;

use super::{Pools, route, tcp, tls};
use crate::config::read::Fields;
use crate::config::shape::{Kind, OFF, Shape, TIMEOUT, key, required};
use crate::config::{Forward, HelloTerms, ListenerTimeouts, Otherwise, Route, Tcp};

/// `passthrough` of a listener's `tls`.
pub(super) static SHAPE: Shape = Shape {
    name: "passthrough",
    about: "Clients whose TLS is not ended here: their bytes go on as by a `tcp` listener.",
    keys: &[
        required(
            "routes",
            Kind::List(&Kind::Shape(&route::SHAPE)),
            "By the TLS hello (`sni`, `alpn`); who matches none is served by the listener itself.",
        ),
        key("timeouts", Kind::Shape(&TIMEOUTS), "Deadlines of these connections."),
        key("retries", Kind::Shape(&tcp::RETRIES), "Of these connections."),
    ],
    later: &[],
};

static TIMEOUTS: Shape = Shape {
    name: "passthrough_timeouts",
    about: "Deadlines of connections whose TLS is passed through.",
    keys: &[
        key("idle", TIMEOUT, "Without a byte either way; default `1h`."),
        key("lifetime", Kind::AnyOf(&[OFF, TIMEOUT]), "From accept to close; default `off`."),
        key("connect_total", TIMEOUT, "All tries to connect to a backend together; default `5s`."),
    ],
    later: &[],
};

/// The name of a route that was given none; no typed name can be the same.
pub(in crate::config) fn auto_name(index: usize) -> Arc<str> {
    Arc::from(format!("passthrough[{index}]"))
}

/// Reads whose TLS a listener passes through. The listener has these deadlines, and for all others
/// these routes.
pub(super) fn check(
    listener: &Fields<'_>,
    timeouts: ListenerTimeouts,
    others: &[Route],
    pools: &Pools<'_>,
) -> Option<Tcp> {
    let tls = listener.get("tls").filter(|cursor| cursor.is_mapping())?.fields(&tls::SHAPE)?;
    let fields = tls.fields("passthrough")?;
    let at = fields.get("routes")?;
    let tcp::Forwards { forwards, everything } = tcp::forwards(&fields, pools, &[], auto_name);
    if let Some(line) = everything {
        at.problem(format!(
            "the route in line {line} matches every client, and none would be left for the \
             listener's own routes (expected `match` with `sni` or `alpn`)"
        ));
    }
    for Forward { name, .. } in
        forwards.iter().filter(|it| others.iter().any(|o| o.name == it.name))
    {
        at.problem(format!("the name `{name}` stands twice in this listener"));
    }
    if fields.list("routes").is_some_and(|routes| routes.is_empty()) {
        at.problem("the list is empty, so nothing would be passed through (remove it)");
    }
    Some(Tcp {
        timeouts: tcp::deadlines(fields.fields("timeouts").as_ref()),
        attempts: tcp::attempts(&fields),
        // Whoever sends no hello in time is told so as everybody else who should begin TLS.
        hello: HelloTerms { timeout: timeouts.head, otherwise: Otherwise::Close },
        forwards,
    })
}
