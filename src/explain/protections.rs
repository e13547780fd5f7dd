//! What stands between a request and its backends, or helps it to another: one line each.

use super::listed;
use super::pools::Led;
use crate::config::LimitKey;
use crate::model::Circuit;
use crate::table::{Pool, RateLimit, Table};

/// The protections of the way that leads to this pool.
pub(super) fn protections(table: &Table, led: &Led<'_>, pool: &Pool) -> Vec<String> {
    let told = [
        degradation(table, led),
        fault(table, led),
        breaker(pool),
        route_places(led),
        places(pool),
        shedding(led, pool),
        retries(led, pool),
    ];
    let rates = led.route.into_iter().flat_map(|route| &route.rate_limits);
    let rates = led.listener_rates.iter().chain(rates).map(rate);
    rates.chain(told.into_iter().flatten()).collect()
}

fn rate(limit: &RateLimit) -> String {
    let policy = &limit.policy;
    let by = match &policy.by {
        LimitKey::All => String::from("of all together"),
        LimitKey::Client { v4: 32, .. } => String::from("of each client"),
        LimitKey::Client { v4, v6 } => format!("of each network of clients (/{v4}, /{v6})"),
        LimitKey::Certificate => String::from("of whom each certificate is for"),
        LimitKey::Header(name) => format!("of each value of {name}"),
    };
    let refused = match limit.limiter.refused() {
        0 => String::new(),
        count => format!("; {count} refused so far"),
    };
    format!("{}: at most {} {by}, {} at once{refused}", policy.name, policy.rate(), policy.burst)
}

fn degradation(table: &Table, led: &Led<'_>) -> Option<String> {
    let exceptions = table.exceptions.as_ref()?;
    let level = exceptions.refuses(led.listener, led.name, led.class)?;
    let answer = match &level.respond {
        Some(fixed) => format!("answered with {}", fixed.status),
        None => String::from("refused"),
    };
    Some(format!("{answer}: degraded service `{}` is ordered", level.name))
}

fn fault(table: &Table, led: &Led<'_>) -> Option<String> {
    let fault = table.exceptions.as_ref()?.fault_of(led.listener, led.name)?.fault;
    led.route.map(|_| format!("injected for a drill: {fault}"))
}

/// While it is closed, it is as if it was not there.
fn breaker(pool: &Pool) -> Option<String> {
    match pool.door.circuit {
        Circuit::Closed => None,
        Circuit::Open { .. } => {
            Some(String::from("nothing is let in: the pool's circuit breaker is open"))
        }
        Circuit::HalfOpen { share } => Some(format!(
            "{:.0} % is let in on trial: the pool's circuit breaker is half-open",
            share * 100.0
        )),
    }
}

fn route_places(led: &Led<'_>) -> Option<String> {
    let route = led.route?;
    let (limit, queue) = (route.policy.concurrent?, route.queue.as_ref()?);
    let waiting = queue.waiting();
    Some(format!(
        "at most {} requests of the route at once: {} now, {waiting} wait",
        limit.requests,
        queue.taken()
    ))
}

fn places(pool: &Pool) -> Option<String> {
    let (max, queue) = (pool.concurrent?, &pool.waiting);
    let waiting = queue.waiting();
    Some(format!(
        "at most {max} requests of the pool at once: {} now, {waiting} wait",
        queue.taken()
    ))
}

fn shedding(led: &Led<'_>, pool: &Pool) -> Option<String> {
    let shedding = pool.door.shedding.as_ref()?;
    let class = led.class.name();
    let most = shedding.most(led.class).map(|most| {
        let now = shedding.pressure.under_way();
        format!("{most} are under way ({now} now)")
    });
    let waiting = shedding.most_waiting(led.class).map(|most| {
        let now = shedding.waiting();
        format!("{most} wait ({now} now)")
    });
    let told: Vec<String> = most.into_iter().chain(waiting).collect();
    let told = match told.is_empty() {
        // Its latency has not said anything yet.
        true => String::from("too many are under way, which is not found out yet"),
        false => told.join(", or "),
    };
    Some(format!("refused as {class} once {told}"))
}

/// Only HTTP has requests to be sent again.
fn retries(led: &Led<'_>, pool: &Pool) -> Option<String> {
    let retries = &led.route?.policy.retries;
    let causes = retries.on.names();
    if retries.attempts == 1 || causes.is_empty() {
        return Some(String::from("nothing is tried again"));
    }
    let terms = pool.budget.terms;
    let refused = match pool.budget.refused() {
        0 => String::new(),
        count => format!("; {count} refused so far because that was spent"),
    };
    Some(format!(
        "up to {} tries, after {}; of recent requests {:.0} % may be sent again, or {} per second{refused}",
        retries.attempts,
        listed(causes.into_iter()),
        terms.part * 100.0,
        terms.min_per_second,
    ))
}
