//! L4: does what a user would do succeed, from the first request to the last?
//!
//! The steps go out one after the other, each on a connection of its own; a step may take values
//! from its answer, which those after it send. The first step that is not answered as expected
//! ends the transaction, and its failure tells which step it was. No message holds a value.

use super::answer::take;
use super::connect::Target;
use super::fault::Fault;
use super::http::exchange;
use super::tls::Tls;
use super::values::Values;
use crate::model::{Source, Transaction};

/// Goes through all steps once.
pub(super) async fn probe(
    tls: &Tls,
    target: &Target,
    transaction: &Transaction,
) -> Result<(), Fault> {
    let mut values = Values::default();
    for (name, secret) in &transaction.secrets {
        values.set(name, secret.expose());
    }
    for (index, step) in transaction.steps.iter().enumerate() {
        let told = |fault: Fault| fault.within(&format!("step {} ({})", index + 1, step.ask));
        let keep_body = step.save.iter().any(|(_, source)| !matches!(source, Source::Header(_)));
        let answered = exchange(tls, target, &step.ask, &values, keep_body).await.map_err(told)?;
        for (name, source) in &step.save {
            let value = take(&answered, source)
                .map_err(|fault| told(fault.within(&format!("save {name}"))))?;
            values.set(name, value);
        }
    }
    Ok(())
}
