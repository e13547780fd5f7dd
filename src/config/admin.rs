//! The admin API: who may ask, who may change.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::model::Secret;

/// The admin API's settings.
#[derive(Clone, Debug, Default)]
pub struct AdminApi {
    /// TCP addresses; read-only unless a token is presented. A non-loopback one needs a token.
    pub bind: Vec<SocketAddr>,
    /// The unix socket (mode 0600), which may change things.
    pub socket: Option<PathBuf>,
    /// Bearer tokens.
    pub tokens: Vec<Token>,
    /// `Host` values accepted besides the bound addresses and `localhost`.
    pub allowed_hosts: Vec<String>,
}

/// What a token's bearer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read.
    Viewer,
    /// Read and change.
    Operator,
}

/// A bearer token.
#[derive(Clone, Debug)]
pub struct Token {
    /// What its bearer may do.
    pub role: Role,
    /// The token itself, read from its file or environment variable when the config was checked.
    pub secret: Secret,
    /// Where it was read from.
    pub source: SecretSource,
}

/// Where a secret is kept; safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that holds nothing else; relative to the current directory.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}
