//! L4: does what a user would do succeed, from the first request to the last?
//!
//! The steps go out one after the other, each on a connection of its own, and the first that is
//! not answered as expected ends the transaction. Its failure tells which step it was.

use super::{fault::Fault, http, tls::Tls};
use crate::model::{Address, HttpAsk};

/// Goes through all steps once.
pub(super) async fn probe(tls: &Tls, address: &Address, steps: &[HttpAsk]) -> Result<(), Fault> {
    for (index, step) in steps.iter().enumerate() {
        let result = http::probe(tls, address, step).await;
        result.map_err(|fault| fault.within(&format!("step {} ({step})", index + 1)))?;
    }
    Ok(())
}
