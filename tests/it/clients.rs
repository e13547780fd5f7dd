//! Which clients may connect: lists in the config and in files.

use std::fs;
use std::path::PathBuf;

use crate::harness::{Backends, Client, Pulsegate, Setup, Site};

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
                line.starts_with("pulsegate_connections_denied_total{") && line.ends_with("} 1")
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
