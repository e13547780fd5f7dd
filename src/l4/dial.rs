//! From an accepted connection to one with a backend behind it, where that takes waiting.
//!
//! While nothing was sent a failure costs nothing but time, so another backend is tried, within a
//! number of tries and a deadline for all of them. Backends that have as many connections as they
//! may are passed over; when all have, the connection waits in the pool's queue.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Poll, ready};

use tokio::time::Instant;

use crate::live::{self, Place};
use crate::model::{ForwardEnded, ProxyVersion};
use crate::net::proxy_protocol;
use crate::net::{Buffer, Stream, Timer, is_local};
use crate::table::Lease;

use super::attempt::{Chosen, Terms, Try, Unchosen, begin, choose, terms};
use super::client::Client;
use super::hello;

/// A connection to a backend, in use.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) stream: Stream,
    pub(super) lease: Lease,
    pub(super) place: Option<Place>,
    /// What was read from the client already.
    pub(super) early: Option<Buffer>,
}

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// Its client's hello is to be looked at.
    Unheard,
    /// It is known where it goes, and nobody there can take it at once.
    Led(Terms),
    /// A try is under way.
    Trying(Terms, Try),
}

/// Brings it from there to a backend.
pub(super) async fn dial(
    client: &mut Client,
    timer: &Timer,
    stage: Stage,
) -> Result<Upstream, ForwardEnded> {
    let (terms, mut under_way) = match stage {
        Stage::Unheard => {
            hello::look(client, timer).await?;
            (terms(client)?, None)
        }
        Stage::Led(terms) => (terms, None),
        Stage::Trying(terms, attempt) => (terms, Some(attempt)),
    };
    let (mut tried, mut early) = (Vec::new(), None);
    loop {
        let mut attempt = match under_way.take() {
            Some(attempt) => attempt,
            None => {
                let chosen = obtain(client, &terms, timer, &tried).await?;
                begin(client, chosen, &terms, timer, early.take())?
            }
        };
        match settle(client, &mut attempt, timer).await {
            Some(Settled::Connected(mut stream)) => {
                attempt.succeeded(client);
                if let Some(version) = attempt.announced {
                    announce(client, &mut stream, version).await?;
                }
                let Try { lease, place, early, .. } = attempt;
                return Ok(Upstream { stream, lease, place, early });
            }
            Some(Settled::Left) => return Err(ForwardEnded::ClientLeft),
            // What this machine lacks says nothing about the backend.
            Some(Settled::Failed(error)) if is_local(&error) => {
                return Err(ForwardEnded::ConnectFailed);
            }
            Some(Settled::Failed(_)) | None => {}
        }
        let counters = attempt.lease.live.worker(client.worker.index);
        counters.connect_failures.add(1);
        client.worker.suspects.notify_one();
        tried.push(attempt.lease.live.id);
        early = attempt.early;
        if tried.len() >= terms.attempts as usize || Instant::now() >= terms.deadline {
            return Err(ForwardEnded::ConnectFailed);
        }
        counters.retries.add(1);
    }
}

/// Chooses a backend, and waits for a place there if need be.
async fn obtain(
    client: &mut Client,
    terms: &Terms,
    timer: &Timer,
    tried: &[u64],
) -> Result<Chosen, ForwardEnded> {
    let (queue, limits) = match choose(client, terms, tried, false) {
        Ok(chosen) => return Ok(chosen),
        Err(Unchosen::Full(queue, limits)) => (queue, limits),
        Err(Unchosen::None) if tried.is_empty() => return Err(ForwardEnded::NoBackend),
        Err(Unchosen::None) => return Err(ForwardEnded::ConnectFailed),
    };
    let turn = queue.stand(limits.length).ok_or(ForwardEnded::QueueFull)?;
    timer.set(limits.timeout.min(terms.deadline - Instant::now()));
    loop {
        called(client, &turn, timer).await?;
        match choose(client, terms, tried, true) {
            Ok(chosen) => return Ok(chosen),
            Err(Unchosen::Full(..)) => {}
            Err(Unchosen::None) => return Err(ForwardEnded::NoBackend),
        }
    }
}

/// Waits for its turn.
async fn called(client: &mut Client, turn: &live::Turn, timer: &Timer) -> Result<(), ForwardEnded> {
    let mut called = pin!(turn.called());
    let (reading, _) = client.stream.split();
    let mut leaving = pin!(reading.broken());
    let turn = poll_fn(|cx| {
        if called.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if leaving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(ForwardEnded::ClientLeft));
        }
        timer.poll_expired(cx).map(|()| Err(ForwardEnded::QueueTimeout))
    });
    turn.await
}

/// Tells the backend who the client is, before the client's first byte.
async fn announce(
    client: &mut Client,
    stream: &mut Stream,
    version: ProxyVersion,
) -> Result<(), ForwardEnded> {
    let told = client.introduction();
    let mut header = client.worker.buffers.take_vec();
    proxy_protocol::write(&mut header, version, &told);
    let (_, mut writer) = stream.split();
    let mut at = 0;
    let sent = poll_fn(|cx| {
        while at < header.len() {
            match ready!(writer.poll_write(cx, &header[at..])) {
                Ok(n) if n > 0 => at += n,
                _ => return Poll::Ready(Err(ForwardEnded::BackendReset)),
            }
        }
        Poll::Ready(Ok(()))
    });
    let sent = sent.await;
    client.worker.buffers.put_vec(header);
    sent
}

enum Settled {
    Connected(Stream),
    Failed(io::Error),
    Left,
}

/// Waits until the try has succeeded or failed, unless the client leaves or the deadline passes
/// (`None`) first.
async fn settle(client: &mut Client, attempt: &mut Try, timer: &Timer) -> Option<Settled> {
    let taken = Err(io::ErrorKind::NotConnected.into());
    let stream = match std::mem::replace(&mut attempt.stream, taken) {
        Ok(stream) if attempt.connected => return Some(Settled::Connected(stream)),
        Ok(stream) => stream,
        Err(error) => return Some(Settled::Failed(error)),
    };
    let (reading, _) = client.stream.split();
    let mut leaving = pin!(reading.broken());
    let settled = poll_fn(|cx| {
        if let Poll::Ready(result) = stream.poll_connected(cx) {
            return Poll::Ready(Some(result.map_err(Settled::Failed)));
        }
        if leaving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Settled::Left)));
        }
        timer.poll_expired(cx).map(|()| None)
    });
    match settled.await? {
        Ok(()) => Some(Settled::Connected(stream)),
        Err(settled) => Some(settled),
    }
}
