//! The figures of the module's model, over generated gaps; every series has its seed.

use super::*;

const INTERVAL: Duration = Duration::from_millis(100);
const FALL: u32 = 3;
const SETTINGS: Phi = Phi { suspect: 8.0, failed: 16.0, window: 200, jitter: 0.3 };

/// Standard normal numbers (Box and Muller).
fn normal(rng: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// A gap of the model, in seconds; time does not run backwards.
fn gap(rng: &mut fastrand::Rng, mean: f64, deviation: f64) -> f64 {
    loop {
        let gap = mean + deviation * normal(rng);
        if gap > 0.0 {
            return gap;
        }
    }
}

fn start() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// How many of `count` gaps reach each φ before they end.
fn alarms(deviation: f64, count: usize, seed: u64) -> [usize; 2] {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut rhythm, mut now) = (Rhythm::default(), start());
    let mut alarms = [0; 2];
    let mut judged = 0;
    while judged < count {
        now += Duration::from_secs_f64(gap(&mut rng, 0.1, deviation));
        if let Some(phi) = rhythm.phi(now, &SETTINGS) {
            judged += 1;
            alarms[0] += usize::from(phi >= SETTINGS.suspect);
            alarms[1] += usize::from(phi >= SETTINGS.failed);
        }
        rhythm.pass(now, true, &SETTINGS);
    }
    alarms
}

#[test]
fn false_alarms_over_a_million_gaps_are_as_many_as_promised() {
    let promised = (-SETTINGS.suspect).exp();
    for (deviation, seed) in [(0.03, 1), (0.03, 2), (0.035, 3), (0.04, 4)] {
        let [suspect, failed] = alarms(deviation, 1_000_000, seed);
        let rate = suspect as f64 / 1e6;
        println!("deviation {deviation}: {rate:.2e}, promised {promised:.2e}; failed {failed}");
        assert!((0.5..=2.0).contains(&(rate / promised)), "{rate:e}, deviation {deviation}");
        assert!(failed <= 5, "{failed} of 1e6 reach {}", SETTINGS.failed);
    }
}

#[test]
fn a_steadier_rhythm_than_the_floor_gives_fewer_alarms() {
    let [suspect, failed] = alarms(0.02, 1_000_000, 5);
    assert!(suspect <= 2, "{suspect}");
    assert_eq!(failed, 0);
}

#[test]
fn phi_is_the_logarithm_of_the_normal_tail() {
    // Abramowitz and Stegun, table 26.1 and 26.2: −ln Q(z).
    for (z, tail) in [
        (0.0, 0.5),
        (1.0, 0.158_655_253_9),
        (3.0, 1.349_898_03e-3),
        (5.0, 2.866_515_72e-7),
        (-1.0, 0.841_344_746_1),
        (-3.0, 0.998_650_102),
    ] {
        let phi = phi_of(z);
        assert!((phi - -f64::ln(tail)).abs() < 1e-6, "{z}: {phi}");
    }
    let phi = phi_of(1000.0);
    assert!(phi.is_finite() && phi > 500_000.0, "{phi}");
}

#[test]
fn the_level_is_reached_when_it_is_said_to_be() {
    for phi in [0.5, 1.0, 6.0, 8.0, 16.0, 100.0] {
        assert!((phi_of(deviations_at(phi)) - phi).abs() < 1e-9, "{phi}");
    }
    let (mut rhythm, mut now) = (Rhythm::default(), start());
    for _ in 0..=WARM {
        rhythm.pass(now, true, &SETTINGS);
        now += INTERVAL;
    }
    let last = now - INTERVAL;
    let ms = |level| (rhythm.reaches(level, &SETTINGS).unwrap() - last).as_secs_f64() * 1e3;
    // The floor: 100 ms + 30 ms × 3.399 and × 5.176.
    assert!((ms(8.0) - 202.0).abs() < 0.2, "{}", ms(8.0));
    assert!((ms(16.0) - 255.4).abs() < 0.2, "{}", ms(16.0));
}

#[test]
fn nothing_is_said_before_the_rhythm_is_known_or_after_it_was_lost() {
    let (mut rhythm, mut now) = (Rhythm::default(), start());
    for _ in 0..WARM {
        rhythm.pass(now, true, &SETTINGS);
        now += INTERVAL;
        assert_eq!(rhythm.phi(now, &SETTINGS), None);
    }
    rhythm.pass(now, true, &SETTINGS);
    assert!(rhythm.phi(now, &SETTINGS).is_some());
    rhythm.lose();
    assert_eq!(rhythm.phi(now + 100 * INTERVAL, &SETTINGS), None);
    rhythm.pass(now + 100 * INTERVAL, true, &SETTINGS);
    assert_eq!(rhythm.gaps.len(), WARM, "the lost gap was not learnt");
    assert!(rhythm.phi(now + 101 * INTERVAL, &SETTINGS).is_some());
}

#[test]
fn a_changed_rhythm_is_learnt_within_one_window() {
    let mut rng = fastrand::Rng::with_seed(6);
    let (mut rhythm, mut now) = (Rhythm::default(), start());
    for mean in [0.1, 0.4] {
        for _ in 0..SETTINGS.window {
            now += Duration::from_secs_f64(gap(&mut rng, mean, 0.3 * mean));
            rhythm.pass(now, true, &SETTINGS);
        }
        let (learnt, deviation) = rhythm.spread(&SETTINGS).unwrap();
        assert!((learnt / mean - 1.0).abs() < 0.1, "{learnt}");
        assert!((deviation / mean - 0.3).abs() < 0.06, "{deviation}");
    }
    assert_eq!(rhythm.gaps.len(), SETTINGS.window);
}

/// Series that are nothing like the model: the gaps of each, in seconds.
fn ragged(kind: &str, rng: &mut fastrand::Rng, n: usize) -> f64 {
    match kind {
        // Five at once, then a pause.
        "bursty" if n % 6 < 5 => 0.02,
        "bursty" => 0.5,
        // From 100 ms to 300 ms, slowly.
        "drifting" => gap(rng, 0.1 + 0.2 * n as f64 / 5_000.0, 0.01),
        // A fifth of the probes is lost.
        _ => {
            0.1 * (1 + std::iter::repeat_with(|| rng.f64()).take_while(|r| *r < 0.2).count()) as f64
        }
    }
}

#[test]
fn whatever_the_rhythm_was_fall_times_interval_is_never_exceeded() {
    for (kind, seed) in [("bursty", 7), ("drifting", 8), ("lossy", 9)] {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut rhythm, mut now) = (Rhythm::default(), start());
        let (mut latest, mut by_phi) = (Duration::ZERO, 0);
        for n in 0..5_000 {
            now += Duration::from_secs_f64(ragged(kind, &mut rng, n));
            rhythm.pass(now, true, &SETTINGS);
            // Suppose that it never answers again.
            let (down, by) = rhythm.verdict_at(FALL * INTERVAL, &SETTINGS).unwrap();
            latest = latest.max(down - now);
            by_phi += usize::from(by == Detector::Phi);
        }
        assert!(latest <= FALL * INTERVAL, "{kind}: {latest:?}");
        assert!(latest > INTERVAL, "{kind}: {latest:?}");
        println!("{kind}: {by_phi} of 5000 silences would be judged by phi, before the bound");
    }
}
