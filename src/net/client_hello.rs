//! The first thing a TLS client says: which server it wants, and what it would speak with it.
//!
//! Read only to route by, and never answered: the bytes go on to the backend as they came. The
//! message may come in many segments and in several records (RFC 8446 §5.1); what is not one, or
//! contradicts itself, is told apart from what is not yet whole.

use std::borrow::Cow;
use std::future::poll_fn;
use std::io;

use super::{Buffer, Buffers, Stream};

/// The largest message that is read: post-quantum key shares take 1 to 2 KiB, sessions some more.
pub const HELLO_BYTES: usize = 16 * 1024;
/// Bytes of a record's header, and of a handshake message's.
const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;
/// The most a record may hold (RFC 8446 §5.1).
const RECORD_BYTES: usize = 1 << 14;
/// Protocols that are kept of those a client offers.
const ALPN_MAX: usize = 16;

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The server's name in lower case, without trailing dot.
    pub server_name: Option<Box<str>>,
    /// What it would speak, in its order of preference; the first sixteen.
    pub alpn: Vec<Box<[u8]>>,
}

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// A whole ClientHello.
    Whole(ClientHello),
    /// What may become one; more is needed to tell.
    Partial,
    /// None, and none can come of it.
    Not,
}

/// Reads the first bytes of a connection.
#[must_use]
pub fn read(bytes: &[u8]) -> Hello {
    let message = match reassemble(bytes) {
        Some(Ok(message)) => message,
        Some(Err(Partial)) if bytes.len() < HELLO_BYTES => return Hello::Partial,
        Some(Err(Partial)) | None => return Hello::Not,
    };
    match body(&message) {
        Some(hello) => Hello::Whole(hello),
        None => Hello::Not,
    }
}

/// Waits for the hello and leaves it where it is; `None` = the client speaks something else.
///
/// # Errors
/// What the system says of the connection; `UnexpectedEof` if it ended before that can be told.
pub async fn peek(stream: &Stream, stock: &Buffers) -> io::Result<Option<ClientHello>> {
    let mut room: Option<Buffer> = None;
    let seen = poll_fn(|cx| {
        let buffer = room.get_or_insert_with(|| stock.take(HELLO_BYTES));
        let peeked =
            stream.poll_peek(cx, &mut buffer.spare()[..HELLO_BYTES], |bytes| match read(bytes) {
                Hello::Whole(hello) => Some(Some(hello)),
                Hello::Not => Some(None),
                Hello::Partial => None,
            });
        // Whoever sends its hello byte by byte holds no memory here meanwhile.
        room.take().into_iter().for_each(|buffer| stock.put(buffer));
        peeked
    });
    seen.await
}

struct Partial;

/// The handshake message out of its records, without its header; `None` = it is none.
fn reassemble(bytes: &[u8]) -> Option<Result<Cow<'_, [u8]>, Partial>> {
    let mut message: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut rest = bytes;
    loop {
        let header = &rest[..rest.len().min(RECORD_HEADER)];
        // A handshake record of any version that begins with 3.
        if header.first().is_some_and(|kind| *kind != 22)
            || header.get(1).is_some_and(|major| *major != 3)
        {
            return None;
        }
        let &[_, _, _, high, low] = header else { return Some(Err(Partial)) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length == 0 || length > RECORD_BYTES {
            return None;
        }
        let fragment = &rest[RECORD_HEADER..rest.len().min(RECORD_HEADER + length)];
        if message.is_empty() {
            message = Cow::Borrowed(fragment);
        } else {
            message.to_mut().extend_from_slice(fragment);
        }
        if let Some(whole) = whole(&message)? {
            return Some(Ok(match message {
                Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[MESSAGE_HEADER..whole]),
                Cow::Owned(bytes) => Cow::Owned(bytes[MESSAGE_HEADER..whole].to_vec()),
            }));
        }
        if fragment.len() < length {
            return Some(Err(Partial));
        }
        rest = &rest[RECORD_HEADER + length..];
    }
}

/// Where the message ends, if all of it is there; `None` = it is no ClientHello, or too long.
fn whole(message: &[u8]) -> Option<Option<usize>> {
    if message.first().is_some_and(|kind| *kind != 1) {
        return None;
    }
    let Some(&[_, a, b, c]) = message.get(..MESSAGE_HEADER) else { return Some(None) };
    let length = MESSAGE_HEADER + u32::from_be_bytes([0, a, b, c]) as usize;
    if length > HELLO_BYTES {
        return None;
    }
    Some((message.len() >= length).then_some(length))
}

/// A part of the message that is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<usize> {
        let bytes: [u8; 2] = self.take(2)?.try_into().ok()?;
        Some(usize::from(u16::from_be_bytes(bytes)))
    }

    /// What a length of one byte announces.
    fn vector_1(&mut self) -> Option<&'a [u8]> {
        let n = usize::from(*self.take(1)?.first()?);
        self.take(n)
    }

    /// What a length of two bytes announces.
    fn vector_2(&mut self) -> Option<&'a [u8]> {
        let n = self.short()?;
        self.take(n)
    }
}

/// Reads the message (RFC 8446 §4.1.2).
fn body(message: &[u8]) -> Option<ClientHello> {
    let mut rest = Rest(message);
    // Version and random.
    rest.take(2 + 32)?;
    let (session, suites, compression) = (rest.vector_1()?, rest.vector_2()?, rest.vector_1()?);
    if session.len() > 32 || suites.is_empty() || suites.len() % 2 > 0 || compression.is_empty() {
        return None;
    }
    let mut hello = ClientHello::default();
    if rest.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = Rest(rest.vector_2()?);
    if !rest.0.is_empty() {
        return None;
    }
    let (mut named, mut offered) = (false, false);
    while !extensions.0.is_empty() {
        let (kind, data) = (extensions.short()?, extensions.vector_2()?);
        match kind {
            0 if std::mem::replace(&mut named, true) => return None,
            0 => hello.server_name = Some(server_name(data)?),
            16 if std::mem::replace(&mut offered, true) => return None,
            16 => hello.alpn = alpn(data)?,
            _ => {}
        }
    }
    Some(hello)
}

/// The one host name (RFC 6066 §3): letters, digits, hyphens, underscores and dots.
fn server_name(data: &[u8]) -> Option<Box<str>> {
    let mut outer = Rest(data);
    let mut list = Rest(outer.vector_2()?);
    let kind = *list.take(1)?.first()?;
    let name = list.vector_2()?;
    if kind != 0 || !list.0.is_empty() || !outer.0.is_empty() {
        return None;
    }
    let name = std::str::from_utf8(name).ok()?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_name = !name.is_empty() && name.len() <= 253 && name.bytes().all(fits);
    is_name.then(|| name.to_ascii_lowercase().into())
}

/// The protocols offered (RFC 7301 §3.1).
fn alpn(data: &[u8]) -> Option<Vec<Box<[u8]>>> {
    let mut outer = Rest(data);
    let mut list = Rest(outer.vector_2()?);
    if list.0.is_empty() || !outer.0.is_empty() {
        return None;
    }
    let mut protocols = Vec::new();
    while !list.0.is_empty() {
        let name = list.vector_1()?;
        if name.is_empty() {
            return None;
        }
        if protocols.len() < ALPN_MAX {
            protocols.push(name.into());
        }
    }
    Some(protocols)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
    }

    fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &vector(data)].concat()
    }

    fn named(name: &[u8]) -> Vec<u8> {
        extension(0, &vector(&[&[0][..], &vector(name)].concat()))
    }

    fn offering(protocols: &[&[u8]]) -> Vec<u8> {
        let list: Vec<u8> =
            protocols.iter().flat_map(|p| [&[p.len() as u8], *p].concat()).collect();
        extension(16, &vector(&list))
    }

    /// The handshake message with these extensions.
    fn message(extensions: Option<&[u8]>) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend(vector(&[0x13, 0x01]));
        body.extend([1, 0]);
        body.extend(extensions.map(vector).unwrap_or_default());
        let length = (body.len() as u32).to_be_bytes();
        [&[1][..], &length[1..], &body].concat()
    }

    /// In records of at most this many bytes.
    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|part| [&[22, 3, 1][..], &vector(part)].concat()).collect()
    }

    fn record(message: &[u8]) -> Vec<u8> {
        records(message, RECORD_BYTES)
    }

    fn hello(name: Option<&str>, alpn: &[&[u8]]) -> Hello {
        Hello::Whole(ClientHello {
            server_name: name.map(Into::into),
            alpn: alpn.iter().map(|p| (*p).into()).collect(),
        })
    }

    #[test]
    fn name_and_protocols_are_read() {
        let both =
            [extension(43, &[2, 3, 4]), named(b"A.Example."), offering(&[b"h2", b"http/1.1"])];
        let bytes = record(&message(Some(&both.concat())));
        assert_eq!(read(&bytes), hello(Some("a.example"), &[b"h2", b"http/1.1"]));
        assert_eq!(read(&record(&message(Some(&[])))), hello(None, &[]));
        assert_eq!(read(&record(&message(None))), hello(None, &[]));
    }

    #[test]
    fn it_may_come_in_many_records_and_any_part_of_it_waits_for_more() {
        let message = message(Some(&named(b"a.example")));
        for size in [1, 3, 4, 7, 100, 1000] {
            let bytes = records(&message, size);
            assert_eq!(read(&bytes), hello(Some("a.example"), &[]), "records of {size}");
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), Hello::Partial, "{cut} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn what_is_no_client_hello_is_told_at_once() {
        let good = message(Some(&named(b"a.example")));
        let with = |at: usize, byte: u8| {
            let mut bytes = record(&good);
            bytes[at] = byte;
            bytes
        };
        let two_names = [named(b"a.example"), named(b"b.example")].concat();
        let two_offers = [offering(&[b"h2"]), offering(&[b"h3"])].concat();
        let cases: [(&str, Vec<u8>); 18] = [
            ("HTTP", b"GET / HTTP/1.1\r\n".to_vec()),
            ("SSH", b"SSH-2.0-OpenSSH\r\n".to_vec()),
            ("SSL 2", vec![0x80, 0x2e, 1, 3, 1]),
            ("an alert", with(0, 21)),
            ("another major version", with(1, 2)),
            ("an empty record", vec![22, 3, 1, 0, 0]),
            ("a record too long", vec![22, 3, 1, 0x40, 1]),
            ("a ServerHello", with(5, 2)),
            ("a message too long", vec![22, 3, 1, 0, 8, 1, 0, 0x40, 1, 3, 3, 0, 0]),
            ("two server names", record(&message(Some(&two_names)))),
            ("two lists of protocols", record(&message(Some(&two_offers)))),
            ("an empty name", record(&message(Some(&named(b""))))),
            ("a name of spaces", record(&message(Some(&named(b"a b"))))),
            ("a name that is no text", record(&message(Some(&named(b"a\xff"))))),
            ("an empty protocol", record(&message(Some(&offering(&[b""]))))),
            ("no protocol", record(&message(Some(&offering(&[]))))),
            ("an extension cut off", record(&message(Some(&[0, 0, 0, 9, 0])))),
            (
                "no cipher suites",
                record(&[1, 0, 0, 40].into_iter().chain([0; 40]).collect::<Vec<_>>()),
            ),
        ];
        for (what, bytes) in cases {
            assert_eq!(read(&bytes), Hello::Not, "{what}");
        }
    }

    #[test]
    fn more_than_is_read_is_none() {
        // Records of one byte each: the message is small, but it takes too many bytes to tell.
        let bytes = records(&message(Some(&extension(21, &[0; 4000]))), 1);
        assert!(bytes.len() > HELLO_BYTES);
        assert_eq!(read(&bytes[..HELLO_BYTES]), Hello::Not);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
            let _ = read(&record(&message(Some(&bytes))));
        }
    }
}
