//! A status as text for people: what is asked most, one line per backend.

use std::fmt::Write;

use super::order::told;
use super::places;
use crate::admin::view::{Backend, LastReload, Status};
use crate::model::{UnixMillis, printable};

const HEADER: [&str; COLUMNS] = [
    "POOL",
    "REGION/ZONE",
    "SHARE",
    "BACKEND",
    "ADDRESS",
    "HEALTH",
    "SINCE",
    "IN-FLIGHT",
    "REQUESTS",
    "ERRORS",
    "REASON",
];
const COLUMNS: usize = 11;
const HEALTH: usize = 5;
/// Numbers are easier to compare when they end at one place.
const RIGHT: [usize; 5] = [2, 6, 7, 8, 9];

/// Days before a certificate expires from which on it is told.
const EXPIRES_SOON: i64 = 30;

pub(super) const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";

/// The whole text. Nothing in it but the colours can be taken for a terminal's command.
pub(super) fn render(status: &Status, colours: bool) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = head(&mut out, status);
    let rows = rows(status);
    if rows.is_empty() {
        return out;
    }
    let mut widths = HEADER.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    out.push('\n');
    line(&mut out, &HEADER.map(str::to_owned), &widths, |_| colours.then_some(BOLD));
    for row in &rows {
        let colour = |column| (colours && column == HEALTH).then(|| colour_of(&row[HEALTH]));
        line(&mut out, row, &widths, colour);
    }
    out
}

fn head(out: &mut String, status: &Status) -> std::fmt::Result {
    let ready = match (status.ready, status.draining) {
        (true, _) => "ready",
        (false, true) => "draining",
        (false, false) => "not ready",
    };
    writeln!(
        out,
        "pulsegate {}, {ready}, up {}, generation {}",
        printable(&status.version),
        age(status.uptime_ms),
        status.generation
    )?;
    if let Some(reload) = &status.last_reload {
        last_reload(out, reload)?;
    }
    for listener in &status.listeners {
        for address in &listener.addresses {
            let (name, local) = (printable(&listener.name), printable(&address.local));
            writeln!(out, "listener {name} on {local}, {} open", address.connections)?;
        }
    }
    for certificate in status.certificates.iter().filter(|it| it.days_left < EXPIRES_SOON) {
        let (name, file) = (printable(&certificate.listener), printable(&certificate.file));
        let when = match certificate.days_left {
            ..0 => format!("EXPIRED at {}", printable(&certificate.not_after)),
            days => format!("expires in {days} days"),
        };
        writeln!(out, "listener {name}: certificate {file} {when}")?;
    }
    for certificate in &status.certificates {
        let Some(why) = &certificate.refused else { continue };
        let (name, file) = (printable(&certificate.listener), printable(&certificate.file));
        writeln!(out, "listener {name}: certificate {file} is not renewed: {}", printable(why))?;
    }
    for order in &status.exceptions {
        let until = order.until_ms.map(|until| format!(", until {}", UnixMillis(until)));
        writeln!(out, "{}{}", printable(&told(order)), until.unwrap_or_default())?;
    }
    for place in places::lines(status) {
        writeln!(out, "{place}")?;
    }
    for decision in &status.decisions {
        writeln!(out, "decision: {}", printable(decision))?;
    }
    Ok(())
}

fn last_reload(out: &mut String, reload: &LastReload) -> std::fmt::Result {
    let result = if reload.ok { "done" } else { "REFUSED" };
    let (at, by) = (printable(&reload.at), printable(&reload.by));
    writeln!(out, "last reload {result} at {at} by {by}")?;
    for text in reload.problems.iter().chain(&reload.warnings) {
        writeln!(out, "  {}", printable(text))?;
    }
    Ok(())
}

fn rows(status: &Status) -> Vec<[String; COLUMNS]> {
    let mut rows = Vec::new();
    for pool in &status.pools {
        for region in &pool.regions {
            for zone in &region.zones {
                let place = format!("{}/{}", region.name, zone.name);
                let weights: f64 = zone.backends.iter().map(|it| it.effective_weight).sum();
                // What a backend takes of the pool's traffic; where nobody has weight, nothing.
                let unit = if weights > 0.0 { zone.share / weights } else { 0.0 };
                let backends = zone.backends.iter();
                rows.extend(
                    backends.map(|it| row(&pool.name, &place, unit * it.effective_weight, it)),
                );
            }
        }
    }
    rows
}

fn row(pool: &str, place: &str, share: f64, backend: &Backend) -> [String; COLUMNS] {
    let health = match backend.admin.as_str() {
        "ready" => backend.health.clone(),
        ordered => format!("{} ({ordered})", backend.health),
    };
    let reason = backend.reason.as_ref().or(backend.lookup_failure.as_ref());
    let row = [
        pool.to_owned(),
        place.to_owned(),
        format!("{:.1}%", share * 100.0),
        backend.name.clone(),
        backend.address.clone().unwrap_or_else(|| "-".to_owned()),
        health,
        age(backend.age_ms),
        backend.in_flight.to_string(),
        backend.counters.requests.to_string(),
        backend.counters.errors().to_string(),
        reason.cloned().unwrap_or_default(),
    ];
    row.map(|cell| printable(&cell).into_owned())
}

fn line(
    out: &mut String,
    cells: &[String; COLUMNS],
    widths: &[usize; COLUMNS],
    colour: impl Fn(usize) -> Option<&'static str>,
) {
    let from = out.len();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
        let (before, after) =
            if RIGHT.contains(&column) { (&*padding, "") } else { ("", &*padding) };
        let (begin, end) = match colour(column) {
            Some(colour) => (colour, RESET),
            None => ("", ""),
        };
        let gap = if column == 0 { "" } else { "  " };
        for part in [gap, before, begin, cell, end, after] {
            out.push_str(part);
        }
    }
    out.truncate(from + out[from..].trim_end().len());
    out.push('\n');
}

pub(super) fn colour_of(health: &str) -> &'static str {
    match health {
        "up" => "\x1b[32m",
        "unknown" => "\x1b[2m",
        _ if health.starts_with("down") => "\x1b[31m",
        _ => "\x1b[33m",
    }
}

/// A duration in its largest whole unit.
pub(super) fn age(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::admin::view::{
        Address, Certificate, Classes, Counters, Listener, Pool, Protections, Region, Standing,
        Zone,
    };

    fn backend(name: &str, health: &str, admin: &str, reason: Option<&str>) -> Backend {
        Backend {
            name: name.to_owned(),
            address: Some("127.0.0.1:9001".to_owned()),
            health: health.to_owned(),
            admin: admin.to_owned(),
            reason: reason.map(str::to_owned),
            cause: None,
            since: String::new(),
            age_ms: 7_200_000,
            weight: 1,
            effective_weight: if (health, admin) == ("up", "ready") { 1.0 } else { 0.0 },
            backup: false,
            in_flight: 3,
            counters: Counters { requests: 12_345, timeouts: 2, ..Counters::default() },
            flips: 0,
            ejections: 0,
            ejected: None,
            held_ms: None,
            layers: Vec::new(),
            checks: Vec::new(),
            lookup_failure: None,
        }
    }

    fn certificate((file, days_left): (&str, i64)) -> Certificate {
        Certificate {
            listener: "web".to_owned(),
            file: file.to_owned(),
            names: Vec::new(),
            not_after: "2026-12-03T00:00:00.000Z".to_owned(),
            refused: (days_left == 12).then(|| "the file holds no private key".to_owned()),
            days_left,
        }
    }

    fn sample() -> Status {
        let backends = vec![
            backend("a1", "up", "ready", None),
            backend("a-longer-name", "up", "drain", None),
            backend("evil", "down", "ready", Some("status: 503\x1b[2J\n")),
        ];
        let standing = Standing { phase: "active".to_owned(), ..Standing::default() };
        let (name, share, entitled) = ("eu-1".to_owned(), 1.0 / 3.0, 1.0 / 3.0);
        let zone = Zone { name, share, entitled, standing: standing.clone(), backends };
        let region = Region { name: "eu".to_owned(), share: 1.0, standing, zones: vec![zone] };
        let addresses = vec![Address {
            bind: "127.0.0.1:0".to_owned(),
            local: "127.0.0.1:8080".to_owned(),
            connections: 1,
            accepted: 2,
            pauses: BTreeMap::new(),
            refused: BTreeMap::new(),
            responses: Classes::default(),
            unanswered: 0,
        }];
        Status {
            version: "0.1.0".to_owned(),
            generation: 3,
            time: String::new(),
            published: String::new(),
            started: String::new(),
            uptime_ms: 59_999,
            ready: true,
            draining: false,
            last_reload: Some(LastReload {
                at: "2026-11-21T02:27:30.000Z".to_owned(),
                by: "signal".to_owned(),
                ok: false,
                generation: None,
                warnings: Vec::new(),
                problems: vec!["f.yaml:1:1: a".to_owned()],
            }),
            decisions: Vec::new(),
            buffers: crate::admin::view::Buffers::default(),
            listeners: vec![Listener { name: "web".to_owned(), addresses }],
            rate_limits: Vec::new(),
            certificates: [("old", -1), ("due", 12), ("new", 200)].map(certificate).to_vec(),
            exceptions: Vec::new(),
            pools: vec![Pool {
                name: "api".to_owned(),
                algorithm: "round-robin".to_owned(),
                headroom: Some(0.0),
                protections: Protections::default(),
                regions: vec![region],
            }],
        }
    }

    #[test]
    fn the_table_is_aligned_and_harmless() {
        insta::assert_snapshot!(render(&sample(), false), @r"
        pulsegate 0.1.0, ready, up 59s, generation 3
        last reload REFUSED at 2026-11-21T02:27:30.000Z by signal
          f.yaml:1:1: a
        listener web on 127.0.0.1:8080, 1 open
        listener web: certificate old EXPIRED at 2026-12-03T00:00:00.000Z
        listener web: certificate due expires in 12 days
        listener web: certificate due is not renewed: the file holds no private key

        POOL  REGION/ZONE  SHARE  BACKEND        ADDRESS         HEALTH      SINCE  IN-FLIGHT  REQUESTS  ERRORS  REASON
        api   eu/eu-1      33.3%  a1             127.0.0.1:9001  up             2h          3     12345       2
        api   eu/eu-1       0.0%  a-longer-name  127.0.0.1:9001  up (drain)     2h          3     12345       2
        api   eu/eu-1       0.0%  evil           127.0.0.1:9001  down           2h          3     12345       2  status: 503�[2J�
        ");
    }

    #[test]
    fn colours_change_nothing_else() {
        let plain = render(&sample(), false);
        let coloured = render(&sample(), true);
        assert!(coloured.contains("\x1b[32mup\x1b[0m"));
        assert!(coloured.contains("\x1b[33mup (drain)\x1b[0m"));
        assert!(coloured.contains("\x1b[31mdown\x1b[0m"));
        let mut stripped = coloured;
        for code in [RESET, BOLD, "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
            stripped = stripped.replace(code, "");
        }
        assert_eq!(stripped, plain);
    }

    #[test]
    fn an_age_has_one_unit() {
        let texts = [0, 59_999, 60_000, 3_599_999, 3_600_000, 86_400_000].map(age);
        assert_eq!(texts, ["0s", "59s", "1m", "59m", "1h", "1d"]);
    }
}
