//! `tls` of a layer that asks by HTTP: whom to trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::ServerName;

use crate::config::check::pem;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Key, Kind, Shape, key};
use crate::config::{ProbeTls, Trust};
use crate::model::TrustedRoots;

pub(super) const KEY: Key = key("tls", Kind::Shape(&SHAPE), "Ask by TLS; without it, in clear.");

static SHAPE: Shape = Shape {
    name: "probe_tls",
    about: "How probes speak TLS: `ca` or `verify: false` says whom to trust.",
    keys: &[
        key("ca", Kind::Text(FILE), "The authorities that may vouch for the backend."),
        key("verify", Kind::Boolean, "`false` = any certificate passes; default `true`."),
        key("server_name", Kind::Text(NAME), "Asked for and verified; default the backend's host."),
    ],
    later: &["cert", "key"],
};

pub(in crate::config::check) const FILE: &str =
    "the path of a PEM file with certificates of authorities";
/// What is expected of a name asked for by TLS.
pub(in crate::config::check) const NAME: &str = "a hostname such as api.internal, or an IP address";

/// Reads the key `tls` of a layer.
pub(super) fn read(layer: &Fields<'_>) -> Option<ProbeTls> {
    let fields = layer.fields("tls")?;
    let server_name = fields.get("server_name").and_then(|cursor| name(&cursor));
    let Some(trust) = trust(&fields)? else {
        if !fields.has("ca") {
            fields.cursor().problem(format!(
                "it is not said whom to trust (expected `ca: {FILE}`, or `verify: false`)"
            ));
        }
        return None;
    };
    Some(ProbeTls { server_name, trust })
}

/// Whom `ca` and `verify` say to trust; `None` = they are wrong, `Some(None)` = they do not say.
pub(in crate::config::check) fn trust(fields: &Fields<'_>) -> Option<Option<Trust>> {
    let verify = fields.boolean("verify").unwrap_or(true);
    Some(match (fields.text("ca"), verify) {
        (Some((cursor, _)), false) => {
            cursor.problem("with `verify: false` nobody vouches (remove `ca`, or `verify`)");
            Some(Trust::Anyone)
        }
        (Some((cursor, path)), true) => Some(authorities(&cursor, path)?),
        (None, false) => Some(Trust::Anyone),
        (None, true) => None,
    })
}

/// A name as it is asked for.
pub(in crate::config::check) fn name(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(NAME)?;
    if ServerName::try_from(text).is_ok() {
        return Some(Arc::from(text));
    }
    cursor.mismatch(NAME);
    None
}

fn authorities(cursor: &Cursor<'_>, path: &str) -> Option<Trust> {
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
