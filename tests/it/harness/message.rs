//! Message heads and chunked bodies as the wire carries them.

use super::Wire;

/// A head: its first line and its fields, in order.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// Without CRLF.
    pub(crate) start: String,
    /// As sent.
    pub(crate) fields: Vec<(String, String)>,
    /// Every byte, the empty line included.
    pub(crate) raw: Vec<u8>,
}

impl Head {
    /// The next head; `None` if the peer ended without one.
    pub(crate) fn read(wire: &mut Wire) -> Option<Self> {
        Some(Self::parse(wire.until(b"\r\n\r\n")?))
    }

    fn parse(raw: Vec<u8>) -> Self {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                (name.to_owned(), value.trim().to_owned())
            })
            .collect();
        Self { start, fields, raw }
    }

    /// Every value of this field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let same = |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.fields.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    /// The field's one value; fails if it is there more than once.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "`{name}` is there {} times: {values:?}", values.len());
        values.first().copied()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    /// Whether a comma-separated field names this token.
    pub(crate) fn lists(&self, name: &str, token: &str) -> bool {
        let values = self.all(name);
        let mut tokens = values.iter().flat_map(|value| value.split(','));
        tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
    }

    pub(crate) fn is_chunked(&self) -> bool {
        self.lists("transfer-encoding", "chunked")
    }

    pub(crate) fn content_length(&self) -> Option<usize> {
        self.get("content-length").map(|value| value.parse().expect("a plain number"))
    }
}

/// A chunked body's data and its trailers; fails on anything out of grammar.
pub(crate) fn read_chunked(wire: &mut Wire) -> (Vec<u8>, Vec<(String, String)>) {
    let mut body = Vec::new();
    while let Some(chunk) = read_chunk(wire) {
        body.extend_from_slice(&chunk);
    }
    let mut trailers = Vec::new();
    loop {
        let line = wire.line();
        if line.is_empty() {
            return (body, trailers);
        }
        let (name, value) = line.split_once(':').expect("a trailer field");
        trailers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// The next chunk's data; `None` for the last chunk.
pub(crate) fn read_chunk(wire: &mut Wire) -> Option<Vec<u8>> {
    let line = wire.line();
    let size = line.split(';').next().unwrap_or_default().trim();
    let size = usize::from_str_radix(size, 16).unwrap_or_else(|e| panic!("chunk `{line}`: {e}"));
    if size == 0 {
        return None;
    }
    let chunk = wire.exactly(size);
    assert_eq!(wire.exactly(2), b"\r\n", "a chunk ends in CRLF");
    Some(chunk)
}
