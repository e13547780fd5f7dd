//! A recording, decided again: by the same configuration, to be sure that nothing else had a say;
//! or by another, to see what it would have made of the same day.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::text::{clock, thousands, took};
use crate::config::Config;
use crate::decision::{Input, State};
use crate::events::tape::{self, Epoch, wire};
use crate::events::{Anchor, Corrupt};
use crate::kept;
use crate::model::UnixMillis;

/// Where a recording does not begin with a process, what detectors remembered is missing: what is
/// decided in so long is not compared.
const WARMING: Duration = Duration::from_secs(60);
/// Differences that are kept; more are counted.
const KEPT: usize = 1_000;

/// What came of deciding again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Steps of the core that were taken again.
    pub steps: u64,
    /// Decisions in the recording that were compared.
    pub decisions: u64,
    /// Decisions that were not compared, because the recording begins in the middle.
    pub uncompared: u64,
    /// Steps that are missing: lines were lost.
    pub missing: u64,
    /// Lines whose end is missing: the process died, or the disk was full.
    pub torn: u64,
    /// From the first line to the last.
    pub length: Duration,
    /// What was recorded and not decided now, and the other way round.
    pub recorded_only: u64,
    /// See `recorded_only`.
    pub decided_only: u64,
    differences: Vec<Difference>,
}

/// A decision that only one side made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    at: Duration,
    recorded: bool,
    text: String,
}

impl Replay {
    /// Whether the same was decided.
    #[must_use]
    pub fn identical(&self) -> bool {
        self.recorded_only == 0 && self.decided_only == 0
    }

    /// The report, for people: `-` is what was recorded, `+` what was decided now.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Difference { at, recorded, text: what } in &self.differences {
            let sign = if *recorded { '-' } else { '+' };
            let _ = writeln!(text, "{:>12}  {sign} {what}", clock(*at));
        }
        let more = self.recorded_only + self.decided_only - self.differences.len() as u64;
        if more > 0 {
            let _ = writeln!(text, "and {} more", thousands(more));
        }
        let (steps, decisions) = (thousands(self.steps), thousands(self.decisions));
        let length = took(self.length);
        let _ = writeln!(text, "{steps} steps over {length} decided again, {decisions} decisions");
        if self.uncompared > 0 {
            let _ = writeln!(
                text,
                "not compared: {} decisions of the first {}, the recording begins in the middle",
                thousands(self.uncompared),
                took(WARMING)
            );
        }
        if self.missing > 0 {
            let _ = writeln!(text, "missing: {} steps, lines were lost", thousands(self.missing));
        }
        if self.torn > 0 {
            let torn = thousands(self.torn);
            let _ = writeln!(text, "torn: {torn} lines, they were not written whole");
        }
        let _ = match self.identical() {
            true => writeln!(text, "identical"),
            false => writeln!(
                text,
                "different: {} recorded only (-), {} now only (+)",
                thousands(self.recorded_only),
                thousands(self.decided_only)
            ),
        };
        text
    }
}

/// Decides a recording again, by its own configuration or by `other`. `epoch` is any moment.
///
/// # Errors
/// The first line that cannot be understood, by its number.
pub fn replay(
    lines: impl IntoIterator<Item = Result<(usize, Option<wire::Line>), Corrupt>>,
    other: Option<&Arc<Config>>,
    epoch: Instant,
) -> Result<Replay, Corrupt> {
    let mut player = Player { other, epoch: Epoch(epoch), core: None, replay: Replay::default() };
    for line in lines {
        let (number, line) = line?;
        let corrupt = |problem| Corrupt { line: number, problem };
        match line {
            Some(wire::Line::Begin(begin)) => player.begin(&begin).map_err(corrupt)?,
            Some(wire::Line::Step(step)) => player.step(step).map_err(corrupt)?,
            None => player.replay.torn += 1,
        }
    }
    Ok(player.replay)
}

struct Player<'a> {
    other: Option<&'a Arc<Config>>,
    epoch: Epoch,
    core: Option<Core>,
    replay: Replay,
}

struct Core {
    state: State,
    began: i64,
    next: u64,
    /// Until when nothing is compared.
    warm: i64,
}

impl Player<'_> {
    fn begin(&mut self, begin: &wire::Begin) -> Result<(), String> {
        if !(1..=wire::VERSION).contains(&begin.version) {
            return Err(format!("version {} of the form is not known here", begin.version));
        }
        // A file that follows another goes on where that ended; a new process begins anew.
        let next = self.core.as_ref().map(|core| core.next);
        if begin.next > 0 && next == Some(begin.next) {
            return Ok(());
        }
        self.replay.missing += next.map_or(0, |next| begin.next.saturating_sub(next));
        let config = match self.other {
            Some(other) => Arc::clone(other),
            None => parsed(&begin.config)?,
        };
        let now = self.epoch.at(begin.t);
        let mut state = State::new(config, now);
        if let Some(left) = &begin.left {
            kept::resume(&mut state, left, Anchor { instant: now, wall: UnixMillis(begin.at_ms) });
        }
        let orders = begin.orders.iter().map(|order| tape::order_given(order, self.epoch));
        state.step(orders.map(Input::Ordered), now);
        let mut warm = begin.t;
        if !begin.whole {
            let places = begin.standings.iter().map(|place| tape::stood(place, self.epoch));
            state.resume(&places.collect::<Result<Vec<_>, _>>()?, false, now);
            let lookups = begin.lookups.iter().map(tape::looked_up);
            state.step(lookups.map(Input::LookedUp), now);
            warm = begin.t.saturating_add(WARMING.as_nanos() as i64);
        }
        self.core = Some(Core { state, began: begin.t, next: begin.next, warm });
        Ok(())
    }

    fn step(&mut self, step: wire::Step) -> Result<(), String> {
        let Self { other, epoch, core, replay } = self;
        let core = core.as_mut().ok_or("a step before any beginning")?;
        if step.n < core.next {
            return Err(format!("step {} after step {}", step.n, core.next));
        }
        replay.missing += step.n - core.next;
        core.next = step.n + 1;
        let mut inputs = Vec::with_capacity(step.facts.len());
        for fact in &step.facts {
            inputs.extend(input(fact, *epoch, other.is_some())?);
        }
        let before = Arc::clone(core.state.plan());
        let decided = core.state.step(inputs, epoch.at(step.t)).decided(&before);
        replay.steps += 1;
        let since = u64::try_from(step.t - core.began).unwrap_or(0);
        replay.length = Duration::from_nanos(since);
        if step.t < core.warm {
            replay.uncompared += step.decided.len() as u64;
        } else {
            replay.compare(step.decided, decided);
        }
        Ok(())
    }
}

impl Replay {
    fn compare(&mut self, recorded: Vec<String>, mut decided: Vec<String>) {
        self.decisions += recorded.len() as u64;
        for text in recorded {
            match decided.iter().position(|now| *now == text) {
                Some(at) => drop(decided.remove(at)),
                None => self.differs(text, true),
            }
        }
        decided.into_iter().for_each(|text| self.differs(text, false));
    }

    fn differs(&mut self, text: String, recorded: bool) {
        let count = if recorded { &mut self.recorded_only } else { &mut self.decided_only };
        *count += 1;
        if self.differences.len() < KEPT {
            self.differences.push(Difference { at: self.length, recorded, text });
        }
    }
}

/// A fact for the core; a configuration is none where another one is tried.
fn input(fact: &wire::Fact, epoch: Epoch, tried: bool) -> Result<Option<Input>, String> {
    Ok(Some(match fact {
        wire::Fact::Seen(seen) => Input::Observed(tape::seen(seen, epoch)?),
        wire::Fact::Traffic(traffic) => Input::Sampled(tape::sampled(traffic)?),
        wire::Fact::Arrived(arrivals) => Input::Arrived(tape::arrived(arrivals)),
        wire::Fact::Lookup(lookup) => Input::LookedUp(tape::looked_up(lookup)),
        wire::Fact::Order(order) => Input::Ordered(tape::order_given(order, epoch)),
        wire::Fact::Config(_) if tried => return Ok(None),
        wire::Fact::Config(config) => Input::Configured(parsed(config)?),
    }))
}

fn parsed(config: &wire::Config) -> Result<Arc<Config>, String> {
    let loaded = Config::parse(&config.text, config.path.as_deref().map(Path::new));
    let told = |problems| format!("the recorded configuration: {problems}");
    loaded.map(|loaded| Arc::new(loaded.config)).map_err(told)
}
