//! Which answers are compressed on their way to the client.

use std::sync::Arc;

use crate::model::Coding;

/// How answers are compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// The codings offered, the preferred first; at least one.
    pub codings: Vec<Coding>,
    /// Media types in lower case, without parameters; `text/*` = all of a kind.
    pub types: Vec<Arc<str>>,
    /// Bytes of the shortest answer that is worth it; one of unknown length always is.
    pub min_bytes: u64,
}

impl Compression {
    /// What text is sent as, by the registry of media types.
    pub(super) const TYPES: [&'static str; 12] = [
        "text/*",
        "application/json",
        "application/javascript",
        "application/xml",
        "application/xhtml+xml",
        "application/rss+xml",
        "application/atom+xml",
        "application/ld+json",
        "application/manifest+json",
        "application/problem+json",
        "application/wasm",
        "image/svg+xml",
    ];
    /// Below this an answer fits into one packet either way.
    pub(super) const MIN_BYTES: u64 = 1024;

    /// Is this media type, as a header has it, one of those?
    #[must_use]
    pub fn takes(&self, content_type: &[u8]) -> bool {
        let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii();
        let is = |kind: &Arc<str>| match kind.strip_suffix('*') {
            Some(start) => essence
                .get(..start.len())
                .is_some_and(|have| have.eq_ignore_ascii_case(start.as_bytes())),
            None => essence.eq_ignore_ascii_case(kind.as_bytes()),
        };
        self.types.iter().any(is)
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            codings: Coding::ALL.to_vec(),
            types: Self::TYPES.into_iter().map(Arc::from).collect(),
            min_bytes: Self::MIN_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_compared_without_case_and_parameters() {
        let compression = Compression::default();
        for taken in ["text/html", "Text/CSV; charset=utf-8", "application/json ;x=y", "text/x"] {
            assert!(compression.takes(taken.as_bytes()), "{taken}");
        }
        for not in ["", "text", "image/png", "application/jsonx", "application/octet-stream"] {
            assert!(!compression.takes(not.as_bytes()), "{not}");
        }
    }
}
