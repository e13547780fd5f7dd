//! Who is refused when not all can be served.

use std::iter;

use serde_json::Value;

use crate::harness::{Client, Finished, Pulsegate, Server, Setup, pulsegate, until};

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
