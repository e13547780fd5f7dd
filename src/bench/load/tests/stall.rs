//! A server that stalls for a known time at a known moment: the report must be what arithmetic
//! says, and a closed loop's view of the same run must not be.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::stage::{Act, OK, Play};

const STALL: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(6));

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Answers at once, but nothing from 4 s to 6 s.
fn stalling(_: u64, now: Duration) -> Act {
    let stalled = now >= STALL.0 && now < STALL.1;
    Act::Answer(if stalled { STALL.1 } else { now }, OK)
}

/// The quantile's value among `sorted`, as a histogram defines it.
fn exact_ms(sorted: &[u64], quantile: f64) -> f64 {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted[rank.max(1) - 1] as f64
}

fn seen_ms(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1e6
}

#[test]
fn percentiles_are_those_that_arithmetic_gives() {
    for connections in [1, 7, 64] {
        let (measured, _) = Play { connections, ..Play::default() }.against(stalling);
        let tally = &measured.tally;
        assert_eq!((tally.requests(), tally.answers(), tally.failures()), (10_000, 10_000, 0));
        // Who is due at t in the stall waits until its end, whatever the number of connections.
        let mut expected: Vec<u64> = (0..10_000)
            .map(|due| if (4000..6000).contains(&due) { 6000 - due } else { 0 })
            .collect();
        expected.sort_unstable();
        for quantile in [0.5, 0.79, 0.81, 0.9, 0.95, 0.99, 0.999, 1.0] {
            let (seen, exact) = (seen_ms(&tally.from_due, quantile), exact_ms(&expected, quantile));
            // Three digits, and the microsecond below which nothing is told apart.
            assert!((seen - exact).abs() <= exact / 1000.0 + 0.001, "p{quantile}: {seen}, {exact}");
        }
        // As many as there are connections were under way; a closed loop would know no others.
        let closed = 1.0 - (connections as f64 + 0.5) / 10_000.0;
        assert!(seen_ms(&tally.from_send, closed) < 0.001, "{connections} connections");
        assert!((seen_ms(&tally.from_send, 1.0) - 2000.0).abs() < 3.0);
        // Who is due at the very moment the stall ends may find a connection free or not.
        let waited = 2000 - connections as u64;
        assert!((waited..=waited + 1).contains(&tally.waited), "{}", tally.waited);
        assert_eq!(tally.late.max(), 0, "the driver itself was never late");
    }
}

#[test]
fn the_stall_is_seen_on_the_timeline_where_it_was() {
    let (measured, told) = Play::default().against(stalling);
    let timeline = &measured.tally.timeline;
    assert_eq!(timeline.width(), ms(100));
    for (index, window) in timeline.windows().iter().enumerate() {
        assert_eq!((window.due, window.answered), (100, 100), "window {index}");
        let longest = window.latency_ns(1.0).unwrap() as f64 / 1e6;
        let begins = index as f64 * 100.0;
        let expected = if (40..60).contains(&index) { 6000.0 - begins } else { 0.0 };
        assert!(
            (longest - expected).abs() <= expected / 100.0 + 0.001,
            "window {index}: {longest}"
        );
    }
    let answered: Vec<u64> = told.iter().map(|second| second.answered).collect();
    assert_eq!(answered[4], 0, "nothing was answered in the fifth second");
    assert!(told[5].open >= 1990, "{:?}", told[5]);
}

#[test]
fn an_interruption_keeps_what_was_measured() {
    let play = Play { stop_at: Some(ms(4500)), ..Play::default() };
    let (measured, _) = play.against(stalling);
    assert!(measured.interrupted);
    assert_eq!(measured.elapsed, ms(4500));
    assert_eq!(measured.tally.answers(), 4000);
    assert_eq!(measured.tally.answers() + measured.unfinished, measured.tally.requests());
}
