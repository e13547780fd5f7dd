//! What a listener answers handshakes with: certificates by name, versions, tickets.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use crate::config::{TlsTermination, TlsVersion};

/// HTTP/2 by its ALPN name.
pub(super) const HTTP2: &[u8] = b"h2";
/// Likewise HTTP/1.1.
const HTTP1: &[u8] = b"http/1.1";

/// What a listener answers handshakes with.
#[derive(Clone, Debug)]
pub struct Context {
    config: Arc<ServerConfig>,
    names: Arc<Names>,
}

impl Context {
    /// As configured; `http2` = it is offered, and preferred.
    #[must_use]
    pub fn new(
        terms: &TlsTermination,
        http2: bool,
        tickets: Option<Arc<dyn ProducesTickets>>,
    ) -> Self {
        let names = Arc::new(Names::new(terms));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions: &[_] = match terms.min_version {
            TlsVersion::V1_2 => &[&TLS12, &TLS13],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let builder = ServerConfig::builder_with_provider(provider);
        let mut config = builder
            .with_protocol_versions(versions)
            .unwrap_or_else(|_| unreachable!("the provider has suites for both versions"))
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&names) as Arc<dyn ResolvesServerCert>);
        let offered = http2.then_some(HTTP2).into_iter().chain([HTTP1]);
        config.alpn_protocols = offered.map(<[u8]>::to_vec).collect();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 1;
        if let Some(tickets) = tickets {
            config.ticketer = tickets;
        }
        Self { config: Arc::new(config), names }
    }

    /// For rustls.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Would a client that asked for `asked` get the same certificate for `host`? Otherwise it reached
    /// this listener by a name that its certificate does not vouch for.
    #[must_use]
    pub fn vouches(&self, asked: &str, host: &str) -> bool {
        let of = |name| self.names.find(name).map(Arc::as_ptr);
        asked.eq_ignore_ascii_case(host) || of(asked) == of(host)
    }
}

/// Certificates by the names they are for.
#[derive(Debug)]
struct Names {
    exact: HashMap<Box<str>, Arc<CertifiedKey>>,
    /// Of `*.example.com`, by `example.com`.
    wildcard: HashMap<Box<str>, Arc<CertifiedKey>>,
    /// For clients that ask for none of them, or for no name.
    otherwise: Option<Arc<CertifiedKey>>,
}

impl Names {
    /// Of several certificates for one name the first counts.
    fn new(terms: &TlsTermination) -> Self {
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        for certificate in terms.certificates() {
            for name in &certificate.names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcard, parent),
                    None => (&mut exact, &**name),
                };
                map.entry(name.into()).or_insert_with(|| Arc::clone(&certificate.keyed));
            }
        }
        let first = terms.certificates().next().filter(|_| !terms.refuse_unknown_names);
        Self { exact, wildcard, otherwise: first.map(|one| Arc::clone(&one.keyed)) }
    }

    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let parent = || self.wildcard.get(name.split_once('.')?.1);
        self.exact.get(&*name).or_else(parent).or(self.otherwise.as_ref())
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match hello.server_name() {
            Some(name) => self.find(name).cloned(),
            None => self.otherwise.clone(),
        }
    }
}
