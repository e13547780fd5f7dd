//! Responses the proxy gives itself: errors, redirects, fixed texts, readiness.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::config::{FixedResponse, Redirect, RedirectTo};
use crate::l7::error::Failure;
use crate::l7::exchange::After;
use crate::l7::grpc;
use crate::l7::headers::{HSTS, append};
use crate::l7::io::write_both;
use crate::l7::limits::TooMany;
use crate::l7::record::Record;
use crate::l7::worker::Worker;
use crate::model::{Ended, UnixMillis};
use crate::net::{Stream, Timer};
use crate::table::Refused;

/// How long a client may take to accept a response of ours.
const SEND_MAX: Duration = Duration::from_secs(10);

/// A response of the proxy's own.
#[derive(Debug)]
pub(crate) struct Local {
    status: u16,
    ended: Ended,
    body: Text,
    location: Option<String>,
    /// It comes too soon.
    too_many: Option<Box<TooMany>>,
    /// What it says of plain HTTP.
    pub(crate) hsts: Option<Arc<str>>,
    /// When to come back, if it is 503: in so many seconds.
    retry_after_s: u64,
    /// Bytes of the request may still be on their way: close with care.
    pub(crate) unread: bool,
    /// Close after it.
    pub(crate) close: bool,
    /// The request was a HEAD.
    pub(crate) to_head: bool,
    /// The request was a call of gRPC, whose client understands a refusal only in its own terms.
    pub(crate) to_call: bool,
}

#[derive(Debug)]
enum Text {
    /// A sentence, shown after the status.
    Sentence(&'static str),
    /// As configured.
    Fixed(Arc<str>),
}

impl Local {
    /// The answer to a failure; counts it.
    pub(crate) fn failure(worker: &Worker, failure: Failure) -> Self {
        if let Failure::Request(reason) = failure {
            worker.counters().bad_requests[reason as usize].add(1);
        }
        let (status, sentence) = failure.status();
        let close = failure.spoils_connection();
        let body = Text::Sentence(sentence);
        let ended = failure.ended();
        Self { ended, unread: close, close, ..Self::ours(status, body) }
    }

    /// The answer to a request that its pool does not let in.
    pub(crate) fn refused(worker: &Worker, refused: Refused, now: Instant) -> Self {
        let (failure, until) = match refused {
            Refused::Shed => (Failure::Shed, None),
            Refused::CircuitOpen(until) => (Failure::CircuitOpen, until),
        };
        let left = until.map(|until| until.saturating_duration_since(now.into_std()).as_secs());
        let retry_after_s = left.unwrap_or(0).saturating_add(1);
        Self { retry_after_s, ..Self::failure(worker, failure) }
    }

    /// The answer to a request that is done without for a while.
    pub(crate) fn degraded(worker: &Worker, fixed: Option<&FixedResponse>) -> Self {
        match fixed {
            Some(fixed) => Self { ended: Ended::Degraded, ..Self::fixed(fixed) },
            None => Self::failure(worker, Failure::Degraded),
        }
    }

    /// The answer to a request that is aborted on purpose.
    pub(crate) fn aborted(status: u16) -> Self {
        let sentence = Text::Sentence("a fault that was injected for a drill");
        Self { ended: Ended::FaultInjected, ..Self::ours(status, sentence) }
    }

    /// A fixed response.
    pub(crate) fn fixed(fixed: &FixedResponse) -> Self {
        Self::ours(fixed.status, Text::Fixed(Arc::clone(&fixed.body)))
    }

    /// The answer to a request that comes too soon.
    pub(crate) fn too_many(worker: &Worker, too_many: TooMany) -> Self {
        let mut local = Self::failure(worker, Failure::TooMany);
        local.too_many = Some(Box::new(too_many));
        local
    }

    /// This node's readiness.
    pub(crate) fn ready(ready: bool) -> Self {
        match ready {
            true => Self::ours(200, Text::Sentence("ready")),
            false => Self::ours(503, Text::Sentence("not ready")),
        }
    }

    /// A redirect; `host` and `target` are the request's.
    pub(crate) fn redirect(redirect: &Redirect, host: &str, target: &str) -> Self {
        let location = match &redirect.to {
            RedirectTo::Https => format!("https://{}{target}", without_port(host)),
            RedirectTo::Location(to) => to.replace("{host}", host).replace("{path}", target),
        };
        let mut local = Self::ours(redirect.status, Text::Sentence("see the Location header"));
        local.location = Some(location);
        local
    }

    fn ours(status: u16, body: Text) -> Self {
        let ended = Ended::Local;
        Self {
            status,
            ended,
            body,
            location: None,
            too_many: None,
            hsts: None,
            retry_after_s: 1,
            unread: false,
            close: false,
            to_head: false,
            to_call: false,
        }
    }

    /// How the exchange ended by it.
    pub(crate) fn ended(&self) -> Ended {
        self.ended
    }

    /// Sends it, and notes that in `record`; says what becomes of the connection.
    pub(crate) async fn send(
        &self,
        worker: &Worker,
        stream: &mut Stream,
        timer: &Timer,
        record: &mut Record,
    ) -> After {
        record.status = self.status;
        let close = self.close || self.unread || worker.closing.get();
        let mut head = worker.buffers.take_vec();
        self.write_head(&mut head, close, (worker.clock)());
        let text = self.text();
        let body = if self.has_body() { &*text } else { "" };
        timer.set(SEND_MAX);
        let (_, mut writer) = stream.split();
        let sent = timer.limit(write_both(&mut writer, &head, body.as_bytes(), |_| {})).await;
        worker.buffers.put_vec(head);
        if let Some(Ok(())) = sent {
            record.bytes_out += body.len() as u64;
        }
        match sent {
            Some(Ok(())) if self.unread => After::Linger,
            Some(Ok(())) if !close => After::KeepAlive,
            _ => After::Close,
        }
    }

    /// By its status it has no body, and says nothing of one (RFC 9110 §8.6).
    fn is_bodiless(&self) -> bool {
        matches!(self.status, 204 | 304)
    }

    /// What it is counted as.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The status that it is sent with.
    pub(crate) fn said_status(&self) -> u16 {
        if self.refuses_call() { 200 } else { self.status }
    }

    fn refuses_call(&self) -> bool {
        self.to_call && self.status >= 400
    }

    /// Is its text sent with it?
    pub(crate) fn has_body(&self) -> bool {
        !self.to_head && !self.is_bodiless() && !self.refuses_call()
    }

    /// What it says.
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        match &self.body {
            Text::Fixed(text) => (&**text).into(),
            Text::Sentence(text) => {
                format!("{} {}: {text}\n", self.status, reason(self.status)).into()
            }
        }
    }

    /// What it says to a person.
    fn sentence(&self) -> &str {
        match &self.body {
            Text::Fixed(text) => text,
            Text::Sentence(text) => text,
        }
    }

    fn write_head(&self, out: &mut Vec<u8>, close: bool, now: UnixMillis) {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(itoa::Buffer::new().format(self.status).as_bytes());
        out.push(b' ');
        out.extend_from_slice(reason(self.status).as_bytes());
        out.extend_from_slice(b"\r\n");
        self.fields(now, &mut |name, value| append(out, name, value));
        if close {
            append(out, "Connection", b"close");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Gives `put` its header fields.
    pub(crate) fn fields(&self, now: UnixMillis, put: &mut dyn FnMut(&str, &[u8])) {
        let date = SystemTime::UNIX_EPOCH + Duration::from_millis(now.0);
        put("Date", httpdate::fmt_http_date(date).as_bytes());
        put("Server", b"pulsegate");
        if self.refuses_call() {
            let code = grpc::code_of(self.status, self.ended);
            put("Content-Type", grpc::CONTENT_TYPE);
            put(grpc::STATUS, itoa::Buffer::new().format(code).as_bytes());
            put(grpc::MESSAGE, grpc::message(self.sentence()).as_bytes());
        } else if !self.is_bodiless() {
            put("Content-Type", b"text/plain; charset=utf-8");
            let length = self.text().len();
            put("Content-Length", itoa::Buffer::new().format(length).as_bytes());
        }
        if let Some(location) = &self.location {
            put("Location", location.as_bytes());
        }
        if let Some(too_many) = &self.too_many {
            too_many.fields(put);
        }
        if let Some(hsts) = &self.hsts {
            put(HSTS, hsts.as_bytes());
        }
        match self.status {
            503 => {
                put("Retry-After", itoa::Buffer::new().format(self.retry_after_s).as_bytes());
            }
            405 => put("Allow", b"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"),
            _ => {}
        }
    }
}

/// An authority without its port, which is the port of another scheme.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        // The last colon of `[::1]` is within the address.
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    }
}

/// The reason phrase of a status this proxy may send; others go without.
fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_is_taken_off() {
        for (authority, host) in
            [("a", "a"), ("a:80", "a"), ("[::1]", "[::1]"), ("[::1]:80", "[::1]"), ("a:", "a")]
        {
            assert_eq!(without_port(authority), host);
        }
    }
}
