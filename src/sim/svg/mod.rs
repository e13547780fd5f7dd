//! A run as a picture: who got which share, how loaded each zone was, and what was done with it.
//!
//! From top to bottom: the shares, stacked; the requests per second, topped by those that failed or
//! were shed, in red; and one row per zone with three strips: whether its backends were there, what the
//! balancer did with it, and how loaded it was. What the scenario did is marked by numbers that are
//! explained below.

mod canvas;
mod colour;

use std::time::Duration;

use self::canvas::Canvas;
use super::run::Run;
use super::sample::{Rates, Sample, ZoneSample};
use super::text;
use super::timeline::What;
use crate::model::Phase;

const WIDTH: f64 = 1200.0;
/// Where the time axis begins and ends.
const LEFT: f64 = 150.0;
const RIGHT: f64 = WIDTH - 30.0;
const PANEL: f64 = 150.0;
const GAP: f64 = 42.0;
/// Marks that are explained; the rest are only drawn.
const EXPLAINED: usize = 40;

/// The picture as an SVG file.
pub(super) fn picture(run: &Run) -> String {
    let marks = marks(run);
    let row = (320.0 / run.names.zones.len().max(1) as f64).clamp(9.0, 30.0);
    let rows = row * run.names.zones.len() as f64;
    let top = 92.0;
    let explained = 18.0 * marks.len().min(EXPLAINED) as f64;
    let height = top + 2.0 * (PANEL + GAP) + rows + 88.0 + explained;
    let mut picture = Picture { run, canvas: Canvas::new(WIDTH, height), marks };
    picture.head();
    picture.shares(top);
    picture.requests(top + PANEL + GAP);
    picture.rows(top + 2.0 * (PANEL + GAP), row);
    picture.time(top, top + 2.0 * (PANEL + GAP) + rows);
    picture.legend(top + 2.0 * (PANEL + GAP) + rows + 46.0);
    picture.explain(top + 2.0 * (PANEL + GAP) + rows + 76.0);
    picture.canvas.finish()
}

/// What the scenario did, and when; things of one moment are one mark.
fn marks(run: &Run) -> Vec<(Duration, String)> {
    let mut marks: Vec<(Duration, String)> = Vec::new();
    for entry in &run.timeline {
        let What::Scenario(text) = &entry.what else { continue };
        match marks.last_mut().filter(|(at, _)| *at == entry.at) {
            Some((_, before)) => {
                before.push_str("; ");
                before.push_str(text);
            }
            None => marks.push((entry.at, text.clone())),
        }
    }
    marks
}

struct Picture<'a> {
    run: &'a Run,
    canvas: Canvas,
    marks: Vec<(Duration, String)>,
}

impl Picture<'_> {
    fn x(&self, at: Duration) -> f64 {
        LEFT + (RIGHT - LEFT) * at.as_secs_f64() / self.run.duration.as_secs_f64()
    }

    fn head(&mut self) {
        let run = self.run;
        self.canvas.text(20.0, 30.0, "title", &run.about);
        let totals = &run.totals;
        let worst = totals.worst.as_ref();
        let worst = worst.map_or(String::new(), |(zone, load, _)| {
            format!(" · worst load {} at {zone}", text::percent(*load))
        });
        let line = format!(
            "{} · seed {} · {} requests, {} failed, {} shed{worst} · {} transitions",
            text::took(run.duration),
            run.seed,
            text::thousands(totals.offered),
            text::thousands(totals.failed),
            text::thousands(totals.shed),
            totals.transitions,
        );
        self.canvas.text(20.0, 50.0, "small", &line);
    }

    /// The zones' shares, one over the other.
    fn shares(&mut self, top: f64) {
        self.canvas.text(20.0, top + 12.0, "label", "share");
        let pools: usize = {
            let mut names: Vec<_> = self.run.names.zones.iter().map(|(key, _)| &key.pool).collect();
            names.dedup();
            names.len().max(1)
        };
        self.stack(top, pools as f64, |zone| zone.share);
        self.frame(top, "100 %");
    }

    /// The zones' requests, one over the other, and those that came to nothing.
    fn requests(&mut self, top: f64) {
        let most = self.run.samples.iter().map(|sample| sample.rates.offered);
        let most = most.fold(1.0, f64::max) * 1.1;
        self.canvas.text(20.0, top + 12.0, "label", "requests/s");
        self.stack(top, most, |zone| zone.rps);
        let samples = &self.run.samples;
        let lost = |rates: &Rates| rates.failed + rates.shed;
        if samples.iter().any(|sample| lost(&sample.rates) > 0.0) {
            let at = |sample: &Sample, rate: f64| {
                (self.x(sample.at), top + PANEL * (1.0 - rate.max(0.0) / most))
            };
            let upper = samples.iter().map(|one| at(one, one.rates.offered));
            let lower = samples.iter().rev();
            let lower = lower.map(|one| at(one, one.rates.offered - lost(&one.rates)));
            let points: Vec<(f64, f64)> = upper.chain(lower).collect();
            self.canvas.polygon(&points, colour::LOST, "failed or shed");
        }
        self.frame(top, &text::thousands(most as u64));
    }

    /// Areas one over the other, so that `full` of them reach the top.
    fn stack(&mut self, top: f64, full: f64, value: impl Fn(&ZoneSample) -> f64) {
        let samples = &self.run.samples;
        let mut below = vec![0.0; samples.len()];
        for (index, (_, name)) in self.run.names.zones.iter().enumerate() {
            let lower: Vec<f64> = below.clone();
            for (sum, sample) in below.iter_mut().zip(samples) {
                *sum += sample.zones.get(index).map_or(0.0, &value);
            }
            let at = |sum: f64| top + PANEL * (1.0 - (sum / full).min(1.0));
            let upper = samples.iter().zip(&below).map(|(s, sum)| (self.x(s.at), at(*sum)));
            let lower = samples.iter().zip(&lower).rev().map(|(s, sum)| (self.x(s.at), at(*sum)));
            let points: Vec<(f64, f64)> = upper.chain(lower).collect();
            self.canvas.polygon(&points, &colour::of_zone(&self.run.names, index), name);
        }
    }

    fn frame(&mut self, top: f64, full: &str) {
        self.canvas.frame(LEFT, top, RIGHT - LEFT, PANEL);
        self.canvas.text_end(LEFT - 6.0, top + 10.0, full);
        self.canvas.text_end(LEFT - 6.0, top + PANEL, "0");
    }

    /// One row per zone.
    fn rows(&mut self, top: f64, row: f64) {
        self.canvas.text(20.0, top - 10.0, "label", "zones");
        for (index, (_, name)) in self.run.names.zones.iter().enumerate() {
            let y = top + row * index as f64;
            let class = if row < 12.0 { "tiny" } else { "small" };
            self.canvas.row_name(LEFT - 12.0, y + row * 0.62, class, name);
            let colour = colour::of_zone(&self.run.names, index);
            self.canvas.rect(LEFT - 8.0, y + row * 0.18, 5.0, row * 0.74, &colour);
            let of = |f: fn(&ZoneSample) -> String| -> Vec<String> {
                let zones = self.run.samples.iter().filter_map(|sample| sample.zones.get(index));
                zones.map(f).collect()
            };
            let there = of(|zone| colour::there(zone.there).to_owned());
            let phase = of(|zone| colour::of_phase(zone.phase).to_owned());
            let load = of(colour::load);
            self.strip(y, row * 0.16, &there);
            self.strip(y + row * 0.18, row * 0.42, &phase);
            self.strip(y + row * 0.62, row * 0.3, &load);
        }
    }

    /// A strip of one colour per sample; equals are one piece.
    fn strip(&mut self, y: f64, height: f64, colours: &[String]) {
        let ends: Vec<f64> = self.run.samples.iter().map(|sample| self.x(sample.at)).collect();
        let (mut from, mut index) = (LEFT, 0);
        while index < colours.len() {
            let colour = &colours[index];
            let same = colours[index..].iter().take_while(|other| *other == colour).count();
            let to = ends.get(index + same - 1).copied().unwrap_or(RIGHT);
            self.canvas.rect(from, y, to - from, height, colour);
            (from, index) = (to, index + same);
        }
    }

    fn legend(&mut self, y: f64) {
        let phases = [
            Phase::Active,
            Phase::Draining,
            Phase::Out,
            Phase::Proving,
            Phase::Restoring { stage: 0 },
            Phase::Watching,
        ];
        let mut x = LEFT;
        let mut item = |canvas: &mut Canvas, name: &str, colour: &str| {
            canvas.rect(x, y - 9.0, 10.0, 10.0, colour);
            canvas.text(x + 14.0, y, "small", name);
            x += 26.0 + 6.4 * name.len() as f64;
        };
        item(&mut self.canvas, "backends gone", colour::there(0.0));
        for phase in phases {
            item(&mut self.canvas, phase.name(), colour::of_phase(phase));
        }
        for (name, load) in
            [("load 25 %", 0.25), ("60 %", 0.6), ("95 %", 0.95), ("over 100 %", 1.2)]
        {
            let zone = ZoneSample { rps: load, capacity: Some(1.0), ..ZoneSample::default() };
            item(&mut self.canvas, name, &colour::load(&zone));
        }
    }

    /// The time axis, and the marks over all panels.
    fn time(&mut self, top: f64, bottom: f64) {
        let step = step(self.run.duration);
        let mut at = Duration::ZERO;
        while at <= self.run.duration {
            let x = self.x(at);
            self.canvas.tick(x, bottom + 4.0);
            let seconds = at.as_secs();
            let label = format!("{}:{:02}", seconds / 60, seconds % 60);
            self.canvas.text_middle(x, bottom + 20.0, &label);
            at += step;
        }
        self.canvas.text(20.0, bottom + 20.0, "small", "min:s");
        for (index, (at, _)) in self.marks.iter().enumerate() {
            let x = LEFT + (RIGHT - LEFT) * at.as_secs_f64() / self.run.duration.as_secs_f64();
            // Neighbours stand on two levels, so that their numbers can be told apart.
            let y = top - 8.0 - 12.0 * (index % 2) as f64;
            self.canvas.mark(x, y, bottom, &(index + 1).to_string());
        }
    }

    fn explain(&mut self, top: f64) {
        let explained = self.marks.iter().take(EXPLAINED).enumerate();
        for (index, (at, text)) in explained {
            let line = format!("{}  {}  {text}", index + 1, text::clock(*at));
            self.canvas.text(20.0, top + 18.0 * index as f64, "small", &line);
        }
    }
}

/// From one label of the time axis to the next.
fn step(duration: Duration) -> Duration {
    let steps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200];
    let fits = |step: &&u64| duration.as_secs() / **step <= 16;
    Duration::from_secs(steps.iter().find(fits).copied().unwrap_or(14_400))
}
