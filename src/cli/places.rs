//! What a status says of zones and regions that do not simply take their part, and of pools that
//! could not lose one or protect themselves.

use super::table::age;
use crate::admin::view::{Pool, Shed, Standing, Status};
use crate::model::printable;

/// One line for each.
pub(super) fn lines(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    for pool in &status.pools {
        lines.extend(headroom(pool));
        lines.extend(budget(pool));
        lines.extend(queue(pool));
        lines.extend(load(pool));
        lines.extend(breaker(pool));
        for region in &pool.regions {
            let share = region.share * 100.0;
            let about = || format!("region {} of pool {}", region.name, pool.name);
            lines.extend(standing(&region.standing, about, || format!("{share:.1} %")));
            for zone in &region.zones {
                let (share, entitled) = (zone.share * 100.0, zone.entitled * 100.0);
                let about = || format!("zone {}/{} of pool {}", region.name, zone.name, pool.name);
                let shares = || format!("{share:.1} % of {entitled:.1} %");
                lines.extend(standing(&zone.standing, about, shares));
            }
        }
    }
    lines
}

/// Where there is one zone, everybody knows.
fn headroom(pool: &Pool) -> Option<String> {
    let zones = pool.regions.iter().map(|region| region.zones.len()).sum::<usize>();
    let headroom = pool.headroom.filter(|headroom| *headroom < 1.0 && zones > 1)?;
    let (name, percent) = (printable(&pool.name), headroom * 100.0);
    Some(format!("pool {name} could carry {percent:.0} % without its largest zone"))
}

fn budget(pool: &Pool) -> Option<String> {
    let refused = pool.protections.retries.refused;
    let name = printable(&pool.name);
    (refused > 0).then(|| {
        format!("pool {name}: {refused} requests not sent again, its retry budget was spent")
    })
}

fn queue(pool: &Pool) -> Option<String> {
    let queue = &pool.protections.queue;
    let name = printable(&pool.name);
    (queue.waiting > 0 || queue.full + queue.late > 0).then(|| {
        format!(
            "pool {name}: {} wait for a place; {} found the queue full and {} waited in vain",
            queue.waiting, queue.full, queue.late
        )
    })
}

fn load(pool: &Pool) -> Option<String> {
    let Shed { under_way, limit, refused } = pool.protections.shed;
    let name = printable(&pool.name);
    let borne = limit.map_or(String::new(), |limit| format!(" of {limit} that it bears"));
    (refused > 0).then(|| {
        format!(
            "pool {name}: {under_way} requests under way{borne}; {refused} refused for the load"
        )
    })
}

fn breaker(pool: &Pool) -> Option<String> {
    let breaker = pool.protections.breaker.as_ref().filter(|it| it.state != "closed")?;
    let until = breaker.until.as_ref().map_or(String::new(), |until| format!(", until {until}"));
    let text = format!(
        "pool {}: circuit breaker {}{until}, because {}; {} requests refused",
        pool.name, breaker.state, breaker.cause, breaker.refused
    );
    Some(printable(&text).into_owned())
}

fn standing(
    standing: &Standing,
    about: impl Fn() -> String,
    shares: impl Fn() -> String,
) -> Option<String> {
    if standing.phase == "active" {
        return None;
    }
    let mut text = format!("{}: {}", about(), standing.phase);
    if let Some(stage) = standing.stage {
        text += &format!(" (stage {stage})");
    }
    text += &format!(", {}", shares());
    if let Some(ms) = standing.age_ms {
        text += &format!(", for {}", age(ms));
    }
    if !standing.cause.is_empty() {
        text += &format!(", because {}", standing.cause);
    }
    if let Some(until) = &standing.held_until {
        text += &format!(", held until {until}");
    }
    Some(printable(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::{Breaker, Protections, Queue, Region, Retries, Zone};

    #[test]
    fn who_does_not_simply_take_part_has_a_line() {
        let active = || Standing { phase: "active".to_owned(), ..Standing::default() };
        let zone = |name: &str, share, entitled, standing| Zone {
            name: name.to_owned(),
            share,
            entitled,
            standing,
            backends: Vec::new(),
        };
        let out = Standing {
            phase: "out".to_owned(),
            age_ms: Some(61_000),
            cause: "its health is 0 %,\nbelow 50 %".to_owned(),
            held_until: Some("2026-11-21T02:27:04.123Z".to_owned()),
            ..Standing::default()
        };
        let back = Standing {
            phase: "restoring".to_owned(),
            stage: Some(2),
            age_ms: Some(240_000),
            cause: "stage 1 held".to_owned(),
            ..Standing::default()
        };
        let zones = vec![
            zone("a", 0.967, 0.667, active()),
            zone("b", 0.0, 0.0, out),
            zone("c", 0.033, 0.333, back),
        ];
        let region = Region { name: "eu".to_owned(), share: 1.0, standing: active(), zones };
        let pool = Pool {
            name: "api".to_owned(),
            algorithm: "round-robin".to_owned(),
            headroom: Some(0.466),
            protections: Protections {
                retries: Retries { sent: 3, refused: 7 },
                queue: Queue { admitted: 9, waiting: 2, full: 1, late: 0 },
                shed: Shed { under_way: 50, limit: Some(40), refused: 6 },
                breaker: Some(Breaker {
                    state: "open".to_owned(),
                    since: None,
                    cause: "9 of 10 tries failed".to_owned(),
                    until: Some("2026-11-21T02:27:34.123Z".to_owned()),
                    opened: 1,
                    refused: 5,
                }),
            },
            regions: vec![region],
        };
        let lines = [headroom(&pool), budget(&pool), queue(&pool), load(&pool), breaker(&pool)];
        let lines = lines.into_iter().flatten();
        let zones = pool.regions[0].zones.iter().filter_map(|zone| {
            let name = || zone.name.clone();
            standing(&zone.standing, name, || format!("{} of {}", zone.share, zone.entitled))
        });
        insta::assert_snapshot!(lines.chain(zones).collect::<Vec<_>>().join("\n"), @r"
        pool api could carry 47 % without its largest zone
        pool api: 7 requests not sent again, its retry budget was spent
        pool api: 2 wait for a place; 1 found the queue full and 0 waited in vain
        pool api: 50 requests under way of 40 that it bears; 6 refused for the load
        pool api: circuit breaker open, until 2026-11-21T02:27:34.123Z, because 9 of 10 tries failed; 5 requests refused
        b: out, 0 of 0, for 1m, because its health is 0 %,�below 50 %, held until 2026-11-21T02:27:04.123Z
        c: restoring (stage 2), 0.033 of 0.333, for 4m, because stage 1 held
        ");
    }
}
