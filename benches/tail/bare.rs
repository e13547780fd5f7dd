//! The least a client can do: one blocking connection, the clock watched.
//!
//! What the generator shows beyond this, on the same echo at the same rate, is its own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use tokio::time::Instant;

use crate::measure::Calm;
use crate::rig::backend::SMALL;
use crate::rig::exchange::request;
use crate::rows::Row;

/// Asks at this rate; a request that is due during another one waits for it.
pub(crate) fn ask(target: SocketAddr, rate: f64, seconds: f64) -> Result<Histogram<u64>> {
    let mut stream = TcpStream::connect(target)?;
    stream.set_nodelay(true)?;
    let request = request(SMALL, false);
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)?;
    let mut bytes = [0; 4096];
    let start = Instant::now();
    for n in 0..(rate * seconds) as u64 {
        let due = start + Duration::from_secs_f64(n as f64 / rate);
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        stream.write_all(&request)?;
        // A small page is one write of the server, and so one read.
        ensure!(stream.read(&mut bytes)? > SMALL.length, "no whole answer");
        latency.saturating_record(due.elapsed().as_nanos() as u64);
    }
    Ok(latency)
}

/// The measurement as a line of raw data.
pub(crate) fn row(rate: f64, round: usize, calm: &Calm<Histogram<u64>>) -> Row {
    let latency_us = |quantile| calm.taken.value_at_quantile(quantile) as f64 / 1e3;
    Row {
        part: "generator".to_owned(),
        side: "bare".to_owned(),
        round,
        rate,
        p50_us: latency_us(0.5),
        p99_us: latency_us(0.99),
        p99_9_us: latency_us(0.999),
        late_p99_us: 0.0,
        answered: calm.taken.len(),
        failed: 0,
        waited: 0,
        still_us: calm.still.as_secs_f64() * 1e6,
        calm: calm.calm,
        again: calm.again,
    }
}
