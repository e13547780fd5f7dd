//! A run without sockets: streams in memory, a paused clock, and a server that does as scripted.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep_until};

use crate::bench::load::connect::Dial;
use crate::bench::load::http1::{Common, Http1};
use crate::bench::load::run::drive;
use crate::bench::load::{Measured, Pace, Plan, Progress, Protocol, Request};
use crate::bench::measure::{Arrivals, Fault, Schedule, Step};

/// What the server does with a request it has read.
#[derive(Clone, Copy)]
pub(super) enum Act {
    /// Answers at this moment of the run.
    Answer(Duration, &'static str),
    /// Sends this and closes.
    Close(&'static str),
    /// Never says anything.
    Silence,
}

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server: what to do with the n-th request, read at this moment of the run.
pub(super) type Script = Rc<dyn Fn(u64, Duration) -> Act>;

/// Opens streams to a scripted server.
pub(super) struct Stage {
    start: Instant,
    script: Script,
    requests: Rc<Cell<u64>>,
    /// Connects that still succeed.
    connects: Cell<usize>,
}

impl Dial for Rc<Stage> {
    type Stream = DuplexStream;

    async fn dial(&self) -> Result<DuplexStream, Fault> {
        if self.connects.get() == 0 {
            return Err(Fault::Connect);
        }
        self.connects.set(self.connects.get() - 1);
        let (client, server) = duplex(64 * 1024);
        let (start, script) = (self.start, Rc::clone(&self.script));
        spawn_local(serve(server, start, script, Rc::clone(&self.requests)));
        Ok(client)
    }
}

async fn serve(mut stream: DuplexStream, start: Instant, script: Script, requests: Rc<Cell<u64>>) {
    let mut bytes = [0; 4096];
    // A request is one write, and so one read.
    while stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {
        let n = requests.replace(requests.get() + 1);
        let (at, text) = match script(n, start.elapsed()) {
            Act::Answer(at, text) => (at, text),
            Act::Close(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                return;
            }
            Act::Silence => pending().await,
        };
        sleep_until(start + at).await;
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Waits on the paused clock; exact for moments on a whole millisecond.
struct Virtual;

impl Pace for Virtual {
    async fn until(&mut self, moment: Instant) {
        sleep_until(moment).await;
    }
}

/// What a run on the stage adds to 1,000 requests a second over one connection.
pub(super) struct Play {
    pub(super) length: Duration,
    pub(super) connections: usize,
    /// Connects that succeed, the first ones included.
    pub(super) connects: usize,
    pub(super) timeout: Duration,
    pub(super) stop_at: Option<Duration>,
}

impl Default for Play {
    fn default() -> Self {
        Self {
            length: Duration::from_secs(10),
            connections: 1,
            connects: usize::MAX,
            timeout: Duration::from_secs(60),
            stop_at: None,
        }
    }
}

impl Play {
    /// Runs it against this server; also the progress that was told.
    pub(super) fn against(
        self,
        script: impl Fn(u64, Duration) -> Act + 'static,
    ) -> (Measured, Vec<Progress>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        LocalSet::new().block_on(&runtime, self.run(Rc::new(script)))
    }

    async fn run(self, script: Script) -> (Measured, Vec<Progress>) {
        let step = Step { rate: 1000.0, length: self.length };
        let plan = Plan {
            request: Request::new("http://stage/", "GET", &[], Bytes::new()).unwrap(),
            schedule: Schedule::new(vec![step], Arrivals::Constant).unwrap(),
            connections: self.connections,
            protocol: Protocol::Http1,
            insecure: false,
            warm_up: Duration::ZERO,
            timeout: self.timeout,
        };
        let start = Instant::now();
        let connects = Cell::new(self.connects);
        let stage = Rc::new(Stage { start, script, requests: Rc::default(), connects });
        let reopened = Rc::new(Cell::new(0));
        let common =
            Common::new(Rc::clone(&stage), plan.request.http1(), false, Rc::clone(&reopened));
        let mut lanes = Vec::new();
        for _ in 0..self.connections {
            lanes.push(Http1::new(&common, stage.dial().await.unwrap()));
        }
        let stop = async {
            match self.stop_at {
                Some(at) => sleep_until(start + at).await,
                None => pending().await,
            }
        };
        let told = RefCell::new(Vec::new());
        let tell = |progress: &Progress| told.borrow_mut().push(*progress);
        let mut measured = drive(&plan, lanes, Virtual, stop, tell).await.unwrap();
        measured.reopened = reopened.get();
        (measured, told.into_inner())
    }
}
