//! What stands between a request and its backends, or helps it to another: one line each.

use super::listed;
use super::pools::Led;
use crate::table::Pool;

/// The protections of the way that leads to this pool.
pub(super) fn protections(led: &Led<'_>, pool: &Pool) -> Vec<String> {
    retries(led, pool).into_iter().collect()
}

/// Only HTTP has requests to be sent again.
fn retries(led: &Led<'_>, pool: &Pool) -> Option<String> {
    let retries = led.retries?;
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
