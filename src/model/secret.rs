//! A value that must never be shown.

use std::fmt;

/// A value that never shows itself: `Debug` prints a placeholder.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value read from a file or the environment.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value, for comparison or for the wire only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
