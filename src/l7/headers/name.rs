//! Recognises the header names a proxy has to act on.

use httparse::Header;

/// A header the proxy acts on; everything else passes untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// `Host`.
    Host,
    /// `Connection`.
    Connection,
    /// `Content-Length`.
    ContentLength,
    /// `Transfer-Encoding`.
    TransferEncoding,
    /// `Expect`.
    Expect,
    /// `Upgrade`.
    Upgrade,
    /// `Keep-Alive`.
    KeepAlive,
    /// `X-Forwarded-For`.
    ForwardedFor,
    /// `X-Forwarded-Proto`.
    ForwardedProto,
    /// `X-Forwarded-Host`.
    ForwardedHost,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `Via`.
    Via,
    /// `X-Request-Id`.
    RequestId,
    /// `Authorization`: passes, and `Connection` cannot remove it.
    Authorization,
    /// Other claims about the client (`X-Real-IP`, `X-Forwarded-Port`, …): from trusted peers only.
    Claim,
    /// Other hop-by-hop headers, never passed on (RFC 9110 §7.6.1): `Proxy-Connection`, `TE`,
    /// `HTTP2-Settings`, `Proxy-Authenticate`, `Proxy-Authorization`.
    Hop,
    /// A name that a backend may read as one of the above because it folds `_` to `-`.
    Twin,
}

/// Classifies a header name; `None` = of no concern.
pub(crate) fn known(name: &str) -> Option<Known> {
    let known = lookup(name)?;
    Some(if name.as_bytes().contains(&b'_') { Known::Twin } else { known })
}

/// Does this header say something about the client that only a trusted peer is believed?
pub(crate) fn is_claim(name: &str) -> bool {
    use Known::{Claim, Forwarded, ForwardedFor, ForwardedHost, ForwardedProto, RequestId, Twin};
    matches!(
        known(name),
        Some(Claim | Forwarded | ForwardedFor | ForwardedHost | ForwardedProto | RequestId | Twin)
    )
}

fn lookup(name: &str) -> Option<Known> {
    use Known::{
        Authorization, Claim, Connection, ContentLength, Expect, Forwarded, ForwardedFor,
        ForwardedHost, ForwardedProto, Hop, Host, KeepAlive, RequestId, TransferEncoding, Upgrade,
        Via,
    };
    // The length narrows a name down to at most three candidates.
    let candidates: &[(&str, Known)] = match name.len() {
        2 => &[("te", Hop)],
        3 => &[("via", Via)],
        4 => &[("host", Host)],
        6 => &[("expect", Expect)],
        7 => &[("upgrade", Upgrade)],
        9 => &[("forwarded", Forwarded), ("x-real-ip", Claim)],
        10 => &[("connection", Connection), ("keep-alive", KeepAlive)],
        11 => &[("x-client-ip", Claim)],
        12 => &[("x-request-id", RequestId)],
        13 => &[("authorization", Authorization)],
        14 => {
            &[("content-length", ContentLength), ("http2-settings", Hop), ("true-client-ip", Claim)]
        }
        15 => &[("x-forwarded-for", ForwardedFor)],
        16 => &[("x-forwarded-host", ForwardedHost), ("proxy-connection", Hop)],
        17 => &[("transfer-encoding", TransferEncoding), ("x-forwarded-proto", ForwardedProto)],
        18 => &[("proxy-authenticate", Hop)],
        19 => &[("proxy-authorization", Hop)],
        _ => &[],
    };
    let exact = candidates.iter().find(|(text, _)| folds_to(name, text)).map(|(_, known)| *known);
    exact.or_else(|| {
        let prefix = "x-forwarded-";
        let claims = name.get(..prefix.len()).is_some_and(|start| folds_to(start, prefix));
        claims.then_some(Claim)
    })
}

/// Equal but for case and for `_` in place of `-`.
fn folds_to(name: &str, lower: &str) -> bool {
    name.len() == lower.len()
        && name
            .bytes()
            .zip(lower.bytes())
            .all(|(have, want)| have.to_ascii_lowercase() == want || (have == b'_' && want == b'-'))
}

/// Options of `Connection` that are looked at.
pub(crate) const OPTIONS_MAX: usize = 16;

/// Does `Connection` name this header? Asked only where it names any; almost none does, so its
/// options are not kept.
pub(crate) fn is_listed(headers: &[Header<'_>], name: &str) -> bool {
    headers
        .iter()
        .filter(|header| known(header.name) == Some(Known::Connection))
        .flat_map(|header| elements(header.value))
        .take(OPTIONS_MAX)
        .any(|listed| listed.eq_ignore_ascii_case(name))
}

/// The non-empty, trimmed elements of a comma-separated header value that are valid UTF-8.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &str> {
    value
        .split(|byte| *byte == b',')
        .filter_map(|element| std::str::from_utf8(element).ok())
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised_in_any_case() {
        assert_eq!(known("Host"), Some(Known::Host));
        assert_eq!(known("cONTENT-lENGTH"), Some(Known::ContentLength));
        assert_eq!(known("X-Forwarded-Port"), Some(Known::Claim));
        assert_eq!(known("X-Forwarded"), None);
        assert_eq!(known("Accept"), None);
        assert_eq!(known("Hosts"), None);
    }

    #[test]
    fn underscore_twins_are_told_apart() {
        for name in ["X_Forwarded_For", "x-forwarded_for", "content_length", "x_real_ip"] {
            assert_eq!(known(name), Some(Known::Twin), "{name}");
        }
        assert_eq!(known("my_header"), None);
    }

    #[test]
    fn elements_are_trimmed_and_never_empty() {
        let all: Vec<&str> = elements(b" close ,, TE,\tx\t").collect();
        assert_eq!(all, ["close", "TE", "x"]);
    }
}
