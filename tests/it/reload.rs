//! The table is replaced while traffic flows: nothing that did not change is disturbed.

use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Client, Pulsegate, Setup, Site, pulsegate, until};

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

/// The generation of the published table.
fn generation(proxy: &Pulsegate) -> u64 {
    let status: Value =
        serde_json::from_slice(&Client::connect(proxy.admin()).admin("/status").body)
            .expect("a JSON status");
    status["generation"].as_u64().expect("a number")
}

/// Puts this config in place, reloads by signal and waits until it is published.
pub(crate) fn reload(site: &Site, setup: &Setup) {
    let before = generation(&site.proxy);
    site.proxy.rewrite(&setup.config(site.backends.addresses()));
    site.proxy.signal(Signal::HUP);
    until("a new generation", || (generation(&site.proxy) > before).then_some(()));
}

#[test]
fn a_reload_by_signal_changes_routes_and_keeps_connections_on_both_sides() {
    let site = Setup::default().start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.serve("before");
    assert_eq!(client.response().text(), "before");
    let gone =
        Setup::default().route("{ match: { path: /x }, respond: { status: 410, body: gone } }");
    reload(&site, &gone.route("{ pool: site }"));
    assert_eq!(client.get("/x").status, 410);
    client.send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("after");
    assert_eq!(client.response().text(), "after");
    assert_eq!(site.backends.connections(0), 1);
}

#[test]
fn a_reload_by_command_says_what_it_did() {
    let site = Setup::default().start();
    let changed = Setup::default().route("{ respond: { status: 410, body: gone } }");
    site.proxy.rewrite(&changed.config(site.backends.addresses()));
    let done = site.proxy.command("reload");
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(site.client().get("/x").status, 410);
}

#[test]
fn a_request_in_flight_is_finished_by_the_table_it_began_with() {
    let site = Setup::default().start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    reload(&site, &Setup::default().route("{ respond: { status: 410, body: gone } }"));
    upstream.ok("finished");
    assert_eq!(client.response().text(), "finished");
    assert_eq!(client.get("/x").status, 410);
}

#[test]
fn a_pooled_connection_of_a_removed_backend_is_closed() {
    let mut site = Setup::default().backends(2);
    let mut idle = Vec::new();
    let mut clients: Vec<Client> = (0..2).map(|_| site.client()).collect();
    for client in &mut clients {
        client.send(GET);
    }
    let mut upstreams = [site.accept(), site.accept()];
    for upstream in &mut upstreams {
        upstream.serve("ok");
    }
    for client in &mut clients {
        client.response();
    }
    idle.extend(upstreams);
    idle.sort_by_key(|upstream| upstream.backend);
    assert_eq!(idle[1].backend, 1, "round robin uses both");
    let before = generation(&site.proxy);
    let kept: [SocketAddr; 1] = [site.backends.address(0)];
    site.proxy.rewrite(&site.setup.config(&kept));
    site.proxy.signal(Signal::HUP);
    until("a new generation", || (generation(&site.proxy) > before).then_some(()));
    idle[1].ended();
    site.backends.refuse(1);
    clients[0].send(GET);
    idle[0].serve("kept");
    assert_eq!(clients[0].response().text(), "kept");
}

#[test]
fn counters_of_an_unchanged_backend_carry_over() {
    let site = Setup::default().start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.serve("one");
    client.response();
    reload(&site, &Setup::default().route("{ name: renamed, pool: site }"));
    let status = Client::connect(site.proxy.admin()).admin("/status");
    let status: Value = serde_json::from_slice(&status.body).expect("a JSON status");
    let requests =
        &status["pools"][0]["regions"][0]["zones"][0]["backends"][0]["counters"]["requests"];
    assert_eq!(requests.as_u64(), Some(1), "{status:#}");
}

#[test]
fn an_added_listener_opens_and_a_removed_one_closes() {
    let site = Setup::default().start();
    let base = site.setup.config(site.backends.addresses());
    let extra = "listeners:\n  extra:\n    protocol: http\n    bind: 127.0.0.1:0\n    \
                 access_log: off\n    routes: [ { respond: { status: 200, body: extra } } ]\n";
    let before = generation(&site.proxy);
    site.proxy.rewrite(&base.replacen("listeners:\n", extra, 1));
    site.proxy.signal(Signal::HUP);
    until("a new generation", || (generation(&site.proxy) > before).then_some(()));
    let address = listener_address(&site.proxy, "extra").expect("the new listener's address");
    let mut kept = Client::connect(address);
    assert_eq!(kept.get("/").text(), "extra");
    let web = site.proxy.address("web");
    reload(&site, &site.setup);
    until("the removed listener to close", || {
        std::net::TcpStream::connect(address).is_err().then_some(())
    });
    kept.ended();
    until("the removed listener to be forgotten", || {
        listener_address(&site.proxy, "extra").is_none().then_some(())
    });
    let (mut client, mut upstream) = site.send(GET);
    upstream.serve("still here");
    assert_eq!(client.response().text(), "still here");
    assert_eq!(site.proxy.address("web"), web);
}

fn listener_address(proxy: &Pulsegate, name: &str) -> Option<SocketAddr> {
    let status = Client::connect(proxy.admin()).admin("/status");
    let status: Value = serde_json::from_slice(&status.body).expect("a JSON status");
    let listeners = status["listeners"].as_array().expect("a list");
    let listener = listeners.iter().find(|listener| listener["name"] == name)?;
    listener["addresses"][0]["local"].as_str()?.parse().ok()
}

#[test]
fn a_bad_file_leaves_the_running_table_untouched() {
    let site = Setup::default().start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.serve("before");
    client.response();
    let before = generation(&site.proxy);
    let bad = site.setup.config(site.backends.addresses()).replace("pool: site", "pool: sitr");
    site.proxy.rewrite(&bad);
    let refused = site.proxy.command("reload");
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(refused.stderr.contains("sitr"), "{refused:?}");
    site.proxy.signal(Signal::HUP);
    site.proxy.says("sitr");
    assert_eq!(generation(&site.proxy), before);
    let status = Client::connect(site.proxy.admin()).admin("/status");
    let status: Value = serde_json::from_slice(&status.body).expect("a JSON status");
    assert_eq!(status["last_reload"]["ok"], Value::Bool(false), "{status:#}");
    assert!(status["last_reload"]["problems"].to_string().contains("sitr"), "{status:#}");
    client.send(GET);
    upstream.serve("after");
    assert_eq!(client.response().text(), "after");
}

#[test]
fn a_reload_that_cannot_open_a_listener_changes_nothing() {
    let site = Setup::default().start();
    let taken = site.backends.address(0);
    let bad = format!(
        "listeners:\n  extra:\n    protocol: http\n    bind: {taken}\n    \
         routes: [ {{ respond: {{ status: 200, body: extra }} }} ]\n"
    );
    let before = generation(&site.proxy);
    let base = site.setup.config(site.backends.addresses());
    site.proxy.rewrite(&base.replacen("listeners:\n", &bad, 1));
    let refused = site.proxy.command("reload");
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(refused.stderr.contains(&taken.to_string()), "{refused:?}");
    assert_eq!(generation(&site.proxy), before);
}

#[test]
fn reloads_under_load_fail_no_request_and_close_no_connection() {
    let server = crate::harness::Server::named("ok");
    let setup = Setup::default();
    let proxy = setup.over(&[&server]);
    let address = proxy.address("web");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(address);
                    let mut answered = 0;
                    while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                        let response = client.get("/x");
                        assert_eq!((response.status, response.says_close()), (200, false));
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        for n in 0..20 {
            let before = generation(&proxy);
            let route = format!("{{ name: route-{n}, pool: site }}");
            proxy.rewrite(&setup.clone().route(&route).config(&[server.address]));
            proxy.signal(Signal::HUP);
            until("a new generation", || (generation(&proxy) > before).then_some(()));
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        for client in clients {
            assert!(client.join().expect("no request failed") > 0);
        }
    });
}

#[test]
fn a_reload_on_trial_comes_back_unless_it_is_confirmed() {
    let site = Site::plain();
    let text = |said: &str| {
        let answer = format!("{{ respond: {{ status: 200, body: {said} }} }}");
        Setup::default().route(&answer).config(site.backends.addresses())
    };
    let say = |words: &[&str]| {
        let socket = site.proxy.socket().display().to_string();
        pulsegate(words.iter().copied().chain(["--socket", &socket]))
    };
    let said = || {
        let mut client = site.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.response().text()
    };
    site.proxy.rewrite(&text("kept"));
    assert_eq!(say(&["reload", "--confirm", "1h"]).code, Some(0));
    assert_eq!(say(&["reload", "--confirmed"]).code, Some(0));
    assert_eq!(say(&["reload", "--confirmed"]).code, Some(1), "there is nothing to confirm");
    site.proxy.rewrite(&text("trial"));
    assert_eq!(say(&["reload", "--confirm", "50ms"]).code, Some(0));
    until("the reload to be taken back", || (said() == "kept").then_some(()));
    assert_eq!(say(&["rollback"]).code, Some(0));
    assert_eq!(said(), "trial");
}
