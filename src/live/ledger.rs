//! The ledger: what still holds a drain open, asked of every worker.
//!
//! A drain that does not end is held open by somebody, and an operator wants to know by whom
//! before the deadline cuts them off. Only the workers know; each answers on its own thread, when
//! it is asked, so that nothing has to be written down while nobody asks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::model::BackendKey;

/// How long one worker may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What is being drained.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drained {
    /// A backend.
    Backend(BackendKey),
    /// A listener.
    Listener(Arc<str>),
}

/// One drain, as one worker sees it.
#[derive(Clone, Debug)]
pub struct Drain {
    /// What is being drained.
    pub what: Drained,
    /// For how long.
    pub age: Duration,
    /// Until what is left is cut off; zero once that has begun.
    pub left: Duration,
    /// What holds it open on this worker: at most [`HOLDERS`] of them.
    pub holders: Vec<Holder>,
    /// How many there are.
    pub count: usize,
}

/// One exchange that holds a drain open.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The client's address.
    pub client: SocketAddr,
    /// What is spoken: `http/1.1`, or what the connection was upgraded to.
    pub protocol: Arc<str>,
    /// The route it came by.
    pub route: Arc<str>,
    /// How long it has taken so far.
    pub age: Duration,
    /// Bytes from the client so far.
    pub bytes_in: u64,
    /// Bytes to the client so far.
    pub bytes_out: u64,
}

/// Holders of one drain that one worker tells of.
pub const HOLDERS: usize = 1_000;

/// A question to one worker.
pub type Ask = oneshot::Sender<Vec<Drain>>;

/// The way to every worker.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<mpsc::UnboundedSender<Ask>>>);

impl Ledger {
    /// A worker begins to answer; what it receives are questions.
    pub fn attend(&self) -> mpsc::UnboundedReceiver<Ask> {
        let (questions, asked) = mpsc::unbounded_channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(questions);
        asked
    }

    /// Every drain with what holds it open, by what is drained. A worker that does not answer in
    /// time is left out.
    pub async fn drains(&self) -> Vec<Drain> {
        let workers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answers: Vec<_> = workers
            .iter()
            .filter_map(|worker| {
                let (answer, answered) = oneshot::channel();
                worker.send(answer).ok().map(|()| answered)
            })
            .collect();
        let mut all: Vec<Drain> = Vec::new();
        for answered in answers {
            if let Ok(Ok(drains)) = timeout(ANSWER_WITHIN, answered).await {
                drains.into_iter().for_each(|drain| merge(&mut all, drain));
            }
        }
        all.sort_by(|a, b| a.what.cmp(&b.what));
        all
    }
}

fn merge(all: &mut Vec<Drain>, drain: Drain) {
    match all.iter_mut().find(|known| known.what == drain.what) {
        Some(known) => {
            known.age = known.age.max(drain.age);
            known.left = known.left.max(drain.left);
            known.count += drain.count;
            known.holders.extend(drain.holders);
        }
        None => all.push(drain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(pool: &str, count: usize) -> Drain {
        let key = BackendKey { pool: pool.into(), name: "a".into() };
        let (age, left) = (Duration::from_secs(1), Duration::from_secs(9));
        Drain { what: Drained::Backend(key), age, left, holders: Vec::new(), count }
    }

    #[tokio::test(start_paused = true)]
    async fn all_workers_answers_become_one_and_a_silent_worker_is_left_out() {
        let ledger = Ledger::default();
        let (mut one, mut two, silent) = (ledger.attend(), ledger.attend(), ledger.attend());
        let answering = async {
            one.recv().await.unwrap().send(vec![drain("b", 2), drain("a", 1)]).unwrap();
            two.recv().await.unwrap().send(vec![drain("b", 3)]).unwrap();
        };
        let (drains, ()) = tokio::join!(ledger.drains(), answering);
        let counts: Vec<usize> = drains.iter().map(|drain| drain.count).collect();
        assert_eq!(counts, [1, 5]);
        drop(silent);
    }
}
