//! A response head, understood and written for the client, in one go and without waiting.

use std::time::Duration;

use httparse::Header;

use crate::l7::client::{Response, ResponseBody};
use crate::l7::headers::{ClientFraming, ClientSide, Known, elements, known};
use crate::l7::version::Version;
use crate::model::BadResponse;

use super::client::Sink;
use super::inbound::Shared;

/// What a response head says about what follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) status: u16,
    /// Where the backend's body ends.
    pub(super) body: ResponseBody,
    /// How the client will find the end.
    pub(super) framing: ClientFraming,
    /// The client's connection ends after it.
    pub(super) close: bool,
    /// How long the backend's connection may be kept, if it may be used again at all.
    pub(super) keep: Option<Duration>,
}

/// What a head turned out to be.
pub(super) enum Kind {
    /// The answer.
    Final(Opened),
    /// `100 Continue`, `103 Early Hints` and the like, written for the client: another follows.
    Interim,
    /// Likewise, but nothing for this client.
    Dropped,
}

/// Has the client's head made of a backend's.
///
/// # Errors
/// The head is refused.
pub(super) fn open(
    shared: &Shared<'_>,
    response: &Response<'_, '_>,
    client: &mut impl Sink,
    out: &mut Vec<u8>,
) -> Result<Kind, BadResponse> {
    match response.status {
        101 if switches_as_asked(shared, response) => {
            Ok(Kind::Final(switch(shared, response, client, out)))
        }
        101 => Err(BadResponse::Upgrade),
        // It would be taken for the switch.
        200..=299 if shared.terms.key.is_some() => Err(BadResponse::Upgrade),
        100..=199 => Ok(interim(shared, response, client, out)),
        _ => Ok(Kind::Final(last(shared, response, client, out))),
    }
}

/// Is it a switch to the protocol that was asked for, and not before all of the request was sent?
fn switches_as_asked(shared: &Shared<'_>, response: &Response<'_, '_>) -> bool {
    let Some(asked) = shared.terms.upgrade.as_ref().filter(|_| shared.uploaded.get()) else {
        return false;
    };
    let named = |header: &Header<'_>| known(header.name) == Some(Known::Upgrade);
    let accepts = |header: &Header<'_>, accept: &str| {
        header.name.eq_ignore_ascii_case("sec-websocket-accept")
            && header.value == accept.as_bytes()
    };
    let accepted = shared
        .terms
        .key
        .as_ref()
        .is_none_or(|key| response.headers.iter().any(|header| accepts(header, &key.accept)));
    accepted
        && response.headers.iter().filter(|header| named(header)).any(|header| {
            elements(header.value).any(|protocol| protocol.eq_ignore_ascii_case(asked))
        })
}

fn switch(
    shared: &Shared<'_>,
    response: &Response<'_, '_>,
    client: &mut impl Sink,
    out: &mut Vec<u8>,
) -> Opened {
    let framing = ClientFraming::Upgrade;
    let edits = &shared.terms.route.policy.response_headers;
    let side = ClientSide { framing, close: false, keep_alive_said: false, edits };
    client.head(out, response, &side);
    Opened { status: 101, body: ResponseBody::None, framing, close: false, keep: None }
}

/// HTTP/1.0 knows no interim responses; `100` goes only to who asked for it.
fn interim(
    shared: &Shared<'_>,
    response: &Response<'_, '_>,
    client: &mut impl Sink,
    out: &mut Vec<u8>,
) -> Kind {
    let wanted = response.status != 100 || shared.terms.expects;
    if shared.terms.version == Version::Http10 || !wanted {
        return Kind::Dropped;
    }
    let framing = ClientFraming::Bodiless(None);
    let edits = &shared.terms.route.policy.response_headers;
    let side = ClientSide { framing, close: false, keep_alive_said: false, edits };
    client.head(out, response, &side);
    Kind::Interim
}

fn last(
    shared: &Shared<'_>,
    response: &Response<'_, '_>,
    client: &mut impl Sink,
    out: &mut Vec<u8>,
) -> Opened {
    let terms = shared.terms;
    let body = response.body(terms.to_head);
    let framing = framing(response, body, terms.version);
    // The rest of the body may never be taken, and then the next request could not be told from
    // it. Nobody knows yet, and later it cannot be said any more.
    let unsent = !shared.uploaded.get();
    let ends = !terms.keep_alive
        || framing == ClientFraming::Close
        || unsent
        || shared.worker.closing.get()
        || shared.removed.get()
        || shared.rescue.is_leaving();
    // A stream of many tells nothing of its connection.
    let close = ends && terms.version != Version::Http2;
    if matches!(body, ResponseBody::Chunked | ResponseBody::Close | ResponseBody::Stream) {
        shared.events.set(is_event_stream(response));
    }
    let side = ClientSide {
        framing,
        close,
        keep_alive_said: terms.version == Version::Http10 && terms.keep_alive,
        edits: &terms.route.policy.response_headers,
    };
    client.head(out, response, &side);
    let idle = shared.idle;
    let keep = response.keep_alive_timeout.map_or(idle, |timeout| timeout.min(idle));
    let reusable = response.keep_alive && body != ResponseBody::Close;
    Opened { status: response.status, body, framing, close, keep: reusable.then_some(keep) }
}

/// `text/event-stream` ends only when somebody ends it.
fn is_event_stream(response: &Response<'_, '_>) -> bool {
    const TYPE: &[u8] = b"text/event-stream";
    let named = |header: &&Header<'_>| header.name.eq_ignore_ascii_case("content-type");
    let kind = response.headers.iter().find(named).map(|header| header.value);
    kind.and_then(|kind| kind.get(..TYPE.len())).is_some_and(|it| it.eq_ignore_ascii_case(TYPE))
}

fn framing(response: &Response<'_, '_>, body: ResponseBody, client: Version) -> ClientFraming {
    let length = response.lengths.content_length;
    match (body, client, length) {
        (ResponseBody::None, _, _) if response.status == 204 => ClientFraming::Bodiless(None),
        (ResponseBody::None, _, _) => ClientFraming::Bodiless(length),
        // A client without streams takes no length for one that is still to be found out.
        (ResponseBody::Empty, Version::Http10 | Version::Http11, _) => ClientFraming::Length(0),
        (ResponseBody::Empty, Version::Http2, _) => ClientFraming::Bodiless(length),
        (ResponseBody::Length(length), _, _) | (ResponseBody::Stream, _, Some(length)) => {
            ClientFraming::Length(length)
        }
        (_, Version::Http10, _) => ClientFraming::Close,
        (_, Version::Http11, _) => ClientFraming::Chunked,
        (_, Version::Http2, _) => ClientFraming::Stream,
    }
}
