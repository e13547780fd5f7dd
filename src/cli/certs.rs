//! `pulsegate certs`: certificates to try TLS with.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rcgen::{ExtendedKeyUsagePurpose as Purpose, KeyUsagePurpose};

use super::failure::{Failure, print};

#[derive(Debug, Subcommand)]
pub(super) enum CertsCommand {
    /// Make an authority of your own, and what it vouches for: a server and a client
    ///
    /// The authority's own key is never written, so that nobody can vouch for anything else in its
    /// name. Files that are there already stay as they are, and nothing is written then.
    #[command(after_help = "\
Example:
  pulsegate certs make-demo certs
  pulsegate run --config conf/tls/https.yaml
  curl --cacert certs/ca.pem https://localhost:8443/")]
    MakeDemo(MakeDemoArgs),
}

#[derive(Debug, Args)]
pub(super) struct MakeDemoArgs {
    /// The folder to write them to; made if it is not there
    pub(super) dir: PathBuf,
}

/// Whom the demo's certificate is for.
const NAMES: [&str; 4] = ["localhost", "demo.test", "*.demo.test", "127.0.0.1"];

/// Makes an authority and what it vouches for. The authority's own key is never written: nobody can
/// vouch for anything else in its name.
pub(super) fn make_demo(args: &MakeDemoArgs) -> Result<(), Failure> {
    write(&args.dir, &demo()?)?;
    let dir = args.dir.display();
    print(&format!(
        "{dir}/ca.pem      the authority; give it to clients: curl --cacert {dir}/ca.pem\n\
         {dir}/demo.pem    for {}, with {dir}/demo.key\n\
         {dir}/client.pem  for a client, with {dir}/client.key\n",
        NAMES.join(", ")
    ))
}

/// A file's name and its text.
type File = (&'static str, String);

fn demo() -> Result<Vec<File>, rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, "Pulsegate demo authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let mut files = vec![("ca.pem", issuer.pem())];
    let leaf = |names: &[&str], called: &str, purpose| -> Result<(String, String), rcgen::Error> {
        let names = names.iter().map(|name| (*name).to_owned());
        let mut params = CertificateParams::new(names.collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, called);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &issuer)?.pem(), key.serialize_pem()))
    };
    let (cert, key) = leaf(&NAMES, "Pulsegate demo", Purpose::ServerAuth)?;
    files.extend([("demo.pem", cert), ("demo.key", key)]);
    let (cert, key) = leaf(&[], "Pulsegate demo client", Purpose::ClientAuth)?;
    files.extend([("client.pem", cert), ("client.key", key)]);
    Ok(files)
}

/// Writes all files, or none that was there before.
fn write(dir: &Path, files: &[File]) -> Result<()> {
    for (name, _) in files {
        let path = dir.join(name);
        anyhow::ensure!(!path.exists(), "{} exists already; nothing was written", path.display());
    }
    let made = DirBuilder::new().recursive(true).mode(0o755).create(dir);
    made.with_context(|| format!("cannot make {}", dir.display()))?;
    for (name, text) in files {
        let path = dir.join(name);
        let mode = if name.ends_with(".key") { 0o600 } else { 0o644 };
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
