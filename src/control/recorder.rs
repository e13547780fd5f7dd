//! Writes down what the core is told, step by step, for whoever wants to decide it again.

use std::sync::Arc;
use std::time::Instant;

use crate::config::{self, Config};
use crate::decision::{Input, State, Step};
use crate::events::Writer;
use crate::events::tape::wire::{self, Left};
use crate::events::tape::{self, Epoch};
use crate::model::{Lookup, Plan, UnixMillis, printable};

/// The recording end of `state.record`.
#[derive(Debug)]
pub(super) struct Recorder {
    writer: Writer,
    epoch: Epoch,
    /// Bytes of one file: two are kept.
    file_bytes: u64,
    written: u64,
    next: u64,
    /// A line was lost: what follows needs a new beginning.
    broken: bool,
}

impl Recorder {
    /// Begins a recording of a core that was made just now and took over what is `left`.
    pub(super) fn start(
        writer: Writer,
        most: u64,
        state: &State,
        now: (Instant, UnixMillis),
        left: Option<Left>,
    ) -> Self {
        // What a process before left is kept until this one has more to tell.
        let broken = !writer.rotate();
        let (epoch, file_bytes) = (Epoch(now.0), most / 2);
        let mut recorder = Self { writer, epoch, file_bytes, written: 0, next: 0, broken };
        recorder.begin(state, now, Some(left));
        recorder
    }

    /// A step is about to be taken: begins a new file if the one before is full.
    pub(super) fn before(&mut self, state: &State, (now, at): (Instant, UnixMillis)) {
        if (self.written > self.file_bytes && self.writer.rotate()) || self.broken {
            (self.written, self.broken) = (0, false);
            self.begin(state, (now, at), None);
        }
    }

    /// A step was taken.
    pub(super) fn step(
        &mut self,
        now: Instant,
        facts: Vec<wire::Fact>,
        step: &Step,
        before: &Plan,
    ) {
        let decided =
            step.decided(before).iter().map(|line| printable(line).into_owned()).collect();
        let (n, t) = (self.next, self.epoch.to(now));
        self.next += 1;
        self.write(&wire::Line::Step(wire::Step { n, t, facts, decided }));
    }

    /// What the core is about to be told.
    pub(super) fn facts(&self, inputs: &[Input]) -> Vec<wire::Fact> {
        inputs.iter().map(|input| self.fact(input)).collect()
    }

    fn fact(&self, input: &Input) -> wire::Fact {
        match input {
            Input::Observed(seen) => wire::Fact::Seen(tape::seen_of(seen, self.epoch)),
            Input::Sampled(traffic) => wire::Fact::Traffic(tape::traffic_of(traffic)),
            Input::Arrived(arrivals) => wire::Fact::Arrived(tape::arrivals_of(arrivals)),
            Input::LookedUp(lookup) => wire::Fact::Lookup(tape::lookup_of(lookup)),
            Input::Ordered(order) => wire::Fact::Order(tape::order_of(order, self.epoch)),
            Input::Configured(config) => wire::Fact::Config(configuration(config)),
        }
    }

    /// `taken_over`: what the process began with, where it begins here.
    fn begin(
        &mut self,
        state: &State,
        (now, at): (Instant, UnixMillis),
        taken_over: Option<Option<Left>>,
    ) {
        let epoch = self.epoch;
        let known = state.lookup_plan().lookups.into_iter().filter_map(|spec| {
            let addresses = state.addresses().get(&spec.pool, &spec.backend).to_vec();
            (!addresses.is_empty()).then_some(Lookup { spec, outcome: Ok(addresses) })
        });
        let begin = wire::Begin {
            version: wire::VERSION,
            next: self.next,
            t: epoch.to(now),
            at_ms: at.0,
            whole: taken_over.is_some(),
            left: taken_over.flatten(),
            config: configuration(state.config()),
            orders: state.orders().iter().map(|order| tape::order_of(order, epoch)).collect(),
            lookups: known.map(|lookup| tape::lookup_of(&lookup)).collect(),
            standings: state.standings().iter().map(|one| tape::standing_of(one, epoch)).collect(),
        };
        self.write(&wire::Line::Begin(begin));
    }

    fn write(&mut self, line: &wire::Line) {
        // Numbers and texts only: nothing in it that JSON could not say.
        let mut text = serde_json::to_vec(line).unwrap_or_default();
        text.push(b'\n');
        self.written += text.len() as u64;
        self.broken |= !self.writer.write_text(text);
    }
}

fn configuration(config: &Arc<Config>) -> wire::Config {
    let path = config.path.as_ref().map(|path| path.display().to_string());
    // Nothing is decided by certificates, and where a recording is read again their files are not.
    let mut told = Config::clone(config);
    told.listeners.iter_mut().for_each(|listener| listener.tls = None);
    told.backend_tls_mut(&mut |tls| *tls = None);
    wire::Config { path, text: config::print(&told) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decision::tests::fixture::{backend, config, flat, pass};
    use crate::events::Bounds;
    use crate::state_dir::StateDir;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn two_files_are_kept_and_each_begins_with_what_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = StateDir::open(dir.path()).unwrap();
        let bounds = Bounds { file_bytes: None, older: 1 };
        let writer = Writer::start(state_dir.clone(), tape::FILE, bounds).unwrap();
        let now = || (tokio::time::Instant::now().into_std(), UnixMillis(0));
        let config = Arc::new(config(vec![flat("site", vec![backend("a", 1)])]));
        let mut state = State::new(config, now().0);
        let mut recorder = Recorder::start(writer.clone(), 8_000, &state, now(), None);
        for _ in 0..200 {
            tokio::time::advance(Duration::from_millis(100)).await;
            recorder.before(&state, now());
            let inputs = vec![Input::Observed(pass("site", "a", now().0))];
            let (facts, before) = (recorder.facts(&inputs), Arc::clone(state.plan()));
            let step = state.step(inputs, now().0);
            recorder.step(now().0, facts, &step, &before);
        }
        assert!(writer.flush(PATIENCE));
        let mut next = 200;
        for name in [tape::FILE.to_owned(), format!("{}.1", tape::FILE)] {
            let file = std::fs::File::open(state_dir.path(&name)).unwrap();
            assert!(file.metadata().unwrap().len() < 6_000, "{name}");
            let lines: Vec<_> = tape::lines(file).map(|line| line.unwrap().1.unwrap()).collect();
            let wire::Line::Begin(begin) = &lines[0] else { panic!("{name}: {:?}", lines[0]) };
            assert_eq!((begin.whole, begin.next + lines.len() as u64 - 1), (false, next));
            next = begin.next;
        }
    }
}
