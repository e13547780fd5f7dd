//! A page in the operator's browser must not be able to use the operator's reach.
//!
//! A hostile page can make a browser connect to 127.0.0.1, either plainly (then `Origin` tells) or
//! by a name of its own that it lets resolve to 127.0.0.1 (then `Host` tells). So a request names
//! an address this process is reached at or a host the operator allowed, and if it has an origin,
//! it is the same.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

use super::error::ApiError;

/// Lets a request pass that was meant for this process. `local` is the address it arrived at.
///
/// The port in `Host` is not compared: behind a forwarded port it differs, and a hostile page
/// cannot choose the host by choosing a port.
pub(super) fn check(
    headers: &HeaderMap,
    local: SocketAddr,
    allowed: &[String],
) -> Result<(), ApiError> {
    let host = sole(headers, header::HOST).ok_or(ApiError::ForeignHost)?;
    let authority: Authority = host.parse().map_err(|_| ApiError::ForeignHost)?;
    let names_us = is_local(authority.host(), local.ip())
        || allowed.iter().any(|name| {
            name.eq_ignore_ascii_case(host) || name.eq_ignore_ascii_case(authority.host())
        });
    if !names_us || host.contains('@') {
        return Err(ApiError::ForeignHost);
    }
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let origin = sole(headers, header::ORIGIN).ok_or(ApiError::ForeignOrigin)?;
    let (_, authority) = origin.split_once("://").ok_or(ApiError::ForeignOrigin)?;
    if authority.eq_ignore_ascii_case(host) { Ok(()) } else { Err(ApiError::ForeignOrigin) }
}

fn is_local(host: &str, local: IpAddr) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical() == local.to_canonical())
}

/// The header's value if it occurs once and is text.
fn sole(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(pairs: &[(&str, &str)]) -> Result<(), ApiError> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(header::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let allowed = ["admin.example.com".to_owned(), "other.example.com:8443".to_owned()];
        check(&headers, "127.0.0.1:9900".parse().unwrap(), &allowed)
    }

    #[test]
    fn a_host_that_names_this_process_passes() {
        for host in [
            "127.0.0.1:9900",
            "127.0.0.1",
            "localhost:8000",
            "LOCALHOST",
            "[::ffff:127.0.0.1]:9900",
            "admin.example.com",
            "Admin.Example.Com:9900",
            "other.example.com:8443",
        ] {
            assert_eq!(checked(&[("host", host)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn any_other_host_does_not() {
        for host in [
            "evil.example",
            "127.0.0.2:9900",
            "localhost.evil.example",
            "evil@localhost",
            "other.example.com:9900",
            "",
            "[::1]:9900",
        ] {
            assert_eq!(checked(&[("host", host)]), Err(ApiError::ForeignHost), "{host}");
        }
        assert_eq!(checked(&[]), Err(ApiError::ForeignHost));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(checked(&twice), Err(ApiError::ForeignHost));
    }

    #[test]
    fn an_origin_is_the_host_itself_or_foreign() {
        let with = |origin| checked(&[("host", "localhost:9900"), ("origin", origin)]);
        assert_eq!(with("http://localhost:9900"), Ok(()));
        for origin in ["http://localhost:3000", "http://evil.example", "null", "localhost:9900"] {
            assert_eq!(with(origin), Err(ApiError::ForeignOrigin), "{origin}");
        }
    }
}
