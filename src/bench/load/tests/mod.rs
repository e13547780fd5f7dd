//! Whole runs in virtual time, against servers that are played to the microsecond.

mod faults;
mod stage;
mod stall;
mod tls;
