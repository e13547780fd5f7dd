//! What a proxy can do, all the load's core can ask.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::Args;
use crate::rig::backend::SMALL;
use crate::rig::load::{Load, Running};

/// Requests per second of a closed loop.
pub(crate) async fn saturation(args: &Args, target: SocketAddr, connections: usize) -> Result<f64> {
    let running = Running::start(&Load {
        target,
        connections,
        page: SMALL,
        protocol: "http",
        streams: 1,
        close: false,
        patience: None,
    })?;
    sleep(Duration::from_secs_f64(args.warm_up)).await;
    running.reset();
    sleep(args.length()).await;
    let requests = running.tally().requests();
    ensure!(running.stop().await == 0, "requests failed");
    Ok(requests as f64 / args.seconds)
}
