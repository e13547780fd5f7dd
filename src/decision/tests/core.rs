//! The core, driven by hand through time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixture::{backend, config, fail, flat, key, named, order, pass, pool, region, zone};
use crate::config::{HealthChecks, OwnHealth, Pool, TrafficCheck};
use crate::decision::{Change, Input, State, Step};
use crate::model::{Action, Admin, Health, Lookup, LookupSpec, Order, Phase, Plan, Scope, Traffic};

const MS: Duration = Duration::from_millis(1);

fn state(pools: Vec<Pool>) -> (State, Instant) {
    let now = tokio::time::Instant::now().into_std();
    (State::new(Arc::new(config(pools)), now), now)
}

fn up(state: &mut State, names: &[&str], now: Instant) {
    let seen = names.iter().map(|name| Input::Observed(pass("site", name, now)));
    state.step(seen.collect::<Vec<_>>(), now);
    state.step([], now + 10 * MS);
}

fn configured(state: &mut State, pools: Vec<Pool>, now: Instant) -> Step {
    state.step([Input::Configured(Arc::new(config(pools)))], now)
}

/// Every backend of a plan with its effective weight.
fn weights(plan: &Plan) -> String {
    let zones = plan.pools.iter().flat_map(|pool| &pool.zones);
    let backends = zones.flat_map(|zone| &*zone.backends);
    let shown = backends.map(|one| format!("{}={}", one.name, one.effective_weight));
    shown.collect::<Vec<_>>().join(" ")
}

fn healths(state: &State) -> String {
    let members = state.pools().flat_map(|(_, members)| members);
    let shown =
        members.map(|one| format!("{}={}", one.backend.key.name, one.health.health().0.name()));
    shown.collect::<Vec<_>>().join(" ")
}

fn scope(name: &str) -> Scope {
    Scope::Backend(key("site", name))
}

fn spec(backend: &str, host: &str) -> LookupSpec {
    LookupSpec { pool: "site".into(), backend: backend.into(), host: host.into(), port: 80 }
}

fn resolved(host: &str, addresses: &[&str]) -> Input {
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    Input::LookedUp(Lookup { spec: spec("app", host), outcome: Ok(addresses) })
}

fn unresolved(detail: &str) -> Input {
    Input::LookedUp(Lookup { spec: spec("app", "app.test"), outcome: Err(detail.into()) })
}

#[test]
fn good_news_is_collected_and_bad_news_is_not() {
    let (mut state, now) = state(vec![flat("site", vec![backend("a", 1), backend("b", 2)])]);
    assert_eq!(state.due(), None);

    let step = state.step([Input::Observed(pass("site", "a", now))], now);
    assert!(step.plan.is_none());
    assert_eq!(state.due(), Some(now + 10 * MS));
    let step = state.step([Input::Observed(pass("site", "b", now))], now + 9 * MS);
    assert!(step.plan.is_none());
    assert_eq!(state.due(), Some(now + 10 * MS), "a burst does not put the decision off");
    let step = state.step([], now + 10 * MS);
    assert_eq!(weights(&step.plan.unwrap()), "a=1 b=1");
    assert_eq!(state.due(), None);

    let failures = || Input::Observed(fail("site", "a", now + 20 * MS));
    let step = state.step([failures(), failures(), failures()], now + 20 * MS);
    assert_eq!(weights(&step.plan.unwrap()), "a=0 b=1");
}

#[test]
fn what_changes_nothing_decides_nothing() {
    let (mut state, now) = state(vec![flat("site", vec![backend("a", 1)])]);
    up(&mut state, &["a"], now);
    let step = state.step([Input::Observed(pass("site", "a", now + 20 * MS))], now + 20 * MS);
    assert!(step.changes.is_empty() && step.plan.is_none());
    assert_eq!(state.due(), None);
    let step = configured(&mut state, vec![flat("site", vec![backend("a", 1)])], now + 30 * MS);
    assert_eq!(step.changes, [Change::Members]);
    assert!(step.plan.is_none(), "the same config gives the same plan");
}

#[test]
fn traffic_that_cannot_connect_takes_a_backend_out_at_once() {
    let (mut state, now) = state(vec![flat("site", vec![backend("a", 1), backend("b", 2)])]);
    up(&mut state, &["a", "b"], now);
    let sample = Traffic { connect_failures: 1, ..Traffic::none(key("site", "a")) };
    let step = state.step([Input::Sampled(sample)], now + 20 * MS);
    assert_eq!(weights(&step.plan.unwrap()), "a=0 b=1");
}

#[test]
fn an_order_holds_whatever_is_observed() {
    let (mut state, now) = state(vec![flat("site", vec![backend("a", 1), backend("b", 2)])]);
    up(&mut state, &["a", "b"], now);
    let step = state.step([order(scope("a"), Action::Drain { over: None }, now)], now + 20 * MS);
    assert_eq!(weights(&step.plan.unwrap()), "a=0 b=1");
    configured(&mut state, vec![flat("site", vec![backend("b", 2)])], now + 30 * MS);
    let back = vec![flat("site", vec![backend("a", 1), backend("b", 2)])];
    configured(&mut state, back, now + 40 * MS);
    assert_eq!(state.admin(&key("site", "a")), Admin::Drain);
    assert_eq!(weights(state.plan()), "a=0 b=1");
}

#[test]
fn an_order_ends_by_its_time_or_by_another_order() {
    let (mut state, now) = state(vec![flat("site", vec![backend("a", 1), backend("b", 2)])]);
    up(&mut state, &["a", "b"], now);
    let minute = Duration::from_secs(60);
    let Input::Ordered(drain) = order(scope("a"), Action::Maint, now) else { unreachable!() };
    let drain = Order { until: Some(now + minute), ..drain };
    state.step([Input::Ordered(drain.clone())], now + 20 * MS);
    assert_eq!(weights(state.plan()), "a=0 b=1");
    assert_eq!(state.due(), Some(now + minute));
    let step = state.step([], now + minute);
    assert_eq!(step.changes, [Change::Expired(drain)]);
    assert_eq!(weights(&step.plan.unwrap()), "a=1 b=1");

    state.step([order(scope("a"), Action::Maint, now)], now + minute);
    state.step([order(Scope::Pool("site".into()), Action::Ready, now)], now + minute);
    assert_eq!(weights(state.plan()), "a=1 b=1", "an order for the pool ends those within it");
    assert!(state.orders().is_empty());
}

#[test]
fn a_gradual_drain_goes_down_evenly() {
    let (mut state, now) = state(vec![flat("site", vec![backend("a", 1), backend("b", 2)])]);
    up(&mut state, &["a", "b"], now);
    let over = Some(Duration::from_secs(4));
    state.step([order(scope("a"), Action::Drain { over }, now)], now);
    let mut seen = vec![weights(state.plan())];
    while let Some(due) = state.due() {
        state.step([], due);
        seen.push(weights(state.plan()));
    }
    assert_eq!(seen, ["a=1 b=1", "a=0.75 b=1", "a=0.5 b=1", "a=0.25 b=1", "a=0 b=1"]);
}

#[test]
fn a_weight_may_be_ordered_for_a_backend_a_zone_and_a_region() {
    let east =
        vec![zone("a", None, vec![backend("a1", 1)]), zone("b", None, vec![backend("b1", 2)])];
    let west = vec![zone("c", None, vec![backend("c1", 3)])];
    let (mut state, now) =
        state(vec![pool("site", vec![region("east", None, east), region("west", None, west)])]);
    up(&mut state, &["a1", "b1", "c1"], now);
    let zone = |zone: &str| Scope::Zone { pool: None, region: None, zone: zone.into() };
    let region = Scope::Region { pool: Some("site".into()), region: "west".into() };
    state.step(
        [
            order(scope("a1"), Action::Weight(Some(4)), now),
            order(zone("b"), Action::Weight(Some(0)), now),
            order(region, Action::Weight(Some(12)), now),
        ],
        now,
    );
    let shares = |state: &State| -> Vec<f64> {
        state.plan().pools[0].zones.iter().map(|zone| zone.share).collect()
    };
    assert_eq!(weights(state.plan()), "a1=4 b1=1 c1=1");
    assert_eq!(shares(&state), [0.25, 0.0, 0.75]);

    let fail = order(zone("a"), Action::Fail { to: None }, now);
    state.step([fail], now);
    assert_eq!(shares(&state), [0.0, 0.0, 1.0]);
    let standing = &state.plan().pools[0].zones[0].standing;
    assert_eq!(standing.phase, Phase::Out);
    assert_eq!(&*standing.cause, "fail of zone a ordered by operator: a test");
    state.step([order(zone("a"), Action::Restore { advance: false }, now)], now);
    assert_eq!(state.plan().pools[0].zones[0].standing.phase, Phase::Proving);
    state.step([order(zone("a"), Action::Restore { advance: true }, now)], now);
    assert!((shares(&state)[0] - 0.0025).abs() < 1e-9, "1 % of what it is entitled to");
}

#[test]
fn evidence_outlives_a_new_config() {
    let (mut state, now) = state(vec![flat("site", vec![backend("a", 1), backend("b", 2)])]);
    up(&mut state, &["a"], now);
    let moved = vec![flat("site", vec![backend("new", 3), backend("b", 2), backend("a", 1)])];
    configured(&mut state, moved, now + 20 * MS);
    assert_eq!(healths(&state), "new=unknown b=unknown a=up");
    assert_eq!(weights(state.plan()), "new=0 b=0 a=1");
}

#[test]
fn members_that_stay_are_asked_what_their_pool_asks_now() {
    let site = |fall| {
        let mut pool = flat("site", vec![backend("a", 1), backend("b", 2)]);
        pool.health.network.iter_mut().for_each(|check| check.cadence.fall = fall);
        vec![pool]
    };
    let (mut state, now) = state(site(3));
    up(&mut state, &["a", "b"], now);
    configured(&mut state, site(1), now + 20 * MS);
    state.step([Input::Observed(fail("site", "a", now + 30 * MS))], now + 30 * MS);
    assert_eq!(healths(&state), "a=down b=up");
    let own = OwnHealth { place: None, host: None, checks: HealthChecks::default() };
    let mut changed = site(1);
    changed[0].regions[0].zones[0].backends[0].own_health = Some(Arc::new(own));
    let step = configured(&mut state, changed, now + 40 * MS);
    assert_eq!(healths(&state), "a=up b=up");
    assert!(step.changes.iter().any(|change| matches!(change, Change::Health(..))));
}

#[test]
fn a_renamed_backend_is_known_by_its_address_and_a_new_address_is_not_known() {
    let (mut state, now) = state(vec![flat("site", vec![backend("a", 1), backend("b", 2)])]);
    up(&mut state, &["a", "b"], now);
    let changed = vec![flat("site", vec![backend("renamed", 1), backend("b", 9)])];
    configured(&mut state, changed, now + 20 * MS);
    assert_eq!(healths(&state), "renamed=up b=unknown");
}

#[test]
fn a_hostname_has_no_backend_until_it_is_resolved() {
    let (mut state, now) = state(vec![flat("site", vec![named("app", "app.test")])]);
    assert_eq!(state.lookup_plan().lookups, [spec("app", "app.test")]);
    assert_eq!(weights(state.plan()), "");

    let step = state.step([unresolved("server failure"), unresolved("server failure")], now);
    let told = Change::Unresolved(spec("app", "app.test"), "server failure".into());
    assert_eq!(step.changes, [told], "told once");
    assert_eq!(
        state.lookup_failure(&spec("app", "app.test")).map(|text| &**text),
        Some("server failure")
    );

    let step = state.step([resolved("app.test", &["10.0.0.1:80"])], now);
    assert_eq!(step.changes, [Change::Resolved(spec("app", "app.test"), 1), Change::Members]);
    assert_eq!(state.lookup_failure(&spec("app", "app.test")), None);
    up(&mut state, &["app"], now);
    assert_eq!(weights(state.plan()), "app=1");
}

#[test]
fn failing_dns_takes_nothing_away() {
    let (mut state, now) = state(vec![flat("site", vec![named("app", "app.test")])]);
    state.step([resolved("app.test", &["10.0.0.1:80"])], now);
    up(&mut state, &["app"], now);
    let step = state.step([unresolved("timeout"), resolved("app.test", &[])], now + 20 * MS);
    assert!(step.plan.is_none());
    assert_eq!(weights(state.plan()), "app=1");
    configured(&mut state, vec![flat("site", vec![named("app", "app.test")])], now + 30 * MS);
    assert_eq!(weights(state.plan()), "app=1", "addresses outlive a reload");
}

#[test]
fn a_hostname_that_grows_or_moves_does_not_go_out() {
    let (mut state, now) = state(vec![flat("site", vec![named("app", "app.test")])]);
    state.step([resolved("app.test", &["10.0.0.1:80"])], now);
    up(&mut state, &["app"], now);

    state.step([resolved("app.test", &["10.0.0.1:80", "10.0.0.2:80"])], now + 20 * MS);
    assert_eq!(healths(&state), "app/10.0.0.1:80=up app/10.0.0.2:80=unknown");

    state.step([resolved("app.test", &["10.0.0.3:80", "10.0.0.4:80"])], now + 30 * MS);
    state.step([], now + 40 * MS);
    assert_eq!(healths(&state), "app/10.0.0.3:80=up app/10.0.0.4:80=up", "on trial");
    assert_eq!(weights(state.plan()), "app/10.0.0.3:80=1 app/10.0.0.4:80=1");
}

#[test]
fn an_answer_to_a_withdrawn_question_is_ignored() {
    let (mut state, now) = state(vec![flat("site", vec![named("app", "old.test")])]);
    state.step([resolved("old.test", &["10.0.0.1:80"])], now);
    configured(&mut state, vec![flat("site", vec![named("app", "new.test")])], now + 10 * MS);
    assert_eq!(healths(&state), "", "the old name's addresses are not the new one's");
    let step = state.step([resolved("old.test", &["10.0.0.2:80"])], now + 20 * MS);
    assert!(step.changes.is_empty());
}

#[test]
fn a_pool_without_checks_is_up() {
    let mut unchecked = flat("site", vec![backend("a", 1)]);
    unchecked.health.network = None;
    let (state, _) = state(vec![unchecked]);
    assert_eq!(state.plan().pools[0].zones[0].backends[0].health, Health::Up);
    assert_eq!(weights(state.plan()), "a=1");
}

#[test]
fn who_answers_much_worse_than_the_rest_of_its_pool_is_out_and_then_on_trial() {
    let mut site = flat("site", vec![backend("a", 1), backend("b", 2), backend("c", 3)]);
    site.health.traffic = Some(TrafficCheck::DEFAULT);
    let (mut state, now) = state(vec![site]);
    up(&mut state, &["a", "b", "c"], now);
    let sample = |name: &str, server_errors| {
        Input::Sampled(Traffic { answered: 40, server_errors, ..Traffic::none(key("site", name)) })
    };
    let samples = [sample("a", 40), sample("b", 1), sample("c", 0)];
    let step = state.step(samples, now + 100 * MS);
    assert_eq!(weights(&step.plan.unwrap()), "a=0 b=1 c=1");
    let due = state.due().unwrap();
    assert_eq!(due, now + 100 * MS + TrafficCheck::DEFAULT.eject);
    let mut step = state.step([], due);
    while step.plan.is_none() {
        step = state.step([], state.due().unwrap());
    }
    assert_eq!(weights(&step.plan.unwrap()), "a=0.1 b=1 c=1");
    let step = state.step([sample("a", 0)], due + 100 * MS);
    assert_eq!(step.changes.len(), 1);
}
