//! From the head of a stream to a request at the desk.

use h2::ext::Protocol;
use httparse::Header;
use hyper::http::request::Parts;

use crate::l7::desk::{Desk, Prepared};
use crate::l7::http1::Request;
use crate::l7::record::Record;
use crate::l7::version::Version;

use super::connection::Session;
use super::facts::{Head, facts};

/// Prepares a request; `ended` = it has no body. Fills in `record` as far as it gets.
pub(super) fn prepare(
    session: &Session,
    head: &Parts,
    ended: bool,
    record: &mut Record,
) -> Prepared {
    let Session { caller, agreement, .. } = session;
    let fields = head.headers.iter();
    let fields: Vec<Header<'_>> = fields
        .map(|(name, value)| Header { name: name.as_str(), value: value.as_bytes() })
        .collect();
    let protocol = head.extensions.get::<Protocol>().map(Protocol::as_str);
    let request = Request {
        // A backend that speaks HTTP/1.1 is asked for an upgrade by a GET.
        method: if protocol.is_some() { "GET" } else { head.method.as_str() },
        authority: head.uri.authority().map(hyper::http::uri::Authority::as_str),
        target: head.uri.path_and_query().map_or("", |target| target.as_str()),
        version: Version::Http2,
        headers: &fields,
    };
    caller.worker.with_table(|table, picker| {
        caller.acceptor.with_listener(table, |listener, _| {
            let desk = Desk { caller, agreement: agreement.as_ref(), listener, table };
            let fields_max = listener.settings.limits.headers;
            let read = Head { ended, fields_max, protocol };
            desk.prepare(&request, |request| facts(request, read), picker, record)
        })
    })
}
