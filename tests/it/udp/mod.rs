//! Listeners that forward datagrams: each to its flow's backend, and every answer back from the
//! address that was asked.

mod dns;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::process::Signal;
use serde_json::Value;

use crate::drains::say_to;
use crate::harness::{Client, PATIENCE, Pulsegate, Setup, until};

/// A socket that waits for as long as any step may take.
fn socket(address: impl Into<SocketAddr>) -> UdpSocket {
    let socket = UdpSocket::bind(address.into()).expect("a free loopback port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    socket
}

/// A balancer in front of sockets that the test answers at.
struct Stage {
    proxy: Pulsegate,
    backends: Vec<UdpSocket>,
}

impl Stage {
    fn start(setup: Setup, n: usize) -> Self {
        let backends: Vec<_> = (0..n).map(|_| socket((Ipv4Addr::LOCALHOST, 0))).collect();
        let address = |backend: &UdpSocket| backend.local_addr().expect("a bound socket");
        let setup = setup.listener("access_log: { path: access.log }");
        let config = setup.config(&backends.iter().map(address).collect::<Vec<_>>());
        Self { proxy: Pulsegate::start(Pulsegate::folder(), &config), backends }
    }

    /// A client at this address of the loopback network, which hears only from where it asks.
    fn client(&self, host: u8) -> UdpSocket {
        let client = socket((Ipv4Addr::new(127, 0, 0, host), 0));
        client.connect(self.proxy.address("web")).expect("an address");
        client
    }

    /// Sends this and sees which backend it comes to, and from where.
    fn sends(&self, client: &UdpSocket, bytes: &[u8]) -> (usize, SocketAddr) {
        client.send(bytes).expect("room");
        until("the datagram", || {
            self.backends.iter().enumerate().find_map(|(index, backend)| {
                let mut buffer = [0; 2_000];
                backend.set_nonblocking(true).expect("a socket");
                let received = backend.recv_from(&mut buffer).ok();
                backend.set_nonblocking(false).expect("a socket");
                let (n, from) = received?;
                assert_eq!(&buffer[..n], bytes, "untouched");
                Some((index, from))
            })
        })
    }

    fn answers(&self, backend: usize, to: SocketAddr, bytes: &[u8]) {
        self.backends[backend].send_to(bytes, to).expect("room");
    }

    fn metric(&self, sample: &str) -> Option<f64> {
        let text = Client::connect(self.proxy.admin()).admin("/metrics").text();
        let line = text.lines().find(|line| line.starts_with(sample))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    fn dropped(&self, reason: &str) -> bool {
        let sample = format!("pulsegate_dropped_datagrams_total{{reason=\"{reason}\"}}");
        self.metric(&sample).is_some_and(|count| count >= 1.0)
    }

    /// The access log's line of this number.
    fn line(&self, n: usize) -> Value {
        until("a log line", || {
            let text = std::fs::read_to_string(self.proxy.path().join("access.log")).ok()?;
            serde_json::from_str(text[..=text.rfind('\n')?].lines().nth(n)?).ok()
        })
    }
}

fn hears(client: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let n = client.recv(&mut buffer).expect("an answer");
    buffer.truncate(n);
    buffer
}

#[test]
fn a_flow_keeps_its_backend_and_answers_come_back_in_order() {
    let stage = Stage::start(Setup::udp(), 2);
    let (one, other) = (stage.client(1), stage.client(1));
    let (backend, from) = stage.sends(&one, b"one");
    let (next, _) = stage.sends(&other, b"other");
    assert_ne!(backend, next, "in turn");
    for n in 0..20_u8 {
        // Empty ones are datagrams, too.
        assert_eq!(stage.sends(&one, &vec![n; n.into()]), (backend, from));
    }
    (0..20).for_each(|n| stage.answers(backend, from, &[n]));
    assert_eq!((0..20).map(|_| hears(&one)[0]).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    let stage = Stage::start(Setup::udp().listener("bind: \"0.0.0.0:0\""), 1);
    let client = socket((Ipv4Addr::LOCALHOST, 0));
    let port = stage.proxy.address("web").port();
    // Two addresses of ours are two flows, also for the same client.
    for host in [7, 8] {
        client.connect((Ipv4Addr::new(127, 0, 0, host), port)).expect("an address");
        let (backend, from) = stage.sends(&client, b"question");
        stage.answers(backend, from, &[host]);
        assert_eq!(hears(&client), [host]);
    }
}

#[test]
fn by_address_the_same_backend_is_chosen_after_a_restart() {
    let mut stage = Stage::start(Setup::udp().pool("algorithm: ip-hash"), 5);
    let chosen = |stage: &Stage| -> Vec<usize> {
        (1..40).map(|host| stage.sends(&stage.client(host), b"x").0).collect()
    };
    let before = chosen(&stage);
    assert!((0..5).all(|backend| before.contains(&backend)), "{before:?}");
    stage.proxy = stage.proxy.restart();
    assert_eq!(chosen(&stage), before);
}

#[test]
fn a_flow_that_is_over_has_one_line() {
    let stage = Stage::start(Setup::udp().listener("timeouts: { idle: 300ms }"), 1);
    let client = stage.client(1);
    let (backend, from) = stage.sends(&client, b"12345");
    stage.answers(backend, from, b"123");
    hears(&client);
    let line = stage.line(0);
    for (key, expected) in [
        ("protocol", Value::from("udp")),
        ("client", Value::from("127.0.0.1")),
        ("client_port", Value::from(client.local_addr().expect("bound").port())),
        ("pool", Value::from("site")),
        ("backend", Value::from(stage.backends[0].local_addr().expect("bound").to_string())),
        ("bytes_in", Value::from(5)),
        ("bytes_out", Value::from(3)),
        ("ended", Value::from("idle")),
    ] {
        assert_eq!(line[key], expected, "{key} in {line}");
    }
    assert!(line["total_us"].as_u64().is_some_and(|us| us >= 300_000), "{line}");
    assert_eq!(stage.metric("pulsegate_connections{"), Some(0.0));
}

#[test]
fn beyond_the_limit_only_who_has_proven_nothing_makes_way() {
    let stage = Stage::start(Setup::udp().listener("limits: { connections: 1 }"), 1);
    let (forged, real) = (stage.client(1), stage.client(2));
    stage.sends(&forged, b"anything");
    let (backend, from) = stage.sends(&real, b"question");
    assert_eq!(stage.line(0)["ended"], "evicted");
    stage.answers(backend, from, b"answer");
    hears(&real);
    forged.send(b"anything").expect("room");
    until("the drop", || stage.dropped("no_room").then_some(()));
    assert_eq!(stage.sends(&real, b"more"), (backend, from));
}

#[test]
fn who_is_denied_or_has_as_many_flows_as_it_may_begins_none() {
    let limits = "limits: { connections_per_client: 1 }";
    let stage = Stage::start(Setup::udp().listener("deny: 127.0.0.9").listener(limits), 1);
    stage.client(9).send(b"denied").expect("room");
    until("the drop", || stage.dropped("denied").then_some(()));
    let (one, another) = (stage.client(1), stage.client(1));
    let (backend, from) = stage.sends(&one, b"one");
    another.send(b"another").expect("room");
    until("the drop", || stage.dropped("per_client").then_some(()));
    assert_eq!(stage.sends(&one, b"more"), (backend, from));
    stage.sends(&stage.client(2), b"other");
}

#[test]
fn where_nobody_listens_is_learnt_and_the_next_datagram_goes_elsewhere() {
    let mut stage = Stage::start(Setup::udp(), 2);
    let client = stage.client(1);
    let (gone, _) = stage.sends(&client, b"x");
    // The port is not given to anyone else meanwhile: the flow is connected to it.
    drop(std::mem::replace(&mut stage.backends[gone], socket((Ipv4Addr::LOCALHOST, 0))));
    client.send(b"x").expect("room");
    until("the flow's end", || {
        let sample = r#"pulsegate_forwarded_connections_total{ended="unreachable"}"#;
        (stage.metric(sample)? >= 1.0).then_some(())
    });
    let failed = stage.metric("pulsegate_backend_connect_failures_total").is_some();
    assert!(failed, "it counts against the backend");
    assert_eq!(stage.sends(&client, b"y").0, 1 - gone);
}

#[test]
fn a_drained_backends_flows_are_listed_and_moved_at_the_deadline() {
    let stage = Stage::start(Setup::udp().pool("drain: { deadline: 2s }"), 2);
    let client = stage.client(1);
    let (backend, from) = stage.sends(&client, b"12");
    let name = format!("site/{}", stage.backends[backend].local_addr().expect("bound"));
    let done = say_to(&stage.proxy, &format!("drain backend {name} --force"));
    assert_eq!(done.code, Some(0), "{done:?}");
    until("the flow to be listed", || {
        let told = say_to(&stage.proxy, "drains --json").stdout;
        let told: Value = serde_json::from_str(&told).ok()?;
        let held = &told["drains"][0]["connections"][0];
        (held["protocol"] == "udp" && held["bytes_in"] == 2).then_some(())
    });
    assert_eq!(stage.sends(&client, b"345"), (backend, from), "it may stay for now");
    assert_eq!(stage.line(0)["ended"], "drained");
    assert_eq!(stage.sends(&client, b"6").0, 1 - backend);
}

#[test]
fn what_is_too_large_to_be_sent_on_is_counted() {
    let Ok(probe) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else {
        eprintln!("skipped: this machine has no IPv6 loopback address");
        return;
    };
    drop(probe);
    let stage = Stage::start(Setup::udp().listener("bind: \"[::1]:0\""), 1);
    let client = socket((Ipv6Addr::LOCALHOST, 0));
    client.connect(stage.proxy.address("web")).expect("an address");
    // IPv6 carries twenty bytes more than IPv4.
    client.send(&[0; 65_520]).expect("as large as IPv6 takes");
    until("the drop", || stage.dropped("too_large").then_some(()));
    stage.sends(&client, b"small");
}

#[test]
fn a_shutdown_waits_for_flows_to_become_quiet() {
    let stage = Stage::start(Setup::udp().listener("timeouts: { idle: 1h }"), 1);
    let client = stage.client(1);
    let (backend, from) = stage.sends(&client, b"question");
    stage.proxy.signal(Signal::TERM);
    stage.proxy.says("draining");
    stage.answers(backend, from, b"answer");
    assert_eq!(hears(&client), b"answer");
    let Stage { proxy, .. } = stage;
    assert_eq!(proxy.finish().code, Some(0));
}
