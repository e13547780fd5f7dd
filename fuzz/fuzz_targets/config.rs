//! Any text as a configuration: no panic, and every refusal says something.

#![no_main]

#[expect(dead_code, reason = "each target checks one of the rules")]
#[path = "../../tests/it/properties/rules.rs"]
mod rules;

libfuzzer_sys::fuzz_target!(|text: &str| rules::config(text));
