//! `proxy_protocol`, of listeners and of pools.

use ipnet::IpNet;

use super::listener::{NET, network};
use crate::config::read::Fields;
use crate::config::shape::{Kind, OFF, Shape, TIMEOUT, key, required};
use crate::config::{ProxyHeaders, defaults};
use crate::model::ProxyVersion;

/// `proxy_protocol` of a listener.
pub(super) const INBOUND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&SHAPE)]);
/// `proxy_protocol` of a pool.
pub(super) const OUTBOUND: Kind = Kind::Words { now: &["off", "v1", "v2"], later: &[] };

static SHAPE: Shape = Shape {
    name: "proxy_protocol",
    about: "Headers by which a proxy in front says who the client is.",
    keys: &[
        required("from", Kind::OneOrMany(&Kind::Text(NET)), "Who may send one; it is believed."),
        key("mode", MODE, "A connection without one is closed, or served; default `required`."),
        key("timeout", TIMEOUT, "How long one may take to arrive; default `5s`."),
    ],
    later: &[],
};

const MODE: Kind = Kind::Words { now: &["required", "optional", "off"], later: &[] };

/// Reads that of a listener.
pub(super) fn inbound(fields: &Fields<'_>) -> Option<ProxyHeaders> {
    let cursor = fields.get("proxy_protocol")?;
    if cursor.is_word("off") {
        return None;
    }
    if !cursor.is_mapping() {
        cursor.mismatch("`off`, or `{ mode: required, from: [ 10.0.0.0/8 ] }`");
        return None;
    }
    let fields = cursor.fields(&SHAPE)?;
    let cursors = fields.list("from").unwrap_or_default();
    if let (true, Some(cursor)) = (cursors.is_empty(), fields.get("from")) {
        cursor.problem("the list is empty: nobody could send a header (expected a network)");
    }
    let from: Vec<IpNet> = cursors.iter().filter_map(network).collect();
    let mode = fields.word("mode");
    let timeout = fields.duration("timeout").unwrap_or(defaults::PROXY_HEADER_TIMEOUT);
    let required = mode != Some("optional");
    (mode != Some("off")).then_some(ProxyHeaders { required, from, timeout })
}

/// Reads that of a pool.
pub(super) fn outbound(fields: &Fields<'_>) -> Option<ProxyVersion> {
    match fields.word("proxy_protocol") {
        Some("v1") => Some(ProxyVersion::V1),
        Some("v2") => Some(ProxyVersion::V2),
        _ => None,
    }
}
