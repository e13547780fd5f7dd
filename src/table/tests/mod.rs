//! What a request sees of a table.

mod building;
mod choosing;
mod publishing;
mod routing;
