//! Which clients may connect: lists in the config and in files.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Backends, Client, Pulsegate, Server, Setup, Site, until};

#[test]
fn who_is_denied_or_not_allowed_is_reset_before_anything_is_read() {
    for (lists, admitted) in [
        ("deny: 127.0.0.1", false),
        ("deny: 127.0.0.0/8", false),
        ("allow: 10.0.0.0/8", false),
        ("deny: 10.0.0.0/8", true),
        ("allow: [ 10.0.0.0/8, 127.0.0.0/24 ]", true),
    ] {
        for setup in [Setup::default(), Setup::tcp()] {
            let site = setup.listener(lists).start();
            if admitted {
                site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            } else {
                assert!(site.resets(), "{lists}");
            }
            let text = Client::connect(site.proxy.admin()).admin("/metrics").text();
            let counted = text.lines().any(|line| {
                line.starts_with("pulsegate_connections_refused_total{")
                    && line.ends_with("reason=\"denied\"} 1")
            });
            assert_eq!(counted, !admitted, "{lists}");
        }
    }
}

/// A site whose deny list is a file with this text, and that file.
fn by_file(text: &str) -> (Site, PathBuf) {
    let folder = Pulsegate::folder();
    let list = folder.path().join("deny.txt");
    fs::write(&list, text).expect("the folder is there");
    let setup = Setup::default()
        .listener(&format!("deny: [ 192.0.2.1, {{ file: {:?} }} ]", list.display().to_string()));
    let backends = Backends::start(1);
    let config = setup.config(backends.addresses());
    let proxy = Pulsegate::start(folder, &config);
    (Site { setup, proxy, backends }, list)
}

#[test]
fn a_list_in_a_file_is_read_again_at_a_reload() {
    let (site, list) = by_file("# nobody yet\n\n");
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("served");
    assert_eq!(client.response().text(), "served");
    fs::write(&list, "10.0.0.0/8\n127.0.0.0/8   # us\n").expect("a file");
    assert_eq!(site.proxy.command("reload").code, Some(0));
    assert!(site.resets());
    fs::write(&list, "127.0.0.1\nnobody\n").expect("a file");
    let refused = site.proxy.command("reload");
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("line 2 of the file: \"nobody\" is not a network"),
        "{refused:?}"
    );
    assert!(site.resets(), "the lists before are still in force");
    // Who is connected already stays.
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("still");
    assert_eq!(client.response().text(), "still");
}

#[test]
fn behind_a_proxy_the_client_that_it_tells_of_counts() {
    let setup = Setup::default()
        .listener("proxy_protocol: { from: 127.0.0.0/8 }")
        .listener("deny: [ 192.0.2.0/24, 127.0.0.0/8 ]");
    let site = setup.start();
    let told = |client: &str| format!("PROXY TCP4 {client} 192.0.2.9 40000 80\r\n");
    let mut client = site.client();
    client.send(told("192.0.2.7") + "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.ended();
    let (mut client, mut upstream) =
        site.send(told("198.51.100.7") + "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("served");
    assert_eq!(client.response().text(), "served");
}

/// How many connections were refused because their client has as many as it may.
fn too_many(proxy: &Pulsegate) -> u64 {
    let text = Client::connect(proxy.admin()).admin("/status").text();
    let status: Value = serde_json::from_str(&text).expect("JSON");
    let refused = &status["listeners"][0]["addresses"][0]["refused"];
    refused["per_client"].as_u64().expect("a count")
}

#[test]
fn a_client_has_only_so_many_connections_over_all_workers() {
    let server = Server::named("ok");
    let setup =
        Setup::default().top("workers: 2").listener("limits: { connections_per_client: 2 }");
    let site = Site { proxy: setup.over(&[&server]), setup, backends: Backends::start(0) };
    let (mut first, mut second) = (site.client(), site.client());
    assert_eq!((first.get("/").status, second.get("/").status), (200, 200));
    assert!(site.resets() && site.resets());
    assert_eq!(too_many(&site.proxy), 2);
    assert_eq!(first.get("/").status, 200, "the others go on");
    drop(second);
    until("room for another", || {
        let mut late = site.client();
        late.offer("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        late.until(b"\r\n\r\n").filter(|head| head.starts_with(b"HTTP/1.1 200"))
    });
}

#[test]
fn behind_a_proxy_each_client_that_it_tells_of_has_its_own() {
    let setup = Setup::tcp()
        .listener("proxy_protocol: { from: 127.0.0.0/8 }")
        .listener("limits: { connections_per_client: 1 }");
    let site = setup.start();
    let told = |client: &str| format!("PROXY TCP6 {client} 2001:db8::9 40000 80\r\nhello");
    let (_one, mut upstream) = site.send(told("2001:db8::1"));
    assert_eq!(upstream.exactly(5), b"hello");
    let mut same = site.client();
    same.send(told("2001:db8::2"));
    same.ended();
    assert_eq!(too_many(&site.proxy), 1, "a /64 is one client");
    let (_other, mut upstream) = site.send(told("2001:db8:0:1::1"));
    assert_eq!(upstream.exactly(5), b"hello");
}
