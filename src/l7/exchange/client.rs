//! The client's side of an exchange, whatever the client speaks.
//!
//! An exchange passes a body's bytes on and writes heads; how they are framed on the client's
//! connection is the business of that protocol's half. Both directions are used at once by one
//! task, so a client is split into them without a lock.

use std::io;

use crate::l7::client::Response;
use crate::l7::headers::ClientSide;
use crate::l7::local::Local;
use crate::l7::record::Record;
use crate::l7::worker::Worker;
use crate::net::{Buffers, Timer};

use super::After;

/// Who asked, and gets the answer.
pub(crate) trait Client {
    /// What it sends after its head.
    type Source<'a>: Source
    where
        Self: 'a;
    /// What it is sent.
    type Sink<'a>: Sink
    where
        Self: 'a;

    /// Both directions, usable at once.
    fn split(&mut self) -> (Self::Source<'_>, Self::Sink<'_>);

    /// Sends a response of our own, and notes that in `record`; says what becomes of the client.
    async fn answer(
        &mut self,
        worker: &Worker,
        timer: &Timer,
        local: &Local,
        record: &mut Record,
    ) -> After;
}

/// What a client sends after its head.
pub(crate) trait Source {
    /// Bytes that have come and were not consumed.
    fn bytes(&self) -> &[u8];

    /// Drops as many of them from the front.
    fn consume(&mut self, n: usize);

    /// Waits for more, of which `capacity` at least can be held; 0 = nothing follows.
    async fn more(&mut self, worker: &Worker, capacity: usize) -> io::Result<usize>;

    /// Does the protocol say that the body ends with these bytes?
    fn is_over(&self) -> bool;

    /// Gives `put` the trailers that came after the body.
    fn trailers(&self, put: &mut dyn FnMut(&str, &[u8]));

    /// Waits until the client has left; `half_close` = to end its direction is to leave. It may read
    /// ahead, up to `capacity`.
    async fn left(&mut self, worker: &Worker, timer: &Timer, capacity: usize, half_close: bool);

    /// Gives back what is held without need.
    fn rest(&mut self, stock: &Buffers);
}

/// What a client is sent.
pub(crate) trait Sink {
    /// Takes a head, to be sent by the next write; `out` is what that will begin with.
    fn head(&mut self, out: &mut Vec<u8>, response: &Response<'_, '_>, side: &ClientSide<'_>);

    /// Takes the end of a body that has no length, with the trailers that `give` gives; likewise.
    fn end(&mut self, out: &mut Vec<u8>, give: impl FnOnce(&mut dyn FnMut(&str, &[u8])));

    /// Sends all of `out` and `body`; tells `progress` how much was taken each time a part was. `last` = nothing
    /// follows it.
    async fn write(
        &mut self,
        out: &[u8],
        body: &[u8],
        last: bool,
        progress: impl Fn(usize),
    ) -> io::Result<()>;

    /// Says whether a close, for whatever reason it comes, is to be such that the client cannot take
    /// what it got for the whole.
    fn break_on_close(&self, on: bool);

    /// Ends this direction.
    fn shutdown(&mut self) -> io::Result<()>;
}
