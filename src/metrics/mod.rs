//! A metric whose name or help text is typed twice will one day differ.
//!
//! So every family is described once, in [`names`], with its kind and its label names; who has
//! the numbers fills an [`Exposition`] from there, and it comes out in Prometheus' text format.
//! Nothing is registered and nothing is counted here: counters live where they are written (see
//! [`live`](crate::live)), a scrape only reads them.
//!
//! Label values come from closed sets or from the config (listeners, pools, backends), never from
//! a peer, so a hostile client cannot make the number of series grow.

mod exposition;
mod family;
pub mod names;

pub use exposition::{CONTENT_TYPE, EncodeError, Exposition, Samples};
pub use family::{Family, Kind};
