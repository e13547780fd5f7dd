//! Any bytes as a request head: no panic, and what is accepted holds the parsers' promises.

#![no_main]

#[expect(dead_code, reason = "each target checks one of the rules")]
#[path = "../../tests/it/properties/rules.rs"]
mod rules;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rules::request_head(bytes));
