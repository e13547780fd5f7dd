//! Who is refused when not all can be served.

use std::iter;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{
    Client, Finished, Pulsegate, Server, Setup, Site, Upstream, pulsegate, until,
};

const CLASSES: [&str; 4] = ["low", "normal", "high", "critical"];

/// A route per class, and one by header.
fn by_class(trusted: &str) -> Setup {
    let setup = Setup::default().listener(&format!("trusted_proxies: [ {trusted} ]"));
    let setup = CLASSES.iter().fold(setup, |setup, class| {
        setup.route(&format!("{{ match: {{ path: /{class} }}, pool: site, priority: {class} }}"))
    });
    setup.route("{ pool: site, priority: { header: x-priority, otherwise: low } }")
}

fn tell(proxy: &Pulsegate, words: &str) -> Finished {
    let socket = ["--socket".to_owned(), proxy.socket().display().to_string()];
    let told = pulsegate(words.split(' ').map(str::to_owned).chain(socket));
    assert_eq!(told.code, Some(0), "{told:?}");
    told
}

/// The part of what is sent to this path that the pool lets in, as it is explained.
fn admitted(proxy: &Pulsegate, path: &str) -> f64 {
    let told = tell(proxy, &format!("explain GET http://x/{path} --json")).stdout;
    let told: Value = serde_json::from_str(&told).expect("JSON");
    told["pools"][0]["admitted"].as_f64().expect("a part")
}

fn counted(proxy: &Pulsegate, family: &str, class: &str) -> f64 {
    let mut client = Client::connect(proxy.admin());
    let text = client.admin("/metrics").text();
    let start = format!("{family}{{pool=\"site\",priority=\"{class}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {start} in {text}"))
}

#[test]
fn the_lowest_class_is_refused_first_and_the_critical_one_never() {
    let server = Server::named("up");
    let proxy = by_class("10.0.0.0/8").over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    tell(&proxy, "traffic site --percent 60");
    // A quarter of each class: all of the lowest goes, and three fifths of the next.
    let mut round = || CLASSES.map(|class| client.get(&format!("/{class}")).status);
    until("the mix to be known", || {
        round();
        ((admitted(&proxy, "normal") - 0.4).abs() < 0.1).then_some(())
    });
    let before = CLASSES.map(|class| counted(&proxy, "pulsegate_pool_shed_total", class));
    let rounds: Vec<_> = iter::repeat_with(&mut round).take(100).collect();
    let refused = |at: usize| rounds.iter().filter(|round| round[at] == 503).count();
    assert_eq!((refused(0), refused(2), refused(3)), (100, 0, 0));
    assert!((40..=80).contains(&refused(1)), "{}", refused(1));
    for (at, class) in CLASSES.into_iter().enumerate() {
        let shed = counted(&proxy, "pulsegate_pool_shed_total", class) - before[at];
        assert!((shed - refused(at) as f64).abs() < 0.5, "{class}: {shed}");
        assert!(counted(&proxy, "pulsegate_pool_arrivals_total", class) >= 100.0);
    }
    let told = tell(&proxy, "explain GET http://x/low").stdout;
    assert!(told.contains("priority  low: 0.0 % let in"), "{told}");
    assert!(told.contains("the lowest priority class goes first"), "{told}");
    let response = client.get("/low");
    assert_eq!(response.status, 503);
    assert!(response.head.has("retry-after"), "{response:?}");
}

#[test]
fn only_a_trusted_proxy_says_of_which_class_a_request_is() {
    for (trusted, status) in [("127.0.0.0/8", 200), ("10.0.0.0/8", 503)] {
        let server = Server::named("up");
        let proxy = by_class(trusted).over(&[&server]);
        let mut client = Client::connect(proxy.address("web"));
        tell(&proxy, "traffic site --percent 50");
        let mut ask = |class: &str| {
            client.send(format!("GET /x HTTP/1.1\r\nHost: x\r\nX-Priority: {class}\r\n\r\n"));
            client.response().status
        };
        // Of the classes nothing is known yet, so everything below normal is refused, nothing above.
        assert_eq!(ask("Critical"), status, "{trusted}");
        assert_eq!(ask("most critical"), 503, "a class that there is not");
    }
}

#[test]
fn connections_have_a_class_too() {
    let start = |class: &str| {
        let site = Setup::tcp().route(&format!("{{ pool: site, priority: {class} }}")).start();
        tell(&site.proxy, "traffic site --percent 50");
        site
    };
    assert!(start("low").resets());
    let site = start("high");
    let (_client, mut upstream) = site.send("a");
    assert_eq!(upstream.exactly(1), b"a");
}

/// A request to this path that a backend has and does not answer.
fn occupy(site: &Site, path: &str) -> (Client, Upstream) {
    let (client, mut upstream) = site.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    upstream.head();
    (client, upstream)
}

#[test]
fn from_a_set_load_on_the_lowest_class_is_refused_and_the_critical_one_last() {
    let setup = by_class("10.0.0.0/8").listener("access_log: { path: access.log }");
    let site = setup.pool("shed: { concurrent: 4 }").start();
    let refused = |path: &str| {
        let response = site.client().get(path);
        assert_eq!((response.status, response.head.get("retry-after")), (503, Some("1")), "{path}");
    };
    let mut busy = Vec::new();
    for (class, more) in CLASSES.into_iter().zip([4, 1, 1, 2]) {
        let path = format!("/{class}");
        busy.extend((0..more).map(|_| occupy(&site, &path)));
        refused(&path);
    }
    let told = tell(&site.proxy, "explain GET http://x/low").stdout;
    assert!(told.contains("refused as low once 4 are under way (8 now)"), "{told}");
    let mut admin = Client::connect(site.proxy.admin());
    let metrics = admin.admin("/metrics").text();
    assert!(metrics.contains("pulsegate_pool_overloaded_total{pool=\"site\"} 4\n"), "{metrics}");
    assert!(metrics.contains("pulsegate_pool_requests_under_way{pool=\"site\"} 8\n"), "{metrics}");
    let log = until("the lines", || {
        let text = std::fs::read_to_string(site.proxy.path().join("access.log")).ok()?;
        (text.lines().count() == 4).then_some(text)
    });
    assert!(log.lines().all(|line| line.contains("\"ended\":\"shed\"")), "{log}");
    for (client, upstream) in &mut busy {
        upstream.ok("done");
        assert_eq!(client.response().text(), "done");
    }
    drop(busy);
    // It is over: everybody is welcome.
    let (mut client, mut upstream) = occupy(&site, "/low");
    upstream.ok("again");
    assert_eq!(client.response().text(), "again");
}

#[test]
fn a_queue_that_fills_refuses_the_lowest_class_first() {
    let setup = by_class("10.0.0.0/8").pool("limits: { concurrent: 1 }");
    let setup = setup.pool("queue: { length: 4, timeout: 1h }").pool("shed: { queue: 50% }");
    let site = setup.start();
    let (_first, _upstream) = occupy(&site, "/low");
    let mut waiting = Vec::new();
    for count in 1..=2 {
        let mut client = site.client();
        client.send("GET /low HTTP/1.1\r\nHost: a\r\n\r\n");
        waiting.push(client);
        until("it to wait", || {
            let told = tell(&site.proxy, "explain GET http://x/low").stdout;
            told.contains(&format!("once 2 wait ({count} now)")).then_some(())
        });
    }
    assert_eq!(site.client().get("/low").status, 503);
    let mut critical = site.client();
    critical.send("GET /critical HTTP/1.1\r\nHost: a\r\n\r\n");
    until("it to wait", || {
        let told = tell(&site.proxy, "explain GET http://x/low").stdout;
        told.contains("once 2 wait (3 now)").then_some(())
    });
}

/// Answers one request after the other, each after a while.
fn one_by_one() -> Server {
    let busy = Mutex::new(());
    Server::answering(Arc::new(move |_| {
        let _turn = busy.lock().expect("nobody panics here");
        thread::sleep(Duration::from_millis(2));
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()
    }))
}

#[test]
fn a_limit_that_follows_latency_refuses_what_would_only_wait() {
    const CROWD: usize = 24;
    let server = one_by_one();
    let shed = "shed: { adaptive: { min: 2, max: 100, window: 1h } }";
    let proxy = by_class("10.0.0.0/8").pool(shed).over(&[&server]);
    let address = proxy.address("web");
    let limit = || {
        let status = Client::connect(proxy.admin()).admin("/status").text();
        let status: Value = serde_json::from_str(&status).expect("JSON");
        status["pools"][0]["protections"]["shed"]["limit"].as_u64()
    };
    // What an answer takes alone is learnt while there is little to do.
    let mut client = Client::connect(address);
    (0..200).for_each(|_| assert_eq!(client.get("/normal").status, 200));
    assert_eq!(limit(), Some(100), "all of it was borne");
    let over = Mutex::new(false);
    thread::scope(|scope| {
        for _ in 0..CROWD {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                while !*over.lock().expect("nobody panics here") {
                    if client.get("/low").status == 503 {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            });
        }
        let mut critical = Client::connect(address);
        until("the limit to come down", || {
            assert_eq!(critical.get("/critical").status, 200);
            limit().filter(|limit| *limit < CROWD as u64 / 2)
        });
        *over.lock().expect("nobody panics here") = true;
    });
    assert!(counted(&proxy, "pulsegate_pool_shed_total", "low") > 0.0);
    assert_eq!(counted(&proxy, "pulsegate_pool_shed_total", "critical"), 0.0);
}
