//! The loop on a paused clock, with attempts that end as the test says.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::driver::{Driver, IN_FLIGHT_MAX};
use super::job::Check;
use crate::model::{
    Address, BackendKey, Failure, Layer, Observation, Outcome, ProbeKind, ProbePlan, ProbeSpec,
};
use crate::probe::Answer;
use crate::probe::attempt::{Attempt, attempt};
use crate::probe::fault::Fault;

const MS: Duration = Duration::from_millis(1);

fn address(number: usize) -> Address {
    Address::Inet(([10, (number >> 16) as u8, (number >> 8) as u8, number as u8], 80).into())
}

fn spec(pool: &str, number: usize, interval: Duration) -> ProbeSpec {
    ProbeSpec {
        backend: BackendKey { pool: pool.into(), name: format!("b{number}").into() },
        address: address(number),
        introduced: None,
        layer: Layer::Network,
        check: 0,
        kind: ProbeKind::Connect,
        interval,
        timeout: interval / 2,
        jitter: interval / 10,
    }
}

fn plan(probes: impl IntoIterator<Item = ProbeSpec>) -> Arc<ProbePlan> {
    Arc::new(ProbePlan { probes: probes.into_iter().collect() })
}

/// How the attempts of a test end.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Pass(Duration),
    Refused,
    NoDescriptors,
    Silence,
    /// Connects pass; nothing that is asked is answered.
    Hung,
}

/// One attempt begun.
#[derive(Clone, Debug, PartialEq)]
struct Begun {
    at: Duration,
    address: Address,
    limit: Duration,
}

/// A running loop and what it does.
struct Rig {
    zero: Instant,
    plan: watch::Sender<Arc<ProbePlan>>,
    results: mpsc::Receiver<Observation>,
    begun: Arc<Mutex<Vec<Begun>>>,
    under_way: Arc<AtomicUsize>,
    ending: Arc<Mutex<Ending>>,
    task: JoinHandle<()>,
}

/// Counts an attempt as under way for as long as it lives.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Rig {
    fn new(first: Arc<ProbePlan>, ending: Ending, capacity: usize) -> Self {
        let zero = Instant::now();
        let (plan, plans) = watch::channel(first);
        let (out, results) = mpsc::channel(capacity);
        let begun = Arc::new(Mutex::new(Vec::new()));
        let under_way = Arc::new(AtomicUsize::new(0));
        let ending = Arc::new(Mutex::new(ending));
        let (log, level, endings) = (begun.clone(), under_way.clone(), ending.clone());
        let make = move |check: Arc<Check>, limit: Duration| {
            let at = zero.elapsed();
            log.lock().unwrap().push(Begun { at, address: check.target.address.clone(), limit });
            level.fetch_add(1, Relaxed);
            let counted = UnderWay(level.clone());
            let ending = match (*endings.lock().unwrap(), &check.kind) {
                (Ending::Hung, ProbeKind::Connect) => Ending::Pass(MS),
                (ending, _) => ending,
            };
            async move {
                let _counted = counted;
                end(ending, limit).await
            }
        };
        let mut driver = Driver::new(make, fastrand::Rng::with_seed(7), zero);
        let task = tokio::spawn(async move { driver.run(plans, out).await });
        Self { zero, plan, results, begun, under_way, ending, task }
    }

    fn begun(&self) -> Vec<Begun> {
        self.begun.lock().unwrap().clone()
    }

    fn set(&self, ending: Ending) {
        *self.ending.lock().unwrap() = ending;
    }

    /// Lets time pass, with somebody reading the results; returns them.
    async fn pass(&mut self, time: Duration) -> Vec<Observation> {
        let mut seen = Vec::new();
        let until = Instant::now() + time;
        while let Ok(Some(result)) =
            timeout(until.saturating_duration_since(Instant::now()), self.results.recv()).await
        {
            seen.push(result);
        }
        seen
    }
}

async fn end(ending: Ending, limit: Duration) -> Attempt<Answer> {
    attempt(limit, async {
        match ending {
            Ending::Pass(after) => {
                sleep(after).await;
                Ok(None)
            }
            Ending::Refused => Err(Fault::peer(Failure::Refused)),
            Ending::NoDescriptors => Err(Fault::Local("too many open files".into())),
            Ending::Silence | Ending::Hung => std::future::pending().await,
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_thousand_backends_are_spread_over_the_interval() {
    let all = plan((0..1000).map(|number| spec("site", number, 100 * MS)));
    let mut rig = Rig::new(all, Ending::Pass(MS), 16);
    rig.pass(1300 * MS).await;
    let mut per_slice = [0_u32; 100];
    for begun in rig.begun().iter().filter(|begun| begun.at >= 200 * MS && begun.at < 1200 * MS) {
        per_slice[((begun.at.as_millis() - 200) / 10) as usize] += 1;
    }
    assert!(per_slice.iter().all(|count| (50..=150).contains(count)), "{per_slice:?}");
    let all: u32 = per_slice.iter().sum();
    assert!((9_900..=10_100).contains(&all), "{all} probes in a second");
}

#[tokio::test(start_paused = true)]
async fn a_new_check_is_asked_soon_however_long_its_interval() {
    let all = plan((0..100).map(|number| spec("site", number, 60_000 * MS)));
    let mut rig = Rig::new(all, Ending::Pass(MS), 16);
    assert_eq!(rig.pass(110 * MS).await.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn each_check_is_asked_once_an_interval() {
    let mut rig = Rig::new(plan([spec("site", 1, 100 * MS)]), Ending::Pass(MS), 16);
    rig.pass(10_000 * MS).await;
    let times: Vec<Duration> = rig.begun().iter().map(|begun| begun.at).collect();
    assert!((98..=102).contains(&times.len()), "{}", times.len());
    for pair in times[1..].windows(2) {
        let gap = pair[1] - pair[0];
        // One interval, with both ends moved by at most a tenth; the timer's grain is 1 ms.
        assert!((79 * MS..=121 * MS).contains(&gap), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_failure_is_looked_at_again_at_once() {
    let mut rig = Rig::new(plan([spec("site", 1, 1000 * MS)]), Ending::Pass(MS), 16);
    rig.pass(2_000 * MS).await;
    let before = rig.begun().len();
    rig.set(Ending::Refused);
    rig.pass(3_500 * MS).await;
    let times: Vec<Duration> = rig.begun()[before..].iter().map(|begun| begun.at).collect();
    assert!(times[1] - times[0] <= 2 * MS, "{times:?}");
    assert!(times[2] - times[1] >= 790 * MS, "{times:?}");
    assert!(times[3] - times[2] >= 790 * MS, "only the first: {times:?}");
}

/// How long after `ending` began the third failure in a row is reported, at worst over many
/// phases: backends of which the first and the last are asked almost an interval apart.
async fn third_failure(ending: Ending) -> Duration {
    let all = plan((0..50).map(|number| spec("site", number, 100 * MS)));
    let mut rig = Rig::new(all, Ending::Pass(MS), 16);
    rig.pass(1_000 * MS).await;
    rig.set(ending);
    let since = Instant::now();
    let mut failed = std::collections::HashMap::new();
    while failed.values().filter(|fails| **fails >= 3).count() < 50 {
        let result = rig.results.recv().await.unwrap();
        if result.outcome != Outcome::Pass {
            *failed.entry(result.backend).or_insert(0) += 1;
        }
    }
    since.elapsed()
}

#[tokio::test(start_paused = true)]
async fn three_failures_take_little_more_than_two_intervals() {
    let killed = third_failure(Ending::Refused).await;
    assert!(killed <= 220 * MS, "{killed:?}");
    let unreachable = third_failure(Ending::Silence).await;
    assert!(unreachable <= 290 * MS, "with a timeout of half an interval: {unreachable:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_long_down_is_asked_less_often_until_it_passes() {
    for (interval, expected) in
        [(100 * MS, 500 * MS), (1000 * MS, 2000 * MS), (5000 * MS, 5000 * MS)]
    {
        let mut rig = Rig::new(plan([spec("site", 1, interval)]), Ending::Refused, 16);
        rig.pass(interval * 40).await;
        let long_down = rig.begun().len();
        rig.pass(interval * 40).await;
        let times: Vec<Duration> = rig.begun()[long_down..].iter().map(|begun| begun.at).collect();
        for gap in times.windows(2).map(|pair| pair[1] - pair[0]) {
            let least = expected - interval / 5;
            assert!((least - 2 * MS..=expected + interval / 5 + 2 * MS).contains(&gap), "{gap:?}");
        }
        rig.set(Ending::Pass(MS));
        rig.pass(expected * 2).await;
        let before = rig.begun().len();
        rig.pass(interval * 10).await;
        assert!((9..=11).contains(&(rig.begun().len() - before)), "as often as before");
    }
}

#[tokio::test(start_paused = true)]
async fn very_many_new_checks_are_first_asked_at_a_bounded_rate() {
    let all = plan((0..20_000).map(|number| spec("site", number, 10_000 * MS)));
    let mut rig = Rig::new(all, Ending::Pass(MS), 4096);
    rig.pass(2_100 * MS).await;
    let mut per_slice = [0_u32; 21];
    for begun in rig.begun() {
        per_slice[(begun.at.as_millis() / 100) as usize] += 1;
    }
    assert!(per_slice.iter().all(|count| *count <= 1_200), "{per_slice:?}");
    assert!(per_slice.iter().sum::<u32>() >= 20_000, "all had their turn: {per_slice:?}");
}

#[tokio::test(start_paused = true)]
async fn what_this_machine_lacks_is_not_asked_for_at_once() {
    let mut rig = Rig::new(plan([spec("site", 1, 1000 * MS)]), Ending::Refused, 16);
    while rig.begun().is_empty() {
        sleep(MS).await;
    }
    rig.set(Ending::NoDescriptors);
    let results = rig.pass(10_000 * MS).await;
    assert!((9..=13).contains(&results.len()), "{} attempts in ten intervals", results.len());
    assert!(matches!(results.last().unwrap().outcome, Outcome::Void(_)));
}

#[tokio::test(start_paused = true)]
async fn what_is_due_beyond_the_bound_waits() {
    let all = plan((0..3000).map(|number| spec("site", number, 10_000 * MS)));
    let mut rig = Rig::new(all, Ending::Silence, 4096);
    assert!(rig.pass(900 * MS).await.is_empty());
    assert_eq!(rig.under_way.load(Relaxed), IN_FLIGHT_MAX[0]);
    rig.set(Ending::Pass(MS));
    rig.pass(30_000 * MS).await;
    let mut asked: Vec<Address> = rig.begun().into_iter().map(|begun| begun.address).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), 3000, "all had their turn");
}

#[tokio::test(start_paused = true)]
async fn hung_backends_delay_no_connect() {
    let questions = (0..3000).map(|number| ProbeSpec {
        kind: ProbeKind::StatusLine { host: "a".into(), path: "/".into(), tls: None },
        timeout: 5_000 * MS,
        ..spec("site", number, 10_000 * MS)
    });
    let connect = spec("site", 5000, 100 * MS);
    let all = plan(questions.chain([connect.clone()]));
    let mut rig = Rig::new(all, Ending::Hung, 4096);
    rig.pass(4_000 * MS).await;
    assert_eq!(rig.under_way.load(Relaxed), IN_FLIGHT_MAX[1]);
    let begun = rig.begun();
    let connects = begun.iter().filter(|begun| begun.address == connect.address).count();
    assert!((38..=42).contains(&connects), "{connects} connects in 40 intervals");
}

#[tokio::test(start_paused = true)]
async fn the_same_question_is_sent_once_and_answered_to_all() {
    let both = plan([spec("one", 1, 100 * MS), spec("two", 1, 100 * MS)]);
    let mut rig = Rig::new(both, Ending::Pass(MS), 16);
    let results = rig.pass(1_000 * MS).await;
    let of = |pool: &str| results.iter().filter(|one| &*one.backend.pool == pool).count();
    assert_eq!(of("one"), of("two"));
    assert!(rig.begun().len() <= 12, "{}", rig.begun().len());
    assert_eq!(of("one"), rig.begun().len());
}

#[tokio::test(start_paused = true)]
async fn what_is_in_both_plans_goes_on_undisturbed() {
    let kept = || (0..20).map(|number| spec("site", number, 100 * MS));
    let run = async |change: bool| {
        let mut rig = Rig::new(plan(kept()), Ending::Pass(20 * MS), 16);
        rig.pass(450 * MS).await;
        if change {
            rig.plan.send_replace(plan(kept().rev()));
        }
        rig.pass(450 * MS).await;
        let asked = |begun: &Begun| begun.address.clone();
        rig.begun().iter().map(asked).collect::<Vec<_>>()
    };
    assert_eq!(run(true).await, run(false).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_planned_stops_without_a_result() {
    let two = [spec("site", 1, 1000 * MS), spec("site", 2, 1000 * MS)];
    let mut rig = Rig::new(plan(two.clone()), Ending::Silence, 16);
    rig.pass(200 * MS).await;
    assert_eq!(rig.under_way.load(Relaxed), 2);
    rig.plan.send_replace(plan([two[1].clone()]));
    let results = rig.pass(5_000 * MS).await;
    assert!(results.iter().all(|result| &*result.backend.name == "b2"), "{results:?}");
    assert_eq!(rig.begun().iter().filter(|begun| begun.address == address(1)).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_to_a_shared_check_need_not_wait_for_its_turn() {
    let first = spec("one", 1, 60_000 * MS);
    let mut rig = Rig::new(plan([first.clone()]), Ending::Pass(MS), 16);
    rig.pass(1_000 * MS).await;
    rig.plan.send_replace(plan([first, spec("two", 1, 60_000 * MS)]));
    let results = rig.pass(110 * MS).await;
    assert!(results.iter().any(|result| &*result.backend.pool == "two"), "{results:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_slows_the_probes_and_loses_nothing() {
    let all = plan((0..50).map(|number| spec("site", number, 10 * MS)));
    let mut rig = Rig::new(all, Ending::Pass(MS), 1);
    sleep(5_000 * MS).await;
    let begun = rig.begun().len();
    assert!(begun <= 100, "{begun} attempts although nobody reads");
    let results = rig.pass(1_000 * MS).await.len();
    assert!(rig.begun().len() - results <= 50, "results were lost");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_reported_as_such() {
    let mut rig = Rig::new(plan([spec("site", 1, 100 * MS)]), Ending::Silence, 16);
    let result = rig.results.recv().await.unwrap();
    let Outcome::Fail(reason) = &result.outcome else { panic!("{result:?}") };
    assert_eq!(reason.failure, Failure::Timeout);
    assert!(result.latency >= 1000 * MS, "no round trip is known yet: {result:?}");
    drop(rig.task);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_a_stalled_prober_is_void() {
    let mut check = spec("site", 1, 1000 * MS);
    check.kind = ProbeKind::StatusLine { host: "a".into(), path: "/".into(), tls: None };
    let mut rig = Rig::new(plan([check]), Ending::Silence, 16);
    while rig.begun().is_empty() {
        sleep(MS).await;
    }
    // Stalls in the middle of the attempt; its own timer then ends it in time.
    tokio::time::advance(400 * MS).await;
    let result = rig.results.recv().await.unwrap();
    assert!(matches!(result.outcome, Outcome::Void(_)), "{result:?}");
    let result = rig.results.recv().await.unwrap();
    assert!(matches!(result.outcome, Outcome::Fail(_)), "attentive again: {result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_distant_backend_is_given_four_round_trips() {
    let mut rig = Rig::new(plan([spec("site", 1, 100 * MS)]), Ending::Pass(80 * MS), 16);
    let results = rig.pass(2_000 * MS).await;
    assert!(results.iter().all(|result| result.outcome == Outcome::Pass));
    let limits: Vec<Duration> = rig.begun().iter().map(|begun| begun.limit).collect();
    assert_eq!(limits[0], 1000 * MS, "as long as none is known");
    assert!(limits[1..].iter().all(|limit| (300 * MS..350 * MS).contains(limit)), "{limits:?}");
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_its_plan_or_its_reader() {
    let rig = Rig::new(plan([spec("site", 1, 100 * MS)]), Ending::Silence, 16);
    drop(rig.plan);
    rig.task.await.unwrap();
    assert_eq!(rig.under_way.load(Relaxed), 0);

    let rig = Rig::new(plan([]), Ending::Silence, 16);
    drop(rig.results);
    rig.task.await.unwrap();
    assert!(rig.zero.elapsed() < 100 * MS);
}
