//! What is posted: a contract with whoever takes it.

use serde::Serialize;

/// One notice, as the body of a `POST`.
///
/// ```json
/// {"version":1,"event":"transition","at":"2026-11-21T02:27:04.123Z","pool":"shop",
///  "region":"us-east-1","zone":"us-east-1a","from":"active","to":"out",
///  "text":"shop/us-east-1/us-east-1a active -> out: its health is 0 %, below 50 %"}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Notice {
    /// Of this form.
    pub(super) version: u32,
    /// `transition`, `escalation`, `headroom` or `restart`.
    pub(super) event: &'static str,
    /// When it happened: RFC 3339 in UTC.
    pub(super) at: String,
    pub(super) pool: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<String>,
    /// For `restart`: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    /// All of it in one line, for people.
    pub(super) text: String,
}
