//! An idle connection, in as little memory as it can wait in.
//!
//! A plain struct and not an `async fn`: the compiler keeps an argument twice in such a future, and
//! here every byte counts thousands of times.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::model::SlowClient;

use super::connection::{Connection, LINGER};

/// Waits until there is something to read; then the connection is served again.
pub(super) struct Doze(Option<Connection>);

impl Doze {
    /// Lets a connection doze until its listener's idle timeout.
    pub(super) fn new(connection: Connection) -> Self {
        let idle = connection.caller.worker.with_table(|table, _| {
            connection
                .caller
                .acceptor
                .with_listener(table, |listener, _| listener.settings.timeouts.idle)
        });
        connection.timer.set(idle.saturating_sub(LINGER));
        Self(Some(connection))
    }
}

impl Future for Doze {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &self.0 else { return Poll::Ready(()) };
        let readable = ready!(poll_readable(connection, cx));
        if let Some(connection) = self.0.take_if(|_| readable) {
            let worker = Rc::clone(&connection.caller.worker);
            worker.connections.serve(connection);
        }
        Poll::Ready(())
    }
}

/// Ready with `true` when there is something to read, with `false` when the connection shall end.
fn poll_readable(connection: &Connection, cx: &mut Context<'_>) -> Poll<bool> {
    if let Poll::Ready(ready) = connection.stream.poll_read_ready(cx) {
        return Poll::Ready(ready.is_ok());
    }
    if connection.caller.is_unwanted() {
        return Poll::Ready(false);
    }
    connection.timer.poll_expired(cx).map(|()| {
        connection.caller.was_slow(SlowClient::Idle);
        false
    })
}
