//! What Pulsegate says of its backends, asked over its admin socket.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use crate::rig::proxy::{Proxy, pulsegate::ADMIN_SOCKET};

const POLL: Duration = Duration::from_millis(20);
/// For every layer's first verdict.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A backend as the table has it.
pub(crate) struct Seen {
    /// Its weight now; 0 = it gets nothing new.
    pub(crate) weight: f64,
    /// Why it is not up.
    pub(crate) reason: String,
}

/// The backends, in config order.
pub(crate) async fn backends(proxy: &Proxy) -> Result<Vec<Seen>> {
    let mut stream = UnixStream::connect(proxy.dir.path().join(ADMIN_SOCKET)).await?;
    stream
        .write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (_, body) = answer.split_once("\r\n\r\n").context("no status")?;
    let status: Value = serde_json::from_str(body)?;
    let zone = &status["pools"][0]["regions"][0]["zones"][0];
    let seen = |backend: &Value| Seen {
        weight: backend["effective_weight"].as_f64().unwrap_or(0.0),
        reason: backend["reason"].as_str().unwrap_or_default().to_owned(),
    };
    Ok(zone["backends"].as_array().context("no backends")?.iter().map(seen).collect())
}

/// Waits until all of them get traffic.
pub(crate) async fn all_up(proxy: &Proxy) -> Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    while backends(proxy).await?.iter().any(|backend| backend.weight <= 0.0) {
        if Instant::now() > deadline {
            bail!("not all backends come up");
        }
        sleep(POLL).await;
    }
    Ok(())
}
