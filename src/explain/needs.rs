//! Why a zone gets nothing, and what would have to change.

use std::time::Instant;

use crate::config::Pool;
use crate::model::{Admin, Health, Phase, RegionPlan, Standing, ZonePlan};

/// Backends that are named one by one.
const NAMED: usize = 4;

/// Why a zone gets nothing, in one line.
pub(super) fn lost(zone: &ZonePlan, region: Option<&RegionPlan>) -> String {
    let (it, standing) = holding(zone, region);
    let cause = &standing.cause;
    let cause = if cause.is_empty() { String::new() } else { format!(": {cause}") };
    if standing.phase != Phase::Active {
        return format!("{it} is {}{cause}", standing.phase.name());
    }
    if zone.backends.iter().all(|backend| backend.effective_weight <= 0.0) {
        return String::from("nothing in it can take traffic");
    }
    String::from("weights and priorities give it nothing")
}

/// What would have to change for a zone to get traffic, or more of it.
pub(super) fn needs(
    config: &Pool,
    zone: &ZonePlan,
    region: Option<&RegionPlan>,
    now: Instant,
) -> Vec<String> {
    let mut needs = Vec::new();
    let (it, standing) = holding(zone, region);
    let held = standing.held_until.and_then(|until| until.checked_duration_since(now));
    let held = held.filter(|held| held.as_secs() > 0);
    match standing.phase {
        Phase::Active | Phase::Watching => {}
        Phase::Draining => needs.push(format!("{it} must be undrained (pulsegate undrain)")),
        Phase::Out => needs.push(match held {
            Some(held) => {
                format!("{it} must be well once it was out for another {} s", held.as_secs())
            }
            None => format!("{it} must be well again, or restored by order"),
        }),
        Phase::Proving => needs.push(format!("{it} must stay well while it proves itself")),
        Phase::Restoring { stage } => needs.push(format!(
            "{it} must pass stage {}: enough requests, no worse than the others (or: pulsegate \
             restore --advance)",
            stage + 1
        )),
    }
    weights(config, zone, &mut needs);
    backends(zone, &mut needs);
    if needs.is_empty() && zone.share <= 0.0 {
        needs.push(String::from("zones that come before it must be full or fail"));
    }
    needs
}

/// What holds a zone back, in a word, and how that stands: the zone itself, or else its region.
fn holding<'p>(zone: &'p ZonePlan, region: Option<&'p RegionPlan>) -> (&'static str, &'p Standing) {
    let region = region.filter(|region| region.standing.phase != Phase::Active);
    match region {
        Some(region) if zone.standing.phase == Phase::Active => ("its region", &region.standing),
        _ => ("it", &zone.standing),
    }
}

fn weights(config: &Pool, zone: &ZonePlan, needs: &mut Vec<String>) {
    let Some(region) = config.regions.iter().find(|region| region.name == zone.region) else {
        return;
    };
    if region.weight == Some(0) {
        needs.push(format!("region {} must have a weight above 0", region.name));
    }
    if region.zones.iter().any(|one| one.name == zone.zone && one.weight == Some(0)) {
        needs.push(String::from("it must have a weight above 0"));
    }
}

/// Which backends would have to be there.
fn backends(zone: &ZonePlan, needs: &mut Vec<String>) {
    if zone.backends.iter().any(|backend| backend.effective_weight > 0.0) {
        return;
    }
    let mut out = zone.backends.iter().filter(|backend| backend.weight > 0);
    for backend in out.by_ref().take(NAMED) {
        let name = &backend.name;
        let reason = backend.reason.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        needs.push(match (backend.admin, backend.health) {
            (Admin::Drain | Admin::Maint, _) => format!("{name} must be undrained"),
            (Admin::Ready, Health::Unknown) => format!("{name} must pass its first checks{reason}"),
            (Admin::Ready, Health::Down) => format!("{name} must be up again: it is down{reason}"),
            (Admin::Ready, _) => format!("{name} must be given weight"),
        });
    }
    let more = out.count();
    if more > 0 {
        needs.push(format!("or one of {more} more backends"));
    }
    if zone.backends.is_empty() {
        needs.push(String::from("it must have a backend"));
    }
}
