//! A run from its first due request to the last answer.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use hdrhistogram::Histogram;
use hyper::Method;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::desk::Desk;
use super::http1::{self, Http1};
use super::http2::{self, Connection};
use super::{Pace, Refusal, Request, Server};
use crate::bench::measure::{Exchange, Fault, Schedule, Tally};
use crate::net::{Timer, Timers};

/// Due requests handed out in a row before answers are looked at again, when the driver is behind.
const BURST: u32 = 16;
/// From one sign of life to the next.
const PROGRESS: Duration = Duration::from_secs(1);

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The request that is repeated.
    pub request: Request,
    /// When.
    pub schedule: Schedule,
    /// For so long requests are sent before, at the schedule's first rate, that do not count.
    pub warm_up: Duration,
    /// Connections, all open before the first request is due.
    pub connections: usize,
    /// How it is spoken.
    pub protocol: Protocol,
    /// Take any certificate.
    pub insecure: bool,
    /// From due to the whole answer; a request that takes longer has failed.
    pub timeout: Duration,
}

/// How the server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One request at a time on each connection.
    Http1,
    /// Several at once; over TLS agreed on by ALPN, else known beforehand.
    Http2 {
        /// How many on one connection.
        streams: usize,
    },
}

/// What a run has shown.
#[derive(Debug)]
pub struct Measured {
    /// Everything counted.
    pub tally: Tally,
    /// When the first request that counts was due.
    pub began: Instant,
    /// From then to the last answer, or to the interruption.
    pub elapsed: Duration,
    /// It was ended before its schedule was worked off.
    pub interrupted: bool,
    /// Requests without an outcome, because of that.
    pub unfinished: u64,
    /// Connections that had to be opened again.
    pub reopened: u64,
}

/// The last second of a run under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Since the run began.
    pub elapsed: Duration,
    /// Requests that were due.
    pub due: u64,
    /// Good answers.
    pub answered: u64,
    /// Failed requests.
    pub failed: u64,
    /// Requests under way or waiting now.
    pub open: u64,
    /// Median latency from due in nanoseconds, of the answers of this second.
    pub p50_ns: u64,
    /// The 99th percentile.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

/// What carries one request at a time.
pub(super) trait Lane {
    /// Sends the request and reads the whole answer; its status.
    fn exchange(&mut self) -> impl Future<Output = Result<u16, Fault>>;
    /// Looks after itself while there is nothing to carry.
    fn poll_idle(&mut self, cx: &mut Context<'_>);
}

/// Opens the connections and works the schedule off, in tasks of the current `LocalSet`.
///
/// `stop` ends it early; `progress` is told once a second and must not block.
///
/// # Errors
/// The run cannot begin.
pub async fn run(
    plan: &Plan,
    server: &Server,
    pace: impl Pace,
    stop: impl Future<Output = ()>,
    progress: impl FnMut(&Progress),
) -> Result<Measured, Refusal> {
    let reopened = Rc::new(Cell::new(0));
    let wires = server.open_all(plan.connections).await?;
    let (dial, counter) = (server.clone(), Rc::clone(&reopened));
    let mut measured = match plan.protocol {
        Protocol::Http1 => {
            let to_head = plan.request.method == Method::HEAD;
            let common = http1::Common::new(dial, plan.request.http1(), to_head, counter);
            let lanes = wires.into_iter().map(|wire| Http1::new(&common, wire)).collect();
            drive(plan, lanes, pace, stop, progress).await?
        }
        Protocol::Http2 { streams } => {
            let request = plan.request.http2();
            let common = Rc::new(http2::Common { dial, request, reopened: counter });
            let mut connections = Vec::with_capacity(wires.len());
            for wire in wires {
                let opened = Connection::new(&common, wire).await;
                let refused = |_| Refusal::NoHttp2 { address: server.address() };
                connections.push(opened.map_err(refused)?);
            }
            // Connection by connection, so that free lanes next to each other are on different ones.
            let rounds = (0..streams).flat_map(|_| &connections);
            let lanes = rounds.map(Connection::lane).collect();
            drive(plan, lanes, pace, stop, progress).await?
        }
    };
    measured.reopened = reopened.get();
    Ok(measured)
}

/// Works the schedule off with lanes that are ready.
pub(super) async fn drive<L: Lane + 'static>(
    plan: &Plan,
    lanes: Vec<L>,
    pace: impl Pace,
    stop: impl Future<Output = ()>,
    progress: impl FnMut(&Progress),
) -> Result<Measured, Refusal> {
    let shared = Rc::new(Shared::new(plan)?);
    let mut tasks = JoinSet::new();
    tasks.spawn_local(Rc::clone(&shared.timers).run());
    for lane in lanes {
        let place = shared.desk.borrow_mut().lane();
        tasks.spawn_local(carry(lane, place, Rc::clone(&shared)));
    }
    let work = async {
        shared.hand_out(plan, pace).await;
        poll_fn(|cx| shared.desk.borrow_mut().poll_drained(cx)).await;
    };
    let interrupted = tokio::select! {
        biased;
        () = stop => true,
        () = shared.tell(progress) => false,
        () = work => false,
    };
    let began = shared.start + plan.warm_up;
    let elapsed = began.elapsed();
    drop(tasks);
    Ok(Measured {
        tally: shared.tally.borrow().clone(),
        began,
        elapsed,
        interrupted,
        unfinished: shared.desk.borrow().open(),
        reopened: 0,
    })
}

/// What the driver and the lanes of a run share; all of them are on one thread.
struct Shared {
    /// The first request is due; all times are counted from here.
    start: Instant,
    /// What was due before does not count.
    warm_ns: u64,
    timeout: Duration,
    timers: Rc<Timers>,
    desk: RefCell<Desk>,
    tally: RefCell<Tally>,
    second: RefCell<Second>,
}

/// What is told each second.
struct Second {
    progress: Progress,
    latency: Histogram<u32>,
}

impl Shared {
    fn new(plan: &Plan) -> Result<Self, Refusal> {
        let failed = |error| Refusal::Here(io::Error::other(error));
        let latency = Histogram::new_with_bounds(1_000, 3_600_000_000_000, 2).map_err(failed)?;
        Ok(Self {
            start: Instant::now(),
            warm_ns: plan.warm_up.as_nanos() as u64,
            timeout: plan.timeout,
            timers: Timers::new(),
            desk: RefCell::default(),
            tally: RefCell::new(Tally::new(plan.schedule.length()).map_err(failed)?),
            second: RefCell::new(Second { progress: Progress::default(), latency }),
        })
    }

    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    async fn hand_out(&self, plan: &Plan, mut pace: impl Pace) {
        let mut in_a_row = 0;
        let warm_up = plan.schedule.before(plan.warm_up);
        let counting = plan.schedule.times().map(|due| plan.warm_up + due);
        for due in warm_up.iter().flat_map(Schedule::times).chain(counting) {
            let due_ns = due.as_nanos() as u64;
            if due_ns > self.now_ns() {
                pace.until(self.start + due).await;
                in_a_row = 0;
            }
            in_a_row += 1;
            if in_a_row == BURST {
                tokio::task::yield_now().await;
                in_a_row = 0;
            }
            let waits = self.desk.borrow_mut().put(due_ns);
            self.second.borrow_mut().progress.due += 1;
            if let Some(counted_ns) = due_ns.checked_sub(self.warm_ns) {
                let now_ns = self.now_ns().saturating_sub(self.warm_ns);
                self.tally.borrow_mut().due(counted_ns, now_ns, waits);
            }
        }
    }

    /// Notes how a request ended.
    fn ended(&self, due_ns: u64, sent_ns: u64, outcome: Result<u16, Fault>) {
        let done_ns = self.now_ns();
        let counted = due_ns.checked_sub(self.warm_ns).map(|due_ns| Exchange {
            due_ns,
            sent_ns: sent_ns.saturating_sub(self.warm_ns),
            done_ns: done_ns.saturating_sub(self.warm_ns),
        });
        let mut tally = self.tally.borrow_mut();
        let fault = match outcome {
            Ok(status) => Fault::of_status(status),
            Err(fault) => Some(fault),
        };
        let mut second = self.second.borrow_mut();
        match fault {
            None => {
                second.progress.answered += 1;
                second.latency.saturating_record(done_ns.saturating_sub(due_ns));
                counted.into_iter().for_each(|exchange| tally.answered(exchange));
            }
            Some(fault) => {
                second.progress.failed += 1;
                counted.into_iter().for_each(|exchange| tally.failed(exchange.due_ns, fault));
            }
        }
        self.desk.borrow_mut().ended();
    }

    async fn tell(&self, mut progress: impl FnMut(&Progress)) {
        let mut ticks = interval_at(self.start + PROGRESS, PROGRESS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let mut second = self.second.borrow_mut();
            let Second { progress: counts, latency } = &mut *second;
            progress(&Progress {
                elapsed: self.start.elapsed().saturating_sub(Duration::from_nanos(self.warm_ns)),
                open: self.desk.borrow().open(),
                p50_ns: latency.value_at_quantile(0.5),
                p99_ns: latency.value_at_quantile(0.99),
                max_ns: latency.max(),
                ..*counts
            });
            *counts = Progress::default();
            latency.reset();
        }
    }

    /// One request on this lane, within its time. That time began when it was due, so it may be
    /// over before a lane was free.
    async fn exchange(
        &self,
        lane: &mut impl Lane,
        timer: &Timer,
        due_ns: u64,
        sent_ns: u64,
    ) -> Result<u16, Fault> {
        let waited = Duration::from_nanos(sent_ns.saturating_sub(due_ns));
        let left = self.timeout.checked_sub(waited).ok_or(Fault::Timeout)?;
        timer.set(left);
        timer.limit(lane.exchange()).await.unwrap_or(Err(Fault::Timeout))
    }
}

/// A lane's life: one request after the other.
async fn carry(mut lane: impl Lane, place: usize, shared: Rc<Shared>) {
    let timer = shared.timers.timer();
    loop {
        let due_ns = poll_fn(|cx| {
            lane.poll_idle(cx);
            shared.desk.borrow_mut().poll_take(place, cx)
        });
        let due_ns = due_ns.await;
        let sent_ns = shared.now_ns();
        let outcome = shared.exchange(&mut lane, &timer, due_ns, sent_ns).await;
        shared.ended(due_ns, sent_ns, outcome);
    }
}
