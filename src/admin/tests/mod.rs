//! The API as a whole: in process for its answers, over real sockets for its manners.

mod alerts;
mod answers;
mod golden;
mod manners;
mod orders;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use tower_service::Service;

use super::{Door, Peer, Source, State, Tallies, router};
use crate::config::{AdminApi, Role, Secret, SecretSource, Token};
use crate::control::{
    Actor, BackendEvidence, BreakerStatus, CertificateStatus, CheckEvidence, Counters, Detail,
    LayerVerdict, OrderDone, OrderError, OrderRequest, PlaceStatus, PoolStatus, RegionStatus,
    ReloadError, ReloadReport, Reloaded, Seen, Snapshot, Status, ZoneStatus,
};
use crate::events::Chain;
use crate::events::wire::{self, Event, Line};
use crate::health::Verdict;
use crate::live::{self, LimiterKey, Live};
use crate::model::{
    Action, Address, Admin, BackendKey, Circuit, Failure, Health, Layer, Outcome, Phase, Reason,
    Transport, UnixMillis,
};

/// Control's stand-in: tells what it was given and remembers who asked for a reload.
#[derive(Clone, Default)]
pub(super) struct Fake(Arc<FakeState>);

#[derive(Default)]
struct FakeState {
    counters: Counters,
    draining: AtomicBool,
    status: Mutex<Option<Status>>,
    problems: Mutex<Vec<String>>,
    actors: Mutex<Vec<Actor>>,
    standing: Mutex<Vec<wire::Order>>,
}

impl Source for Fake {
    async fn status(&self, detail: Detail) -> Option<Result<Status, String>> {
        let mut status = self.0.status.lock().unwrap().clone()?;
        match detail {
            Detail::Backend(name) if &*name == "api/a 2" => {}
            Detail::Backend(name) => return Some(Err(format!("there is no backend `{name}`"))),
            Detail::Results => {}
            Detail::Brief => {
                let zone = &mut status.pools[0].regions[0].zones[0];
                let checks = zone.backends.iter_mut().flat_map(|backend| &mut backend.checks);
                checks.for_each(|check| check.results.clear());
            }
        }
        Some(Ok(status))
    }

    async fn snapshot(&self, _core: bool) -> Option<Snapshot> {
        None
    }

    async fn events(&self, limit: usize) -> Vec<Arc<Line>> {
        let mut chain = Chain::default();
        let published = || Event::Published { generation: 3, moves: vec![], because: vec![] };
        let lines = (0..3).map(|_| Arc::new(chain.next(UnixMillis(1_000), published())));
        lines.skip(3_usize.saturating_sub(limit)).collect()
    }

    async fn order(&self, requests: Vec<OrderRequest>) -> Result<OrderDone, OrderError> {
        for request in requests {
            self.0.actors.lock().unwrap().push(request.actor);
            match request.action {
                Action::Stop if !request.force => {
                    return Err(OrderError::Starves(vec!["api".to_owned()]));
                }
                Action::Fail { .. } => {
                    return Err(OrderError::Senseless(vec!["no zone".to_owned()]));
                }
                _ => {}
            }
        }
        Ok(OrderDone { generation: 5, moves: Vec::new(), warnings: Vec::new() })
    }

    async fn orders(&self) -> Vec<wire::Order> {
        self.0.standing.lock().unwrap().clone()
    }

    async fn confirm(&self, actor: Actor) -> Result<(), ReloadError> {
        self.0.actors.lock().unwrap().push(actor);
        Ok(())
    }

    async fn roll_back(&self, actor: Actor) -> Result<Reloaded, ReloadError> {
        self.0.actors.lock().unwrap().push(actor);
        Err(ReloadError { problems: vec!["nothing before".to_owned()] })
    }

    async fn reload(
        &self,
        actor: Actor,
        _confirm: Option<Duration>,
    ) -> Result<Reloaded, ReloadError> {
        self.0.actors.lock().unwrap().push(actor);
        let problems = self.0.problems.lock().unwrap().clone();
        if problems.is_empty() {
            Ok(Reloaded { generation: 4, warnings: Vec::new() })
        } else {
            Err(ReloadError { problems })
        }
    }

    fn ready(&self) -> bool {
        !self.0.draining.load(Relaxed)
    }

    fn counters(&self) -> &Counters {
        &self.0.counters
    }
}

/// A fake with [`sample_status`], its state, and the counters' owners, which must stay alive.
pub(super) struct Scene {
    pub(super) fake: Fake,
    pub(super) state: State<Fake>,
    _kept: (Arc<live::Listener>, Arc<live::Backend>, Arc<live::Limiter>),
}

impl Scene {
    pub(super) fn new(settings: &AdminApi) -> Self {
        let fake = Fake::default();
        *fake.0.status.lock().unwrap() = Some(sample_status());
        let live = Arc::new(Live::new(1));
        let kept = sample_counters(&live);
        let clock = || UnixMillis(1_795_228_060_000);
        let state = State::new(fake.clone(), live, Tallies::default(), clock, settings);
        Self { fake, state, _kept: kept }
    }

    /// One request, in process.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        door: Door,
        headers: &[(&str, &str)],
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        send(router(self.state.clone()), request, door).await
    }

    /// One request with a body, over the unix socket.
    pub(super) async fn post(&self, path: &str, body: &str) -> (StatusCode, String) {
        let request = Request::builder().method(Method::POST).uri(path).header("host", "localhost");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (status, _, body) = send(router(self.state.clone()), request, Door::Unix).await;
        (status, body)
    }
}

pub(super) async fn send(
    mut router: Router,
    mut request: Request<Body>,
    door: Door,
) -> (StatusCode, HeaderMap, String) {
    request.extensions_mut().insert(Peer { door, name: "tester".into() });
    let (parts, body) = router.call(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.into()).unwrap())
}

pub(super) const TCP: Door = Door::Tcp {
    local: SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9900),
    loopback: true,
};

pub(super) fn with_tokens() -> AdminApi {
    let token = |role, secret: &str| Token {
        role,
        secret: Secret::new(secret.to_owned()),
        source: SecretSource::Env("TOKEN".to_owned()),
    };
    AdminApi {
        tokens: vec![token(Role::Operator, "op"), token(Role::Viewer, "view")],
        ..AdminApi::default()
    }
}

fn sample_status() -> Status {
    let up = backend("a1", Health::Up, None, 1.0);
    let down = backend("a2", Health::Down, Some("refused: \u{1b}[31mconnection refused"), 0.0);
    let place = |phase| PlaceStatus {
        phase,
        stage_share: Some(0.1).filter(|_| phase != Phase::Active),
        since: Some(UnixMillis(1_795_228_050_000)).filter(|_| phase != Phase::Active),
        cause: if phase == Phase::Active { "".into() } else { "stage 1 held".into() },
        dwells_until: Some(UnixMillis(1_795_228_080_000)).filter(|_| phase != Phase::Active),
        held_until: None,
        flaps: u32::from(phase != Phase::Active),
    };
    let zone = ZoneStatus {
        name: "eu-1".into(),
        share: 1.0,
        entitled: 1.0,
        standing: place(Phase::Restoring { stage: 1 }),
        backends: vec![up, down],
    };
    let standing = place(Phase::Active);
    let region = RegionStatus { name: "eu".into(), share: 1.0, standing, zones: vec![zone] };
    Status {
        generation: 3,
        published: UnixMillis(1_795_228_050_000),
        started: UnixMillis(1_795_228_000_000),
        draining: false,
        certificates: vec![CertificateStatus {
            listener: "web".into(),
            file: "certs/web.pem".into(),
            names: vec!["shop.test".into()],
            not_after: UnixMillis(1_795_928_050_000),
            refused: Some("the file holds no private key".into()),
        }],
        exceptions: vec![wire::Order {
            scope: wire::Scope::All {},
            action: wire::Action::Degrade { level: Some("lean".to_owned()) },
            actor: "admin tester".to_owned(),
            why: "a flood".to_owned(),
            since_ms: 1_795_228_050_000,
            until_ms: None,
        }],
        pools: vec![PoolStatus {
            name: "api".into(),
            algorithm: "round-robin",
            headroom: Some(0.5),
            breaker: Some(BreakerStatus {
                circuit: Circuit::HalfOpen { share: 0.1 },
                since: Some(UnixMillis(1_795_228_050_000)),
                cause: "its time is over".into(),
                until: None,
                opened: 2,
            }),
            regions: vec![region],
        }],
        report: vec!["api: one backend is out".to_owned()],
        last_reload: Some(ReloadReport {
            at: UnixMillis(1_795_228_050_000),
            actor: Actor::Signal,
            result: Ok(Reloaded { generation: 3, warnings: vec!["admin: restart".to_owned()] }),
        }),
    }
}

fn backend(name: &str, health: Health, reason: Option<&str>, weight: f64) -> BackendEvidence {
    BackendEvidence {
        key: BackendKey { pool: "api".into(), name: name.into() },
        region: "eu".into(),
        zone: "eu-1".into(),
        address: Some(Address::Inet("127.0.0.1:9001".parse().unwrap())),
        weight: 1,
        effective_weight: weight,
        backup: false,
        health,
        admin: Admin::Ready,
        reason: reason.map(Into::into),
        cause: (health == Health::Down).then_some("network"),
        since: UnixMillis(1_795_228_030_000),
        flips: 2,
        ejections: 1,
        ejected: None,
        held: (health == Health::Down).then_some(Duration::from_secs(12)),
        layers: vec![LayerVerdict {
            layer: Layer::Network,
            verdict: if health == Health::Up { Verdict::Up } else { Verdict::Down },
            since: UnixMillis(1_795_228_030_000),
            reason: reason.map(Into::into),
        }],
        checks: vec![CheckEvidence {
            layer: Layer::Network,
            check: 0,
            name: "connect".into(),
            since: UnixMillis(1_795_228_030_000),
            phi: Some(if health == Health::Down { 17.5 } else { 0.5 }),
            suspect: false,
            decided_by: (health == Health::Down).then_some("phi"),
            health,
            marks: if health == Health::Up { "++" } else { "+-" }.to_owned(),
            results: results(health == Health::Up),
            reason: reason.map(Into::into),
        }],
        lookup_failure: None,
    }
}

/// A void result, a pass, and the newest one.
fn results(last_passed: bool) -> Vec<Seen> {
    let refused = Reason { failure: Failure::Refused, detail: "\u{1b}[2J".into() };
    let last = if last_passed { Outcome::Pass } else { Outcome::Fail(refused) };
    let outcomes = [Outcome::Void("the prober was late".into()), Outcome::Pass, last];
    let seen = |(n, outcome): (u64, _)| Seen {
        at: UnixMillis(1_795_228_030_000 + 100 * n),
        latency: Duration::from_micros(250),
        outcome,
    };
    (0..).zip(outcomes).map(seen).collect()
}

fn sample_counters(live: &Live) -> (Arc<live::Listener>, Arc<live::Backend>, Arc<live::Limiter>) {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (bind, local) = ("127.0.0.1:0".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
    let listener = Arc::new(live::Listener::new(
        "web".into(),
        bind,
        local,
        Transport::Tcp,
        vec![live::Socket::Stream(socket)],
    ));
    live.add_listener(&listener);
    assert!(listener.open_one(1));
    listener.worker(0).accepted.add(2);
    listener.worker(0).responses[1].add(7);

    live.pressure(&"api".into()).set_limit(40);
    let backend = live.backend(&BackendKey { pool: "api".into(), name: "a1".into() });
    backend.enter();
    let counters = backend.worker(0);
    counters.requests.add(8);
    counters.connects.add(2);
    counters.reused.add(6);
    counters.timeouts.add(1);
    counters.responses[1].add(7);
    counters.latency.record_us(300);
    let limit = LimiterKey { listener: "web".into(), route: None, limit: "calm".into() };
    (listener, backend, live.limiter(limit, None))
}
