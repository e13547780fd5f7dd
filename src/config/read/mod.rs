//! Reading a tree by its shape: each reader returns a value or reports why there is none.
//!
//! A [`Cursor`] is a node with its path; [`Fields`] is a mapping read by a
//! [`Shape`](super::shape::Shape). A reader never stops at a problem: it reports, returns `None`,
//! and its caller goes on with a stand-in value, so that one run finds everything.

mod cursor;
mod fields;

pub(in crate::config) use cursor::{Cursor, Named};
pub(in crate::config) use fields::Fields;
