//! Who is told what happens.

use std::sync::Arc;
use std::time::Duration;

use super::{SecretSource, Trust};
use crate::model::Secret;

/// An address that is told by `POST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// As typed: `https://host:port/path`.
    pub url: String,
    /// `host:port`.
    pub authority: String,
    /// From the first slash on.
    pub path: String,
    /// How to speak TLS; `None` = in clear.
    pub tls: Option<WebhookTls>,
    /// Presented as a bearer token.
    pub token: Option<(Secret, SecretSource)>,
    /// What it is told of.
    pub events: Vec<News>,
    /// How long a backend is down before its restart is asked for; `None` = never.
    pub restart_after: Option<Duration>,
}

/// TLS towards a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookTls {
    /// The name asked for and verified: the URL's host, unless another is configured.
    pub server_name: Arc<str>,
    /// Whose certificates pass.
    pub trust: Trust,
}

/// What somebody may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A zone or region stands otherwise than before.
    Transition,
    /// A zone or region does not recover, or all zones fail alike.
    Escalation,
    /// A pool could no longer lose its largest zone, or can again.
    Headroom,
    /// A backend is down for so long that somebody should restart it.
    Restart,
}

impl News {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Transition, Self::Escalation, Self::Headroom, Self::Restart];

    /// The name in the file and in what is sent.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Transition => "transition",
            Self::Escalation => "escalation",
            Self::Headroom => "headroom",
            Self::Restart => "restart",
        }
    }
}
