//! A connection's task, from accept to close.
//!
//! Most connections find a backend that takes them at once. Their first try is begun where they are
//! accepted, while what the kernel keeps of them is still in the cache, and waits for nothing but
//! the backend's word. Whatever takes more (a hello to be looked at, a queue, another try, a word
//! that does not come soon) is [dialled](super::dial), in memory that is given back when it is over:
//! the passage of bytes that follows may last for days.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::model::ForwardEnded;
use crate::net::Timer;

use super::attempt::{Terms, Try, Unchosen, begin, choose, terms};
use super::client::Client;
use super::dial::{Stage, Upstream, dial};
use super::hello;
use super::passage::Passage;

/// Serves a connection.
#[derive(Debug)]
pub(super) struct Serving(Phase);

enum Phase {
    First(First),
    Dialling(Pin<Box<dyn Future<Output = Option<Passage>>>>),
    Passing(Passage),
    Over,
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::First(_) => "First",
            Self::Dialling(_) => "Dialling",
            Self::Passing(_) => "Passing",
            Self::Over => "Over",
        })
    }
}

/// A first try, which is under way.
struct First {
    client: Client,
    timer: Timer,
    terms: Terms,
    attempt: Try,
}

impl Serving {
    /// Begins; `None` = it is over already.
    pub(super) fn start(mut client: Client) -> Option<Self> {
        let timer = client.worker.timers.timer();
        if hello::is_due(&client) {
            return Some(Self(dialling(client, timer, Stage::Unheard)));
        }
        let stage = match lead(&mut client, &timer) {
            Ok(stage) => stage,
            Err(ended) => {
                client.turn_away(ended);
                return None;
            }
        };
        Some(Self(match stage {
            Stage::Trying(terms, attempt)
                if attempt.announced.is_none() && attempt.stream.is_ok() =>
            {
                Phase::First(First { client, timer, terms, attempt })
            }
            stage => dialling(client, timer, stage),
        }))
    }
}

/// Where it goes, and the beginning of a try there if somebody can take it at once.
fn lead(client: &mut Client, timer: &Timer) -> Result<Stage, ForwardEnded> {
    let terms = terms(client)?;
    match choose(client, &terms, &[], false) {
        Ok(chosen) => {
            let attempt = begin(client, chosen, &terms, timer, None)?;
            Ok(Stage::Trying(terms, attempt))
        }
        Err(Unchosen::Full(..)) => Ok(Stage::Led(terms)),
        Err(Unchosen::None) => Err(ForwardEnded::NoBackend),
    }
}

fn dialling(mut client: Client, timer: Timer, stage: Stage) -> Phase {
    Phase::Dialling(Box::pin(async move {
        match dial(&mut client, &timer, stage).await {
            Ok(upstream) => Some(Passage::new(client, upstream, timer)),
            Err(ended) => {
                client.turn_away(ended);
                None
            }
        }
    }))
}

impl First {
    /// The backend's word, if it comes soon; `None` = it does not, and the client is to be watched
    /// as well.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<io::Result<()>>> {
        let Ok(stream) = &self.attempt.stream else { return Poll::Ready(None) };
        if self.attempt.connected {
            return Poll::Ready(Some(Ok(())));
        }
        match stream.poll_connected(cx) {
            Poll::Ready(word) => Poll::Ready(Some(word)),
            Poll::Pending => self.timer.poll_next_turn(cx).map(|()| None),
        }
    }

    fn after(self, word: Option<io::Result<()>>) -> Phase {
        let Self { mut client, timer, terms, mut attempt } = self;
        match (word, attempt.stream) {
            (Some(Ok(())), Ok(stream)) => {
                attempt.stream = Err(io::ErrorKind::NotConnected.into());
                attempt.succeeded(&mut client);
                let Try { lease, place, early, .. } = attempt;
                let upstream = Upstream { stream, lease, place, early };
                Phase::Passing(Passage::new(client, upstream, timer))
            }
            (word, stream) => {
                attempt.stream = match word {
                    Some(Err(error)) => Err(error),
                    _ => stream,
                };
                dialling(client, timer, Stage::Trying(terms, attempt))
            }
        }
    }
}

impl Future for Serving {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let next = match &mut self.0 {
                Phase::First(first) => {
                    let word = ready!(first.poll(cx));
                    match std::mem::replace(&mut self.0, Phase::Over) {
                        Phase::First(first) => first.after(word),
                        other => other,
                    }
                }
                Phase::Dialling(dialled) => match ready!(dialled.as_mut().poll(cx)) {
                    Some(passage) => Phase::Passing(passage),
                    None => Phase::Over,
                },
                Phase::Passing(passage) => return passage.poll(cx),
                Phase::Over => return Poll::Ready(()),
            };
            self.0 = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_fits_into_little_memory() {
        let size = size_of::<Serving>();
        assert!(size <= 640, "a connection's task has {size} bytes");
    }
}
