//! Speaks to a running process's admin API, over its unix socket or TCP.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::view;
use crate::config::Secret;
use crate::explain::plan::view as plan;
use crate::explain::view as explain;

/// From the connect to the whole answer; longer than the API itself takes at most.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer: a status of 10,000 backends takes about a tenth.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Where the API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A unix socket's path.
    Unix(PathBuf),
    /// `host:port`.
    Tcp(String),
}

impl Address {
    /// The address in `http://host:port`, with or without a slash at the end.
    ///
    /// # Errors
    ///
    /// [`ClientError::Url`] for anything else.
    pub fn from_url(url: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url(url.to_owned());
        let uri: hyper::Uri = url.parse().map_err(|_| wrong())?;
        let plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/");
        let authority = uri.authority().filter(|it| plain && !it.as_str().contains('@'));
        let authority = authority.ok_or_else(wrong)?;
        Ok(Self::Tcp(match authority.port() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:80"),
        }))
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is not of the form that is understood.
    #[error("{0}: expected http://host:port")]
    Url(String),
    /// There is no socket at the path.
    #[error("no socket at {}", .0.display())]
    NoSocket(PathBuf),
    /// There is one, but no process answers on it.
    #[error("nothing answers on {0}")]
    Refused(String),
    /// The connection could not be made or broke off.
    #[error("{address}: {cause}")]
    Io {
        /// Where to.
        address: String,
        /// What the system answered.
        cause: io::Error,
    },
    /// The other side does not speak HTTP as expected.
    #[error("{0} does not answer like a Pulsegate admin API: {1}")]
    Protocol(String, String),
    /// No whole answer in time.
    #[error("{0} does not answer in time")]
    Timeout(String),
    /// The API refused.
    #[error("{}", .1.error)]
    Refusal(StatusCode, view::Failed),
}

/// A way to the API.
#[derive(Clone, Debug)]
pub struct Client {
    address: Address,
    token: Option<Secret>,
}

impl Client {
    /// To the API at `address`, presenting `token` if there is one.
    #[must_use]
    pub fn new(address: Address, token: Option<Secret>) -> Self {
        Self { address, token }
    }

    /// `GET /status`.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`] but `Url`; so for all requests.
    pub async fn status(&self) -> Result<view::Status, ClientError> {
        self.ask(Method::GET, "/status").await
    }

    /// `GET /status`, as it came.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn status_json(&self) -> Result<serde_json::Value, ClientError> {
        self.ask(Method::GET, "/status").await
    }

    /// `GET /health/detailed` of the backends of this name.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn backend(&self, name: &str) -> Result<view::Status, ClientError> {
        self.ask(Method::GET, &detailed(name)).await
    }

    /// `GET /health/detailed` of the backends of this name, as it came.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn backend_json(&self, name: &str) -> Result<serde_json::Value, ClientError> {
        self.ask(Method::GET, &detailed(name)).await
    }

    /// `GET /events`.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn events(&self, limit: usize) -> Result<view::Events, ClientError> {
        self.ask(Method::GET, &format!("/events?limit={limit}")).await
    }

    /// `GET /drains`.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn drains(&self) -> Result<view::Drains, ClientError> {
        self.ask(Method::GET, "/drains").await
    }

    /// `GET /orders`.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn orders(&self) -> Result<view::Orders, ClientError> {
        self.ask(Method::GET, "/orders").await
    }

    /// `POST /orders`.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn give(&self, order: &view::Give) -> Result<view::Given, ClientError> {
        let body = serde_json::to_vec(order).map_err(|error| self.protocol(&error))?;
        self.ask_with(Method::POST, "/orders", body.into()).await
    }

    /// `POST /explain`.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn explain(
        &self,
        question: &explain::Question,
    ) -> Result<explain::Explanation, ClientError> {
        let body = serde_json::to_vec(question).map_err(|error| self.protocol(&error))?;
        self.ask_with(Method::POST, "/explain", body.into()).await
    }

    /// `POST /plan`.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn plan(&self, question: &plan::Question) -> Result<plan::Plan, ClientError> {
        let body = serde_json::to_vec(question).map_err(|error| self.protocol(&error))?;
        self.ask_with(Method::POST, "/plan", body.into()).await
    }

    /// `POST /reload`.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn reload(&self, confirm: Option<Duration>) -> Result<view::Reloaded, ClientError> {
        match confirm {
            Some(within) => {
                let path = format!("/reload?confirm_ms={}", within.as_millis());
                self.ask(Method::POST, &path).await
            }
            None => self.ask(Method::POST, "/reload").await,
        }
    }

    /// `POST /reload/confirm`.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn confirm(&self) -> Result<view::Confirmed, ClientError> {
        self.ask(Method::POST, "/reload/confirm").await
    }

    /// `POST /rollback`.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn roll_back(&self) -> Result<view::Reloaded, ClientError> {
        self.ask(Method::POST, "/rollback").await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, ClientError> {
        self.ask_with(method, path, Bytes::new()).await
    }

    async fn ask_with<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let asked = tokio::time::timeout(TIMEOUT, self.connect_and_send(method, path, body)).await;
        let (status, body) = asked.map_err(|_| ClientError::Timeout(self.name()))??;
        if status.is_success() {
            serde_json::from_slice(&body).map_err(|error| self.protocol(&error))
        } else {
            let failed = serde_json::from_slice(&body).map_err(|_| self.protocol(&status))?;
            Err(ClientError::Refusal(status, failed))
        }
    }

    async fn connect_and_send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let request = self.request(method, path, body)?;
        match &self.address {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| self.io(error))?;
                self.send(stream, request).await
            }
            Address::Tcp(authority) => {
                let stream = TcpStream::connect(authority).await.map_err(|error| self.io(error))?;
                self.send(stream, request).await
            }
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let host = match &self.address {
            Address::Unix(_) => "localhost",
            Address::Tcp(authority) => authority,
        };
        let mut request = Request::builder().method(method).uri(path).header(HOST, host);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        request.body(Full::new(body)).map_err(|error| self.protocol(&error))
    }

    async fn send(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| self.protocol(&error))?;
        let answered = async {
            let response = sender.send_request(request).await.map_err(|e| self.protocol(&e))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => self.protocol(&"the answer is too large"),
                None => self.protocol(&error),
            })?;
            Ok((status, body.to_bytes()))
        };
        tokio::pin!(answered);
        // The connection does the I/O; it may end before its answer has been taken.
        tokio::select! {
            answer = &mut answered => answer,
            _ = connection => answered.await,
        }
    }

    fn name(&self) -> String {
        match &self.address {
            Address::Unix(path) => path.display().to_string(),
            Address::Tcp(authority) => authority.clone(),
        }
    }

    fn protocol(&self, what: &dyn std::fmt::Display) -> ClientError {
        ClientError::Protocol(self.name(), what.to_string())
    }

    fn io(&self, cause: io::Error) -> ClientError {
        match (cause.kind(), &self.address) {
            (io::ErrorKind::NotFound, Address::Unix(path)) => ClientError::NoSocket(path.clone()),
            (io::ErrorKind::ConnectionRefused, _) => ClientError::Refused(self.name()),
            _ => ClientError::Io { address: self.name(), cause },
        }
    }
}

fn detailed(backend: &str) -> String {
    let name: String = form_urlencoded::byte_serialize(backend.as_bytes()).collect();
    format!("/health/detailed?backend={name}")
}
