//! The one question discovery asks, so that tests can answer it from a script.

use std::pin::Pin;

use super::Answer;

/// Something that can look a hostname up.
pub trait Resolve: Send + Sync + 'static {
    /// Looks up both address families of `host`, which has no trailing dot. A failure is part of
    /// the answer.
    fn resolve<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
}
