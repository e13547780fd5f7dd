//! Every metric family, once.

use super::{Family, Kind};

/// One line per family: its constant, kind, name, labels, and the one sentence that is both its
/// help text and its documentation.
macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal $labels:tt $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $constant: Family =
                Family { name: $name, help: $help, kind: Kind::$kind, labels: &$labels };
        )+

        /// All of them.
        pub const ALL: &[Family] = &[$($constant,)+];
    };
}

families! {
    BUILD_INFO = Gauge "pulsegate_build_info" ["version"]
        "Always 1; the label tells which version runs.";
    START_TIME = Gauge "pulsegate_start_time_seconds" []
        "When the process began to serve, in seconds since 1970.";
    READY = Gauge "pulsegate_ready" []
        "1 while the process should be sent traffic, 0 while it drains.";

    TABLE_GENERATION = Gauge "pulsegate_table_generation" []
        "Generation of the published table.";
    TABLE_SWAPS = Counter "pulsegate_table_swaps_total" []
        "Tables published after the first.";
    TABLES_HELD = Gauge "pulsegate_tables_held" []
        "Old tables that something still holds.";
    RELOADS = Counter "pulsegate_reloads_total" ["result"]
        "Configuration reloads, by result: ok or failed.";
    LOOKUPS = Counter "pulsegate_lookups_total" ["result"]
        "Hostname lookups, by result: ok or failed.";

    CONNECTIONS = Gauge "pulsegate_connections" ["listener", "address"]
        "Open client connections.";
    ACCEPTED = Counter "pulsegate_connections_accepted_total" ["listener", "address"]
        "Client connections accepted.";
    REFUSED = Counter "pulsegate_connections_refused_total" ["listener", "address", "reason"]
        "Connections reset as soon as their client was known: denied = it may not connect (allow, deny), per_client = it has as many open as it may; memory = later, as something was to be read and all of limits.buffers was in use.";
    ACCEPT_PAUSES = Counter "pulsegate_accept_pauses_total" ["listener", "address", "reason"]
        "Times accepting paused until something ended: connections and handshakes = as many as may (limits), lack = no file descriptor or memory left, memory = much of limits.buffers in use.";
    HANDSHAKES_OPEN = Gauge "pulsegate_tls_handshakes_under_way" ["listener", "address"]
        "TLS handshakes with clients that have not ended yet.";
    REQUESTS = Counter "pulsegate_requests_total" ["listener", "address", "class"]
        "Requests, by the class of the final status; none = ended without any response.";
    ENDED = Counter "pulsegate_exchanges_total" ["ended"]
        "Exchanges, by how they ended.";
    FORWARDED = Counter "pulsegate_forwarded_connections_total" ["ended"]
        "Connections and flows forwarded as bytes, by how they ended.";
    DROPPED_DATAGRAMS = Counter "pulsegate_dropped_datagrams_total" ["reason"]
        "Datagrams dropped, by reason.";
    BAD_PROXY_HEADERS = Counter "pulsegate_bad_proxy_headers_total" ["reason"]
        "Connections closed for their PROXY protocol header, by reason.";
    TLS_HANDSHAKES = Counter "pulsegate_tls_handshakes_total" ["result"]
        "TLS handshakes with clients, by result; all but `agreed` ended the connection.";
    CLIENT_ABUSES = Counter "pulsegate_client_abuses_total" ["reason"]
        "HTTP/2 connections closed for what their clients sent too much of, by what it was.";
    COMPRESSED = Counter "pulsegate_compressed_responses_total" ["coding"]
        "Responses compressed for clients, by coding.";
    CERTIFICATES = Gauge "pulsegate_certificate_not_after_timestamp_seconds" ["listener", "certificate"]
        "When a listener's certificate expires (seconds since 1970), by its file.";
    CERTIFICATES_REFUSED = Gauge "pulsegate_certificate_refused" ["listener", "certificate"]
        "1 if what a certificate's files hold now cannot be used, and what was read before still is.";
    BUFFERS = Gauge "pulsegate_buffer_bytes" []
        "Memory of buffers in use, as of the last 100 ms.";
    BUFFERS_MAX = Gauge "pulsegate_buffer_bytes_max" []
        "How much may be (limits.buffers); 0 = as much as it takes.";
    BAD_REQUESTS = Counter "pulsegate_bad_requests_total" ["reason"]
        "Requests refused as malformed, by reason.";
    BAD_RESPONSES = Counter "pulsegate_bad_responses_total" ["reason"]
        "Responses of backends refused as malformed, by reason.";
    CLIENT_TIMEOUTS = Counter "pulsegate_client_timeouts_total" ["reason"]
        "Clients that were too slow, by what: idle = no next request, head, body and response = nothing more of these in time, body_rate and response_rate = less than limits.min_rate.";
    RATE_LIMITED = Counter "pulsegate_rate_limited_total" ["listener", "route", "limit"]
        "Requests answered with 429, by the limit that refused them; no route = the listener's.";
    RATE_LIMIT_FORGOTTEN = Counter "pulsegate_rate_limit_forgotten_keys_total" ["listener", "route", "limit"]
        "Clients or values forgotten too early for want of places (raise `keys`).";

    DEGRADATION = Gauge "pulsegate_degradation" ["level"]
        "1 for the level of degraded service that is ordered; absent while none is.";
    FAULTS = Gauge "pulsegate_injected_faults" []
        "Routes on which a fault was put for a drill.";
    POOL_HEADROOM = Gauge "pulsegate_pool_headroom" ["pool"]
        "Part of what is asked of the pool that it could carry without its largest zone; below 1, losing that zone costs requests.";
    POOL_ARRIVALS = Counter "pulsegate_pool_arrivals_total" ["pool", "priority"]
        "Requests, connections and flows that came to the pool, by priority class; what was shed included.";
    POOL_SHED = Counter "pulsegate_pool_shed_total" ["pool", "priority"]
        "Requests, connections and flows that the pool refused because not all could be served, by priority class.";
    POOL_RETRIES = Counter "pulsegate_pool_retries_total" ["pool"]
        "Requests that were sent again, after a backend had been sent them.";
    POOL_RETRIES_REFUSED = Counter "pulsegate_pool_retries_refused_total" ["pool"]
        "Requests that were not sent again because the pool's retry budget was spent.";
    POOL_PLACES = Gauge "pulsegate_pool_requests_admitted" ["pool"]
        "Requests that hold one of the pool's places (limits.concurrent).";
    POOL_WAITING = Gauge "pulsegate_pool_waiting" ["pool"]
        "Requests and connections that wait for a place in the pool or at its backends.";
    POOL_NOT_PLACED = Counter "pulsegate_pool_not_placed_total" ["pool", "reason"]
        "Requests and connections without a place: full = as many waited as may, late = they waited too long.";
    POOL_UNDER_WAY = Gauge "pulsegate_pool_requests_under_way" ["pool"]
        "Requests under way, those that wait included, in pools that shed by load (shed).";
    POOL_LIMIT = Gauge "pulsegate_pool_adaptive_limit" ["pool"]
        "Requests under way from which on the lowest priority class is refused, as found out by latency (shed.adaptive).";
    POOL_OVERLOADED = Counter "pulsegate_pool_overloaded_total" ["pool"]
        "Requests refused because the pool had enough to do (shed); they count as shed, too.";
    BREAKER_STATE = Gauge "pulsegate_pool_breaker" ["pool", "state"]
        "1 for the state the pool's circuit breaker is in, 0 for the others; closed = all requests are let in.";
    BREAKER_OPENED = Counter "pulsegate_pool_breaker_opened_total" ["pool"]
        "Times the pool's circuit breaker opened.";
    BREAKER_REFUSED = Counter "pulsegate_pool_breaker_refused_total" ["pool"]
        "Requests refused because the pool's circuit breaker was not closed.";
    ZONE_PHASE = Gauge "pulsegate_zone_phase" ["pool", "region", "zone", "phase"]
        "1 for the phase the zone is in between taking part and being out, 0 for the others.";
    ZONE_SHARE = Gauge "pulsegate_zone_share" ["pool", "region", "zone"]
        "Part of the pool's traffic the zone gets, 0 to 1.";
    UPSTREAM_LATENCY = Histogram "pulsegate_upstream_latency_seconds" ["pool"]
        "From the request sent to a backend to its response head.";
    UPSTREAM_IDLE = Gauge "pulsegate_upstream_idle_connections" []
        "Idle connections to backends kept for reuse.";
    UPSTREAM_STALE = Counter "pulsegate_upstream_stale_connections_total" []
        "Kept connections that the backend closed or sent surplus bytes on.";

    BACKEND_HEALTH = Gauge "pulsegate_backend_health" ["pool", "backend", "state"]
        "1 for the state the backend was observed in, 0 for the others.";
    BACKEND_ADMIN = Gauge "pulsegate_backend_admin" ["pool", "backend", "state"]
        "1 for the state the operator ordered, 0 for the others.";
    BACKEND_WEIGHT = Gauge "pulsegate_backend_effective_weight" ["pool", "backend"]
        "Weight within its zone now; 0 = gets nothing new.";
    LAYER_UP = Gauge "pulsegate_backend_layer_up" ["pool", "backend", "layer"]
        "1 while a layer's checks say up, 0 while one says down; absent before the first verdict.";
    BACKEND_PHI = Gauge "pulsegate_backend_phi" ["pool", "backend", "layer"]
        "How surprising the silence of a layer's checks is, -ln P(later), the most of them; absent while no rhythm is known.";
    BACKEND_SUSPECT = Gauge "pulsegate_backend_suspect" ["pool", "backend"]
        "1 while the silence of a check has reached phi.suspect and is no verdict yet.";
    BACKEND_FLIPS = Counter "pulsegate_backend_flips_total" ["pool", "backend"]
        "Changes of the observed health, the first one from unknown not counted.";
    BACKEND_EJECTIONS = Counter "pulsegate_backend_ejections_total" ["pool", "backend"]
        "Ejections by live traffic.";
    BACKEND_IN_FLIGHT = Gauge "pulsegate_backend_in_flight" ["pool", "backend"]
        "Requests in flight.";
    BACKEND_REQUESTS = Counter "pulsegate_backend_requests_total" ["pool", "backend"]
        "Tries sent.";
    BACKEND_RESPONSES = Counter "pulsegate_backend_responses_total" ["pool", "backend", "class"]
        "Final responses, by status class.";
    BACKEND_CONNECTS = Counter "pulsegate_backend_connects_total" ["pool", "backend"]
        "Connections opened.";
    BACKEND_CONNECT_FAILURES = Counter "pulsegate_backend_connect_failures_total" ["pool", "backend"]
        "Connections that could not be opened.";
    BACKEND_TLS_FAILURES = Counter "pulsegate_backend_tls_failures_total" ["pool", "backend"]
        "Opened connections on which there was no agreement by TLS.";
    BACKEND_REUSED = Counter "pulsegate_backend_reused_total" ["pool", "backend"]
        "Tries on a kept connection.";
    BACKEND_RESETS = Counter "pulsegate_backend_resets_total" ["pool", "backend"]
        "Connections that closed or reset before a response.";
    BACKEND_TIMEOUTS = Counter "pulsegate_backend_timeouts_total" ["pool", "backend"]
        "Responses that did not begin in time.";
    BACKEND_BAD_RESPONSES = Counter "pulsegate_backend_bad_responses_total" ["pool", "backend"]
        "Responses refused as malformed or truncated.";
    BACKEND_RETRIES = Counter "pulsegate_backend_retries_total" ["pool", "backend"]
        "Tries that were followed by another try.";
    BACKEND_RESCUES = Counter "pulsegate_backend_rescues_total" ["pool", "backend"]
        "Tries that waited when the backend went down and were sent to another at once.";
    BACKEND_SENT = Counter "pulsegate_backend_sent_bytes_total" ["pool", "backend"]
        "Body bytes sent.";
    BACKEND_RECEIVED = Counter "pulsegate_backend_received_bytes_total" ["pool", "backend"]
        "Body bytes received.";

    PROBES = Counter "pulsegate_probes_total" ["layer", "result"]
        "Probes, by layer and result: pass, fail, or void where the prober could not judge.";
    PROBE_LATENCY = Histogram "pulsegate_probe_latency_seconds" ["layer"]
        "From a probe's start to its end, of those that could be judged.";
    LOG_LOST = Counter "pulsegate_access_log_lost_lines_total" ["cause"]
        "Access-log lines lost: behind = the writer could not keep up, write = it could not write.";
    WEBHOOKS = Counter "pulsegate_webhooks_total" ["result"]
        "Webhooks that came in, by result: heeded or refused.";
    NOTICES = Counter "pulsegate_notices_total" ["result"]
        "Notices to webhooks, by result: delivered, failed, or dropped because there was no place.";
    EVENTS_LOST = Counter "pulsegate_event_log_lost_lines_total" []
        "Event-log lines lost because the disk was too slow or refused them.";
    EVENT_LOG_ROTATIONS = Counter "pulsegate_event_log_rotations_total" ["result"]
        "Full files of the event log: kept, dropped = the oldest had to go, failed = not renamed.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        let mut seen = HashSet::new();
        for family in ALL {
            let name = family.name;
            assert!(seen.insert(name), "{name} twice");
            assert!(name.starts_with("pulsegate_"), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            assert!(family.help.ends_with('.'), "{name}");
            assert!(!family.labels.contains(&"le"), "{name}");
        }
    }
}
