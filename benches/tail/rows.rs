//! Raw data: one line per measurement, one file per part, so that parts can be measured apart.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The columns, in the order of [`Row`]'s fields.
const HEADER: &str = "part,side,round,rate,p50_us,p99_us,p99_9_us,late_p99_us,answered,failed,waited,still_us,calm,again";

/// One measurement.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was measured: `w1-64-50`, `reload`.
    pub(crate) part: String,
    /// Whose it is: a proxy's name, or `with` and `without`.
    pub(crate) side: String,
    pub(crate) round: usize,
    /// Requests due per second.
    pub(crate) rate: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p99_9_us: f64,
    /// How late the generator was.
    pub(crate) late_p99_us: f64,
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    /// Due while every connection was busy.
    pub(crate) waited: u64,
    /// How long the machine stood still meanwhile.
    pub(crate) still_us: f64,
    /// That was not for too long.
    pub(crate) calm: bool,
    /// Measurements before this one during which it did so for too long.
    pub(crate) again: usize,
}

/// The file's text.
pub(crate) fn csv(rows: &[Row]) -> String {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        let Row { part, side, round, rate, p50_us, p99_us, p99_9_us, late_p99_us, .. } = row;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{part},{side},{round},{rate:.0},{p50_us:.1},{p99_us:.1},{p99_9_us:.1},{late_p99_us:.1},{},{},{},{:.0},{},{}",
            row.answered, row.failed, row.waited, row.still_us, row.calm, row.again
        );
    }
    text
}

/// Every measurement that any run has written here, in the order of the files' names.
pub(crate) fn read_all(dir: &Path) -> Result<Vec<Row>> {
    let mut paths: Vec<_> = fs::read_dir(dir)?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut rows = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|kind| kind == "csv")) {
        let text = fs::read_to_string(path)?;
        ensure!(text.lines().next() == Some(HEADER), "{}: other columns", path.display());
        for line in text.lines().skip(1) {
            rows.push(row(line).with_context(|| format!("{}: {line}", path.display()))?);
        }
    }
    Ok(rows)
}

fn row(line: &str) -> Result<Row> {
    let mut cells = line.split(',');
    let mut next = || cells.next().context("a cell is missing");
    Ok(Row {
        part: next()?.to_owned(),
        side: next()?.to_owned(),
        round: next()?.parse()?,
        rate: next()?.parse()?,
        p50_us: next()?.parse()?,
        p99_us: next()?.parse()?,
        p99_9_us: next()?.parse()?,
        late_p99_us: next()?.parse()?,
        answered: next()?.parse()?,
        failed: next()?.parse()?,
        waited: next()?.parse()?,
        still_us: next()?.parse()?,
        calm: next()?.parse()?,
        again: next()?.parse()?,
    })
}
