//! The task that keeps every hostname resolved.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::host::Host;
use super::{Answer, Resolve};
use crate::model::{Lookup, LookupPlan, LookupSpec};

/// How long one lookup may take, both families and all name servers together.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// Lookups under way at once.
const LOOKUPS_MAX: usize = 64;

/// Follows the plan's hostnames and reports every lookup's end, until the plan's sender or the
/// reports' receiver is dropped.
///
/// A backend that is new in a plan and whose hostname is already known is reported at once.
pub async fn run(
    mut plan: watch::Receiver<Arc<LookupPlan>>,
    out: mpsc::Sender<Lookup>,
    resolver: Arc<dyn Resolve>,
) {
    let mut book = Book::default();
    let mut lookups = JoinSet::new();
    plan.mark_changed();
    loop {
        let next = book.next_due().filter(|_| lookups.len() < LOOKUPS_MAX);
        let reports = tokio::select! {
            changed = plan.changed() => {
                if changed.is_err() {
                    return;
                }
                book.follow(&plan.borrow_and_update(), Instant::now())
            }
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                let free = LOOKUPS_MAX - lookups.len();
                for host in book.take_due(Instant::now(), free) {
                    lookups.spawn(look_up(Arc::clone(&resolver), host));
                }
                Vec::new()
            }
            Some(ended) = lookups.join_next() => match ended {
                Ok((host, answer)) => book.learn(&host, answer, Instant::now()),
                // The lookup panicked; its host falls due again on its own.
                Err(_) => Vec::new(),
            },
        };
        for report in reports {
            if out.send(report).await.is_err() {
                return;
            }
        }
    }
}

async fn look_up(resolver: Arc<dyn Resolve>, host: Arc<str>) -> (Arc<str>, Answer) {
    let answer = timeout(LOOKUP_TIMEOUT, resolver.resolve(&host)).await;
    let late = || Answer::failed(&format!("no answer within {} s", LOOKUP_TIMEOUT.as_secs()));
    (host, answer.unwrap_or_else(|_| late()))
}

/// Every hostname that is followed.
#[derive(Default)]
struct Book {
    entries: HashMap<Arc<str>, Entry>,
}

struct Entry {
    host: Host,
    /// The backends it stands for.
    users: Vec<LookupSpec>,
    /// When to ask next. While a lookup is under way this is when it must have been lost.
    due: Instant,
}

impl Book {
    /// Takes a new plan over; returns reports for new users of known hosts.
    fn follow(&mut self, plan: &LookupPlan, now: Instant) -> Vec<Lookup> {
        let mut before: HashMap<Arc<str>, Vec<LookupSpec>> = HashMap::new();
        for (name, entry) in &mut self.entries {
            before.insert(Arc::clone(name), std::mem::take(&mut entry.users));
        }
        let mut reports = Vec::new();
        for spec in &plan.lookups {
            let entry = self.entries.entry(Arc::clone(&spec.host)).or_insert_with(|| Entry {
                host: Host::default(),
                users: Vec::new(),
                due: now,
            });
            entry.users.push(spec.clone());
            let known = entry.host.addresses();
            let new = before.get(&spec.host).is_none_or(|users| !users.contains(spec));
            if new && !known.is_empty() {
                reports.push(report(spec, &Ok(known)));
            }
        }
        self.entries.retain(|_, entry| !entry.users.is_empty());
        reports
    }

    fn next_due(&self) -> Option<Instant> {
        self.entries.values().map(|entry| entry.due).min()
    }

    /// At most `limit` hosts that are due, the longest due first.
    fn take_due(&mut self, now: Instant, limit: usize) -> Vec<Arc<str>> {
        let mut due: Vec<_> = self.entries.iter_mut().filter(|(_, e)| e.due <= now).collect();
        due.sort_by_key(|(_, entry)| entry.due);
        due.truncate(limit);
        for (_, entry) in &mut due {
            entry.due = now + LOOKUP_TIMEOUT * 2;
        }
        due.into_iter().map(|(name, _)| Arc::clone(name)).collect()
    }

    /// Takes an answer over; a host that is no longer followed is ignored.
    fn learn(&mut self, name: &Arc<str>, answer: Answer, now: Instant) -> Vec<Lookup> {
        let Some(entry) = self.entries.get_mut(name) else {
            return Vec::new();
        };
        let learnt = entry.host.learn(answer);
        entry.due = now + learnt.again;
        entry.users.iter().map(|spec| report(spec, &learnt.outcome)).collect()
    }
}

fn report(spec: &LookupSpec, outcome: &Result<Vec<IpAddr>, Arc<str>>) -> Lookup {
    let at_port = |addresses: &Vec<IpAddr>| {
        addresses.iter().map(|address| SocketAddr::new(*address, spec.port)).collect()
    };
    let outcome = outcome.as_ref().map(at_port).map_err(Arc::clone);
    Lookup { spec: spec.clone(), outcome }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::pin::Pin;
    use std::sync::Mutex;

    use super::*;
    use crate::discovery::Family;

    /// Answers from a script, the last answer for ever.
    struct Script(Mutex<VecDeque<Answer>>);

    impl Resolve for Script {
        fn resolve<'a>(
            &'a self,
            _host: &'a str,
        ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
            Box::pin(async {
                let mut script = self.0.lock().unwrap();
                if script.len() > 1 { script.pop_front() } else { script.front().cloned() }.unwrap()
            })
        }
    }

    fn records(address: &str, ttl_s: u64) -> Answer {
        let ttl = Duration::from_secs(ttl_s);
        Answer { v4: Family::Records(vec![address.parse().unwrap()], ttl), v6: Family::Nothing }
    }

    fn spec(backend: &str, port: u16) -> LookupSpec {
        LookupSpec { pool: "site".into(), backend: backend.into(), host: "app.test".into(), port }
    }

    fn plan(lookups: &[LookupSpec]) -> Arc<LookupPlan> {
        Arc::new(LookupPlan { lookups: lookups.to_vec() })
    }

    type Running = (watch::Sender<Arc<LookupPlan>>, mpsc::Receiver<Lookup>);

    fn start(script: impl IntoIterator<Item = Answer>, first: &[LookupSpec]) -> Running {
        let (sender, receiver) = watch::channel(plan(first));
        let (out, reports) = mpsc::channel(8);
        let script = Script(Mutex::new(script.into_iter().collect()));
        tokio::spawn(run(receiver, out, Arc::new(script)));
        (sender, reports)
    }

    fn shown(lookup: &Lookup) -> String {
        match &lookup.outcome {
            Ok(addresses) => format!("{} {addresses:?}", lookup.spec.backend),
            Err(detail) => format!("{} {detail}", lookup.spec.backend),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_asked_again_when_its_records_expire() {
        let script = [records("10.0.0.1", 30), records("10.0.0.2", 30)];
        let (_plan, mut reports) = start(script, &[spec("app", 80)]);
        assert_eq!(shown(&reports.recv().await.unwrap()), "app [10.0.0.1:80]");
        let before = Instant::now();
        assert_eq!(shown(&reports.recv().await.unwrap()), "app [10.0.0.2:80]");
        assert_eq!(before.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_reported_and_retried() {
        let script = [Answer::failed("server failure"), records("10.0.0.1", 30)];
        let (_plan, mut reports) = start(script, &[spec("app", 80)]);
        assert_eq!(shown(&reports.recv().await.unwrap()), "app server failure");
        assert_eq!(shown(&reports.recv().await.unwrap()), "app [10.0.0.1:80]");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_user_of_a_known_name_hears_at_once() {
        let (plans, mut reports) = start([records("10.0.0.1", 3600)], &[spec("app", 80)]);
        assert_eq!(shown(&reports.recv().await.unwrap()), "app [10.0.0.1:80]");
        let before = Instant::now();
        plans.send(plan(&[spec("app", 80), spec("other", 81)])).unwrap();
        assert_eq!(shown(&reports.recv().await.unwrap()), "other [10.0.0.1:81]");
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_never_ends_is_a_failure() {
        struct Silent;
        impl Resolve for Silent {
            fn resolve<'a>(
                &'a self,
                _host: &'a str,
            ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
                Box::pin(std::future::pending())
            }
        }
        let (_plans, receiver) = watch::channel(plan(&[spec("app", 80)]));
        let (out, mut reports) = mpsc::channel(8);
        tokio::spawn(run(receiver, out, Arc::new(Silent)));
        assert_eq!(shown(&reports.recv().await.unwrap()), "app no answer within 10 s");
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_plan() {
        let (plans, receiver) = watch::channel(plan(&[]));
        let (out, _reports) = mpsc::channel(8);
        let script = Script(Mutex::new([records("10.0.0.1", 1)].into()));
        let task = tokio::spawn(run(receiver, out, Arc::new(script)));
        drop(plans);
        task.await.unwrap();
    }
}
