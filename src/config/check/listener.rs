//! A listener: addresses, log, limits and routes.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;

use super::defaults::{Inherited, LIMITS, LISTENER_TIMEOUTS};
use super::{
    PATH, Pools, action, clients, name, passthrough, proxy_protocol, rate_limit, route, tcp, tls,
    udp,
};
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields, Named};
use crate::config::shape::{Kind, OFF, Shape, key, required};
use crate::config::{
    AccessLog, Action, EscapedSlash, Http2, Listener, ListenerLimits, LogPath, PathOptions,
    Protocol, Route, defaults,
};

/// An entry of `listeners`.
pub(super) static SHAPE: Shape = Shape {
    name: "listener",
    about: "Where clients connect; it needs `routes`, `pool`, or both.",
    keys: &[
        required(
            "bind",
            Kind::OneOrMany(&Kind::Text(BIND)),
            "Addresses to listen on; port 0 takes a free port.",
        ),
        key("protocol", PROTOCOL, "What is spoken; default `http`."),
        key(
            "tls",
            Kind::AnyOf(&[OFF, Kind::Shape(&tls::SHAPE)]),
            "TLS with its clients; default `off`.",
        ),
        key(
            "http2",
            Kind::AnyOf(&[OFF, Kind::Shape(&HTTP2)]),
            "HTTP/2, agreed on by TLS or begun by the client without; on by default.",
        ),
        key(
            "proxy_protocol",
            proxy_protocol::INBOUND,
            "Whether proxies in front say who the client is; default `off`.",
        ),
        key(
            "trusted_proxies",
            Kind::OneOrMany(&Kind::Text(NET)),
            "Peers whose forwarding headers are believed; default none.",
        ),
        key(
            "access_log",
            Kind::AnyOf(&[OFF, Kind::Shape(&ACCESS_LOG)]),
            "Where access-log lines go; default `{ path: stdout }`.",
        ),
        key("timeouts", Kind::Shape(&LISTENER_TIMEOUTS), "Deadlines, also for its routes."),
        key("limits", Kind::Shape(&LIMITS), "Limits, also for its routes."),
        key(
            "allow",
            clients::KIND,
            "Only these clients may connect, or begin a flow; default everybody.",
        ),
        key("deny", clients::KIND, "None of these may, even if they are allowed."),
        key("rate_limit", rate_limit::KIND, "How many requests may come to an `http` listener."),
        key("paths", Kind::Shape(&PATHS), "How paths are normalised."),
        key("routes", Kind::List(&Kind::Shape(&route::SHAPE)), "The first match wins; none = 404."),
        key("pool", Kind::Text("a pool's name"), "What no route matches goes to this pool."),
        key("retries", Kind::Shape(&tcp::RETRIES), "Of a `tcp` listener's connections."),
        key("client_hello", Kind::Shape(&tcp::HELLO), "Of a `tcp` listener's connections."),
    ],
    later: &[],
};

const PROTOCOL: Kind = Kind::Words { now: &["http", "tcp", "udp"], later: &[] };

static HTTP2: Shape = Shape {
    name: "http2",
    about: "What a client that speaks HTTP/2 may do.",
    keys: &[key(
        "max_streams",
        Kind::Integer { min: 1, max: 1000 },
        "Requests under way at once on one connection; default 128.",
    )],
    later: &[],
};

static ACCESS_LOG: Shape = Shape {
    name: "access_log",
    about: "Where access-log lines go.",
    keys: &[required("path", Kind::Text(LOG_PATH), "`stdout`, or a file to append to.")],
    later: &["format", "sample", "fields"],
};

static PATHS: Shape = Shape {
    name: "paths",
    about: "What is done with the ambiguous parts of a path.",
    keys: &[
        key("escaped_slash", SLASHES, "`%2F` and `%5C`: default `keep`."),
        key("merge_slashes", Kind::Boolean, "`//` becomes `/`; default `true`."),
        key("reject_backslash", Kind::Boolean, "A raw `\\` is refused; default `true`."),
    ],
    later: &[],
};

const SLASHES: Kind = Kind::Words { now: &["keep", "reject", "decode"], later: &[] };

const BIND: &str = "an IP address with port such as 0.0.0.0:8080 or [::]:8080";
/// What is expected of a network.
pub(super) const NET: &str = "a network such as 10.0.0.0/8, or an address";
const LOG_PATH: &str = "`stdout`, or a path";

/// Reads one listener.
pub(super) fn check(
    named: &Named<'_>,
    inherited: &Inherited,
    pools: &Pools<'_>,
) -> Option<Listener> {
    let name = name::of_entry(named);
    let fields = named.value.fields(&SHAPE)?;
    let inherited = inherited.for_listener(&fields);
    let protocol = match fields.word("protocol") {
        Some("tcp") => Protocol::Tcp(tcp::check(&fields, pools)),
        Some("udp") => Protocol::Udp(udp::check(&fields, pools)),
        _ => {
            tcp::refuse_in_http(&fields);
            Protocol::Http
        }
    };
    let (inherited, routes) = match protocol {
        Protocol::Http => (inherited, routes(&fields, &inherited, pools)),
        Protocol::Tcp(_) | Protocol::Udp(_) => (inherited.without_http(), Vec::new()),
    };
    let trusted = fields.list("trusted_proxies").unwrap_or_default();
    let tls = tls::check(&fields).map(Arc::new);
    let handshakes = handshakes(&fields, &inherited).filter(|_| tls.is_some());
    let rate_limits = rate_limit::check(&fields);
    rate_limit::judge(&fields, &rate_limits, &routes, tls.as_deref());
    let http2 = if matches!(protocol, Protocol::Http) { http2(&fields) } else { None };
    Some(Listener {
        name,
        bind: binds(&fields, "bind"),
        protocol,
        tls,
        passthrough: passthrough::check(&fields, inherited.listener, &routes, pools),
        http2,
        proxy_protocol: proxy_protocol::inbound(&fields),
        trusted_proxies: trusted.iter().filter_map(network).collect(),
        access_log: access_log(&fields),
        timeouts: inherited.listener,
        limits: ListenerLimits { handshakes, ..inherited.limits },
        clients: clients::check(&fields).map(Arc::new),
        rate_limits,
        paths: paths(fields.fields("paths").as_ref()),
        reserved_headers: Arc::default(),
        routes,
    })
}

/// How many handshakes may be under way, for which there must be such.
fn handshakes(fields: &Fields<'_>, inherited: &Inherited) -> Option<u32> {
    let typed = fields.fields("limits").and_then(|limits| limits.get("handshakes"));
    let ends_tls = fields.get("tls").is_some_and(|tls| !tls.is_word("off"));
    if let Some(cursor) = typed.filter(|cursor| !ends_tls && !cursor.is_word("off")) {
        cursor.problem("there are no handshakes without `tls` (remove it, or expected `tls`)");
    }
    inherited.limits.handshakes
}

fn http2(fields: &Fields<'_>) -> Option<Http2> {
    let cursor = fields.get("http2");
    if cursor.as_ref().is_some_and(|cursor| cursor.is_word("off")) {
        return None;
    }
    if let Some(cursor) = cursor.as_ref().filter(|cursor| !cursor.is_mapping()) {
        cursor.mismatch("`off` or `{ max_streams: 128 }`");
        return None;
    }
    let fields = cursor.and_then(|cursor| cursor.fields(&HTTP2));
    let max_streams = fields.and_then(|fields| fields.integer("max_streams"));
    Some(Http2 { max_streams: max_streams.unwrap_or(defaults::HTTP2_STREAMS) })
}

/// The socket addresses of a `bind` key.
pub(super) fn binds(fields: &Fields<'_>, key: &str) -> Vec<SocketAddr> {
    let Some(cursors) = fields.list(key) else { return Vec::new() };
    if let (true, Some(cursor)) = (cursors.is_empty(), fields.get(key)) {
        cursor.problem(format!("the list is empty (expected {BIND})"));
    }
    cursors.iter().filter_map(bind).collect()
}

fn bind(cursor: &Cursor<'_>) -> Option<SocketAddr> {
    let text = cursor.text(BIND)?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let meant = match text.rsplit_once(':') {
        Some(("" | "*", port)) => Some(format!("0.0.0.0:{port}")),
        Some(("localhost", port)) => Some(format!("127.0.0.1:{port}")),
        None => Some(format!("0.0.0.0:{text}")),
        Some(_) => None,
    };
    match meant.filter(|meant| meant.parse::<SocketAddr>().is_ok()) {
        Some(meant) => {
            let found = shown(text);
            cursor.problem(format!(
                "{found} does not fit (expected {BIND}; did you mean `{meant}`?)"
            ));
        }
        None => cursor.mismatch(BIND),
    }
    None
}

/// Reads a network.
pub(super) fn network(cursor: &Cursor<'_>) -> Option<IpNet> {
    let text = cursor.text(NET)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address));
    }
    let Ok(net) = text.parse::<IpNet>() else {
        cursor.mismatch(NET);
        return None;
    };
    if net.trunc() != net {
        let meant = net.trunc();
        cursor.problem(format!("{net} has bits set beyond its prefix (did you mean `{meant}`?)"));
    }
    Some(net)
}

fn access_log(fields: &Fields<'_>) -> Option<AccessLog> {
    let Some(cursor) = fields.get("access_log") else {
        return Some(AccessLog { path: LogPath::Stdout });
    };
    if cursor.is_word("off") {
        return None;
    }
    if !cursor.is_mapping() {
        cursor.mismatch("`off` or `{ path: stdout }`");
        return None;
    }
    let (cursor, path) = cursor.fields(&ACCESS_LOG)?.text("path")?;
    if path.ends_with('/') {
        cursor.problem(format!("{} is a directory (expected {PATH})", shown(path)));
    }
    let path = match path {
        "stdout" => LogPath::Stdout,
        file => LogPath::File(PathBuf::from(file)),
    };
    Some(AccessLog { path })
}

fn paths(fields: Option<&Fields<'_>>) -> PathOptions {
    let escaped_slash = match fields.and_then(|fields| fields.word("escaped_slash")) {
        Some("reject") => EscapedSlash::Reject,
        Some("decode") => EscapedSlash::Decode,
        _ => EscapedSlash::Keep,
    };
    PathOptions {
        escaped_slash,
        merge_slashes: fields.and_then(|f| f.boolean("merge_slashes")).unwrap_or(true),
        reject_backslash: fields.and_then(|f| f.boolean("reject_backslash")).unwrap_or(true),
    }
}

fn routes(fields: &Fields<'_>, inherited: &Inherited, pools: &Pools<'_>) -> Vec<Route> {
    let cursors = fields.list("routes").unwrap_or_default();
    let mut routes = Vec::with_capacity(cursors.len());
    let mut names: HashMap<_, u32> = HashMap::new();
    let mut everything: Option<u32> = None;
    let trusts = fields.has("trusted_proxies");
    for (i, cursor) in cursors.iter().enumerate() {
        if let Some(line) = everything {
            cursor.warning(format!("never reached: the route in line {line} matches everything"));
        }
        let Some(route) = route::check(cursor, i, inherited, pools, trusts) else { continue };
        if let Some(line) = names.insert(route.name.clone(), cursor.line()) {
            let name = &route.name;
            cursor.problem(format!("the name `{name}` stands twice (first in line {line})"));
        }
        if route.matches.is_everything() {
            everything.get_or_insert(cursor.line());
        }
        routes.push(route);
    }
    if let Some(cursor) = fields.get("pool") {
        if let Some(line) = everything {
            cursor.warning(format!("never used: the route in line {line} matches everything"));
        }
        let pool = action::pool(&cursor, pools);
        routes.extend(pool.map(|pool| route::catch_all(pool, routes.len(), inherited)));
    } else if cursors.is_empty() {
        fields.cursor().problem("the listener leads nowhere (expected `routes` or `pool`)");
    }
    debug_assert!(routes.iter().all(|r| !matches!(&r.action, Action::Pools(p) if p.is_empty())));
    routes
}
