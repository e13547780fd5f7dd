//! The two forms of a PROXY protocol header.

/// In which form backends are told who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyVersion {
    /// One line of text; addresses only.
    V1,
    /// Binary, with the server name and the agreed protocol where they are known.
    V2,
}

impl ProxyVersion {
    /// The name in config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}
