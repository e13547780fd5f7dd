//! What a resolver says about a hostname: each address family on its own, because either may fail
//! while the other answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::model::printable;

/// Characters of a failure's words that are kept.
const DETAIL_CHARS: usize = 200;

/// The answers for both address families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `A` records.
    pub v4: Family,
    /// `AAAA` records.
    pub v6: Family,
}

impl Answer {
    /// Both families failed for the same reason.
    #[must_use]
    pub fn failed(detail: &str) -> Self {
        let family = Family::failed(detail);
        Self { v4: family.clone(), v6: family }
    }
}

/// The answer for one address family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Family {
    /// The records, and how long they may be believed.
    Records(Vec<IpAddr>, Duration),
    /// The name has no records of this family, or does not exist.
    Nothing,
    /// It could not be found out: at most 200 characters, without control characters.
    Failed(Arc<str>),
}

impl Family {
    /// A failure in words that may come from the network: capped here, and made fit to be shown.
    #[must_use]
    pub fn failed(detail: &str) -> Self {
        Self::Failed(printable(detail).chars().take(DETAIL_CHARS).collect::<String>().into())
    }
}
