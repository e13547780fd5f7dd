//! What stands between a request and its backends, or helps it to another: one line each.

use super::listed;
use super::pools::Led;
use crate::table::Pool;

/// The protections of the way that leads to this pool.
pub(super) fn protections(led: &Led<'_>, pool: &Pool) -> Vec<String> {
    let told = [route_places(led), places(pool), retries(led, pool)];
    told.into_iter().flatten().collect()
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
