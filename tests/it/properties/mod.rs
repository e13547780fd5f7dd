//! The fuzz targets' rules on a stable toolchain: random bytes of a likely shape, bounded.

mod rules;

use proptest::prelude::*;

/// Pieces of messages, good and bad, in any order: far likelier to reach deep than plain bytes.
fn fragments(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec());
    let any = prop::collection::vec(any::<u8>(), 0..4);
    prop::collection::vec(prop_oneof![8 => known, 1 => any], 0..24).prop_map(|all| all.concat())
}

const HEAD: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /a HTTP/1.0\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 204\r\n",
    "Host: a\r\n",
    "Host : a\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 3, 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer_encoding: chunked\r\n",
    "Connection: close, x\r\n",
    "X: y\r\n",
    "X:\t\r\n",
    " folded\r\n",
    "\r\n",
    "\n",
    "\r",
    "\0",
];

const CHUNKS: &[&str] = &[
    "0\r\n",
    "3\r\nabc\r\n",
    "3;x=y\r\nabc\r\n",
    "a\r\n",
    "0123456789",
    "\r\n",
    "\n",
    "\r",
    "00\r\n",
    "fffffffffffffff\r\n",
    "10000000000000000\r\n",
    "X: y\r\n",
    "X : y\r\n",
    " ",
    "g",
    ";",
];

const YAML: &[&str] = &[
    "version: 1\n",
    "listeners:\n",
    "pools:\n",
    "  web:\n",
    "    bind: 127.0.0.1:0\n",
    "    protocol: http\n",
    "    routes: [ { pool: site } ]\n",
    "  site: { backends: [ a:1 ] }\n",
    "- ",
    "{ ",
    "} ",
    "[ ",
    "] ",
    ": ",
    "&a ",
    "*a ",
    "\"",
    "x-y: 1\n",
    "\n",
    "\t",
    "#",
    "<<: ",
];

proptest! {
    #[test]
    fn request_heads(bytes in fragments(HEAD)) {
        rules::request_head(&bytes);
    }

    #[test]
    fn response_heads(bytes in fragments(HEAD)) {
        rules::response_head(&bytes);
    }

    #[test]
    fn chunked_bodies(bytes in fragments(CHUNKS), piece in 1_usize..20) {
        rules::chunked(&bytes, piece);
    }

    #[test]
    fn configs(text in fragments(YAML)) {
        rules::config(&String::from_utf8_lossy(&text));
    }
}
