//! A result for people: text for the terminal.

#[cfg(test)]
mod tests;
mod text;

pub use text::{progress, text};
