//! `defaults`, `timeouts` and `limits`: what a value is where nothing nearer says so.
//!
//! Settings are inherited from the file's `defaults` to a listener to its routes, and to pools. A
//! value is looked up where it is typed and copied to where it is used, so that nothing has to ask
//! upwards at run time.

use std::time::Duration;

use super::{concurrent, header, min_rate};
use crate::config::read::Fields;
use crate::config::shape::{Kind, OFF, Shape, TIMEOUT, key};
use crate::config::{
    ListenerLimits, ListenerTimeouts, MinRate, PoolTimeouts, RouteTimeouts, defaults,
};

/// `defaults`.
pub(super) static SHAPE: Shape = Shape {
    name: "defaults",
    about: "What listeners, routes and pools inherit.",
    keys: &[
        key("timeouts", Kind::Shape(&TIMEOUTS), "Deadlines."),
        key("limits", Kind::Shape(&LIMITS), "Limits."),
    ],
    later: &["retries", "access_log", "health"],
};

const HEAD: &str = "The whole request head, from its first byte; default `10s`.";
const IDLE: &str = "Between requests of a kept-alive client connection, default `60s`; of a `tcp` \
                    listener without a byte either way, default `1h`; of a `udp` listener without a \
                    datagram either way, default `60s`.";
const LIFETIME: &str = "Of a `tcp` listener: from accept to close; default `off`.";
const CONNECT_TOTAL: &str = "Of a `tcp` listener: all tries to connect to a backend together, \
                             waiting for a free place included; default `5s`.";
const CONNECT: &str = "Opening a connection to a backend; default `1s`.";
const FIRST_BYTE: &str = "From the request sent to the response's first byte; default `30s`.";
const BODY_IDLE: &str = "Between two reads of a body, either direction; default `30s`.";
const POOL_IDLE: &str = "How long an unused connection to a backend is kept; default `30s`.";
const TOTAL: &str = "From the request's head to the response's last byte; default `off`.";
const BODY_BYTES: &str = "Bytes of a request body; default `off`.";

const MIN_RATE: &str =
    "How slowly a client may send or take a body; by default 500 bytes a second.";

const PLACES: Kind = Kind::Integer { min: 1, max: 10_000_000 };
const PLACES_OR_OFF: Kind = Kind::AnyOf(&[OFF, PLACES]);
const TIMEOUT_OR_OFF: Kind = Kind::AnyOf(&[OFF, TIMEOUT]);
const BODY_SIZE: Kind = Kind::AnyOf(&[OFF, Kind::Size { min: 0, max: 1 << 50 }]);

static TIMEOUTS: Shape = Shape {
    name: "default_timeouts",
    about: "Deadlines that listeners, routes and pools inherit.",
    keys: &[
        key("head", TIMEOUT, HEAD),
        key("idle", TIMEOUT, IDLE),
        key("connect", TIMEOUT, CONNECT),
        key("first_byte", TIMEOUT, FIRST_BYTE),
        key("body_idle", TIMEOUT, BODY_IDLE),
        key("pool_idle", TIMEOUT, POOL_IDLE),
        key("total", TIMEOUT_OR_OFF, TOTAL),
    ],
    later: &[],
};

/// `timeouts` of a listener.
pub(super) static LISTENER_TIMEOUTS: Shape = Shape {
    name: "listener_timeouts",
    about: "Deadlines of a listener's connections, and those that its routes inherit.",
    keys: &[
        key("head", TIMEOUT, HEAD),
        key("idle", TIMEOUT, IDLE),
        key("first_byte", TIMEOUT, FIRST_BYTE),
        key("body_idle", TIMEOUT, BODY_IDLE),
        key("total", TIMEOUT_OR_OFF, TOTAL),
        key("lifetime", TIMEOUT_OR_OFF, LIFETIME),
        key("connect_total", TIMEOUT, CONNECT_TOTAL),
    ],
    later: &[],
};

/// `timeouts` of a route.
pub(super) static ROUTE_TIMEOUTS: Shape = Shape {
    name: "route_timeouts",
    about: "Deadlines of one exchange.",
    keys: &[
        key("first_byte", TIMEOUT, FIRST_BYTE),
        key("body_idle", TIMEOUT, BODY_IDLE),
        key("total", TIMEOUT_OR_OFF, TOTAL),
        key(
            "budget_header",
            Kind::Text(header::NAME),
            "In which clients say how many milliseconds they wait at most, and backends are told \
             what is left of that and of `total`.",
        ),
    ],
    later: &[],
};

/// `timeouts` of a pool.
pub(super) static POOL_TIMEOUTS: Shape = Shape {
    name: "pool_timeouts",
    about: "Deadlines of connections to backends.",
    keys: &[key("connect", TIMEOUT, CONNECT), key("pool_idle", TIMEOUT, POOL_IDLE)],
    later: &[],
};

/// `limits` of the defaults and of a listener.
pub(super) static LIMITS: Shape = Shape {
    name: "limits",
    about: "Limits of a listener's connections, and those that its routes inherit.",
    keys: &[
        key(
            "head_bytes",
            Kind::Size { min: 1 << 10, max: 64 << 10 },
            "Bytes of a request or response head; default `16KiB`.",
        ),
        key(
            "headers",
            Kind::Integer { min: 1, max: 1000 },
            "Header fields of a request or response; default 100.",
        ),
        key(
            "connections",
            PLACES,
            "Open client connections of a listener, or flows of a `udp` one, all workers together; default 20000.",
        ),
        key(
            "connections_per_client",
            PLACES_OR_OFF,
            "Likewise of one client: an IPv4 address or an IPv6 /64; more are reset; default `off`.",
        ),
        key(
            "handshakes",
            PLACES_OR_OFF,
            "TLS handshakes under way; others wait to be accepted; default `off`.",
        ),
        key("body_bytes", BODY_SIZE, BODY_BYTES),
        key("min_rate", min_rate::KIND, MIN_RATE),
    ],
    later: &["rate", "streams"],
};

/// `limits` of a route.
pub(super) static ROUTE_LIMITS: Shape = Shape {
    name: "route_limits",
    about: "Limits of one exchange.",
    keys: &[
        key("body_bytes", BODY_SIZE, BODY_BYTES),
        key("min_rate", min_rate::KIND, MIN_RATE),
        key(
            "concurrent",
            concurrent::OF_ROUTE,
            "Requests under way at once, all workers together; default `off`.",
        ),
    ],
    later: &["rate"],
};

/// Every setting that is inherited, as it stands at one level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inherited {
    pub(super) listener: ListenerTimeouts,
    pub(super) limits: ListenerLimits,
    pub(super) route: RouteTimeouts,
    pub(super) body_bytes: Option<u64>,
    pub(super) min_rate: MinRate,
    pub(super) pool: PoolTimeouts,
}

impl Inherited {
    /// The built-in defaults, overridden by the file's.
    pub(super) fn read(fields: Option<&Fields<'_>>) -> Self {
        let mut inherited = Self {
            listener: ListenerTimeouts {
                head: defaults::HEAD_TIMEOUT,
                idle: defaults::IDLE_TIMEOUT,
            },
            limits: ListenerLimits {
                head_bytes: defaults::HEAD_BYTES,
                headers: defaults::HEADERS,
                connections: defaults::CONNECTIONS,
                per_client: None,
                handshakes: None,
            },
            route: RouteTimeouts {
                first_byte: defaults::FIRST_BYTE_TIMEOUT,
                body_idle: defaults::BODY_IDLE_TIMEOUT,
                total: None,
            },
            body_bytes: None,
            min_rate: MinRate {
                request: defaults::MIN_RATE,
                response: defaults::MIN_RATE,
                grace: defaults::MIN_RATE_GRACE,
            },
            pool: PoolTimeouts {
                connect: defaults::CONNECT_TIMEOUT,
                idle: defaults::POOL_IDLE_TIMEOUT,
            },
        };
        if let Some(timeouts) = fields.and_then(|fields| fields.fields("timeouts")) {
            inherited.listener_timeouts(&timeouts);
            inherited.route_timeouts(&timeouts);
            inherited.pool_timeouts(&timeouts);
        }
        if let Some(limits) = fields.and_then(|fields| fields.fields("limits")) {
            inherited.limits(&limits);
        }
        inherited
    }

    /// As it stands in a listener.
    pub(super) fn for_listener(mut self, fields: &Fields<'_>) -> Self {
        if let Some(timeouts) = fields.fields("timeouts") {
            self.listener_timeouts(&timeouts);
            self.route_timeouts(&timeouts);
        }
        if let Some(limits) = fields.fields("limits") {
            self.limits(&limits);
        }
        self
    }

    /// As it stands in a listener that does not speak HTTP: what HTTP alone asks for is as built in,
    /// whatever the file's defaults say.
    pub(super) fn without_http(mut self) -> Self {
        let built_in = Self::read(None);
        self.listener = built_in.listener;
        let ListenerLimits { connections, per_client, .. } = self.limits;
        self.limits = ListenerLimits { connections, per_client, ..built_in.limits };
        self
    }

    /// As it stands in a route.
    pub(super) fn for_route(mut self, fields: &Fields<'_>) -> Self {
        if let Some(timeouts) = fields.fields("timeouts") {
            self.route_timeouts(&timeouts);
        }
        if let Some(limits) = fields.fields("limits") {
            self.body_bytes = limits.size_or_off("body_bytes").unwrap_or(self.body_bytes);
            min_rate::read(&limits, &mut self.min_rate);
        }
        self
    }

    /// As it stands in a pool.
    pub(super) fn for_pool(mut self, fields: &Fields<'_>) -> Self {
        if let Some(timeouts) = fields.fields("timeouts") {
            self.pool_timeouts(&timeouts);
        }
        self
    }

    fn listener_timeouts(&mut self, fields: &Fields<'_>) {
        replace(&mut self.listener.head, fields.duration("head"));
        replace(&mut self.listener.idle, fields.duration("idle"));
    }

    fn route_timeouts(&mut self, fields: &Fields<'_>) {
        replace(&mut self.route.first_byte, fields.duration("first_byte"));
        replace(&mut self.route.body_idle, fields.duration("body_idle"));
        self.route.total = fields.duration_or_off("total").unwrap_or(self.route.total);
    }

    fn pool_timeouts(&mut self, fields: &Fields<'_>) {
        replace(&mut self.pool.connect, fields.duration("connect"));
        replace(&mut self.pool.idle, fields.duration("pool_idle"));
    }

    fn limits(&mut self, fields: &Fields<'_>) {
        let head_bytes = fields.size("head_bytes").and_then(|n| usize::try_from(n).ok());
        self.limits.head_bytes = head_bytes.unwrap_or(self.limits.head_bytes);
        self.limits.headers = fields.integer("headers").unwrap_or(self.limits.headers);
        let ListenerLimits { connections, per_client, handshakes, .. } = &mut self.limits;
        *connections = fields.integer("connections").unwrap_or(*connections);
        *per_client = fields.integer_or_off("connections_per_client").unwrap_or(*per_client);
        *handshakes = fields.integer_or_off("handshakes").unwrap_or(*handshakes);
        judge(fields, &self.limits);
        self.body_bytes = fields.size_or_off("body_bytes").unwrap_or(self.body_bytes);
        min_rate::read(fields, &mut self.min_rate);
    }
}

/// Reports limits that others make void.
fn judge(fields: &Fields<'_>, limits: &ListenerLimits) {
    let all = limits.connections;
    let parts = [("connections_per_client", limits.per_client), ("handshakes", limits.handshakes)];
    for (key, part) in parts {
        let Some(part) = part.filter(|part| *part > all) else { continue };
        // Whichever of the two is typed here is the one to change.
        let cursor = fields.get(key).or_else(|| fields.get("connections"));
        if let Some(cursor) = cursor {
            cursor.problem(format!(
                "`{key}` is {part}, and there may be only {all} connections in all, so it would \
                 never be reached (expected at most `connections`)"
            ));
        }
    }
}

fn replace(setting: &mut Duration, typed: Option<Duration>) {
    if let Some(typed) = typed {
        *setting = typed;
    }
}
