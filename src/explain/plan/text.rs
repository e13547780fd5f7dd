//! A change as text: what comes (+), changes (~) and goes (-), what moves, and what to look at.

use std::fmt::Write as _;

use super::view::{Change, Plan, Setting, Thing};

impl Plan {
    /// The report, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.is_empty() {
            return "nothing would change\n".to_owned();
        }
        self.things.iter().for_each(|told| thing(&mut text, told));
        let _ = writeln!(text, "\ntraffic, with every backend {}", self.health);
        if self.pools.is_empty() {
            text.push_str("  none would move\n");
        }
        for pool in &self.pools {
            let _ = writeln!(text, "  pool {}: {:.1} % would move", pool.name, pool.moved * 100.0);
            for zone in &pool.zones {
                let (place, before) = (format!("{}/{}", zone.region, zone.zone), zone.before);
                let after = zone.after * 100.0;
                let _ =
                    writeln!(text, "    {place:<30} {:>6.2} % -> {after:>6.2} %", before * 100.0);
            }
        }
        if !self.warnings.is_empty() {
            text.push_str("\nwarnings\n");
            for warning in &self.warnings {
                let _ = writeln!(text, "  ! {warning}");
            }
        }
        let count = |change| self.things.iter().filter(|thing| thing.change == change).count();
        let _ = writeln!(
            text,
            "\n{} to add, {} to change, {} to remove",
            count(Change::Added),
            count(Change::Changed),
            count(Change::Removed)
        );
        text
    }
}

fn thing(text: &mut String, thing: &Thing) {
    let sign = match thing.change {
        Change::Added => '+',
        Change::Changed => '~',
        Change::Removed => '-',
    };
    let _ = writeln!(text, "{sign} {} {}", thing.kind, thing.name);
    for Setting { key, before, after } in &thing.settings {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
        let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
        let _ = writeln!(text, "    {key}{} -> {}", shown(before), shown(after));
    }
    for follows in &thing.follows {
        let _ = writeln!(text, "    {follows}");
    }
}
