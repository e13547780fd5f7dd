//! The flows against the simplest thing that could be right: a list, searched from end to end.
//!
//! A seed makes the clients, what they and the backends send, how time passes, and what an
//! operator does. After each step both must agree on which flows there are and on every one that
//! has ended. `PULSEGATE_SEED` plays one seed again.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::flows::{Admission, Ends, Flow, FlowId, Flows, Over};

const SEEDS: u64 = 200;
const STEPS: usize = 2_000;
const SECOND: Duration = Duration::from_secs(1);

/// What the list knows of a flow.
#[derive(Clone, Debug)]
struct Entry {
    ends: Ends,
    backend: u32,
    opened: Instant,
    seen: Instant,
    proven: bool,
    until: Option<Instant>,
    bytes: (u64, u64),
}

struct Play {
    random: fastrand::Rng,
    now: Instant,
    idle: Duration,
    max: usize,
    next_backend: u32,
    flows: Flows<u32>,
    list: BTreeMap<FlowId, Entry>,
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let (idle, max) = (SECOND * random.u32(1..20), random.usize(1..40));
        let flows = Flows::new(idle);
        let list = BTreeMap::new();
        Self {
            random,
            now: tokio::time::Instant::now().into_std(),
            idle,
            max,
            next_backend: 0,
            flows,
            list,
        }
    }

    fn ends(&mut self) -> Ends {
        let client = SocketAddr::from((Ipv4Addr::LOCALHOST, self.random.u16(1..60)));
        let local = self.random.bool().then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ends { client, local }
    }

    fn any(&mut self) -> Option<FlowId> {
        let n = self.list.len();
        (n > 0).then(|| self.random.usize(..n)).and_then(|at| self.list.keys().nth(at).copied())
    }

    fn step(&mut self) {
        match self.random.u8(..100) {
            0..40 => self.client_sends(),
            40..65 => self.backend_answers(),
            65..90 => self.now += SECOND.mul_f64(self.random.f64() * 3.0),
            90..93 => self.now += SECOND * self.random.u32(..40),
            93..95 => self.somebody_drains(),
            95..96 => {
                self.idle = SECOND * self.random.u32(1..20);
                self.flows.set_idle(self.idle);
            }
            96..97 => self.max = self.random.usize(1..40),
            _ => self.a_backend_refuses(),
        }
        self.what_is_over_comes_out();
        self.agree();
    }

    fn client_sends(&mut self) {
        let (ends, bytes) = (self.ends(), self.random.usize(..2_000));
        let room = self.list.len() < self.max;
        let known = self.list.iter().find(|(_, entry)| entry.ends == ends).map(|(id, _)| *id);
        let id = match self.flows.admit(&ends, room) {
            Admission::Known(id) => {
                assert_eq!(Some(id), known, "a flow is told by its ends");
                id
            }
            Admission::Full => {
                assert!(!room && known.is_none());
                assert!(self.list.values().all(|it| it.proven), "somebody could have made way");
                return;
            }
            made_way => {
                assert_eq!(known, None, "two flows between the same ends");
                match made_way {
                    Admission::Instead(flow) => self.made_way(&flow, room),
                    _ => assert!(room, "beyond the limit"),
                }
                self.open(ends)
            }
        };
        let backend = self.flows.get(id).expect("it is open").held;
        assert_eq!(backend, self.list[&id].backend, "chosen once");
        self.flows.sent(id, bytes, self.now);
        let entry = self.list.get_mut(&id).expect("it is listed");
        entry.bytes.0 += bytes as u64;
        entry.seen = self.now;
        entry.proven |= self.now - entry.opened >= SECOND;
    }

    fn open(&mut self, ends: Ends) -> FlowId {
        self.next_backend += 1;
        let (backend, now) = (self.next_backend, self.now);
        let id = self.flows.open(ends, backend, now);
        let entry = Entry {
            ends,
            backend,
            opened: now,
            seen: now,
            proven: false,
            until: None,
            bytes: (0, 0),
        };
        assert!(self.list.insert(id, entry).is_none(), "a name is given once");
        id
    }

    fn made_way(&mut self, flow: &Flow<u32>, room: bool) {
        assert!(!room, "nobody has to make way while there is room");
        let oldest = self.list.iter().find(|(_, entry)| !entry.proven);
        let oldest = oldest.map(|(id, _)| *id).expect("one that has not proven itself");
        self.ended(oldest, flow);
    }

    fn backend_answers(&mut self) {
        let bytes = self.random.usize(..2_000);
        let Some(id) = self.any() else { return };
        self.flows.answered(id, bytes, self.now);
        let entry = self.list.get_mut(&id).expect("it is listed");
        entry.bytes.1 += bytes as u64;
        (entry.seen, entry.proven) = (self.now, true);
    }

    fn a_backend_refuses(&mut self) {
        let Some(id) = self.any() else { return };
        let flow = self.flows.end(id).expect("it is open");
        self.ended(id, &flow);
        assert!(self.flows.end(id).is_none(), "a flow ends once");
    }

    fn somebody_drains(&mut self) {
        let Some(id) = self.any() else { return };
        let after = SECOND.mul_f64(self.random.f64() * 10.0);
        let until = self.random.bool().then(|| self.now + after);
        self.flows.end_by(id, until);
        self.list.get_mut(&id).expect("it is listed").until = until;
    }

    fn what_is_over_comes_out(&mut self) {
        while let Some((flow, over)) = self.flows.over(self.now) {
            let at = self.list.iter().find(|(_, entry)| entry.ends == flow.ends);
            let (id, entry) = at.map(|(id, entry)| (*id, entry.clone())).expect("it was open");
            match over {
                Over::Due => assert!(entry.until.is_some_and(|until| until <= self.now)),
                Over::Idle => assert!(entry.seen + self.idle <= self.now, "it was not idle"),
            }
            self.ended(id, &flow);
        }
        for entry in self.list.values() {
            assert!(entry.seen + self.idle > self.now, "idle and still there: {entry:?}");
            assert!(entry.until.is_none_or(|until| until > self.now), "overdue: {entry:?}");
        }
    }

    fn ended(&mut self, id: FlowId, flow: &Flow<u32>) {
        let entry = self.list.remove(&id).expect("a flow ends once");
        assert_eq!((flow.ends, flow.held, flow.opened), (entry.ends, entry.backend, entry.opened));
        assert_eq!((flow.bytes_in, flow.bytes_out), entry.bytes);
    }

    fn agree(&self) {
        let mut open: Vec<_> = self.flows.iter().map(|(id, flow)| (id, flow.held)).collect();
        open.sort();
        let listed: Vec<_> = self.list.iter().map(|(id, entry)| (*id, entry.backend)).collect();
        assert_eq!(open, listed);
        assert_eq!(self.flows.is_empty(), listed.is_empty());
    }
}

#[test]
fn flows_do_what_a_list_would() {
    let again = std::env::var("PULSEGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = again.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let result = std::panic::catch_unwind(|| {
            let mut play = Play::new(seed);
            (0..STEPS).for_each(|_| play.step());
        });
        assert!(result.is_ok(), "play it again with PULSEGATE_SEED={seed}");
    }
}
