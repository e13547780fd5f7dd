//! What gRPC puts into HTTP/2 that matters between its client and its server.
//!
//! A call is a request like any other, but its outcome is said in trailers, behind an HTTP status that
//! is nearly always 200: its client understands no other refusal, and whoever judges a backend by
//! statuses alone takes every failure for a success. And its client says how long it waits, in units of
//! its own (gRPC over HTTP2, PROTOCOL-HTTP2.md).

use std::fmt::Write as _;
use std::time::Duration;

use httparse::Header;

use crate::model::Ended;

/// How long a client waits.
pub(crate) const TIMEOUT: &str = "grpc-timeout";
/// How a call ended.
pub(crate) const STATUS: &str = "grpc-status";
/// Why, for a person who reads it.
pub(crate) const MESSAGE: &str = "grpc-message";
/// What an answer of ours to a call is.
pub(crate) const CONTENT_TYPE: &[u8] = b"application/grpc";

/// Digits of a time.
const DIGITS_MAX: usize = 8;
/// Bytes of a message, before they are coded.
const MESSAGE_MAX: usize = 512;

// Codes (statuscodes.md) that are said or looked at here.
const CANCELLED: u8 = 1;
const UNKNOWN: u8 = 2;
const DEADLINE_EXCEEDED: u8 = 4;
const PERMISSION_DENIED: u8 = 7;
const RESOURCE_EXHAUSTED: u8 = 8;
const UNIMPLEMENTED: u8 = 12;
const INTERNAL: u8 = 13;
const UNAVAILABLE: u8 = 14;
const DATA_LOSS: u8 = 15;
const UNAUTHENTICATED: u8 = 16;

/// What an answer without a code counts as.
pub(crate) const UNTOLD: u8 = UNKNOWN;

/// Is a request of these fields a call? gRPC-Web, of a similar name, is none: its outcome is in its body.
pub(crate) fn is_call(fields: &[Header<'_>]) -> bool {
    let kind = fields.iter().find(|field| field.name.eq_ignore_ascii_case("content-type"));
    kind.is_some_and(|kind| {
        let prefix = kind.value.get(..CONTENT_TYPE.len());
        prefix.is_some_and(|it| it.eq_ignore_ascii_case(CONTENT_TYPE))
            && matches!(kind.value.get(CONTENT_TYPE.len()), None | Some(b'+' | b';'))
    })
}

/// How long the client says that it waits, if it says so once and it can be understood.
pub(crate) fn timeout(fields: &[Header<'_>]) -> Option<Duration> {
    let mut named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(TIMEOUT));
    let (unit, digits) = named.next()?.value.split_last()?;
    let plain = (1..=DIGITS_MAX).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let n: u64 = std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()?;
    let time = match unit {
        b'H' => Duration::from_secs(n * 3600),
        b'M' => Duration::from_secs(n * 60),
        b'S' => Duration::from_secs(n),
        b'm' => Duration::from_millis(n),
        b'u' => Duration::from_micros(n),
        b'n' => Duration::from_nanos(n),
        _ => return None,
    };
    named.next().is_none().then_some(time)
}

/// The code among these fields, if there is one; one that is none of gRPC's is `UNKNOWN`.
pub(crate) fn status(fields: &[Header<'_>]) -> Option<u8> {
    let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(STATUS))?;
    Some(code(field.value))
}

/// The code that this value says.
pub(crate) fn code(value: &[u8]) -> u8 {
    let text = std::str::from_utf8(value).unwrap_or_default();
    text.parse().ok().filter(|code| *code <= UNAUTHENTICATED).unwrap_or(UNKNOWN)
}

/// The class of statuses that a code counts among, as an index: 1 = success, 3 = the client's doing,
/// 4 = the backend's. What a client can bring about by what it asks, an unknown method or too short a
/// deadline, is not held against a backend.
pub(crate) fn class(code: u8) -> usize {
    match code {
        0 => 1,
        UNKNOWN | INTERNAL | UNAVAILABLE | DATA_LOSS => 4,
        _ => 3,
    }
}

/// The code for an answer of ours that would have this status, to an exchange that ended so.
///
/// As clients take such a status (http-grpc-status-mapping.md), but where more is known than it says.
pub(crate) fn code_of(status: u16, ended: Ended) -> u8 {
    match status {
        504 if ended != Ended::ConnectFailed => DEADLINE_EXCEEDED,
        408 => CANCELLED,
        413 => RESOURCE_EXHAUSTED,
        400 | 431 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 | 501 => UNIMPLEMENTED,
        429 | 502..=504 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

/// A message as it is said: printable ASCII without `%`, the rest of its bytes as `%XX`.
pub(crate) fn message(text: &str) -> String {
    let mut coded = String::with_capacity(text.len());
    for byte in text.trim_end().bytes().take(MESSAGE_MAX) {
        match byte {
            b' '..=b'~' if byte != b'%' => coded.push(char::from(byte)),
            _ => {
                let _ = write!(coded, "%{byte:02X}");
            }
        }
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(name: &'a str, value: &'a str) -> Header<'a> {
        Header { name, value: value.as_bytes() }
    }

    #[test]
    fn a_call_is_told_by_its_content_type() {
        for (value, is) in [
            ("application/grpc", true),
            ("Application/gRPC+proto", true),
            ("application/grpc;charset=x", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/json", false),
            ("application/gr", false),
        ] {
            assert_eq!(is_call(&[field("Content-Type", value)]), is, "{value}");
        }
        assert!(!is_call(&[field("accept", "application/grpc")]));
    }

    #[test]
    fn times_have_up_to_eight_digits_and_a_unit() {
        let said = |value| timeout(&[field("grpc-timeout", value)]);
        for (value, time) in [
            ("1H", Duration::from_secs(3600)),
            ("2M", Duration::from_secs(120)),
            ("00000003S", Duration::from_secs(3)),
            ("99999999m", Duration::from_millis(99_999_999)),
            ("5u", Duration::from_micros(5)),
            ("0n", Duration::ZERO),
        ] {
            assert_eq!(said(value), Some(time), "{value}");
        }
        for value in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789m", "1 S", "1SS"] {
            assert_eq!(said(value), None, "{value:?}");
        }
        assert_eq!(timeout(&[field("grpc-timeout", "1S"), field("grpc-timeout", "1S")]), None);
    }

    #[test]
    fn what_is_no_code_is_unknown() {
        for (value, code) in [("0", 0), ("14", 14), ("16", 16), ("17", 2), ("-1", 2), ("", 2)] {
            assert_eq!(status(&[field("grpc-status", value)]), Some(code), "{value:?}");
        }
        assert_eq!(status(&[]), None);
    }

    #[test]
    fn a_deadline_is_told_from_what_could_not_be_reached() {
        assert_eq!(code_of(504, Ended::TotalTimeout), DEADLINE_EXCEEDED);
        assert_eq!(code_of(504, Ended::UpstreamTimeout), DEADLINE_EXCEEDED);
        assert_eq!(code_of(504, Ended::ConnectFailed), UNAVAILABLE);
        assert_eq!(code_of(404, Ended::Local), UNIMPLEMENTED);
        assert_eq!(code_of(429, Ended::RateLimited), UNAVAILABLE);
    }

    #[test]
    fn messages_are_coded_and_bounded() {
        assert_eq!(message("50 % off\n"), "50 %25 off");
        assert_eq!(message("é\u{1}"), "%C3%A9%01");
        assert_eq!(message(&"x".repeat(1000)).len(), MESSAGE_MAX);
    }
}
