//! Colours that can be told apart, by people who see few of them too.

use crate::model::Phase;
use crate::sim::place::Names;
use crate::sim::sample::ZoneSample;

/// Hues of the regions in turn; none near that of what came to nothing.
const HUES: [u16; 9] = [210, 40, 275, 165, 95, 240, 60, 305, 190];

/// What came to nothing.
pub(super) const LOST: &str = "#d7191c";

/// A zone's colour: its region's hue, lighter from zone to zone.
pub(super) fn of_zone(names: &Names, index: usize) -> String {
    let Some((key, _)) = names.zones.get(index) else { return String::from("#999999") };
    let mut regions: Vec<_> = names.zones.iter().map(|(key, _)| (&key.pool, &key.region)).collect();
    regions.dedup();
    let of = (&key.pool, &key.region);
    let region = regions.iter().position(|region| *region == of).unwrap_or(0);
    let before = names.zones.iter().take(index);
    let within = before.filter(|(key, _)| (&key.pool, &key.region) == of).count();
    let hue = HUES.get(region % HUES.len()).copied().unwrap_or_default();
    let lightness = (40 + 9 * within).min(80);
    format!("hsl({hue},45%,{lightness}%)")
}

pub(super) fn of_phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Active => "#a6d96a",
        Phase::Draining => "#c2a5cf",
        Phase::Out => "#8c510a",
        Phase::Proving => "#fdae61",
        Phase::Restoring { stage: 0 } => "#ffffbf",
        Phase::Restoring { stage: 1 } => "#e6f598",
        Phase::Restoring { .. } => "#c7e9b4",
        Phase::Watching => "#66c2a5",
    }
}

/// Whether the backends are there.
pub(super) fn there(part: f64) -> &'static str {
    if part >= 1.0 {
        "none"
    } else if part > 0.0 {
        "#888888"
    } else {
        "#222222"
    }
}

/// Load over capacity: the darker, the nearer to it.
pub(super) fn load(zone: &ZoneSample) -> String {
    let load = match zone.capacity {
        Some(capacity) if capacity > 0.0 => zone.rps / capacity,
        Some(_) if zone.rps > 0.0 => f64::INFINITY,
        _ => 0.0,
    };
    if load > 1.01 {
        return LOST.to_owned();
    }
    // In steps: a difference of one request is none.
    let lightness = 95.0 - 5.0 * (14.0 * load.min(1.0)).round();
    format!("hsl(210,60%,{lightness:.0}%)")
}
