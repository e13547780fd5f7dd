//! The first bytes of a connection, from anyone: never a panic, and what is read lies within.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pulsegate::net::proxy_protocol;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proxy_protocol::Read::Header(length, _)) = proxy_protocol::read(bytes) {
        assert!(length <= bytes.len());
    }
});
