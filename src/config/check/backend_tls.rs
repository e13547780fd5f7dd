//! `tls` of a pool or of a layer that asks its backends: whom to ask for, whom to believe, and what to
//! show.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::ServerName;

use super::tls;
use crate::config::pem;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Key, Kind, OFF, Shape, key};
use crate::config::{BackendTls, Trust, system_roots};
use crate::model::TrustedRoots;

/// The key `tls` of a pool.
pub(super) const POOL: Key = key(
    "tls",
    KIND,
    "Speak TLS with the backends, and so do their probes; `{}` = the system's authorities vouch.",
);

/// The key `tls` of a layer.
pub(super) const LAYER: Key =
    key("tls", KIND, "Ask by TLS; default as the pool's traffic; `off` = in clear.");

const KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&SHAPE)]);

static SHAPE: Shape = Shape {
    name: "backend_tls",
    about: "TLS with backends. They are verified unless that is ordered otherwise.",
    keys: &[
        key("ca", Kind::Text(FILE), "Who may vouch for them; default the system's authorities."),
        key("verify", Kind::Boolean, "`false` = any certificate passes; default `true`."),
        key("server_name", Kind::Text(NAME), "Asked for and verified; default the backend's host."),
        key("client", Kind::Shape(&tls::CERTIFICATE), "Shown to a backend that asks for one."),
    ],
    later: &["cert", "key", "ciphers", "min_version"],
};

pub(super) const FILE: &str = "the path of a PEM file with certificates of authorities";
/// What is expected of a name asked for by TLS.
pub(super) const NAME: &str = "a hostname such as api.internal, or an IP address";

/// Reads the key `tls`; where there is none, all is as `inherited`.
pub(super) fn read(fields: &Fields<'_>, inherited: Option<&BackendTls>) -> Option<BackendTls> {
    let Some(cursor) = fields.get("tls") else { return inherited.cloned() };
    if cursor.is_word("off") {
        return None;
    }
    if !cursor.is_mapping() {
        cursor.mismatch(&KIND.expected());
        return None;
    }
    let fields = cursor.fields(&SHAPE)?;
    let server_name = fields.get("server_name").and_then(|cursor| name(&cursor));
    let client = fields.get("client").and_then(|cursor| tls::certificate(&cursor));
    Some(BackendTls { server_name, trust: trust(&cursor, &fields)?, client })
}

/// Whom `ca` and `verify` say to trust; `None` = they are wrong.
pub(super) fn trust(cursor: &Cursor<'_>, fields: &Fields<'_>) -> Option<Trust> {
    let verify = fields.boolean("verify").unwrap_or(true);
    match (fields.text("ca"), verify) {
        (Some((cursor, _)), false) => {
            cursor.problem("with `verify: false` nobody vouches (remove `ca`, or `verify`)");
            None
        }
        (Some((cursor, path)), true) => authorities(&cursor, path),
        (None, false) => Some(Trust::Anyone),
        (None, true) => Some(system(cursor)),
    }
}

/// A name as it is asked for.
pub(super) fn name(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(NAME)?;
    if ServerName::try_from(text).is_ok() {
        return Some(Arc::from(text));
    }
    cursor.mismatch(NAME);
    None
}

/// Those of this system. That it has none is no mistake of the file, but nobody will be believed.
pub(super) fn system(cursor: &Cursor<'_>) -> Trust {
    let roots = system_roots().unwrap_or_else(|why| {
        cursor.warning(format!("{why}: no certificate will pass (install some, or give `ca`)"));
        TrustedRoots::new(Vec::new())
    });
    Trust::System(roots)
}

/// Those whose certificates are in a file.
pub(super) fn authorities(cursor: &Cursor<'_>, path: &str) -> Option<Trust> {
    match roots(Path::new(path)) {
        Ok(roots) => Some(Trust::Authorities { file: PathBuf::from(path), roots }),
        Err(why) => {
            cursor.problem(format!("{why} (expected {FILE})"));
            None
        }
    }
}

fn roots(path: &Path) -> Result<TrustedRoots, String> {
    let certificates = pem::certificates(path)?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        let added = store.add(certificate.clone());
        added.map_err(|error| format!("a certificate in the file cannot be used: {error}"))?;
    }
    Ok(TrustedRoots::new(certificates.iter().map(|one| one.to_vec()).collect()))
}
