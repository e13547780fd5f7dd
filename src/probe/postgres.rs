//! L4: does a PostgreSQL server answer a query?

use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::connect::{self, Io, Target};
use super::fault::{Fault, copy};
use crate::model::{Failure, PostgresAsk};

/// Bytes read of a server: its greeting and what a check's query returns.
const BYTES_MAX: usize = 1024 * 1024;

/// Asks once.
pub(super) async fn probe(target: &Target, ask: &PostgresAsk) -> Result<(), Fault> {
    let stream = Bounded { stream: connect::open(target).await?, left: BYTES_MAX };
    let mut config = Config::new();
    config.user(&*ask.user).dbname(&*ask.database).application_name("pulsegate health check");
    if let Some(password) = &ask.password {
        config.password(password.expose());
    }
    let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(fault)?;
    let (mut work, mut connection) = (pin!(query(client, ask)), Box::pin(connection));
    let first = tokio::select! {
        biased;
        result = &mut work => Ok(result),
        closed = &mut connection => Err(closed),
    };
    match first {
        Ok(result) => {
            if result.is_ok() {
                // The client is gone: the connection says goodbye, which keeps the server's log
                // clean.
                let _ = connection.await;
            }
            result
        }
        Err(closed) => {
            // Only without it does the work learn that nothing comes any more; why is known here.
            drop(connection);
            work.await.map_err(|own| closed.err().map_or(own, fault))
        }
    }
}

async fn query(client: Client, ask: &PostgresAsk) -> Result<(), Fault> {
    let messages = client.simple_query(&ask.statement).await.map_err(fault)?;
    let Some(expected) = &ask.expect else { return Ok(()) };
    let first = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0)),
        _ => None,
    });
    match first {
        Some(Some(value)) if value == &**expected => Ok(()),
        Some(Some(value)) => Err(Fault::seen(Failure::Content, &format!("the value is {value:?}"))),
        Some(None) => Err(Fault::seen(Failure::Content, "the value is null")),
        None => Err(Fault::seen(Failure::Content, "there is no row")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where errors are mapped")]
fn fault(error: tokio_postgres::Error) -> Fault {
    if let Some(refusal) = error.as_db_error() {
        return Fault::seen(Failure::Rejected, refusal.message());
    }
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match source {
        Some(io) if io.kind() == io::ErrorKind::FileTooLarge => {
            Fault::seen(Failure::TooLarge, "answer of more than 1 MiB")
        }
        // What the system did not say, the reader of messages did.
        Some(io) if io.raw_os_error().is_none() && io.kind() != io::ErrorKind::UnexpectedEof => {
            Fault::seen(Failure::Protocol, &io.to_string())
        }
        Some(io) => Fault::from(copy(io)),
        None if error.is_closed() => Fault::peer(Failure::Truncated),
        None => Fault::seen(Failure::Protocol, &error.to_string()),
    }
}

/// A stream that ends by an error where too much was read: a message may claim to be of any
/// length, and would be waited for in memory.
struct Bounded {
    stream: Box<dyn Io>,
    left: usize,
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        match self.left.checked_sub(read) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into())),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
