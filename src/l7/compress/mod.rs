//! Compression of answers on their way to the client.
//!
//! The same bytes cost less on the wire and more on a core, so a route has to ask for it. What is
//! compressed is what the client can take, the route names, and nobody has coded or forbidden to
//! transform (RFC 9110 §8.4, §7.7; RFC 9111 §5.2.2.6). Nothing is held back for a better ratio: whatever
//! came is sent before the backend is waited for again.

mod choice;
mod encoder;

use httparse::Header;

use crate::config::Compression;
use crate::model::Coding;

pub(crate) use choice::choose;
pub(crate) use encoder::Encoder;

/// What compression means for one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compressed {
    /// It has nothing to do with it.
    No,
    /// This client gets it as it is; another might not, and caches are told so.
    Varies,
    /// It is sent in this coding.
    By(Coding),
}

/// What the head of an answer says about its compression.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    /// Its status.
    pub(crate) status: u16,
    /// Its fields.
    pub(crate) headers: &'a [Header<'a>],
    /// The bytes of its body, where that is known.
    pub(crate) length: Option<u64>,
}

/// Judges an answer that has a body; `wanted` is what its client would take.
pub(crate) fn judge(
    compression: &Compression,
    wanted: Option<Coding>,
    answer: &Answer<'_>,
) -> Compressed {
    if !may_be_coded(compression, answer) {
        return Compressed::No;
    }
    let long = answer.length.is_none_or(|length| length >= compression.min_bytes);
    match wanted {
        Some(coding) if long => Compressed::By(coding),
        _ => Compressed::Varies,
    }
}

fn may_be_coded(compression: &Compression, answer: &Answer<'_>) -> bool {
    // A part of a body cannot be coded by itself; the others are rarely worth it, or not the resource.
    if !matches!(answer.status, 200 | 201 | 203 | 400..=599) {
        return false;
    }
    let values = |name: &'static str| {
        let named = move |header: &&Header<'_>| header.name.eq_ignore_ascii_case(name);
        answer.headers.iter().filter(named).map(|header| header.value)
    };
    let coded = values("content-encoding").any(|value| !value.eq_ignore_ascii_case(b"identity"));
    let fixed = values("cache-control").any(|value| contains(value, b"no-transform"));
    let events = values("content-type").any(|value| contains(value, b"event-stream"));
    let taken = values("content-type").next().is_some_and(|value| compression.takes(value));
    taken && !coded && !fixed && !events && values("content-range").next().is_none()
}

fn contains(value: &[u8], word: &[u8]) -> bool {
    value.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, fields: &[(&str, &str)], length: Option<u64>) -> Compressed {
        let headers: Vec<Header<'_>> =
            fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        let answer = Answer { status, headers: &headers, length };
        judge(&Compression::default(), Some(Coding::Gzip), &answer)
    }

    #[test]
    fn what_is_text_long_enough_and_as_it_was_made_is_compressed() {
        let html = ("content-type", "text/html");
        assert_eq!(judged(200, &[html], None), Compressed::By(Coding::Gzip));
        assert_eq!(judged(404, &[html], Some(1024)), Compressed::By(Coding::Gzip));
        assert_eq!(judged(200, &[html], Some(1023)), Compressed::Varies);
        for (status, fields) in [
            (206, vec![html]),
            (302, vec![html]),
            (200, vec![]),
            (200, vec![("content-type", "image/png")]),
            (200, vec![("content-type", "text/event-stream; charset=utf-8")]),
            (200, vec![html, ("Content-Encoding", "br")]),
            (200, vec![html, ("Cache-Control", "public, No-Transform")]),
            (200, vec![html, ("content-range", "bytes 0-9/10")]),
        ] {
            assert_eq!(judged(status, &fields, None), Compressed::No, "{status} {fields:?}");
        }
        let identity = [html, ("content-encoding", "identity")];
        assert_eq!(judged(200, &identity, None), Compressed::By(Coding::Gzip));
    }
}
