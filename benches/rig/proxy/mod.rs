//! The proxies, each configured as those who run it would for this work.
//!
//! Every sibling module has one recipe: it writes its configuration for a [`Site`] and says with
//! which command it is served.

pub(crate) mod haproxy;
pub(crate) mod nginx;
pub(crate) mod pulsegate;

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout_at};

use super::backend::SMALL;
use super::datagrams;
use super::exchange::{exchange, request};
use super::process::Process;
use super::scratch::Scratch;
use super::streams::{self, Streams};
use super::wire::{Dial, identity};

/// How long a proxy may take from listening to its first good answer.
const SERVE_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// What a proxy is to do, and with what.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    /// Whom it forwards to.
    pub(crate) backends: &'a [SocketAddr],
    /// Its workers or threads.
    pub(crate) workers: usize,
    /// Its cores, as `taskset -c` takes them.
    pub(crate) cores: &'a str,
    /// Health checks as shipped; false = none.
    pub(crate) checks: bool,
    /// What it forwards, in the word of Pulsegate's configuration: `http`, `tcp` or `udp`; or `https`, by
    /// which it speaks TLS with its clients, or `h2c` or `h2`, by which it speaks HTTP/2 with them, in clear or by
    /// TLS.
    pub(crate) protocol: &'static str,
}

/// A task with a place to do it.
pub(crate) struct Site<'a> {
    /// What is to be done.
    pub(crate) task: Task<'a>,
    /// The proxy's own directory.
    pub(crate) dir: &'a Path,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
}

/// How one proxy is set up and started.
#[derive(Clone, Copy)]
pub(crate) struct Recipe {
    /// Its name in tables and options.
    pub(crate) name: &'static str,
    /// Writes the configuration; the command that serves it in the foreground.
    pub(crate) prepare: fn(&Site<'_>) -> Result<Vec<OsString>>,
}

/// A proxy that runs.
pub(crate) struct Proxy {
    /// The process.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its directory, with configuration and output.
    pub(crate) dir: TempDir,
}

impl Proxy {
    /// Starts a proxy and waits until it serves a page.
    pub(crate) async fn start(recipe: &Recipe, task: Task<'_>) -> Result<Self> {
        let dir = TempDir::with_prefix("pulsegate-bench-")?;
        let address = free_address()?;
        let site = Site { dir: dir.path(), listen: address, task };
        if matches!(task.protocol, "https" | "h2") {
            certificate(dir.path())?;
        }
        let command = (recipe.prepare)(&site)?;
        let log = dir.path().join("output");
        let mut process = Process::start(recipe.name, task.cores, &command, &log)?;
        let started = async {
            if task.protocol == "udp" {
                return datagrams::answered(address).await;
            }
            process.listening(address).await?;
            serving(address, &Dial::new(task.protocol)?).await
        };
        started.await.with_context(|| {
            format!("{} said: {}", recipe.name, std::fs::read_to_string(&log).unwrap_or_default())
        })?;
        Ok(Self { process, address, dir })
    }
}

/// Waits for the first good answer: a proxy may listen before it trusts a backend.
async fn serving(address: SocketAddr, dial: &Dial) -> Result<()> {
    let (request, scratch) = (request(SMALL, true), Scratch::new());
    let as_stream = dial.http2().map(|scheme| streams::request(SMALL, scheme)).transpose()?;
    let deadline = Instant::now() + SERVE_LIMIT;
    loop {
        let mut stream = dial.connect(address).await?;
        let asked = async {
            match &as_stream {
                Some(request) => {
                    Streams::begin(stream).await?.exchange(request, SMALL.length).await
                }
                None => exchange(&mut stream, &scratch, &request, SMALL.length).await.map(drop),
            }
        };
        let failure = match timeout_at(deadline, asked).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) => failure,
            Err(_) => bail!("it does not answer"),
        };
        ensure!(Instant::now() < deadline, "it does not serve: {failure}");
        sleep(POLL).await;
    }
}

/// The certificate's file, and its key's, in a proxy's directory.
pub(crate) const CERTIFICATE: [&str; 2] = ["site.pem", "site.pem.key"];

/// Writes the contenders' certificate; what loads both together finds the key beside it.
fn certificate(dir: &Path) -> Result<()> {
    let identity = identity()?;
    std::fs::write(dir.join(CERTIFICATE[0]), identity.cert.pem())?;
    Ok(std::fs::write(dir.join(CERTIFICATE[1]), identity.signing_key.serialize_pem())?)
}

/// An address nobody listens on now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
