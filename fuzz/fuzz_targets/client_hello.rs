//! The first bytes of a connection, from anyone: never a panic, and what is read lies within.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pulsegate::net::client_hello;

fuzz_target!(|bytes: &[u8]| {
    if let client_hello::Hello::Whole(hello) = client_hello::read(bytes) {
        assert!(hello.server_name.is_none_or(|name| !name.is_empty() && name.len() <= 253));
    }
});
