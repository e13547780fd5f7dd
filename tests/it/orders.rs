//! What operators order, by command line and API, and what becomes of it.

use serde_json::Value;

use crate::harness::{Backends, Client, Finished, Pulsegate, Setup, Site, pulsegate, until};

/// Two zones of one backend each, and a state folder.
fn two_zones() -> Site {
    let backends = Backends::start(2);
    let addresses = [backends.address(0), backends.address(1)];
    let zones = format!(
        "regions: {{ eu: {{ zones: {{ eu-1: {{ backends: [ {{ name: a, address: \"{}\" }} ] }}, \
         eu-2: {{ backends: [ {{ name: b, address: \"{}\" }} ] }} }} }} }}",
        addresses[0], addresses[1]
    );
    Site::start(Setup::default().pool(&zones).top("state: { dir: state }"), backends)
}

fn order(proxy: &Pulsegate, words: &str) -> Finished {
    let socket = proxy.socket();
    let words = words.split(' ').map(str::to_owned);
    pulsegate(words.chain(["--socket".to_owned(), socket.display().to_string()]))
}

/// The share of each zone, as the status shows it.
fn shares(proxy: &Pulsegate) -> Vec<f64> {
    let status: Value = serde_json::from_str(&order(proxy, "status --json").stdout).expect("JSON");
    let zones = status["pools"][0]["regions"][0]["zones"].as_array().expect("zones");
    zones.iter().map(|zone| zone["share"].as_f64().expect("a share")).collect()
}

#[test]
fn a_drained_zone_gets_nothing_until_it_is_undrained() {
    let site = two_zones();
    let done = order(&site.proxy, "drain zone eu-1 --why update --for 30m");
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("site eu/eu-1 50.0 % -> 0.0 %"), "{done:?}");
    assert_eq!(shares(&site.proxy), [0.0, 1.0]);
    let standing = order(&site.proxy, "orders");
    for part in ["drain of zone eu-1 ordered by admin ", ": update", "(until "] {
        assert!(standing.stdout.contains(part), "{part} in {standing:?}");
    }
    assert_eq!(order(&site.proxy, "undrain zone eu-1").code, Some(0));
    assert_eq!(shares(&site.proxy), [0.5, 0.5]);
    assert_eq!(order(&site.proxy, "orders").stdout, "no order stands");
    let events = order(&site.proxy, "events").stdout;
    assert!(events.contains("drain of zone eu-1") && events.contains("ready of zone eu-1"));
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let site = two_zones();
    let told = order(&site.proxy, "drain zone eu-1 --dry-run");
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.starts_with("would change"), "{told:?}");
    assert!(told.stdout.contains("eu/eu-2 50.0 % -> 100.0 %"), "{told:?}");
    assert_eq!(shares(&site.proxy), [0.5, 0.5]);
}

#[test]
fn what_does_not_exist_is_refused_with_the_nearest_name() {
    let site = two_zones();
    for (words, expected) in [
        ("drain zone eu-11", "there is no zone `eu-11` (did you mean `eu-1`?)"),
        ("drain zone us/eu-1", "there is no region `us`"),
        ("failover region --from eu --to xx", "there is no region `xx`"),
        ("drain backend site/c", "there is no backend `c`"),
        ("drain pool sit", "did you mean `site`?"),
        ("drain listener wen", "did you mean `web`?"),
        ("weight pool site 3", "weight is for a backend, zone or region"),
        ("failover region --from eu --to eu", "cannot take over its own traffic"),
    ] {
        let refused = order(&site.proxy, words);
        assert_eq!(refused.code, Some(2), "{words}: {refused:?}");
        assert!(refused.stderr.contains(expected), "{words}: {refused:?}");
    }
    assert_eq!(shares(&site.proxy), [0.5, 0.5]);
    assert_eq!(order(&site.proxy, "orders").stdout, "no order stands");
}

#[test]
fn what_would_leave_nothing_needs_force() {
    let site = two_zones();
    let refused = order(&site.proxy, "drain region eu");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("pool site would be left with nothing"), "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    assert_eq!(shares(&site.proxy), [0.5, 0.5]);
    assert_eq!(order(&site.proxy, "drain region eu --force").code, Some(0));
    assert_eq!(shares(&site.proxy), [0.0, 0.0]);
}

#[test]
fn an_emergency_stop_is_confirmed_by_name() {
    let site = two_zones();
    let wrong = order(&site.proxy, "emergency stop --region eu --confirm us --force");
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert_eq!(shares(&site.proxy), [0.5, 0.5]);
    let right = order(&site.proxy, "emergency stop --region eu --confirm eu --force");
    assert_eq!(right.code, Some(0), "{right:?}");
    assert_eq!(shares(&site.proxy), [0.0, 0.0]);
}

#[test]
fn orders_outlive_a_reload_and_the_process() {
    let site = two_zones();
    assert_eq!(order(&site.proxy, "drain zone eu-1").code, Some(0));
    assert_eq!(order(&site.proxy, "weight backend site/b 7 --for 8h").code, Some(0));
    assert_eq!(site.proxy.command("reload").code, Some(0));
    assert_eq!(shares(&site.proxy), [0.0, 1.0]);
    let proxy = site.proxy.restart();
    assert_eq!(shares(&proxy), [0.0, 1.0]);
    let standing = order(&proxy, "orders").stdout;
    for part in ["drain of zone eu-1 ordered by admin ", "weight of backend site/b", "(until "] {
        assert!(standing.contains(part), "{part} in {standing}");
    }
}

#[test]
fn an_order_ends_when_its_time_is_over() {
    let site = two_zones();
    assert_eq!(order(&site.proxy, "drain zone eu-1 --for 50ms").code, Some(0));
    until("the end of the drain", || (shares(&site.proxy) == [0.5, 0.5]).then_some(()));
    assert!(order(&site.proxy, "events").stdout.contains("expired: drain of zone eu-1"));
}

#[test]
fn kept_orders_that_cannot_be_read_stop_the_start() {
    let site = two_zones();
    assert_eq!(order(&site.proxy, "drain zone eu-1").code, Some(0));
    let path = site.proxy.path().join("state/orders.json");
    std::fs::write(&path, b"[ { \"scope\": 3 } ]").expect("a writable folder");
    let ended = site.proxy.restart_in_vain();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("orders.json") && ended.stderr.contains("mend it"), "{ended:?}");
}

#[test]
fn a_drained_listener_is_closed_and_opened_again() {
    let site = Setup::default().listener("bind: 127.0.0.1:0").start();
    let address = site.proxy.address("web");
    assert_eq!(order(&site.proxy, "drain listener web").code, Some(0));
    until("the address to be closed", || std::net::TcpStream::connect(address).err());
    assert_eq!(order(&site.proxy, "undrain listener web").code, Some(0));
    let status: Value =
        serde_json::from_str(&order(&site.proxy, "status --json").stdout).expect("JSON");
    let local = status["listeners"][0]["addresses"][0]["local"].as_str().expect("an address");
    let mut client = Client::connect(local.parse().expect("an address"));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    site.accept().serve("back");
    assert_eq!(client.response().text(), "back");
}

#[test]
fn the_api_takes_orders_from_operators_only() {
    let site = Site::plain();
    let admin = site.proxy.admin();
    let body = r#"{"scope":{"of":"pool","pool":"site"},"action":{"do":"drain"}}"#;
    let head = format!("POST /orders HTTP/1.1\r\nHost: {admin}\r\n");
    let mut client = Client::connect(admin);
    client.send(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()));
    assert_eq!(client.response().status, 403);
}
