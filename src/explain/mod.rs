//! Why a request, a connection or a datagram goes where it goes.
//!
//! The question of every incident call is "why did it send this request there, and not here?". The
//! answer is read off the very table that requests are routed by: the first route that matches and
//! what the ones before it wanted, the pools and their parts, and each zone and backend with the
//! part it gets ([`Pool::odds`](crate::table::Pool::odds)), the reason why it gets nothing, and what
//! would have to change.
//!
//! An assumption ([`Assumption`]) is put to a copy of the decision core, so its answer is what would
//! be decided, not what somebody thinks would be.

mod assume;
mod forwards;
mod listeners;
mod needs;
pub mod plan;
mod pools;
mod protections;
mod question;
mod routes;
#[cfg(test)]
mod tests;
mod text;
pub mod view;

use std::sync::Arc;
use std::time::Instant;

pub use assume::{Assumption, assume};
pub use question::Question;

use crate::decision::{Report, State};
use crate::live::Live;
use crate::table::{self, Table};
use question::Arrival;
use view::Explanation;

/// What is known at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The table that requests are routed by.
    pub table: &'a Table,
    /// What the decision it was built from did and why.
    pub report: &'a Report,
    /// The moment.
    pub now: Instant,
}

/// Explains by what is known.
///
/// # Errors
/// One line that says what of the question does not fit the configuration, with the nearest name.
pub fn explain(known: Known<'_>, question: &Question) -> Result<Explanation, String> {
    let listener = listeners::listener(known.table, question)?;
    let mut explanation = Explanation {
        generation: known.table.generation,
        listener: listener.settings.name.to_string(),
        other_listeners: listeners::others(known.table, question, listener),
        ..Explanation::default()
    };
    let led = match &question.arrival {
        Arrival::Request(request) => {
            match forwards::passed_through(listener, request, &mut explanation) {
                Some(led) => Some(led),
                None => routes::follow(listener, request, &mut explanation)?,
            }
        }
        Arrival::Connection(hello) => {
            forwards::connection(listener, hello.as_ref(), &mut explanation)
        }
        Arrival::Datagram => forwards::datagram(listener, &mut explanation),
    };
    explanation.pools = pools::pools(known, led.as_ref(), question)?;
    Ok(explanation)
}

/// Explains by a decision core that no process runs: with the table that would be built from it.
///
/// # Errors
/// As [`explain`].
pub fn explain_state(
    state: &State,
    question: &Question,
    now: Instant,
) -> Result<Explanation, String> {
    let table = table::build(&table::Inputs {
        config: state.config(),
        plan: state.plan(),
        live: &Live::new(1),
        listeners: &[],
        previous: None,
        generation: 0,
    });
    explain(Known { table: &table, report: state.report(), now }, question)
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(" or ")
}

/// The name that was meant, in words for an error.
fn nearest<'n>(what: &str, name: &str, names: impl Iterator<Item = &'n Arc<str>>) -> String {
    let names: Vec<&str> = names.map(|name| &**name).collect();
    let by_distance = names.iter().min_by_key(|known| strsim::osa_distance(name, known));
    let near = by_distance.filter(|known| strsim::osa_distance(name, known) <= 1 + known.len() / 4);
    let name: String = name.escape_debug().take(60).collect();
    match near {
        Some(near) => format!("there is no {what} `{name}` (did you mean `{near}`?)"),
        None if names.len() <= 8 => {
            format!("there is no {what} `{name}` (expected one of: {})", names.join(", "))
        }
        None => format!("there is no {what} `{name}` (there are {} others)", names.len()),
    }
}
