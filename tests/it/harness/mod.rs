//! The stage: clients, backends and the process between them.

mod backend;
mod black_hole;
mod certificates;
mod checked;
mod client;
mod database;
mod faulty;
mod frames;
mod http2_client;
mod http2_server;
#[path = "../../../src/probe/tests/installed.rs"]
mod installed;
mod message;
mod process;
mod programs;
mod secure;
mod server;
mod setup;
mod wire;

pub(crate) use backend::{Backends, Upstream};
pub(crate) use black_hole::BlackHole;
pub(crate) use certificates::{certificate, folder};
pub(crate) use checked::{Asked, Checked};
pub(crate) use client::{Client, Framing, Response};
pub(crate) use database::Database;
pub(crate) use faulty::{Faulty, Mood};
pub(crate) use frames::{Frames, kind};
pub(crate) use http2_client::{Answered, ask};
pub(crate) use http2_server::{Answer, Http2Server, Request};
pub(crate) use installed::{Installed, PASSWORD, USER, installed};
pub(crate) use message::Head;
pub(crate) use process::{Finished, Program, Pulsegate, pulsegate};
pub(crate) use programs::{is_installed, python};
pub(crate) use secure::{NAME, Secure};
pub(crate) use server::Server;
pub(crate) use setup::{Setup, Site};
pub(crate) use wire::{End, Wire};

use std::time::Duration;

use tokio::time::Instant;

/// How long any single step may take before its test fails; generous, for a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again until there is an answer, or fails after [`PATIENCE`].
///
/// For what can only be asked, not awaited; each `ask` does I/O of its own, which paces the loop.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}
