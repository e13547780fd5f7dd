//! A run as text: what an operator reads at three in the morning.

use std::fmt::Write as _;
use std::time::Duration;

use super::incident::Incident;
use super::run::Run;
use super::timeline::{Entry, What};
use super::world::World;
use crate::config::scenario::{Event, Verb};
use crate::model::{Action, Health, Phase};

/// Names in one line; more are counted.
const NAMED: usize = 4;

/// The whole report.
pub(super) fn run(run: &Run) -> String {
    let mut text = format!("{}\n{} · seed {}\n\n", run.about, took(run.duration), run.seed);
    for entry in &run.timeline {
        let _ = writeln!(text, "{:>12}  {:<9} {}", clock(entry.at), entry.what.kind(), what(entry));
    }
    let _ = write!(text, "\n{}\n{}", incidents(&run.incidents), totals(run));
    text
}

pub(super) fn what(entry: &Entry) -> String {
    match &entry.what {
        What::Scenario(text) | What::Expired(text) => text.clone(),
        What::Health { zone, to, backends, of, reason } => {
            let names = listed(backends.iter().map(|name| name.to_string()).collect());
            let count =
                if *of > 1 { format!(" {} of {of}:", backends.len()) } else { String::new() };
            let reason = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
            let names = if backends.len() == *of && *of > 1 {
                String::from(" all")
            } else {
                format!(" {names}")
            };
            format!("{zone}{count}{names} {}{reason}", health(*to))
        }
        What::Phase { place, from, to, cause } => {
            let cause = if cause.is_empty() { String::new() } else { format!(": {cause}") };
            format!("{place} {} -> {}{cause}", phase(*from), phase(*to))
        }
        What::Shares { pool, moved, until } => {
            let mut moved: Vec<_> = moved.iter().collect();
            moved.sort_by(|a, b| (b.1 - b.2).abs().total_cmp(&(a.1 - a.2).abs()));
            let move_of = |(zone, from, to): &(_, f64, f64)| {
                format!("{zone} {} -> {}", percent(*from), percent(*to))
            };
            let moves = listed(moved.iter().map(|one| move_of(one)).collect());
            let within = if *until > entry.at {
                format!(" (within {})", took(*until - entry.at))
            } else {
                String::new()
            };
            format!("{pool}: {moves}{within}")
        }
        What::Decision { pool, text, .. } => format!("{pool}: {text}"),
        What::Alert { about, text } => format!("{about}: {text}"),
        What::Overload { zone, load: Some(load) } => {
            format!("{zone} gets {} of what it can answer", percent(*load))
        }
        What::Overload { zone, load: None } => format!("{zone} can answer what it gets again"),
        What::Failing { pool, part: Some(part) } => {
            format!("{} of the requests to {pool} fail", percent(*part))
        }
        What::Failing { pool, part: None } => format!("no request to {pool} fails any more"),
    }
}

fn incidents(incidents: &[Incident]) -> String {
    if incidents.is_empty() {
        return String::from("nothing went wrong\n");
    }
    let mut rows = vec![
        ["began", "what", "detected", "moved", "share", "well again", "restored"].map(String::from),
    ];
    for one in incidents {
        let after = |from: Option<Duration>, to: Option<Duration>| match (from, to) {
            (Some(from), Some(to)) => format!("after {}", took(to.saturating_sub(from))),
            _ => String::from("-"),
        };
        let (before, least) = one.share;
        let share = if one.moved.is_some() {
            format!("{} -> {}", percent(before), percent(least))
        } else {
            format!("{} kept", percent(before))
        };
        rows.push([
            clock(one.at),
            one.what.to_string(),
            after(Some(one.at), one.detected),
            after(Some(one.at), one.moved),
            share,
            one.ended.map_or_else(|| String::from("-"), clock),
            after(one.ended, one.restored),
        ]);
    }
    table(&rows)
}

fn totals(run: &Run) -> String {
    let totals = &run.totals;
    let part = |count: u64| match count {
        0 => String::from("0"),
        _ => format!(
            "{} ({})",
            thousands(count),
            percent(count as f64 / totals.offered.max(1) as f64)
        ),
    };
    let worst = totals.worst.as_ref().map_or_else(
        || String::from("no zone has a capacity"),
        |(zone, load, at)| {
            let over = match totals.overloaded {
                0 => String::from("never over 100 %"),
                seconds => format!("over 100 % for {} zone-seconds", thousands(seconds)),
            };
            format!("{zone} at {} of its capacity, {}; {over}", percent(*load), clock(*at))
        },
    );
    let rows = [
        ["requests", &thousands(totals.offered)],
        ["failed", &part(totals.failed)],
        ["shed", &part(totals.shed)],
        ["tried again", &part(totals.retried)],
        ["worst load", &worst],
        ["transitions", &totals.transitions.to_string()],
    ];
    rows.iter().fold(String::new(), |mut text, [name, value]| {
        let _ = writeln!(text, "{name:<12} {value}");
        text
    })
}

/// Columns wide enough for what is in them.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// What an event of the scenario is, in words.
pub(super) fn event(event: &Event, world: &World) -> String {
    let place = &event.place;
    let count = world
        .backends
        .iter()
        .filter(|one| {
            place.covers_backend(&one.backend.key, &one.backend.region, &one.backend.zone)
        })
        .count();
    match &event.verb {
        Verb::Kill { silent } => {
            let how = if *silent { "silent" } else { "refusing" };
            let of = if count == 1 { String::new() } else { format!(", {count} backends") };
            format!("{place} is gone, {how}{of}")
        }
        Verb::Return => format!("{place} is there again"),
        Verb::Flap { period, gone } => {
            format!("{place} flaps: gone for {} of every {}", took(*gone), took(*period))
        }
        Verb::Impair { latency, errors, over } => {
            let latency = latency.map(|latency| format!("answers in {}", took(latency)));
            let errors = errors.map(|errors| format!("fails {} of the requests", percent(errors)));
            let what: Vec<String> = latency.into_iter().chain(errors).collect();
            let over = match *over {
                Duration::ZERO => String::new(),
                over => format!(", little by little over {}", took(over)),
            };
            format!("{place} {}{over}", what.join(" and "))
        }
        Verb::Capacity(left) => format!("{place} has {} of its capacity left", percent(*left)),
        Verb::Dependency(errors) => {
            format!("what {place} depends on fails: {} of the answers are errors", percent(*errors))
        }
        Verb::Mend => format!("{place} is as in the beginning"),
        Verb::Order { action, why, lasts } => {
            let lasts = lasts.map_or(String::new(), |lasts| format!(" for {}", took(lasts)));
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            format!("the operator orders {} of {place}{lasts}{why}", order(action))
        }
    }
}

fn order(action: &Action) -> String {
    match action {
        Action::Drain { over: Some(over) } => format!("drain over {}", took(*over)),
        Action::Weight(Some(weight)) => format!("weight {weight}"),
        Action::Fail { to: Some(to) } => format!("fail to {to}"),
        Action::Restore { advance: true } => String::from("restore, next stage,"),
        Action::Traffic(Some(part)) => format!("traffic {}", percent(*part)),
        action => action.name().to_owned(),
    }
}

fn health(health: Health) -> String {
    match health {
        Health::Degraded(factor) => format!("degraded to {}", percent(factor)),
        other => other.name().to_owned(),
    }
}

fn phase(phase: Phase) -> String {
    match phase {
        Phase::Restoring { stage } => format!("restoring, stage {}", stage + 1),
        other => other.name().to_owned(),
    }
}

/// The first few, and how many more there are.
fn listed(mut all: Vec<String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    // One more fits where "and 1 more" would.
    if more > 1 {
        all.truncate(NAMED);
        all.push(format!("and {more} more"));
    }
    all.join(", ")
}

/// A moment as `h:mm:ss.mmm`.
pub(super) fn clock(at: Duration) -> String {
    let ms = at.as_millis();
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    format!("{hours}:{minutes:02}:{:02}.{:03}", ms / 1000 % 60, ms % 1000)
}

/// A length of time, to three figures or so.
pub(super) fn took(time: Duration) -> String {
    let ms = time.as_millis();
    let (seconds, minutes) = (ms / 1000 % 60, ms / 60_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 if !ms.is_multiple_of(1_000) => format!("{:.1} s", time.as_secs_f64()),
        1_000..60_000 => format!("{seconds} s"),
        _ if seconds == 0 => format!("{minutes} min"),
        _ => format!("{minutes} min {seconds} s"),
    }
}

/// A ratio as a percentage, to a tenth; what is less is not nothing.
pub(super) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent > 0.0 && percent < 0.05 {
        return format!("{percent:.3} %");
    }
    let text = format!("{percent:.1}");
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

pub(super) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let ms = Duration::from_millis;
        assert_eq!(clock(ms(3_725_042)), "1:02:05.042");
        let times = [20, 1_250, 2_000, 59_999, 300_000, 912_000].map(|time| took(ms(time)));
        assert_eq!(times, ["20 ms", "1.2 s", "2 s", "59 s", "5 min", "15 min 12 s"]);
        let parts = [0.0, 0.0001, 0.25, 0.333, 1.0].map(percent);
        assert_eq!(parts, ["0 %", "0.010 %", "25 %", "33.3 %", "100 %"]);
        assert_eq!(
            ["1", "999", "1,000", "1,234,567"],
            [1, 999, 1000, 1_234_567].map(thousands).map(String::leak).map(|s| &*s)
        );
        assert_eq!(listed((0..9).map(|n: u8| n.to_string()).collect()), "0, 1, 2, 3, and 5 more");
    }
}
