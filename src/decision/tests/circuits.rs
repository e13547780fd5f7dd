//! A pool's circuit breaker in the core: what is planned, told and waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixture::{backend, config, flat, key};
use crate::config::{Breaker, Config};
use crate::decision::{Change, Input, State};
use crate::model::{Action, Circuit, Order, Scope, Traffic};

const TERMS: Breaker = Breaker::DEFAULT;

fn world(breaker: Option<Breaker>) -> Config {
    let mut pool = flat("site", vec![backend("a", 1), backend("b", 2)]);
    pool.breaker = breaker;
    config(vec![flat("other", vec![backend("c", 3)]), pool])
}

fn seen(answered: u64, server_errors: u64) -> [Input; 2] {
    ["a", "b"].map(|name| {
        let traffic = Traffic::none(key("site", name));
        Input::Sampled(Traffic { answered, server_errors, ..traffic })
    })
}

fn start() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What the steps told of the breaker.
fn told(changes: &[Change]) -> Vec<String> {
    let told = changes.iter().filter_map(|change| match change {
        Change::Circuit { pool, from, to, cause } => {
            Some(format!("{pool} {from} -> {to}: {cause}"))
        }
        _ => None,
    });
    told.collect()
}

fn planned(state: &State) -> Circuit {
    state.plan().pools[1].circuit
}

#[test]
fn what_all_backends_show_opens_it_and_a_trial_closes_it() {
    let now = start();
    let mut state = State::new(Arc::new(world(Some(TERMS))), now);
    let step = state.step(seen(10, 9), now);
    assert_eq!(told(&step.changes), ["site closed -> open: 18 of 20 tries failed within 10s"]);
    let until = now + TERMS.open;
    assert_eq!(planned(&state), Circuit::Open { until });
    assert!(step.plan.is_some(), "nothing is waited for");
    assert_eq!(state.plan().pools[0].circuit, Circuit::Closed, "the other pool");
    assert_eq!(state.due(), Some(until));
    let step = state.step([], until);
    assert_eq!(told(&step.changes), ["site open -> half-open: its time is over"]);
    assert_eq!(planned(&state), Circuit::HalfOpen { share: TERMS.trial_share });
    let step = state.step(seen(2, 0), until + Duration::from_millis(100));
    assert_eq!(told(&step.changes), ["site half-open -> closed: 4 tries ended well"]);
    assert_eq!(planned(&state), Circuit::Closed);
}

#[test]
fn an_order_closes_it_and_stands_for_nothing() {
    let now = start();
    let mut state = State::new(Arc::new(world(Some(TERMS))), now);
    state.step(seen(10, 9), now);
    let order = |scope| Order {
        scope,
        action: Action::ResetBreaker,
        actor: "test".into(),
        why: "".into(),
        since: now,
        until: None,
    };
    let step = state.step([Input::Ordered(order(Scope::Pool("other".into())))], now);
    assert!(told(&step.changes).is_empty());
    let step = state.step([Input::Ordered(order(Scope::Pool("site".into())))], now);
    assert_eq!(told(&step.changes), ["site open -> closed: it was ordered"]);
    assert_eq!(planned(&state), Circuit::Closed);
    assert!(state.orders().is_empty());
}

#[test]
fn another_configuration_keeps_it_and_one_without_lets_everybody_in() {
    let now = start();
    let mut state = State::new(Arc::new(world(Some(TERMS))), now);
    state.step(seen(10, 9), now);
    let open = planned(&state);
    let longer = Breaker { min_requests: 50, ..TERMS };
    state.step([Input::Configured(Arc::new(world(Some(longer))))], now);
    assert_eq!(planned(&state), open);
    state.step([Input::Configured(Arc::new(world(None)))], now);
    assert_eq!((planned(&state), state.breakers().nth(1)), (Circuit::Closed, Some(None)));
    state.step([Input::Configured(Arc::new(world(Some(TERMS))))], now);
    assert_eq!(planned(&state), Circuit::Closed, "what was before is forgotten");
}
