//! Degraded service: what an operator orders to be done without.

use crate::harness::{Client, Finished, Pulsegate, Server, Setup, pulsegate, until};

const LEVELS: &str = "degradation: [ { name: lean, refuse: { priority: low, routes: [ web/reports ] } }, \
     { name: bare, refuse: { priority: [ low, normal ] }, respond: { status: 200, body: later } } ]";

fn setup() -> Setup {
    Setup::default()
        .top(LEVELS)
        .top("state: { dir: state }")
        .listener("access_log: { path: access.log }")
        .route("{ name: reports, match: { path: /reports }, pool: site }")
        .route("{ name: crawl, match: { path: /crawl }, pool: site, priority: low }")
        .route("{ name: pay, match: { path: /pay }, pool: site, priority: critical }")
        .route("{ name: rest, pool: site }")
}

fn tell(proxy: &Pulsegate, words: &str) -> Finished {
    let socket = ["--socket".to_owned(), proxy.socket().display().to_string()];
    pulsegate(words.split(' ').map(str::to_owned).chain(socket))
}

/// What each route answers: status and body.
fn answers(proxy: &Pulsegate) -> [(u16, String); 4] {
    let mut client = Client::connect(proxy.address("web"));
    ["/reports", "/crawl", "/pay", "/rest"].map(|path| {
        let response = client.get(path);
        (response.status, response.text())
    })
}

fn statuses(proxy: &Pulsegate) -> [u16; 4] {
    answers(proxy).map(|(status, _)| status)
}

#[test]
fn a_level_refuses_what_it_names_until_it_is_taken_back() {
    let server = Server::named("up");
    let proxy = setup().over(&[&server]);
    assert_eq!(statuses(&proxy), [200; 4]);
    let done = tell(&proxy, "degrade lean --why flood --for 30m");
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(statuses(&proxy), [503, 503, 200, 200]);
    let refused = Client::connect(proxy.address("web")).get("/crawl");
    assert!(refused.head.has("retry-after"), "{refused:?}");
    let log = until("the line", || {
        let text = std::fs::read_to_string(proxy.path().join("access.log")).ok()?;
        text.contains("\"ended\":\"degraded\"").then_some(text)
    });
    assert!(!log.contains("\"ended\":\"shed\""), "{log}");
    for words in ["status", "orders", "events"] {
        let told = tell(&proxy, words).stdout;
        assert!(told.contains("degraded service `lean` ordered by admin"), "{words}: {told}");
        assert!(told.contains("flood"), "{words}: {told}");
    }
    let told = tell(&proxy, "explain GET http://x/crawl").stdout;
    assert!(told.contains("refused: degraded service `lean` is ordered"), "{told}");
    let told = tell(&proxy, "explain GET http://x/pay").stdout;
    assert!(!told.contains("degraded"), "{told}");
    let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
    assert!(metrics.contains("pulsegate_degradation{level=\"lean\"} 1\n"), "{metrics}");

    // Another one takes its place, and a restart forgets nothing.
    assert_eq!(tell(&proxy, "degrade bare").code, Some(0));
    let proxy = proxy.restart();
    let expected = ["later", "later", "up", "later"].map(|body| (200, body.to_owned()));
    assert_eq!(answers(&proxy), expected);
    assert_eq!(tell(&proxy, "degrade off").code, Some(0));
    assert_eq!(answers(&proxy), ["up"; 4].map(|body| (200, body.to_owned())));
    assert_eq!(tell(&proxy, "orders").stdout, "no order stands");
}

#[test]
fn a_level_ends_by_itself_when_its_time_is_over() {
    let server = Server::named("up");
    let proxy = setup().over(&[&server]);
    assert_eq!(tell(&proxy, "degrade lean --for 1ms").code, Some(0));
    until("its end", || (statuses(&proxy) == [200; 4]).then_some(()));
    let events = tell(&proxy, "events").stdout;
    assert!(events.contains("expired: degraded service `lean`"), "{events}");
}

#[test]
fn a_level_that_there_is_not_is_refused_with_the_nearest_name() {
    let server = Server::named("up");
    let proxy = setup().over(&[&server]);
    let refused = tell(&proxy, "degrade leen");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("`leen` (did you mean `lean`?)"), "{refused:?}");
}

#[test]
fn connections_are_done_without_as_well() {
    let setup = Setup::tcp().top("degradation: [ { name: lean, refuse: { priority: low } } ]");
    let site = setup.route("{ pool: site, priority: low }").start();
    let (_client, mut upstream) = site.send("a");
    assert_eq!(upstream.exactly(1), b"a");
    assert_eq!(tell(&site.proxy, "degrade lean").code, Some(0));
    assert!(site.resets());
}
