//! The backend's side of an exchange, whatever the backend speaks.
//!
//! The mirror of [`client`](super::client): a try sends a request and relays an answer; what a
//! connection makes of them is the business of that protocol's half. Both directions are used at once
//! by one task.

use std::cell::Cell;
use std::io;

use crate::l7::client::Response;
use crate::model::{BadRequest, BadResponse};

/// Takes a request to a backend.
pub(crate) trait Asking {
    /// Sends all of `bytes`, the next of the request as HTTP/1.1 writes it: that is the form in which
    /// it is held for another try. `sent` is set once the first of it has left.
    async fn send(&mut self, bytes: &[u8], sent: &Cell<bool>) -> io::Result<()>;
}

/// What a backend answers.
pub(crate) trait Answering {
    /// Waits for the next whole head, and has `look` look at it.
    async fn head<T>(
        &mut self,
        max: HeadMax,
        look: impl FnOnce(&Response<'_, '_>) -> T,
    ) -> Result<T, NoHead>;

    /// Bytes that have come after the head and were not consumed.
    fn bytes(&self) -> &[u8];

    /// Drops as many of them from the front.
    fn consume(&mut self, n: usize);

    /// Waits for more of them, many if there is `much` to come; 0 = nothing follows.
    async fn more(&mut self, much: bool) -> io::Result<usize>;

    /// Does the protocol say that the body ends with these bytes?
    fn is_over(&self) -> bool;

    /// Gives `put` the trailers that came after the body.
    fn trailers(&self, put: &mut dyn FnMut(&str, &[u8]));
}

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadMax {
    /// Its bytes.
    pub(crate) bytes: usize,
    /// Its fields.
    pub(crate) fields: usize,
}

/// Why there is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHead {
    /// The backend closed or reset before it was whole.
    Closed,
    /// What came is refused.
    Refused(BadResponse),
    /// The backend says that it has not processed the request, so that anybody may be asked again.
    Unprocessed,
    /// What the backend speaks cannot say the request.
    Unsendable(BadRequest),
}
