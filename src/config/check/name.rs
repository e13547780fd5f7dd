//! Names: of things in the file, and of hosts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::config::problem::shown;
use crate::config::read::{Cursor, Named};

/// What is expected of a name.
pub(super) const NAME: &str = "a name of letters, digits, `.`, `_` and `-`, at most 64 of them";

/// What is expected of a hostname.
pub(super) const HOST: &str = "a hostname such as api.example.com, without scheme, port or path";

/// The name of a listener, pool, route, region, zone or backend.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// A key that names something; a name out of form is reported, and used for what follows.
pub(super) fn of_entry(named: &Named<'_>) -> Arc<str> {
    if !is_name(named.name) {
        named.problem(format!("{} is not a name (expected {NAME})", shown(named.name)));
    }
    Arc::from(named.name)
}

/// The value of a `name` key.
pub(super) fn of_value(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(NAME)?;
    if is_name(text) {
        return Some(Arc::from(text));
    }
    cursor.mismatch(NAME);
    None
}

/// A hostname or an IP literal as it stands in a `Host` header: in lower case, without trailing
/// dot. `None` if it is neither.
pub(super) fn host(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    (is_hostname(&name) || name.parse::<Ipv4Addr>().is_ok()).then_some(name)
}

/// A DNS name: labels of letters, digits, `-` and `_`, the last not a number (that would be a
/// mistyped address).
pub(super) fn is_hostname(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let last_is_number =
        name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    (1..=253).contains(&name.len()) && name.split('.').all(label) && !last_is_number
}

/// Says what is wrong with a host that [`host`] refused.
pub(super) fn explain_host(text: &str) -> Option<String> {
    let (head, port) = text.rsplit_once(':')?;
    if text.contains("//") {
        return Some(format!("{} holds a scheme (expected {HOST})", shown(text)));
    }
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if text.parse::<IpAddr>().is_ok() {
        return Some(format!("an IPv6 address stands in brackets (did you mean `[{text}]`?)"));
    }
    (is_port && !head.contains(':')).then(|| {
        format!("{} holds a port, which is never matched (did you mean `{head}`?)", shown(text))
    })
}
