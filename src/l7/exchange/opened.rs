//! A response head, understood and written for the client, in one go and without waiting.

use std::time::Duration;

use httparse::Header;

use crate::l7::client::{Response, ResponseBody};
use crate::l7::compress::{Answer, Compressed, judge};
use crate::l7::grpc;
use crate::l7::headers::{ClientFraming, ClientSide, Known, elements, known};
use crate::l7::version::Version;
use crate::model::{BadResponse, Coding};

use super::client::Sink;
use super::coded::COMPRESSING_MAX;
use super::inbound::Shared;

/// What a response head says about what follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) status: u16,
    /// How a call of gRPC ended, if that comes with the head.
    pub(super) code: Option<u8>,
    /// Where the backend's body ends.
    pub(super) body: ResponseBody,
    /// How the client will find the end.
    pub(super) framing: ClientFraming,
    /// What its body is compressed by.
    pub(super) coding: Option<Coding>,
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
    let side = side(shared, framing, false, Compressed::No);
    client.head(out, response, &side);
    let (body, code, coding) = (ResponseBody::None, None, None);
    Opened { status: 101, code, body, framing, coding, close: false, keep: None }
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
    let side = side(shared, framing, false, Compressed::No);
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
    let compressed = compressed(shared, response);
    let framing = framing(response, body, terms.version, compressed);
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
    client.head(out, response, &side(shared, framing, close, compressed));
    let idle = shared.idle;
    let keep = response.keep_alive_timeout.map_or(idle, |timeout| timeout.min(idle));
    let reusable = response.keep_alive && body != ResponseBody::Close;
    let coding = match compressed {
        Compressed::By(coding) if body != ResponseBody::None => Some(coding),
        _ => None,
    };
    let (status, keep) = (response.status, reusable.then_some(keep));
    let code = if terms.is_call { grpc::status(response.headers) } else { None };
    Opened { status, code, body, framing, coding, close, keep }
}

/// What the client is told beside the backend's own fields.
fn side<'a>(
    shared: &'a Shared<'_>,
    framing: ClientFraming,
    close: bool,
    compressed: Compressed,
) -> ClientSide<'a> {
    let terms = shared.terms;
    ClientSide {
        framing,
        close,
        keep_alive_said: terms.version == Version::Http10
            && terms.keep_alive
            && framing != ClientFraming::Upgrade,
        edits: &terms.route.policy.response_headers,
        hsts: terms.hsts.as_deref(),
        compressed,
    }
}

/// What compression makes of an answer. Whom nothing could tell the end of an unknown length but the
/// connection's end gets it as it is, and so does everybody while too much is compressed already.
fn compressed(shared: &Shared<'_>, response: &Response<'_, '_>) -> Compressed {
    let terms = shared.terms;
    let Some(compression) = &terms.route.policy.compression else { return Compressed::No };
    let alone = terms.version == Version::Http10 || terms.is_call;
    if alone || matches!(response.status, 204 | 205 | 304) {
        return Compressed::No;
    }
    let room = shared.worker.compressing.get() < COMPRESSING_MAX;
    let (status, headers) = (response.status, response.headers);
    let length = response.lengths.content_length.filter(|_| !response.lengths.chunked);
    let answer = Answer { status, headers, length };
    judge(compression, terms.coding.filter(|_| room), &answer)
}

/// `text/event-stream` ends only when somebody ends it.
fn is_event_stream(response: &Response<'_, '_>) -> bool {
    const TYPE: &[u8] = b"text/event-stream";
    let named = |header: &&Header<'_>| header.name.eq_ignore_ascii_case("content-type");
    let kind = response.headers.iter().find(named).map(|header| header.value);
    kind.and_then(|kind| kind.get(..TYPE.len())).is_some_and(|it| it.eq_ignore_ascii_case(TYPE))
}

fn framing(
    response: &Response<'_, '_>,
    body: ResponseBody,
    client: Version,
    compressed: Compressed,
) -> ClientFraming {
    // How long it becomes, nobody knows before.
    let coded = matches!(compressed, Compressed::By(_));
    let length = response.lengths.content_length.filter(|_| !coded);
    match (body, client, length) {
        (ResponseBody::Length(_), Version::Http11, None) => ClientFraming::Chunked,
        (ResponseBody::Length(_), Version::Http2, None) => ClientFraming::Stream,
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
