//! Everything fails at random, and no answer may be wrong.
//!
//! Clients ask a proxy before backends that are, by chance from a seed, killed, stopped, slow, resetting,
//! cut off, or answering 500 or garbage. A request may be refused, and an answer may break off where its
//! client can tell; what claims to be whole must be the answer to that very request, and nothing may
//! take for ever. Threads and plain sockets, so that nothing of what is tested judges itself.

mod backend;
mod client;
mod question;

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use backend::Mood;

pub(crate) use backend::Backend;
pub(crate) use client::Seen;

/// What is played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Play {
    /// All chance comes from it.
    pub(crate) seed: u64,
    /// How many ask at once.
    pub(crate) clients: usize,
    pub(crate) length: Duration,
    /// The pauses between two turns of a backend; `None` = all stay well.
    pub(crate) turns: Option<Duration>,
}

impl Play {
    /// Plays it; afterwards every backend is well.
    pub(crate) fn run(&self, target: SocketAddr, backends: &mut [Backend]) -> io::Result<Seen> {
        let until = Instant::now() + self.length;
        let ask = |n: usize| {
            let mut rng = Rng::with_seed(self.seed.wrapping_add(n as u64 + 1));
            let mut seen = Seen::default();
            while Instant::now() < until {
                if seen.ask(target, until, &mut rng).is_err() {
                    seen.broken += 1;
                }
            }
            seen
        };
        thread::scope(|scope| {
            let ask = &ask;
            let clients: Vec<_> = (0..self.clients).map(|n| scope.spawn(move || ask(n))).collect();
            let tormented = self.torment(backends, until);
            let mut seen = Seen::default();
            for client in clients {
                seen.add(client.join().map_err(|_| io::Error::other("a client panicked"))?);
            }
            tormented.map(|()| seen)
        })
    }

    fn torment(&self, backends: &mut [Backend], until: Instant) -> io::Result<()> {
        let Some(pause) = self.turns else { return Ok(()) };
        let mut rng = Rng::with_seed(self.seed);
        while Instant::now() < until {
            let backend = rng.usize(..backends.len());
            let mood = if rng.u8(..3) == 0 { Mood::Well } else { Mood::bad(&mut rng) };
            backends[backend].turn(mood)?;
            let pause = pause.mul_f64(0.1 + 1.8 * rng.f64());
            thread::sleep(pause.min(until.saturating_duration_since(Instant::now())));
        }
        backends.iter_mut().try_for_each(|backend| backend.turn(Mood::Well))
    }
}
