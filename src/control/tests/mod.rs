//! The task as a whole, on a paused clock, with everything at its edges played by the test.

mod harness;
mod publishing;
mod reloading;
mod resolving;
mod watching;
