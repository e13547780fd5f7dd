//! Who a client has proved to be, in words that a header can carry.

use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::{SupportedCipherSuite, pki_types::CertificateDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Bytes of a text at the most; what is longer is cut off.
const TEXT_BYTES: usize = 2048;

/// What a handshake with a client has shown.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    /// The name it asked for, in lower case.
    pub server_name: Option<Box<str>>,
    /// Who it has proved to be.
    pub client: Option<Box<ClientIdentity>>,
}

/// What a client's certificate says, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Its subject: `CN=…, O=…`.
    pub subject: Box<str>,
    /// The names it is for, as `DNS:a.test,URI:spiffe://b`.
    pub names: Box<str>,
    /// Its SHA-256, in hex.
    pub fingerprint: Box<str>,
}

impl ClientIdentity {
    /// Of a certificate that was verified; `None` if it cannot be read.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|extension| &extension.value.general_names);
        let names: Vec<_> = names.filter_map(told).collect();
        Some(Self {
            subject: plain(&parsed.subject().to_string()),
            names: plain(&names.join(",")),
            fingerprint: fingerprint(certificate),
        })
    }
}

fn told(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(format!("DNS:{}", escaped(name))),
        GeneralName::URI(uri) => Some(format!("URI:{}", escaped(uri))),
        GeneralName::RFC822Name(name) => Some(format!("email:{}", escaped(name))),
        _ => None,
    }
}

/// A comma within a name must not make two of it.
fn escaped(name: &str) -> String {
    name.replace('%', "%25").replace(',', "%2C")
}

/// Only what is visible in ASCII; other bytes as in a URL (RFC 3986 section 2.1).
fn plain(text: &str) -> Box<str> {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out.truncate(TEXT_BYTES);
    out.trim().into()
}

fn fingerprint(certificate: &[u8]) -> Box<str> {
    let SupportedCipherSuite::Tls13(suite) = TLS13_AES_128_GCM_SHA256 else {
        unreachable!("it is a suite of TLS 1.3")
    };
    let hash = suite.common.hash_provider.hash(certificate);
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
