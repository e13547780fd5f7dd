//! `admin`: where the API listens and who may use it.

use std::path::PathBuf;

use super::{PATH, alert, listener, name, secret};
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{DAY_MS, Kind, OFF, Shape, duration, key, required};
use crate::config::{AdminApi, Role, Token, defaults};

/// `admin`.
pub(super) static SHAPE: Shape = Shape {
    name: "admin",
    about: "The admin API.",
    keys: &[
        key(
            "bind",
            Kind::OneOrMany(&Kind::Text("an IP address with port such as 127.0.0.1:9900")),
            "TCP addresses, read-only without a token; default none.",
        ),
        key(
            "socket",
            Kind::AnyOf(&[OFF, Kind::Text(PATH)]),
            "The unix socket that may change things; default `run/admin.sock`, relative to the \
             current directory.",
        ),
        key("tokens", Kind::List(&Kind::Shape(&TOKEN)), "Bearer tokens; default none."),
        key(
            "alerts",
            Kind::List(&Kind::Shape(&alert::SHAPE)),
            "What alerts that come in at `/webhooks/alertmanager` order; default none.",
        ),
        key(
            "faults",
            Kind::AnyOf(&[OFF, duration(1_000, DAY_MS)]),
            "How long a fault may hold at most that an operator puts on a route for a drill; default \
             `off`: none may be put there.",
        ),
        key(
            "allowed_hosts",
            Kind::OneOrMany(&Kind::Text(name::HOST)),
            "Host headers accepted besides the bound addresses and `localhost`.",
        ),
    ],
    later: &["tls", "audit", "dashboard"],
};

static TOKEN: Shape = Shape {
    name: "token",
    about: "A bearer token, read from a file or an environment variable: exactly one of them.",
    keys: &[
        required("role", ROLE, "`viewer` reads, `operator` also changes."),
        key("file", Kind::Text("a path"), "The file that holds the token."),
        key("env", Kind::Text("a variable's name"), "The environment variable that holds it."),
    ],
    later: &[],
};

const ROLE: Kind = Kind::Words { now: &["viewer", "operator"], later: &["admin"] };

/// Keys under which a secret is typed by mistake.
const LITERALS: [&str; 5] = ["token", "secret", "value", "password", "bearer"];

/// Reads `admin`; without it there is the unix socket only.
pub(super) fn check(fields: Option<&Fields<'_>>) -> AdminApi {
    let default_socket = || Some(PathBuf::from(defaults::ADMIN_SOCKET));
    let Some(fields) = fields else {
        return AdminApi { socket: default_socket(), ..AdminApi::default() };
    };
    let socket = match fields.get("socket") {
        Some(cursor) if cursor.is_word("off") => None,
        Some(cursor) => cursor.text(PATH).map(PathBuf::from),
        None => default_socket(),
    };
    let bind = if fields.has("bind") { listener::binds(fields, "bind") } else { Vec::new() };
    let typed_tokens = fields.list("tokens").unwrap_or_default();
    if typed_tokens.is_empty()
        && let Some(address) = bind.iter().find(|address| !address.ip().is_loopback())
    {
        fields.cursor().problem(format!(
            "{address} can be reached from other machines and there is no token (expected \
             `tokens: [ {{ role: operator, file: … }} ]`, or a loopback address)"
        ));
    }
    let hosts = fields.list("allowed_hosts").unwrap_or_default();
    let alerts = fields.list("alerts").unwrap_or_default();
    AdminApi {
        bind,
        socket,
        tokens: typed_tokens.iter().filter_map(token).collect(),
        alerts: alerts.iter().filter_map(alert::check).collect(),
        faults: fields.duration_or_off("faults").flatten(),
        allowed_hosts: hosts.iter().filter_map(host).collect(),
    }
}

fn token(cursor: &Cursor<'_>) -> Option<Token> {
    if cursor.scalar().is_some() || LITERALS.iter().any(|key| cursor.has_key(key)) {
        secret::refuse_literal(cursor);
        return None;
    }
    let fields = cursor.fields(&TOKEN)?;
    let role = fields.word("role").map(|role| match role {
        "operator" => Role::Operator,
        _ => Role::Viewer,
    });
    let (secret, source) = secret::read(&fields)?;
    Some(Token { role: role?, secret, source })
}

fn host(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text(name::HOST)?;
    let host = name::host(text);
    if host.is_none() {
        match name::explain_host(text) {
            Some(message) => cursor.problem(message),
            None => {
                let expected = name::HOST;
                cursor.problem(format!("{} does not fit (expected {expected})", shown(text)));
            }
        }
    }
    host
}
