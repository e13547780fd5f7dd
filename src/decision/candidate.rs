//! A backend as the decision sees it.

use crate::config::ResolvedBackend;
use crate::model::{Admin, Health, Reason};

/// A backend with what was observed of it and what was ordered for it.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Who and where it is.
    pub backend: &'a ResolvedBackend,
    /// What was observed.
    pub health: Health,
    /// Why it is not up, when it is not and something was seen.
    pub reason: Option<Reason>,
    /// What was ordered.
    pub admin: Admin,
}
