//! What a listener answers handshakes with: certificates by name, versions, tickets, and what it asks of
//! clients.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert, WebPkiClientVerifier,
    danger::ClientCertVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::config::{ClientAuth, TlsTermination, TlsVersion};

/// HTTP/1.1 by ALPN (RFC 7301).
const HTTP1: &[u8] = b"http/1.1";
/// HTTP/2 by ALPN (RFC 9113 §3.2).
pub(super) const HTTP2: &[u8] = b"h2";

/// What a listener answers handshakes with.
#[derive(Clone, Debug)]
pub struct Context {
    /// One for each way to ask clients who they are.
    configs: Vec<Arc<ServerConfig>>,
    names: Arc<Names>,
}

impl Context {
    /// As configured; `http2` = it is offered, and preferred.
    #[must_use]
    pub fn new(
        terms: &TlsTermination,
        http2: bool,
        tickets: Option<&Arc<dyn ProducesTickets>>,
    ) -> Self {
        let mut ways: Vec<Option<&ClientAuth>> = Vec::new();
        for shown in &terms.shown {
            if !ways.contains(&shown.client_auth.as_ref()) {
                ways.push(shown.client_auth.as_ref());
            }
        }
        let names = Arc::new(Names::new(terms, &ways));
        let provider = Arc::new(provider(terms));
        let config = |(way, auth): (usize, &Option<&ClientAuth>)| {
            let resolver = Own { names: Arc::clone(&names), way };
            let mut config = config(&provider, terms, *auth, resolver);
            let offered = http2.then_some(HTTP2).into_iter().chain([HTTP1]);
            config.alpn_protocols = offered.map(<[u8]>::to_vec).collect();
            // A ticket says who its client has proved to be: with other authorities it is worth nothing.
            let tickets = match auth {
                None => tickets.cloned(),
                Some(_) => aws_lc_rs::Ticketer::new().ok(),
            };
            if let Some(tickets) = tickets {
                config.ticketer = tickets;
            }
            Arc::new(config)
        };
        let configs = ways.iter().enumerate().map(config).collect();
        Self { configs, names }
    }

    /// For rustls, with a client that asks for this name.
    pub(super) fn config(&self, asked: Option<&str>) -> Option<&Arc<ServerConfig>> {
        let way = self.names.shown(asked).map_or(0, |entry| entry.way);
        self.configs.get(way)
    }

    /// Have clients that ask for these names to prove the same?
    pub(super) fn asks_alike(&self, a: Option<&str>, b: Option<&str>) -> bool {
        let way = |asked| self.names.shown(asked).map_or(0, |entry| entry.way);
        self.configs.len() == 1 || way(a) == way(b)
    }

    /// Would a client that asked for `asked` get the same certificate for `host`, and have to prove the
    /// same? Otherwise it reached this listener by a name that does not vouch for the host. Who asked for
    /// no name is only held to the latter.
    #[must_use]
    pub fn vouches(&self, asked: Option<&str>, host: &str) -> bool {
        // Almost always the two are one, which is seen without looking anything up.
        if asked.is_some_and(|asked| asked.eq_ignore_ascii_case(host)) {
            return true;
        }
        if asked.is_none() && self.configs.len() == 1 {
            return true;
        }
        let (by, of) = (self.names.shown(asked), self.names.find(host));
        match asked {
            Some(_) => {
                let shown = |entry: Option<&Entry>| entry.map(|it| Arc::as_ptr(&it.keyed));
                shown(by) == shown(of)
            }
            None => of.is_none_or(|of| by.is_some_and(|by| by.way == of.way)),
        }
    }
}

/// What rustls has, or the part of it that is configured, in that order.
fn provider(terms: &TlsTermination) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    if !terms.cipher_suites.is_empty() {
        let all = std::mem::take(&mut provider.cipher_suites);
        let named = |name: &&str| all.iter().find(|suite| suite.suite().as_str() == Some(*name));
        provider.cipher_suites = terms.cipher_suites.iter().filter_map(named).copied().collect();
    }
    if !terms.groups.is_empty() {
        let all = std::mem::take(&mut provider.kx_groups);
        let named = |name: &&str| all.iter().find(|it| it.name().as_str() == Some(name));
        provider.kx_groups = terms.groups.iter().filter_map(named).copied().collect();
    }
    provider
}

fn config(
    provider: &Arc<CryptoProvider>,
    terms: &TlsTermination,
    auth: Option<&ClientAuth>,
    resolver: Own,
) -> ServerConfig {
    let versions: &[&SupportedProtocolVersion] = match terms.min_version {
        TlsVersion::V1_2 => &[&TLS12, &TLS13],
        TlsVersion::V1_3 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .unwrap_or_else(|_| unreachable!("a suite of a version that is spoken was asked for"));
    let verifier = auth.map_or_else(WebPkiClientVerifier::no_client_auth, |auth| {
        verifier(auth, Arc::clone(provider))
    });
    let mut config =
        builder.with_client_cert_verifier(verifier).with_cert_resolver(Arc::new(resolver));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    config
}

fn verifier(auth: &ClientAuth, provider: Arc<CryptoProvider>) -> Arc<dyn ClientCertVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(auth.roots.iter().map(CertificateDer::from));
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if auth.required { builder } else { builder.allow_unauthenticated() };
    builder.build().unwrap_or_else(|_| unreachable!("the file's certificates were tried"))
}

/// Certificates by the names they are for.
#[derive(Debug)]
struct Names {
    exact: HashMap<Box<str>, Entry>,
    /// Of `*.example.com`, by `example.com`.
    wildcard: HashMap<Box<str>, Entry>,
    /// For clients that ask for none of them, or for no name.
    otherwise: Option<Entry>,
}

/// A certificate, and the way its clients are asked who they are.
#[derive(Clone, Debug)]
struct Entry {
    keyed: Arc<CertifiedKey>,
    way: usize,
}

impl Names {
    /// Of several certificates for one name the first counts.
    fn new(terms: &TlsTermination, ways: &[Option<&ClientAuth>]) -> Self {
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        let mut first = None;
        for shown in &terms.shown {
            let way = ways.iter().position(|way| *way == shown.client_auth.as_ref()).unwrap_or(0);
            for certificate in shown.source.certificates() {
                let entry = Entry { keyed: Arc::clone(&certificate.keyed), way };
                first.get_or_insert_with(|| entry.clone());
                for name in &certificate.names {
                    let (map, name) = match name.strip_prefix("*.") {
                        Some(parent) => (&mut wildcard, parent),
                        None => (&mut exact, &**name),
                    };
                    map.entry(name.into()).or_insert_with(|| entry.clone());
                }
            }
        }
        Self { exact, wildcard, otherwise: first.filter(|_| !terms.refuse_unknown_names) }
    }

    /// What a client is shown that asks for this name, or for none.
    fn shown(&self, asked: Option<&str>) -> Option<&Entry> {
        match asked {
            Some(name) => self.find(name),
            None => self.otherwise.as_ref(),
        }
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let parent = || self.wildcard.get(name.split_once('.')?.1);
        self.exact.get(&*name).or_else(parent).or(self.otherwise.as_ref())
    }
}

/// Shows what belongs to one way of asking, and nothing else: whatever a hello says to whom, nobody gets
/// by it to where more has to be proved.
#[derive(Debug)]
struct Own {
    names: Arc<Names>,
    way: usize,
}

impl ResolvesServerCert for Own {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let entry = self.names.shown(hello.server_name()).filter(|entry| entry.way == self.way)?;
        Some(Arc::clone(&entry.keyed))
    }
}
