//! Headers as they are, as they arrive, and every way they can be wrong.

use proptest::prelude::*;

use super::{Ends, HEADER_BYTES, Read, SIGNATURE, Told, read, write};
use crate::model::{BadProxyHeader, ProxyVersion};

/// A version 2 header of this version and command, family and body.
fn v2(version_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend([version_command, family]);
    header.extend((body.len() as u16).to_be_bytes());
    header.extend(body);
    header
}

const ENDS_V4: [u8; 12] = [192, 0, 2, 7, 192, 0, 2, 1, 0x9d, 0x78, 0x01, 0xbb];

fn ends() -> Ends {
    Ends { client: "192.0.2.7:40312".parse().unwrap(), server: "192.0.2.1:443".parse().unwrap() }
}

fn with_fields(fields: &[u8]) -> Vec<u8> {
    v2(0x21, 0x11, &[&ENDS_V4[..], fields].concat())
}

#[test]
fn a_line_is_read() {
    let told = |ends| Told { ends, ..Told::default() };
    let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 40312 443\r\nGET /";
    assert_eq!(read(line), Ok(Read::Header(42, told(Some(ends())))));
    let line = b"PROXY TCP6 2001:db8::7 2001:db8::1 40312 443\r\n";
    let six = Ends {
        client: "[2001:db8::7]:40312".parse().unwrap(),
        server: "[2001:db8::1]:443".parse().unwrap(),
    };
    assert_eq!(read(line), Ok(Read::Header(line.len(), told(Some(six)))));
    for line in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN ffff:f::ff ::1 65535 65535\r\n"] {
        assert_eq!(read(line), Ok(Read::Header(line.len(), told(None))));
    }
}

#[test]
fn every_malformed_line_has_its_reason() {
    let long = format!("PROXY TCP4 {}\r\n", "1".repeat(120));
    for (line, reason) in [
        ("PROXY TCP4 192.0.2.7 192.0.2.1 40312\r\n", BadProxyHeader::Line),
        ("PROXY TCP4  192.0.2.7 192.0.2.1 40312 443\r\n", BadProxyHeader::Line),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 40312 443 \r\n", BadProxyHeader::Line),
        ("PROXY TCP4\t192.0.2.7\r\n", BadProxyHeader::Family),
        ("PROXY tcp4 192.0.2.7 192.0.2.1 40312 443\r\n", BadProxyHeader::Family),
        ("PROXY UDP4 192.0.2.7 192.0.2.1 40312 443\r\n", BadProxyHeader::Family),
        ("PROXY \r\n", BadProxyHeader::Family),
        ("PROXY TCP4 2001:db8::7 192.0.2.1 40312 443\r\n", BadProxyHeader::Address),
        ("PROXY TCP6 192.0.2.7 192.0.2.1 40312 443\r\n", BadProxyHeader::Address),
        ("PROXY TCP4 192.0.2.007 192.0.2.1 40312 443\r\n", BadProxyHeader::Address),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 65536 443\r\n", BadProxyHeader::Address),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 040312 443\r\n", BadProxyHeader::Address),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 +40312 443\r\n", BadProxyHeader::Address),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 -1 443\r\n", BadProxyHeader::Address),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 40312 443\n\r\n", BadProxyHeader::Address),
        ("PROXY TCP4 example.com 192.0.2.1 40312 443\r\n", BadProxyHeader::Address),
        (&long, BadProxyHeader::Line),
    ] {
        assert_eq!(read(line.as_bytes()), Err(reason), "{line:?}");
    }
    assert_eq!(read(b"PROXY TCP4 \xff\r\n"), Err(BadProxyHeader::Line));
}

#[test]
fn a_binary_header_is_read_with_the_fields_that_are_kept() {
    let fields = [&[0x02, 0, 9][..], b"a.example", &[0x01, 0, 2], b"h2", &[0xee, 0, 1, 7]].concat();
    let header = with_fields(&fields);
    let told = Told {
        ends: Some(ends()),
        authority: Some(b"a.example"[..].into()),
        alpn: Some(b"h2"[..].into()),
    };
    assert_eq!(read(&header), Ok(Read::Header(header.len(), told)));
    // The proxy's own connection, an unspecified family, and a unix socket tell of nobody.
    for header in [v2(0x20, 0x11, &ENDS_V4), v2(0x21, 0x00, b"any"), v2(0x21, 0x31, &[0; 216])] {
        assert_eq!(read(&header), Ok(Read::Header(header.len(), Told::default())));
    }
}

#[test]
fn every_malformed_binary_header_has_its_reason() {
    let long = with_fields(&[&[0x02, 1, 0][..], &[b'a'; 256]].concat());
    let mut endless = v2(0x21, 0x11, &[]);
    endless[14..16].copy_from_slice(&(HEADER_BYTES as u16).to_be_bytes());
    for (header, reason) in [
        (v2(0x11, 0x11, &ENDS_V4), BadProxyHeader::Version),
        (v2(0x31, 0x11, &ENDS_V4), BadProxyHeader::Version),
        (v2(0x22, 0x11, &ENDS_V4), BadProxyHeader::Command),
        (v2(0x21, 0x12, &ENDS_V4), BadProxyHeader::Family),
        (v2(0x21, 0x41, &ENDS_V4), BadProxyHeader::Family),
        (v2(0x21, 0x11, &ENDS_V4[..11]), BadProxyHeader::Address),
        (v2(0x21, 0x21, &[0; 35]), BadProxyHeader::Address),
        (v2(0x21, 0x31, &[0; 215]), BadProxyHeader::Address),
        (with_fields(&[0x02]), BadProxyHeader::Field),
        (with_fields(&[0x02, 0, 5, b'a']), BadProxyHeader::Field),
        (with_fields(&[0x02, 0, 0]), BadProxyHeader::Field),
        (with_fields(&[0x02, 0, 1, b'a', 0x02, 0, 1, b'b']), BadProxyHeader::Field),
        (with_fields(&[0x03, 0, 3, 0, 0, 0]), BadProxyHeader::Field),
        (with_fields(&[0x03, 0, 4, 1, 2, 3, 4]), BadProxyHeader::Checksum),
        (long, BadProxyHeader::Field),
        (endless, BadProxyHeader::TooLong),
    ] {
        assert_eq!(read(&header), Err(reason), "{}", header.escape_ascii());
    }
}

#[test]
fn a_checksum_that_holds_is_accepted() {
    let mut header = with_fields(&[0x03, 0, 4, 0, 0, 0, 0]);
    let at = header.len() - 4;
    let sum = super::checksum::crc32c(&header, at..at + 4);
    header[at..].copy_from_slice(&sum.to_be_bytes());
    assert!(matches!(read(&header), Ok(Read::Header(..))));
}

#[test]
fn what_is_no_header_is_the_clients() {
    for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01", b"PROXIED", b"\r\n\r\nGET"] {
        assert_eq!(read(bytes), Ok(Read::Absent), "{}", bytes.escape_ascii());
    }
}

#[test]
fn ends_of_two_families_are_written_as_one() {
    let mixed = Ends { server: "[2001:db8::1]:443".parse().unwrap(), ..ends() };
    let mut out = Vec::new();
    write(&mut out, ProxyVersion::V1, &Told { ends: Some(mixed), ..Told::default() });
    assert_eq!(out, b"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 40312 443\r\n");
}

fn end() -> impl Strategy<Value = std::net::SocketAddr> {
    (any::<std::net::IpAddr>(), any::<u16>()).prop_map(std::net::SocketAddr::from)
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let _ = read(&[&SIGNATURE[..], &[0x21, 0x11, 1, 0], &bytes].concat());
        let _ = read(&[b"PROXY ", &bytes[..]].concat());
    }

    #[test]
    fn what_is_written_reads_back_and_every_part_of_it_waits_for_more(
        client in end(),
        server in end(),
        name in prop::option::of("[a-z]{1,60}"),
        v1: bool,
    ) {
        let authority = name.filter(|_| !v1).map(|name| name.into_bytes().into());
        let told = Told { ends: Some(Ends { client, server }), authority, alpn: None };
        let mut out = Vec::new();
        write(&mut out, if v1 { ProxyVersion::V1 } else { ProxyVersion::V2 }, &told);
        let Ok(Read::Header(length, back)) = read(&out) else { panic!("{}", out.escape_ascii()) };
        prop_assert_eq!(length, out.len());
        let plain = |end: std::net::SocketAddr| (end.ip().to_canonical(), end.port());
        let ends = back.ends.unwrap();
        prop_assert_eq!(plain(ends.client), plain(client));
        prop_assert_eq!(plain(ends.server), plain(server));
        prop_assert_eq!(back.authority, told.authority);
        for cut in 0..out.len() {
            prop_assert_eq!(read(&out[..cut]), Ok(Read::Partial));
        }
    }
}
