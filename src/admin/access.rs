//! Who asks, and what they may do.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use subtle::{Choice, ConstantTimeEq};

use super::error::ApiError;
use super::origin;
use crate::config::{AdminApi, Role, Token};
use crate::control::Actor;

/// Which way a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The unix socket: who can open it is the operator.
    Unix,
    /// TCP.
    Tcp {
        /// The address connected to.
        local: SocketAddr,
        /// Whether the listener is bound to loopback only.
        loopback: bool,
    },
}

/// Who is at the other end of a connection; goes into each request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Which way it came in.
    pub door: Door,
    /// What is known of it, fit for a log line: an address, or a process's user.
    pub name: Arc<str>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A request's peer, with what it may do.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    peer: Peer,
    role: Role,
    /// Why a change is refused, if the role does not allow it.
    refusal: ApiError,
}

impl Caller {
    /// Whom a change is put down to, if this caller may change things.
    pub(super) fn may_change(&self) -> Result<Actor, ApiError> {
        match self.role {
            Role::Operator => Ok(Actor::Admin(Arc::clone(&self.peer.name))),
            Role::Viewer => Err(self.refusal.clone()),
        }
    }
}

/// The rules.
#[derive(Debug)]
pub(super) struct Access {
    tokens: Vec<Token>,
    allowed_hosts: Vec<String>,
}

impl Access {
    pub(super) fn new(settings: &AdminApi) -> Self {
        Self { tokens: settings.tokens.clone(), allowed_hosts: settings.allowed_hosts.clone() }
    }

    /// Lets in who may at least read.
    pub(super) fn admit(&self, peer: &Peer, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let (role, refusal) = match peer.door {
            Door::Unix => (Role::Operator, ApiError::ReadOnly),
            Door::Tcp { local, loopback } => {
                origin::check(headers, local, &self.allowed_hosts)?;
                self.role(headers, loopback)?
            }
        };
        Ok(Caller { peer: peer.clone(), role, refusal })
    }

    /// What a caller over TCP may do, and how to refuse what it may not.
    fn role(&self, headers: &HeaderMap, loopback: bool) -> Result<(Role, ApiError), ApiError> {
        let operators = self.tokens.iter().any(|token| token.role == Role::Operator);
        if let Some(presented) = headers.get(header::AUTHORIZATION) {
            let role = bearer(presented.as_bytes()).and_then(|token| self.role_of(token));
            return Ok((role.ok_or(ApiError::TokenWrong)?, ApiError::ViewerToken));
        }
        if !self.tokens.is_empty() && !loopback {
            return Err(ApiError::TokenMissing);
        }
        let refusal = if operators { ApiError::TokenMissing } else { ApiError::ReadOnly };
        Ok((Role::Viewer, refusal))
    }

    /// The role of the token presented. Takes the same time whichever token matches, and however
    /// much of one does.
    fn role_of(&self, presented: &[u8]) -> Option<Role> {
        let mut operator = Choice::from(0);
        let mut viewer = Choice::from(0);
        for token in &self.tokens {
            let equal = token.secret.expose().as_bytes().ct_eq(presented);
            match token.role {
                Role::Operator => operator |= equal,
                Role::Viewer => viewer |= equal,
            }
        }
        match (bool::from(operator), bool::from(viewer)) {
            (true, _) => Some(Role::Operator),
            (false, true) => Some(Role::Viewer),
            (false, false) => None,
        }
    }
}

/// The token of `Bearer <token>`; an empty one is none.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Secret, SecretSource};

    const TCP: Door = Door::Tcp {
        local: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9900),
        loopback: true,
    };

    fn access(tokens: &[(Role, &str)]) -> Access {
        let tokens = tokens.iter().map(|(role, secret)| Token {
            role: *role,
            secret: Secret::new((*secret).to_owned()),
            source: SecretSource::Env("TOKEN".to_owned()),
        });
        Access { tokens: tokens.collect(), allowed_hosts: Vec::new() }
    }

    /// What `access` lets a caller do: `Ok(true)` = change, `Ok(false)` = read.
    fn may(access: &Access, door: Door, authorization: Option<&str>) -> Result<bool, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost".parse().unwrap());
        if let Some(value) = authorization {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        let caller = access.admit(&Peer { door, name: "test".into() }, &headers)?;
        Ok(caller.may_change().is_ok())
    }

    #[test]
    fn the_unix_socket_is_the_operators() {
        assert_eq!(may(&access(&[]), Door::Unix, None), Ok(true));
        assert_eq!(may(&access(&[(Role::Viewer, "v")]), Door::Unix, None), Ok(true));
    }

    #[test]
    fn loopback_reads_without_a_token_and_changes_with_an_operators() {
        let access = access(&[(Role::Operator, "right"), (Role::Viewer, "look")]);
        assert_eq!(may(&access, TCP, None), Ok(false));
        assert_eq!(may(&access, TCP, Some("Bearer look")), Ok(false));
        assert_eq!(may(&access, TCP, Some("bearer right")), Ok(true));
    }

    #[test]
    fn a_wrong_token_is_worse_than_none() {
        let tokens = access(&[(Role::Operator, "right")]);
        for wrong in ["Bearer wrong", "Bearer righ", "Bearer rightt", "Bearer ", "Basic right", "x"]
        {
            assert_eq!(may(&tokens, TCP, Some(wrong)), Err(ApiError::TokenWrong), "{wrong}");
        }
        assert_eq!(may(&access(&[]), TCP, Some("Bearer any")), Err(ApiError::TokenWrong));
    }

    #[test]
    fn beyond_loopback_reading_needs_a_token() {
        let Door::Tcp { local, .. } = TCP else { unreachable!() };
        let door = Door::Tcp { local, loopback: false };
        let access = access(&[(Role::Viewer, "look")]);
        assert_eq!(may(&access, door, None), Err(ApiError::TokenMissing));
        assert_eq!(may(&access, door, Some("Bearer look")), Ok(false));
    }

    #[test]
    fn the_refusal_of_a_change_tells_what_would_help() {
        let refusal = |access: Access, authorization: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost".parse().unwrap());
            if let Some(value) = authorization {
                headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            }
            let peer = Peer { door: TCP, name: "test".into() };
            access.admit(&peer, &headers).unwrap().may_change().unwrap_err()
        };
        let both = [(Role::Operator, "right"), (Role::Viewer, "look")];
        assert_eq!(refusal(access(&[]), None), ApiError::ReadOnly);
        assert_eq!(refusal(access(&both), None), ApiError::TokenMissing);
        assert_eq!(refusal(access(&both), Some("Bearer look")), ApiError::ViewerToken);
    }
}
