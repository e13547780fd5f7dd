//! How long a client waits, and what a backend is told of it.
//!
//! A backend that works on an answer for which nobody waits any more takes time from those who do.
//! So a route may name a header in which clients say how many milliseconds they wait: never longer
//! than the route allows anyway, and each backend is told what is left when it is asked. gRPC has a
//! header for that, in which every time has its unit.

use std::num::NonZeroU32;
use std::time::Duration;

use httparse::Header;

/// Digits that the header has room for.
const DIGITS: usize = 10;
/// The largest number before a unit.
const WITH_UNIT_MAX: u64 = 99_999_999;

/// What the client says, if it says it and it can be understood.
pub(crate) fn said(headers: &[Header<'_>], name: &str) -> Option<Duration> {
    let mut named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    let value = named.next()?.value.trim_ascii();
    let plain = (1..=DIGITS).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let ms = std::str::from_utf8(value).ok().filter(|_| plain)?.parse().ok()?;
    // Who says two things has said nothing.
    named.next().is_none().then(|| Duration::from_millis(ms))
}

/// Writes the header with room for any time; returns where that is.
pub(crate) fn write(out: &mut Vec<u8>, name: &str) -> usize {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    let at = out.len();
    out.extend_from_slice(&[b' '; DIGITS]);
    out.extend_from_slice(b"\r\n");
    at
}

/// What is known of it on the way; small, because every request carries it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    /// How long the client waits, in milliseconds, if it said so.
    waits_ms: Option<NonZeroU32>,
    /// Where the head tells how long.
    at: Option<NonZeroU32>,
    /// With its unit, as gRPC has it.
    with_unit: bool,
}

impl Budget {
    /// Of a client that waits so long; told where [`write`] said, with a unit if so.
    pub(crate) fn new(waits: Option<Duration>, at: Option<usize>, with_unit: bool) -> Self {
        let ms = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1);
        let at = at.and_then(|at| u32::try_from(at).ok());
        let waits_ms = waits.map(ms).and_then(NonZeroU32::new);
        Self { waits_ms, at: at.and_then(NonZeroU32::new), with_unit }
    }

    /// How long the client waits, if it said so.
    pub(crate) fn waits(self) -> Option<Duration> {
        self.waits_ms.map(|ms| Duration::from_millis(u64::from(ms.get())))
    }

    /// Tells that so much is left, if it is to be told. The space after it is not part of the value
    /// (RFC 9110 §5.5).
    pub(crate) fn tell(self, head: &mut [u8], left: Duration) {
        let Some(at) = self.at.map(|at| at.get() as usize) else { return };
        let Some(room) = head.get_mut(at..at + DIGITS) else { return };
        let ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let (n, unit) = match self.with_unit {
            false => (ms.min(9_999_999_999), None),
            true if ms <= WITH_UNIT_MAX => (ms, Some(b'm')),
            true => ((ms / 1000).min(WITH_UNIT_MAX), Some(b'S')),
        };
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(n).as_bytes();
        room.fill(b' ');
        room[..digits.len()].copy_from_slice(digits);
        if let Some(unit) = unit {
            room[digits.len()] = unit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_number_is_not_heard() {
        let said = |values: &[&'static str]| {
            let headers: Vec<Header<'_>> = values
                .iter()
                .map(|value| Header { name: "X-Budget", value: value.as_bytes() })
                .collect();
            said(&headers, "x-budget")
        };
        assert_eq!(said(&["250"]), Some(Duration::from_millis(250)));
        assert_eq!(said(&["0"]), Some(Duration::ZERO));
        for values in [&[][..], &["-1"], &["1s"], &[""], &["12345678901"], &["+5"], &["1", "1"]] {
            assert_eq!(said(values), None, "{values:?}");
        }
    }

    #[test]
    fn a_client_that_waits_for_nothing_is_not_one_that_says_nothing() {
        let waits = |said| Budget::new(said, None, false).waits();
        assert_eq!(waits(None), None);
        assert_eq!(waits(Some(Duration::ZERO)), Some(Duration::from_millis(1)));
    }

    #[test]
    fn each_try_is_told_what_is_left() {
        let mut head = b"GET / HTTP/1.1\r\n".to_vec();
        let budget = Budget::new(None, Some(write(&mut head, "x-budget")), false);
        for (left, told) in [(1500, "1500      "), (7, "7         "), (u64::MAX, "9999999999")] {
            budget.tell(&mut head, Duration::from_millis(left));
            let text = String::from_utf8(head.clone()).unwrap();
            assert_eq!(text, format!("GET / HTTP/1.1\r\nx-budget: {told}\r\n"));
        }
    }

    #[test]
    fn a_call_is_told_with_a_unit() {
        let mut head = Vec::new();
        let budget = Budget::new(None, Some(write(&mut head, "grpc-timeout")), true);
        for (left, told) in
            [(1500, "1500m     "), (99_999_999, "99999999m "), (100_000_000, "100000S   ")]
        {
            budget.tell(&mut head, Duration::from_millis(left));
            assert_eq!(String::from_utf8_lossy(&head), format!("grpc-timeout: {told}\r\n"));
        }
        budget.tell(&mut head, Duration::MAX);
        assert_eq!(head, b"grpc-timeout: 99999999S \r\n");
    }
}
