//! The texts, and what they become.

pub(super) mod health;
pub(super) mod standings;
