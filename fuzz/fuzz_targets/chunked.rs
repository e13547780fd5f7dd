//! Any bytes as a chunked body, whole and in pieces: no panic, and both are read the same way.

#![no_main]

#[expect(dead_code, reason = "each target checks one of the rules")]
#[path = "../../tests/it/properties/rules.rs"]
mod rules;

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| rules::chunked(input.1, usize::from(input.0) + 1));
