//! What must hold for any bytes at all; used by the property tests and the fuzz targets alike.

use std::mem::MaybeUninit;

use pulsegate::config::Config;
use pulsegate::l7::Version;
use pulsegate::l7::chunked::{Decoder, Step};
use pulsegate::l7::client::parse_response;
use pulsegate::l7::http1::{HeadScan, facts, parse_request};

/// Cuts a head off the front as the engine does; `None` if there is none.
fn head(bytes: &[u8]) -> Option<&[u8]> {
    let whole = HeadScan::default().find_end(bytes);
    // Found byte by byte, the end must be the same: how bytes arrive decides nothing.
    let mut scan = HeadScan::default();
    let dribbled = (1..=bytes.len()).map(|end| scan.find_end(&bytes[..end]));
    let dribbled = dribbled.take(4096).find(|found| !matches!(found, Ok(None)));
    if bytes.len() <= 4096 {
        assert_eq!(dribbled.unwrap_or(Ok(None)), whole);
    }
    whole.ok().flatten().map(|end| &bytes[..end])
}

fn check_fields(headers: &[httparse::Header<'_>]) {
    for header in headers {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        assert!(!header.name.is_empty() && header.name.bytes().all(token), "{header:?}");
        let clean = |b: &u8| *b == b'\t' || (*b >= b' ' && *b != 0x7f);
        assert!(header.value.iter().all(clean), "{header:?}");
    }
}

/// A request head that is accepted has nothing in it that another reader could read differently.
pub(crate) fn request_head(bytes: &[u8]) {
    let Some(head) = head(bytes) else { return };
    let mut room = [const { MaybeUninit::uninit() }; 32];
    let Ok(request) = parse_request(head, &mut room) else { return };
    check_fields(request.headers);
    assert!(request.target.bytes().all(|b| b.is_ascii_graphic()), "{}", request.target);
    let count = |name: &str| {
        request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).count()
    };
    if facts(&request).is_ok() {
        let (lengths, codings) = (count("content-length"), count("transfer-encoding"));
        assert!(lengths + codings <= 1, "{lengths} lengths and {codings} codings");
        assert!(count("host") == 1 || (count("host") == 0 && request.version == Version::Http10));
        assert_ne!(request.method, "CONNECT");
    }
}

/// The same for a response head.
pub(crate) fn response_head(bytes: &[u8]) {
    let Some(head) = head(bytes) else { return };
    let mut room = [const { MaybeUninit::uninit() }; 32];
    let Ok(response) = parse_response(head, &mut room) else { return };
    check_fields(response.headers);
    assert!((100..=599).contains(&response.status));
    let count = |name: &str| {
        response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).count()
    };
    assert!(count("content-length") + count("transfer-encoding") <= 1);
}

/// What a chunked body decodes to: its data, and where it ended.
#[derive(Debug, PartialEq, Eq)]
enum Decoded {
    Whole(Vec<u8>, usize),
    Partial(Vec<u8>),
    Refused,
}

/// Decodes as the engine does: input arrives in pieces of this size.
fn decode(bytes: &[u8], piece: usize) -> Decoded {
    let (mut decoder, mut data) = (Decoder::default(), Vec::new());
    let (mut at, mut arrived) = (0, 0);
    loop {
        match decoder.step(&bytes[at..arrived]) {
            Err(_) => return Decoded::Refused,
            Ok(Step::More) if arrived == bytes.len() => return Decoded::Partial(data),
            Ok(Step::More) => arrived = (arrived + piece).min(bytes.len()),
            Ok(Step::Framing(n)) => at += n,
            Ok(Step::Data(n)) => {
                data.extend_from_slice(&bytes[at..at + n]);
                at += n;
            }
            Ok(Step::End(n)) => return Decoded::Whole(data, at + n),
        }
        assert!(at <= arrived, "consumed what had not arrived");
    }
}

/// How a chunked body is cut into pieces decides nothing about what it means.
pub(crate) fn chunked(bytes: &[u8], piece: usize) {
    let whole = decode(bytes, bytes.len().max(1));
    let pieces = decode(bytes, piece.max(1));
    // A size line too long to be whole is refused as soon as that is sure, which is after the
    // same bytes however they came.
    assert_eq!(whole, pieces, "in pieces of {piece}: {}", bytes.escape_ascii());
}

/// Any text is a config or a list of problems.
pub(crate) fn config(text: &str) {
    if let Err(problems) = Config::parse(text, None) {
        assert!(!problems.to_string().is_empty());
    }
}
