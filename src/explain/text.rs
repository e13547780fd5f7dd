//! An explanation as text, from the listener down to the backends.

use std::fmt::Write as _;

use super::view::{Explanation, Pool, Region, Zone};

/// The whole answer.
pub(super) fn explanation(told: &Explanation) -> String {
    let mut text = told.request.clone();
    text.push('\n');
    if !told.assumed.is_empty() {
        let _ = writeln!(text, "assumed   {}", told.assumed.join(", "));
    }
    let generation = match told.generation {
        0 => String::from("no table in force"),
        generation => format!("generation {generation}"),
    };
    let others = if told.other_listeners.is_empty() {
        String::new()
    } else {
        format!("; others: {}", told.other_listeners.join(", "))
    };
    let _ = writeln!(text, "listener  {} ({generation}{others})", told.listener);
    for route in &told.routes {
        match &route.mismatch {
            Some(why) => {
                let _ = writeln!(text, "route     - {}: {why}", route.name);
            }
            None => {
                let _ = writeln!(text, "route     > {}: {}", route.name, told.action);
            }
        }
    }
    if told.routes.iter().all(|route| route.mismatch.is_some()) {
        let _ = writeln!(text, "route     none: {}", told.action);
    }
    told.pools.iter().for_each(|of| pool(&mut text, of, &told.unserved));
    text
}

fn pool(text: &mut String, told: &Pool, unserved: &str) {
    let part = if told.part < 1.0 {
        format!(", {} of the route", percent(told.part))
    } else {
        String::new()
    };
    let shed =
        if told.shed > 0.0 { format!(", sheds {}", percent(told.shed)) } else { String::new() };
    let _ = writeln!(text, "pool      {} ({}{part}{shed})", told.name, told.algorithm);
    // Who goes first matters to nobody while all can be served.
    if told.admitted < 1.0 || told.shed > 0.0 || !matches!(&*told.class, "" | "normal") {
        let _ = writeln!(text, "priority  {}: {} let in", told.class, percent(told.admitted));
    }
    for line in &told.protections {
        let _ = writeln!(text, "protects  {line}");
    }
    if let Some(key) = &told.key {
        let _ = writeln!(text, "key       {key}");
    }
    let width = names(&told.regions).map(|(depth, name)| 2 * depth + name.chars().count()).max();
    let width = width.unwrap_or(0);
    for region in &told.regions {
        let _ = writeln!(text, "  {:<width$}  {:>7}", region.name, percent(region.share));
        region.zones.iter().for_each(|told| zone(text, told, width));
    }
    match &told.chosen {
        Some(backend) => {
            let _ = writeln!(text, "chosen    {backend}");
        }
        None if told.key.is_none() && told.regions.iter().all(|region| region.share <= 0.0) => {
            let _ = writeln!(text, "chosen    nobody: {unserved}");
        }
        None => {}
    }
    for (index, line) in told.decision.iter().enumerate() {
        let label = if index == 0 { "decided" } else { "" };
        let _ = writeln!(text, "{label:<9} {line}");
    }
}

fn zone(text: &mut String, told: &Zone, width: usize) {
    let inner = width.saturating_sub(2);
    let phase = if told.phase == "active" { String::new() } else { format!("  {}", told.phase) };
    let score = told.score.map_or(String::new(), |score| format!("  score {score:.3}"));
    let lost = told.lost.as_ref().map_or(String::new(), |lost| format!("  lost: {lost}"));
    let share = percent(told.share);
    let _ = writeln!(text, "    {:<inner$}  {share:>7}{phase}{score}{lost}", told.name);
    for need in &told.needs {
        let _ = writeln!(text, "      needs: {need}");
    }
    let inner = width.saturating_sub(4);
    for backend in &told.backends {
        let share = percent(backend.share);
        let lost = backend.lost.as_ref().map_or(String::new(), |lost| format!("  lost: {lost}"));
        let busy = match backend.in_flight {
            0 => String::new(),
            count => format!("  {count} in flight"),
        };
        let _ = writeln!(
            text,
            "      {:<inner$}  {share:>7}  weight {}, {}{busy}{lost}",
            backend.name, backend.weight, backend.health
        );
    }
}

/// Every name of the tree with its depth.
fn names(regions: &[Region]) -> impl Iterator<Item = (usize, &str)> {
    regions.iter().flat_map(|region| {
        let zones = region.zones.iter().flat_map(|zone| {
            let backends = zone.backends.iter().map(|backend| (2, &*backend.name));
            std::iter::once((1, &*zone.name)).chain(backends)
        });
        std::iter::once((0, &*region.name)).chain(zones)
    })
}

fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent > 0.0 && percent < 0.05 {
        format!("{percent:.3} %")
    } else {
        format!("{percent:.1} %")
    }
}
