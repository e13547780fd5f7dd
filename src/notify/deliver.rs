//! Delivers notices to one address, in order, each until it is taken, refused or too late.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::Counters;
use super::wire::Notice;
use crate::config::Webhook;
use crate::model::printable;
use crate::net::client_tls;

const AGENT: &str = concat!("pulsegate/", env!("CARGO_PKG_VERSION"));
/// From the connect to the answer's head.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the first try; it doubles with each.
const PAUSE: Duration = Duration::from_millis(500);
const TRIES: u32 = 8;

/// How one try ended.
enum Tried {
    Taken,
    /// It will not be taken the next time either.
    Refused(String),
    Failed(String),
}

pub(super) async fn all(
    webhook: Webhook,
    mut notices: mpsc::Receiver<Notice>,
    counters: Arc<Counters>,
) {
    let door = Door::of(&webhook);
    if let Err(why) = &door {
        tracing::error!(url = %webhook.url, %why, "no TLS to a webhook: nothing can be delivered");
    }
    while let Some(notice) = notices.recv().await {
        let delivered = match &door {
            Ok(door) => deliver(&webhook, door, &notice).await,
            Err(why) => Err(why.clone()),
        };
        match delivered {
            Ok(()) => counters.delivered.fetch_add(1, Relaxed),
            Err(why) => {
                let (url, text) = (&webhook.url, &notice.text);
                tracing::warn!(%url, %why, notice = %text, "webhook not delivered");
                counters.failed.fetch_add(1, Relaxed)
            }
        };
    }
}

/// How to speak to an address: by TLS to this name, or in clear.
struct Door(Option<(TlsConnector, ServerName<'static>)>);

impl Door {
    fn of(webhook: &Webhook) -> Result<Self, String> {
        let Some(tls) = &webhook.tls else { return Ok(Self(None)) };
        let name = ServerName::try_from(tls.server_name.to_string());
        let name = name.map_err(|error| error.to_string())?;
        let context = client_tls(tls.trust.roots(), &[b"http/1.1"], None);
        Ok(Self(Some((Arc::new(context).into(), name))))
    }
}

async fn deliver(webhook: &Webhook, door: &Door, notice: &Notice) -> Result<(), String> {
    let body = serde_json::to_vec(notice).map_err(|error| error.to_string())?;
    let body = Bytes::from(body);
    let mut why = String::new();
    for tries in 0..TRIES {
        if tries > 0 {
            sleep(PAUSE * 2_u32.pow(tries - 1)).await;
        }
        let tried = timeout(TIMEOUT, post(webhook, door, body.clone())).await;
        match tried.unwrap_or_else(|_| Tried::Failed("no answer in time".to_owned())) {
            Tried::Taken => return Ok(()),
            Tried::Refused(status) => return Err(status),
            Tried::Failed(cause) => why = cause,
        }
    }
    Err(format!("{why}, {TRIES} times"))
}

async fn post(webhook: &Webhook, door: &Door, body: Bytes) -> Tried {
    match sent(webhook, door, body).await {
        Ok(status) if status.is_success() => Tried::Taken,
        Ok(status)
            if status.is_server_error()
                || matches!(
                    status,
                    StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                ) =>
        {
            Tried::Failed(format!("status {}", status.as_u16()))
        }
        Ok(status) if status.is_redirection() => {
            Tried::Refused(format!("status {}: redirects are not followed", status.as_u16()))
        }
        Ok(status) => Tried::Refused(format!("status {}", status.as_u16())),
        Err(cause) => Tried::Failed(printable(&cause).into_owned()),
    }
}

async fn sent(webhook: &Webhook, door: &Door, body: Bytes) -> Result<StatusCode, String> {
    let stream = TcpStream::connect(&webhook.authority).await.map_err(|error| error.to_string())?;
    match &door.0 {
        None => asked(webhook, stream, body).await,
        Some((connector, name)) => {
            let secure = connector.connect(name.clone(), stream).await;
            asked(webhook, secure.map_err(|error| error.to_string())?, body).await
        }
    }
}

async fn asked(
    webhook: &Webhook,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    body: Bytes,
) -> Result<StatusCode, String> {
    let text = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let mut request = Request::post(&webhook.path)
        .header(HOST, &webhook.authority)
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close");
    if let Some((token, _)) = &webhook.token {
        request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
    }
    let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    // The answer's body is not read: its head says all that matters.
    let response = tokio::select! {
        response = &mut answer => response,
        _ = connection => answer.await,
    };
    response.map(|response| response.status()).map_err(text)
}
