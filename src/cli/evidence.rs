//! All that is known of one backend, as text: what it was judged by, and who decided.
//!
//! Whoever asks has been woken by an alert and wants three answers in the first screenful: why is
//! it out, since when, and what was seen last.

use std::fmt::Write;

use super::table::{RESET, age, colour_of};
use crate::admin::view::{Backend, Check, Seen, Status};
use crate::model::printable;

/// Newest results shown of each check; JSON has all that are kept.
const SHOWN: usize = 5;

/// Every backend in the status, one after the other. Nothing in it but the colours can be taken for
/// a terminal's command.
pub(super) fn render(status: &Status, colours: bool) -> String {
    let mut told = Vec::new();
    for pool in &status.pools {
        for region in &pool.regions {
            for zone in &region.zones {
                let place = format!("{}/{}", region.name, zone.name);
                let backends = zone.backends.iter();
                told.extend(backends.map(|it| backend(&pool.name, &place, it, colours)));
            }
        }
    }
    told.join("\n")
}

fn backend(pool: &str, place: &str, it: &Backend, colours: bool) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = head(&mut out, pool, place, it, colours);
    for layer in &it.layers {
        let why = because(layer.reason.as_deref());
        let _ =
            writeln!(out, "  {}: {} for {}{why}", layer.layer, layer.verdict, age(layer.age_ms));
        let checks = it.checks.iter().filter(|check| check.layer == layer.layer);
        checks.for_each(|it| {
            let _ = check(&mut out, it);
        });
    }
    out
}

fn head(
    out: &mut String,
    pool: &str,
    place: &str,
    it: &Backend,
    colours: bool,
) -> std::fmt::Result {
    let address = it.address.as_deref().unwrap_or("no address");
    writeln!(out, "{}", printable(&format!("{pool}/{} ({address}) in {place}", it.name)))?;
    let (begin, end) = if colours { (colour_of(&it.health), RESET) } else { ("", "") };
    let by = it.cause.as_ref().map_or_else(String::new, |cause| format!(", by {cause}"));
    let why = because(it.reason.as_deref());
    let health = printable(&it.health);
    writeln!(out, "  {begin}{health}{end} since {} ({}){by}{why}", it.since, age(it.age_ms))?;
    let (flips, ejections) = (it.flips, it.ejections);
    writeln!(
        out,
        "  ordered {}, weight {} of {}, changes: {flips}, ejections: {ejections}",
        it.admin, it.effective_weight, it.weight
    )?;
    if let Some(ejected) = &it.ejected {
        let why = printable(&ejected.reason);
        writeln!(out, "  out or on trial by live traffic since {}: {why}", ejected.since)?;
    }
    if let Some(held_ms) = it.held_ms {
        let held = age(held_ms);
        writeln!(out, "  may come back in {held}: it has done so too often within a minute")?;
    }
    if let Some(failure) = &it.lookup_failure {
        writeln!(out, "  its hostname is not resolved: {}", printable(failure))?;
    }
    Ok(())
}

fn check(out: &mut String, it: &Check) -> std::fmt::Result {
    let by = it.decided_by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
    let phi = it.phi.map_or_else(String::new, |phi| format!(", φ {phi:.1}"));
    let suspect = if it.suspect { " (suspect)" } else { "" };
    let (name, age) = (printable(&it.name), age(it.age_ms));
    writeln!(out, "    {name}: {} for {age}{by}{phi}{suspect}  {}", it.health, it.results)?;
    for seen in &it.history[it.history.len().saturating_sub(SHOWN)..] {
        let Seen { at, latency_us, result, reason } = seen;
        let latency = format!("{}.{:02} ms", latency_us / 1000, latency_us % 1000 / 10);
        let reason = reason.as_deref().map_or_else(String::new, |why| format!("  {why}"));
        writeln!(out, "      {at}  {result}  {latency:>10}{}", printable(&reason))?;
    }
    Ok(())
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {}", printable(reason)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::{Counters, Ejected, Layer, Pool, Protections, Region, Standing, Zone};

    fn seen(second: u32, result: &str, reason: Option<&str>) -> Seen {
        Seen {
            at: format!("2026-11-21T02:27:{second:02}.100Z"),
            latency_us: 250 * u64::from(second),
            result: result.to_owned(),
            reason: reason.map(str::to_owned),
        }
    }

    fn sample() -> Backend {
        let since = "2026-11-21T02:27:05.100Z".to_owned();
        let reason = Some("refused: \u{1b}[2Jconnection refused".to_owned());
        let mut history: Vec<_> = (0..4).map(|second| seen(second, "pass", None)).collect();
        history.push(seen(4, "void", Some("the prober was 80 ms late")));
        history.push(seen(5, "fail", reason.as_deref()));
        Backend {
            name: "a2".to_owned(),
            address: Some("10.0.0.2:80".to_owned()),
            health: "down".to_owned(),
            admin: "ready".to_owned(),
            reason: reason.clone(),
            cause: Some("network".to_owned()),
            since: since.clone(),
            age_ms: 12_300,
            weight: 2,
            effective_weight: 0.0,
            backup: false,
            in_flight: 0,
            counters: Counters::default(),
            flips: 3,
            ejections: 1,
            ejected: Some(Ejected {
                since: since.clone(),
                reason: "traffic: 3 connects failed".to_owned(),
            }),
            held_ms: Some(48_000),
            layers: vec![Layer {
                layer: "network".to_owned(),
                verdict: "down".to_owned(),
                since: since.clone(),
                age_ms: 12_300,
                reason: reason.clone(),
            }],
            checks: vec![Check {
                layer: "network".to_owned(),
                check: 0,
                name: "connect".to_owned(),
                health: "down".to_owned(),
                since,
                age_ms: 12_300,
                phi: Some(17.46),
                suspect: false,
                decided_by: Some("phi".to_owned()),
                results: "++++-".to_owned(),
                reason,
                history,
            }],
            lookup_failure: None,
        }
    }

    fn text(backends: Vec<Backend>, colours: bool) -> String {
        let standing = || Standing { phase: "active".to_owned(), ..Standing::default() };
        let (share, entitled) = (0.0, 0.0);
        let (name, standing_of) = ("eu-1".to_owned(), standing());
        let zones = vec![Zone { name, share, entitled, standing: standing_of, backends }];
        let regions = vec![Region { name: "eu".to_owned(), share, standing: standing(), zones }];
        let algorithm = "round-robin".to_owned();
        let (name, protections) = ("api".to_owned(), Protections::default());
        let pools = vec![Pool { name, algorithm, headroom: None, protections, regions }];
        render(&Status { pools, ..empty() }, colours)
    }

    fn empty() -> Status {
        Status {
            version: String::new(),
            generation: 1,
            time: String::new(),
            published: String::new(),
            started: String::new(),
            uptime_ms: 0,
            ready: true,
            draining: false,
            last_reload: None,
            decisions: Vec::new(),
            buffers: crate::admin::view::Buffers::default(),
            listeners: Vec::new(),
            rate_limits: Vec::new(),
            certificates: Vec::new(),
            exceptions: Vec::new(),
            pools: Vec::new(),
        }
    }

    #[test]
    fn why_it_is_out_since_when_and_what_was_seen() {
        insta::assert_snapshot!(text(vec![sample()], false), @r"
        api/a2 (10.0.0.2:80) in eu/eu-1
          down since 2026-11-21T02:27:05.100Z (12s), by network: refused: �[2Jconnection refused
          ordered ready, weight 0 of 2, changes: 3, ejections: 1
          out or on trial by live traffic since 2026-11-21T02:27:05.100Z: traffic: 3 connects failed
          may come back in 48s: it has done so too often within a minute
          network: down for 12s: refused: �[2Jconnection refused
            connect: down for 12s by phi, φ 17.5  ++++-
              2026-11-21T02:27:01.100Z  pass     0.25 ms
              2026-11-21T02:27:02.100Z  pass     0.50 ms
              2026-11-21T02:27:03.100Z  pass     0.75 ms
              2026-11-21T02:27:04.100Z  void     1.00 ms  the prober was 80 ms late
              2026-11-21T02:27:05.100Z  fail     1.25 ms  refused: �[2Jconnection refused
        ");
    }

    #[test]
    fn a_suspect_that_is_up_is_told_as_such_and_colours_change_nothing_else() {
        let mut up = sample();
        up.health = "up".to_owned();
        (up.reason, up.cause, up.ejected, up.held_ms) = (None, None, None, None);
        let check = &mut up.checks[0];
        (check.suspect, check.decided_by, check.phi) = (true, None, Some(9.0));
        let plain = text(vec![up.clone(), sample()], false);
        assert!(plain.contains("φ 9.0 (suspect)") && !plain.contains('\u{1b}'), "{plain}");
        let coloured = text(vec![up, sample()], true);
        assert!(coloured.contains("\x1b[31mdown\x1b[0m since"), "{coloured}");
        let codes = ["\x1b[32m", "\x1b[31m", RESET];
        assert_eq!(codes.iter().fold(coloured, |text, code| text.replace(code, "")), plain);
    }
}
