//! From rounds to what is committed: raw data as CSV, and a table beside what is asked.

use std::fmt::Write as _;

use crate::rig::results::conditions;

/// Everything measured in a run.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    figures: Vec<Figure>,
}

/// One number of one round.
struct Row {
    part: &'static str,
    side: String,
    round: usize,
    what: &'static str,
    value: f64,
}

/// What is asked, and what came out.
struct Figure {
    what: String,
    /// The most that it may be; `None` = it is only stated.
    most: Option<f64>,
    value: f64,
    places: usize,
    note: String,
}

impl Report {
    /// Takes one number of a round, from 0.
    pub(crate) fn row(
        &mut self,
        part: &'static str,
        side: &str,
        round: usize,
        what: &'static str,
        value: f64,
    ) {
        self.rows.push(Row { part, side: side.to_owned(), round, what, value });
    }

    /// Takes a figure that may be `most`, shown with so many decimals.
    pub(crate) fn figure(
        &mut self,
        what: &str,
        most: Option<f64>,
        value: f64,
        places: usize,
        note: String,
    ) {
        self.figures.push(Figure { what: what.to_owned(), most, value, places, note });
    }

    /// What was taken of one number, in the order of its rounds.
    pub(crate) fn values(&self, part: &str, side: &str, what: &str) -> Vec<f64> {
        let rows = self.rows.iter();
        let rows = rows.filter(|row| row.part == part && row.side == side && row.what == what);
        rows.map(|row| row.value).collect()
    }

    /// The median, over the rounds, of one side's number over the other's, and its least and greatest.
    pub(crate) fn ratio(&self, part: &str, sides: [&str; 2], what: &str) -> (f64, String) {
        let [of, over] = sides.map(|side| self.values(part, side, what));
        let mut ratios: Vec<f64> = of.iter().zip(&over).map(|(of, over)| of / over).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |index: usize| ratios.get(index).copied().unwrap_or(f64::NAN);
        let (least, greatest) = (at(0), at(ratios.len().saturating_sub(1)));
        (at(ratios.len() / 2), format!("{least:.3} to {greatest:.3} in {} rounds", ratios.len()))
    }

    /// One line per number.
    pub(crate) fn csv(&self) -> String {
        let mut text = String::from("part,side,round,what,value\n");
        for Row { part, side, round, what, value } in &self.rows {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{part},{side},{},{what},{value:.3}", round + 1);
        }
        text
    }

    /// The figures that miss what is asked.
    pub(crate) fn missed(&self) -> Vec<String> {
        self.figures.iter().filter(|figure| !figure.is_met()).map(Figure::row).collect()
    }

    /// The run's README.
    pub(crate) fn readme(&self) -> String {
        let mut text = format!(
            "# Overload\n\n{}\n{METHOD}\n## Asked and measured\n\n\
             | | asked | measured | | |\n| --- | --- | --- | --- | --- |\n",
            conditions("overload")
        );
        for figure in &self.figures {
            let _ = writeln!(text, "{}", figure.row());
        }
        text
    }
}

impl Figure {
    fn is_met(&self) -> bool {
        self.most.is_none_or(|most| self.value <= most)
    }

    fn row(&self) -> String {
        let Self { what, most, value, places, note } = self;
        let asked = most.map_or_else(|| "stated".to_owned(), |most| format!("≤ {most}"));
        let verdict = match (most, self.is_met()) {
            (None, _) => "",
            (Some(_), true) => "met",
            (Some(_), false) => "MISSED",
        };
        format!("| {what} | {asked} | {value:.places$} | {verdict} | {note} |")
    }
}

const METHOD: &str = "\
Pulsegate has one worker and core 0 to itself; load, clients and backends share core 1. Sides of a comparison
take turns within each round, and a ratio is the median of the rounds' ratios. `idle`: 64 kept-alive connections
ask for 128 bytes in a closed loop; CPU time is the scheduler's, of all threads. `shed`: four backends work at eight
requests at a time, 10 ms each, and let others wait; their zone declares 95 % of what saturates them, three times as much
is asked, and a tenth of that is critical. `brownout`: every backend answers
503 to every other request it gets, and routes try again on 5xx; attempts are counted by the backends.
`loris`: 2,000 clients send a head, send a body or take a response byte by byte, a third of them each, while others ask
at half of the rate that saturates the proxy, in an open loop; latency counts from when a request was due. `keys`: every
request has a key of its own, a million of them, against requests that all have the same.
";
