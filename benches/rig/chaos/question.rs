//! A request of which everything that the right answer depends on can be told from the answer.
//!
//! The answer's bytes follow from a checksum of the method, the path and the body. So a body that was
//! cut, mixed with another or delivered to somebody else is seen at once, whoever answered.

use fastrand::Rng;

/// Bytes of a body, at most.
const BODY_MAX: usize = 200_000;
/// Bytes of an answer, at most.
const ANSWER_MAX: u64 = 150_000;

/// A request, and what it is to be answered.
pub(super) struct Question {
    method: &'static str,
    path: String,
    body: Vec<u8>,
    chunked: bool,
}

impl Question {
    /// A random one.
    pub(super) fn new(rng: &mut Rng) -> Self {
        let method = if rng.u8(..10) < 7 { "GET" } else { "POST" };
        let path = format!("/{:016x}", rng.u64(..));
        let length = if method == "GET" { 0 } else { skewed(rng.u64(..), BODY_MAX as u64) };
        let mut body = vec![0; length as usize];
        rng.fill(&mut body);
        Self { method, path, body, chunked: rng.bool() }
    }

    /// What is sent.
    pub(super) fn bytes(&self, rng: &mut Rng) -> Vec<u8> {
        let Self { method, path, body, chunked } = self;
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: chaos.test\r\n").into_bytes();
        if *method == "GET" {
            bytes.extend_from_slice(b"\r\n");
        } else if *chunked {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            let mut rest = &body[..];
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rng.usize(1..=rest.len()));
                bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                bytes.extend_from_slice(piece);
                bytes.extend_from_slice(b"\r\n");
                rest = after;
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            bytes.extend_from_slice(body);
        }
        bytes
    }

    /// The right answer.
    pub(super) fn answer(&self) -> Vec<u8> {
        answer(sum(self.method, &self.path, &self.body))
    }

    /// Which one it is, for whoever looks for it in a log.
    pub(super) fn name(&self) -> String {
        format!("{} {} with {} bytes", self.method, self.path, self.body.len())
    }
}

/// The checksum of a request (FNV-1a).
pub(super) fn sum(method: &str, path: &str, body: &[u8]) -> u64 {
    let bytes = method.bytes().chain(path.bytes()).chain(body.iter().copied());
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The answer to a request of this checksum.
pub(super) fn answer(sum: u64) -> Vec<u8> {
    let mut bytes = vec![0; skewed(sum, ANSWER_MAX) as usize];
    Rng::with_seed(sum).fill(&mut bytes);
    bytes
}

/// A length up to `max`: mostly small, sometimes large.
fn skewed(random: u64, max: u64) -> u64 {
    let part = random % 1000;
    1 + max * part * part * part / 1_000_000_000
}
