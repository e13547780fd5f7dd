//! A client that sends any bytes and reads responses strictly.

use std::net::{SocketAddr, TcpStream};
use std::ops::{Deref, DerefMut};

use super::message::{Head, read_chunk, read_chunked};
use super::{End, PATIENCE, Wire};

/// How a response's body was delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body by the nature of request or status.
    None,
    /// `Content-Length`.
    Length,
    /// `chunked`.
    Chunked,
    /// By the end of the connection.
    Close(End),
}

/// A whole response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) framing: Framing,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The response says that the connection closes after it.
    pub(crate) fn says_close(&self) -> bool {
        self.head.lists("connection", "close")
    }
}

/// A client connection.
#[derive(Debug)]
pub(crate) struct Client(Wire);

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE);
        Self(Wire::new(stream.expect("the proxy listens"), "proxy (as its client)"))
    }

    /// A response's head only.
    pub(crate) fn head(&mut self) -> Head {
        let head = Head::read(&mut self.0);
        head.unwrap_or_else(|| panic!("closed without a response: {:?}", self.0.rest()))
    }

    /// The next response to a request other than HEAD, interim ones included.
    pub(crate) fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The next response, its framing judged by the method it answers.
    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        let head = self.head();
        let mut words = head.start.splitn(3, ' ');
        assert_eq!(words.next(), Some("HTTP/1.1"), "status line: {}", head.start);
        let status = words.next().and_then(|code| code.parse().ok()).expect("a status code");
        let bodiless = method == "HEAD" || status < 200 || matches!(status, 204 | 304);
        let mut trailers = Vec::new();
        let (body, framing) = if bodiless {
            (Vec::new(), Framing::None)
        } else if head.is_chunked() {
            assert!(!head.has("content-length"), "both framings: {head:?}");
            let (body, fields) = read_chunked(&mut self.0);
            trailers = fields;
            (body, Framing::Chunked)
        } else if let Some(length) = head.content_length() {
            (self.0.exactly(length), Framing::Length)
        } else {
            let (body, end) = self.0.rest();
            (body, Framing::Close(end))
        };
        Response { status, head, body, trailers, framing }
    }

    /// The next chunk of a body; `None` = it was the last.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        read_chunk(&mut self.0)
    }

    /// Sends and reads one response.
    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> Response {
        self.0.send(request);
        self.response()
    }

    /// `GET` this target.
    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"))
    }

    /// `GET` this target from the admin API, which checks `Host`.
    pub(crate) fn admin(&mut self, target: &str) -> Response {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// An error response that announces and then does close, with FIN and not with RST.
    pub(crate) fn refused(&mut self) -> u16 {
        let response = self.response();
        assert!(response.says_close(), "no `Connection: close` in {:?}", response.head);
        assert_eq!(self.0.ended(), End::Fin, "an error response must not be erased by RST");
        response.status
    }

    /// Ends the connection with RST.
    pub(crate) fn reset(self) {
        self.0.reset();
    }
}

impl Deref for Client {
    type Target = Wire;
    fn deref(&self) -> &Wire {
        &self.0
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.0
    }
}
