//! Requests that wait on a backend when it goes down: who is sent elsewhere, who goes on waiting.

use serde_json::Value;

use crate::harness::{Asked, BlackHole, Checked, Client, End, Pulsegate, Server, Setup, until};

pub(crate) const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

pub(crate) struct Stage {
    pub(crate) proxy: Pulsegate,
    pub(crate) backends: Checked,
}

impl Stage {
    /// This many backends, all of them up.
    pub(crate) fn start(setup: Setup, n: usize) -> Self {
        let backends = Checked::start(n);
        let setup = setup.health(Checked::HEALTH).listener("access_log: { path: access.log }");
        let addresses = backends.addresses();
        let proxy = Pulsegate::start(Pulsegate::folder(), &setup.config(&addresses));
        let stage = Self { proxy, backends };
        (0..n).for_each(|backend| stage.until(backend, "up"));
        stage
    }

    fn client(&self) -> Client {
        Client::connect(self.proxy.address("web"))
    }

    /// A client that has sent this, and the backend it waits on.
    pub(crate) fn send(&self, request: &str) -> (Client, Asked) {
        let mut client = self.client();
        client.send(request);
        (client, self.backends.asked())
    }

    /// Waits until the backend is seen so, and the table follows.
    fn until(&self, backend: usize, health: &str) {
        until(health, || {
            let text = Client::connect(self.proxy.admin()).admin("/status").text();
            let status: Value = serde_json::from_str(&text).ok()?;
            let zone = &status["pools"][0]["regions"][0]["zones"][0];
            let backend = &zone["backends"][backend];
            let takes = backend["effective_weight"].as_f64()? > 0.0;
            (backend["health"] == health && takes == (health == "up")).then_some(())
        });
    }

    /// Takes the backend down, and waits until everybody knows.
    pub(crate) fn down(&self, backend: usize) {
        self.backends.set_well(backend, false);
        self.until(backend, "down");
    }

    fn metric(&self, name: &str) -> u64 {
        let text = Client::connect(self.proxy.admin()).admin("/metrics").text();
        let samples = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        let values = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        values.sum()
    }

    /// The access log's first line.
    pub(crate) fn line(&self) -> Value {
        until("a line in the access log", || {
            let text = std::fs::read_to_string(self.proxy.path().join("access.log")).ok()?;
            serde_json::from_str(text.lines().next()?).ok()
        })
    }
}

#[test]
fn a_request_that_may_be_repeated_is_sent_elsewhere_at_once() {
    let stage = Stage::start(Setup::default(), 2);
    let (mut client, mut hung) = stage.send(GET);
    stage.down(hung.upstream.backend);
    let mut other = stage.backends.asked();
    assert_eq!(other.upstream.backend, 1 - hung.upstream.backend);
    assert_eq!(other.head.start, hung.head.start);
    other.upstream.ok("rescued");
    assert_eq!(client.response().text(), "rescued");
    hung.upstream.ended();
    let line = stage.line();
    assert_eq!((&line["attempts"], &line["status"]), (&2.into(), &200.into()), "{line}");
    assert_eq!(line["retried_after"], "backend_down", "{line}");
    assert_eq!(stage.metric("pulsegate_backend_rescues_total"), 1);
    assert_eq!(stage.metric("pulsegate_backend_retries_total"), 1);
}

#[test]
fn a_body_that_is_held_goes_with_its_request() {
    let route = "{ pool: site, retries: { idempotent: true } }";
    let stage = Stage::start(Setup::default().route(route), 2);
    let (mut client, mut hung) = stage.send(POST);
    assert_eq!(hung.upstream.body(&hung.head), b"hi");
    stage.down(hung.upstream.backend);
    let mut other = stage.backends.asked();
    assert_eq!(other.upstream.body(&other.head), b"hi");
    other.upstream.ok("rescued");
    assert_eq!(client.response().text(), "rescued");
}

#[test]
fn all_that_wait_are_sent_elsewhere() {
    let stage = Stage::start(Setup::default(), 2);
    let waiting: Vec<_> = (0..8).map(|_| stage.send(GET)).collect();
    stage.down(0);
    let (lost, kept): (Vec<_>, Vec<_>) =
        waiting.into_iter().partition(|(_, asked)| asked.upstream.backend == 0);
    assert_eq!(lost.len(), 4);
    for _ in &lost {
        let mut other = stage.backends.asked();
        assert_eq!(other.upstream.backend, 1);
        other.upstream.ok("rescued");
    }
    for (mut client, mut hung) in lost {
        assert_eq!(client.response().text(), "rescued");
        hung.upstream.ended();
    }
    for (mut client, mut asked) in kept {
        asked.upstream.ok("kept");
        assert_eq!(client.response().text(), "kept");
    }
}

#[test]
fn a_request_that_must_not_be_repeated_goes_on_waiting() {
    let stage = Stage::start(Setup::default(), 2);
    let (mut client, mut asked) = stage.send(POST);
    assert_eq!(asked.upstream.body(&asked.head), b"hi");
    stage.down(asked.upstream.backend);
    asked.upstream.ok("late");
    assert_eq!(client.response().text(), "late");
    assert_eq!(stage.metric("pulsegate_backend_rescues_total"), 0);
}

#[test]
fn a_request_that_must_not_be_repeated_fails_at_once_where_the_pool_says_so() {
    let stage = Stage::start(Setup::default().pool("on_down: close"), 2);
    let (mut client, mut asked) = stage.send(POST);
    stage.down(asked.upstream.backend);
    assert_eq!(client.response().status, 502);
    asked.upstream.rest();
    assert_eq!(stage.line()["ended"], "backend_down");
}

#[test]
fn a_request_with_no_try_left_goes_on_waiting() {
    let stage = Stage::start(Setup::default().route("{ pool: site, retries: { attempts: 1 } }"), 2);
    let (mut client, mut asked) = stage.send(GET);
    stage.down(asked.upstream.backend);
    asked.upstream.ok("late");
    assert_eq!(client.response().text(), "late");
}

#[test]
fn a_request_with_nowhere_else_to_go_goes_on_waiting() {
    let stage = Stage::start(Setup::default(), 2);
    let (mut client, mut asked) = stage.send(GET);
    stage.down(1 - asked.upstream.backend);
    stage.down(asked.upstream.backend);
    asked.upstream.ok("late");
    assert_eq!(client.response().text(), "late");
}

#[test]
fn a_request_waits_no_longer_once_there_is_somewhere_to_go() {
    let stage = Stage::start(Setup::default(), 2);
    let (mut client, hung) = stage.send(GET);
    let other = 1 - hung.upstream.backend;
    stage.down(other);
    stage.down(hung.upstream.backend);
    stage.backends.set_well(other, true);
    let mut asked = stage.backends.asked();
    assert_eq!(asked.upstream.backend, other);
    asked.upstream.ok("rescued");
    assert_eq!(client.response().text(), "rescued");
}

#[test]
fn idle_connections_to_it_close() {
    let stage = Stage::start(Setup::default(), 2);
    let (mut client, mut asked) = stage.send(GET);
    asked.upstream.ok("kept");
    assert_eq!(client.response().text(), "kept");
    stage.down(asked.upstream.backend);
    asked.upstream.ended();
}

/// A response whose first half has been delivered.
fn half_answered(stage: &Stage) -> (Client, Asked) {
    let (mut client, mut asked) = stage.send(GET);
    asked.upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    client.head();
    assert_eq!(client.exactly(4), b"half");
    (client, asked)
}

#[test]
fn a_response_under_way_goes_on() {
    let stage = Stage::start(Setup::default(), 2);
    let (mut client, mut asked) = half_answered(&stage);
    stage.down(asked.upstream.backend);
    asked.upstream.send("half");
    assert_eq!(client.exactly(4), b"half");
    // The connection is not kept for a backend that takes no more traffic.
    asked.upstream.ended();
}

#[test]
fn a_response_under_way_is_cut_off_where_the_pool_says_so() {
    let stage = Stage::start(Setup::default().pool("on_down: close"), 2);
    let (mut client, asked) = half_answered(&stage);
    stage.down(asked.upstream.backend);
    assert_eq!(client.rest(), (Vec::new(), End::Reset));
}

const HANDSHAKE: &str =
    "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

fn tunnel(stage: &Stage) -> (Client, Asked) {
    let (mut client, mut asked) = stage.send(HANDSHAKE);
    asked.upstream.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    assert_eq!(client.response().status, 101);
    (client, asked)
}

#[test]
fn a_tunnel_goes_on() {
    let stage = Stage::start(Setup::default(), 2);
    let (mut client, mut asked) = tunnel(&stage);
    stage.down(asked.upstream.backend);
    client.send("ping");
    assert_eq!(asked.upstream.exactly(4), b"ping");
    asked.upstream.send("pong");
    assert_eq!(client.exactly(4), b"pong");
}

#[test]
fn a_tunnel_ends_where_the_pool_says_so() {
    let stage = Stage::start(Setup::default().pool("on_down: close"), 2);
    let (mut client, mut asked) = tunnel(&stage);
    stage.down(asked.upstream.backend);
    // A WebSocket is told: 1001, going away.
    assert_eq!(client.rest().0, b"\x88\x02\x03\xe9");
    asked.upstream.rest();
}

#[test]
fn a_request_whose_connection_never_opens_is_sent_elsewhere_at_once() {
    let (well, mut hole) = (Server::named("well"), BlackHole::listening());
    // Its checks may fail some times, so that there is time to swallow it first.
    let health = "{ network: { interval: 100ms, timeout: 50ms, fall: 10, rise: 1 } }";
    let setup = Setup::default().health(health).pool("timeouts: { connect: 60s }");
    let addresses = [well.address, hole.address];
    let proxy = Pulsegate::start(Pulsegate::folder(), &setup.config(&addresses));
    until("both to be up", || {
        let text = Client::connect(proxy.admin()).admin("/metrics").text();
        let takes = |line: &&str| {
            line.starts_with("pulsegate_backend_effective_weight{") && line.ends_with(" 1")
        };
        (text.lines().filter(takes).count() == 2).then_some(())
    });
    hole.swallow();
    let mut clients: Vec<_> = (0..4).map(|_| Client::connect(proxy.address("web"))).collect();
    // Nothing was sent yet, so even this may go elsewhere.
    clients.iter_mut().for_each(|client| client.send(POST));
    for client in &mut clients {
        assert_eq!(client.response().text(), "well");
    }
}
