//! A recording is decided again: exactly where it is whole, honestly where it is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{self, Config};
use crate::decision::tests::fixture::{order, pass};
use crate::decision::{Input, State};
use crate::events::tape::{self, Epoch, wire};
use crate::events::{Anchor, Corrupt};
use crate::kept;
use crate::model::{
    Action, Arrivals, BackendKey, Failure, Layer, Observation, Outcome, PoolName, Reason, Scope,
    UnixMillis,
};
use crate::sim::{Replay, replay};

const CONFIG: &str = "
version: 1
listeners: { web: { bind: 127.0.0.1:0, pool: shop } }
pools:
  shop:
    regions: { east: { zones: { a: { backends: [ 10.0.0.1:80 ] }, b: { backends: [ 10.0.1.1:80 ] } } } }
    health: { network: { interval: 1s } }
";

fn begin(state: &State, next: u64, t: i64, whole: bool) -> wire::Line {
    let config = wire::Config { path: None, text: config::print(state.config()) };
    wire::Line::Begin(wire::Begin {
        version: wire::VERSION,
        next,
        t,
        at_ms: 0,
        whole,
        left: None,
        config,
        orders: vec![],
        lookups: vec![],
        standings: state.standings().iter().map(|one| tape::standing_of(one, epoch())).collect(),
    })
}

fn epoch() -> Epoch {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    Epoch(*START.get_or_init(|| tokio::time::Instant::now().into_std()))
}

/// Two minutes in which a backend is gone for one, as they are recorded; with a new beginning after
/// the first step past `again`.
fn recorded(again: Option<u64>) -> Vec<wire::Line> {
    let config = Arc::new(Config::parse(CONFIG, None).unwrap().config);
    let mut state = State::new(config, epoch().0);
    let mut lines = vec![begin(&state, 0, 0, true)];
    for n in 0..240_u64 {
        let t = i64::try_from(n).unwrap() * 500_000_000;
        if again == Some(n) {
            lines.push(begin(&state, n, t, false));
        }
        let at = epoch().at(t);
        let (name, gone) = if n % 2 == 0 { ("10.0.0.1:80", false) } else { ("10.0.1.1:80", true) };
        let reason = Reason { failure: Failure::Refused, detail: "connect".into() };
        let fails = gone && (70..190).contains(&n);
        let seen = Observation {
            backend: BackendKey { pool: "shop".into(), name: name.into() },
            layer: Layer::Network,
            check: 0,
            at,
            latency: Duration::from_millis(1),
            outcome: if fails { Outcome::Fail(reason) } else { Outcome::Pass },
            agent: None,
        };
        let facts = vec![wire::Fact::Seen(tape::seen_of(&seen, epoch()))];
        let before = Arc::clone(state.plan());
        let decided = state.step([Input::Observed(seen)], at).decided(&before);
        lines.push(wire::Line::Step(wire::Step { n, t, facts, decided }));
    }
    lines
}

fn again(lines: &[wire::Line]) -> Result<Replay, Corrupt> {
    let lines = lines.iter().cloned().enumerate().map(|(at, line)| Ok((at + 1, Some(line))));
    // Another process, another clock.
    replay(lines, None, epoch().0 + Duration::from_secs(12_345))
}

#[test]
fn the_same_is_decided_again() {
    let told = again(&recorded(None)).unwrap();
    assert!(told.identical() && told.steps == 240 && told.decisions >= 8, "{told:?}");
    // A file that follows another goes on where that ended.
    let told = again(&recorded(Some(100))).unwrap();
    assert!(told.identical() && told.uncompared == 0, "{told:?}");
}

#[test]
fn the_classes_that_arrive_are_told_again() {
    let config = Arc::new(Config::parse(CONFIG, None).unwrap().config);
    let mut state = State::new(config, epoch().0);
    let mut lines = vec![begin(&state, 0, 0, true)];
    for n in 0..20_u64 {
        let t = i64::try_from(n).unwrap() * 500_000_000;
        let (at, pool) = (epoch().at(t), PoolName::from("shop"));
        let mut inputs = Vec::new();
        if n == 0 {
            let scope = Scope::Pool(pool.clone());
            inputs.push(order(scope, Action::Traffic(Some(0.5)), at));
        }
        inputs.push(Input::Observed(pass("shop", "10.0.0.1:80", at)));
        // A storm of the lowest class.
        let by_class = if n < 10 { [10, 10, 0, 0] } else { [1_000, 10, 0, 0] };
        inputs.push(Input::Arrived(Arrivals { pool, by_class }));
        let facts = inputs.iter().map(|input| match input {
            Input::Observed(seen) => wire::Fact::Seen(tape::seen_of(seen, epoch())),
            Input::Ordered(order) => wire::Fact::Order(tape::order_of(order, epoch())),
            Input::Arrived(arrivals) => wire::Fact::Arrived(tape::arrivals_of(arrivals)),
            other => panic!("{other:?}"),
        });
        let (facts, before) = (facts.collect(), Arc::clone(state.plan()));
        let decided = state.step(inputs, at).decided(&before);
        lines.push(wire::Line::Step(wire::Step { n, t, facts, decided }));
    }
    let admits = |line: &&wire::Line| {
        let wire::Line::Step(step) = line else { return false };
        step.decided.iter().any(|it| it.starts_with("admits shop: low 4"))
    };
    assert!(lines.iter().any(|line| admits(&line)), "{lines:#?}");
    assert!(again(&lines).unwrap().identical());
}

#[test]
fn what_was_lost_is_told() {
    let mut lines = recorded(None);
    lines.remove(80);
    let told = again(&lines).unwrap();
    assert_eq!(told.missing, 1);
    assert!(told.text().contains("missing: 1 steps"), "{}", told.text());
}

#[test]
fn a_line_that_was_not_written_whole_is_told_and_spoils_nothing() {
    let whole = recorded(None);
    let mut text: Vec<u8> = Vec::new();
    for line in &whole[..100] {
        text.extend(serde_json::to_vec(line).unwrap());
        text.push(b'\n');
    }
    text.truncate(text.len() - 20);
    let lines: Vec<_> = tape::lines(&*text).collect();
    let told = replay(lines, None, epoch().0).unwrap();
    assert_eq!((told.torn, told.steps), (1, 98));
    assert!(told.identical() && told.text().contains("torn: 1 lines"), "{}", told.text());
    // A full disk tears a line, and what follows begins anew.
    text.push(b'\n');
    for line in &recorded(Some(110))[111..] {
        text.extend(serde_json::to_vec(line).unwrap());
        text.push(b'\n');
    }
    let told = replay(tape::lines(&*text), None, epoch().0).unwrap();
    assert_eq!((told.torn, told.missing), (1, 12));
    assert!(told.identical(), "{}", told.text());
}

/// A process that begins with what another has left, as it is recorded: both backends were up there.
fn taken_over() -> Vec<wire::Line> {
    let config = Arc::new(Config::parse(CONFIG, None).unwrap().config);
    let mut before = State::new(Arc::clone(&config), epoch().0);
    let at = |ms: u64| epoch().0 + Duration::from_millis(ms);
    let seen = |name: &str, at: Instant, fails: bool| {
        let reason = Reason { failure: Failure::Refused, detail: "connect".into() };
        Observation {
            backend: BackendKey { pool: "shop".into(), name: name.into() },
            layer: Layer::Network,
            check: 0,
            at,
            latency: Duration::from_millis(1),
            outcome: if fails { Outcome::Fail(reason) } else { Outcome::Pass },
            agent: None,
        }
    };
    let both =
        ["10.0.0.1:80", "10.0.1.1:80"].map(|name| Input::Observed(seen(name, at(500), false)));
    before.step(both, at(500));
    let anchor = |ms| Anchor { instant: at(ms), wall: UnixMillis(1_795_228_024_000 + ms) };
    let health = kept::health(&before.memories().collect::<Vec<_>>(), anchor(900)).unwrap();
    let left = wire::Left { health: Some(String::from_utf8(health).unwrap()), standings: None };

    let mut state = State::new(config, at(1_000));
    kept::resume(&mut state, &left, anchor(1_000));
    state.step([], at(1_000));
    let wire::Line::Begin(begin) = begin(&state, 0, 1_000_000_000, true) else {
        panic!("no beginning")
    };
    let begin = wire::Begin { left: Some(left), at_ms: anchor(1_000).wall.0, ..begin };
    let mut lines = vec![wire::Line::Begin(begin)];
    for n in 0..20_u64 {
        let now = at(1_100 + n * 500);
        // One of them has gone meanwhile; nothing was seen of it in this process before.
        let seen = seen(if n % 2 == 0 { "10.0.0.1:80" } else { "10.0.1.1:80" }, now, n % 2 == 1);
        let facts = vec![wire::Fact::Seen(tape::seen_of(&seen, epoch()))];
        let plan = Arc::clone(state.plan());
        let decided = state.step([Input::Observed(seen)], now).decided(&plan);
        lines.push(wire::Line::Step(wire::Step { n, t: epoch().to(now), facts, decided }));
    }
    lines
}

#[test]
fn what_was_taken_over_is_taken_over_again() {
    let lines = taken_over();
    let told = again(&lines).unwrap();
    assert!(told.identical() && told.uncompared == 0 && told.decisions > 0, "{}", told.text());
    let mut forgetful = lines;
    let Some(wire::Line::Begin(begin)) = forgetful.first_mut() else { panic!("no beginning") };
    begin.left = None;
    assert!(!again(&forgetful).unwrap().identical(), "it matters");
}

#[test]
fn a_recording_that_begins_in_the_middle_is_not_compared_at_once() {
    let lines = recorded(Some(60));
    let told = again(&lines[61..]).unwrap();
    assert!(told.uncompared > 0 && told.identical(), "{told:?}");
    assert!(told.text().contains("the recording begins in the middle"), "{}", told.text());
}

#[test]
fn what_was_decided_otherwise_is_shown_on_both_sides() {
    let mut lines = recorded(None);
    let decides = |line: &&mut wire::Line| matches!(line, wire::Line::Step(step) if step.decided.iter().any(|it| it.contains("down")));
    let Some(wire::Line::Step(step)) = lines.iter_mut().find(decides) else { panic!("no step") };
    step.decided[0] = "backend shop/10.0.1.1:80 up -> up".to_owned();
    let told = again(&lines).unwrap();
    assert_eq!((told.recorded_only, told.decided_only), (1, 1));
    let text = told.text();
    assert!(text.contains("  - backend shop/10.0.1.1:80 up -> up\n"), "{text}");
    assert!(text.contains("  + backend shop/10.0.1.1:80 up -> down"), "{text}");
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    let whole = recorded(None);
    assert_eq!(again(&whole[1..]).unwrap_err().line, 1, "a step before any beginning");
    let mut lines = whole.clone();
    let Some(wire::Line::Begin(begin)) = lines.first_mut() else { panic!("no beginning") };
    begin.version = 3;
    assert!(again(&lines).unwrap_err().to_string().contains("version 3"));
    let mut lines = whole;
    lines.swap(5, 6);
    assert_eq!(again(&lines).unwrap_err().line, 7);
}
