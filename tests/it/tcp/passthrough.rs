//! One listener that ends the TLS of some names and passes that of others through.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;

use crate::access_log::{line, line_of};
use crate::drains::{drains, say, say_to};
use crate::harness::{
    Backends, Client, End, NAME, Pulsegate, Secure, Server, Setup, Site, certificate, until,
};
use crate::reload::reload;
use crate::tls::{ask, client_config, connect, get, scheme, tls};

use super::hello::{arrives, hello};

/// Ends TLS for `a.test`, passes this through.
fn mixed(dir: &TempDir, passthrough: &str) -> Setup {
    let tls = tls(dir.path(), &["a"]);
    let open = tls.strip_suffix('}').expect("a mapping");
    Setup::default()
        .listener("access_log: { path: access.log }")
        .listener(&format!("{open}, passthrough: {{ {passthrough} }} }}"))
}

/// In front of scripted backends: `site` at 0, and at 1 where `vault.test` is passed through to.
fn scripted(more: &str) -> (Site, Backends, TempDir) {
    let dir = Pulsegate::folder();
    certificate(dir.path(), "a", &["a.test"]);
    let others = Backends::start(2);
    let routes = "routes: [ { name: vault, match: { sni: vault.test }, pool: vault } ]";
    let setup = mixed(&dir, &format!("{routes}{more}"));
    let setup = setup.another_pool("vault", others.address(1));
    (setup.start(), others, dir)
}

fn explains(proxy: &Pulsegate, what: &str) -> String {
    let told = say_to(proxy, &format!("explain {what}"));
    assert_eq!(told.code, Some(0), "{told:?}");
    told.stdout
}

#[test]
fn some_names_end_here_and_others_behind() {
    let dir = Pulsegate::folder();
    let here = certificate(dir.path(), "a", &["a.test"]);
    let vault = Secure::named("the vault");
    let there = CertificateDer::from_pem_slice(vault.pem.as_bytes()).expect("a certificate");
    let routes = format!("routes: [ {{ name: vault, match: {{ sni: {NAME} }}, pool: vault }} ]");
    let setup = mixed(&dir, &routes).another_pool("vault", vault.address);
    let server: Server = scheme();
    let proxy = setup.over(&[&server]);

    // Each is shown the certificate of who ends its TLS, and believes no other.
    for (name, root, answer) in [("a.test", &here, "https"), (NAME, &there, "the vault")] {
        let config = client_config(std::slice::from_ref(root));
        let mut stream = connect(&proxy, &config, name).expect("a connection");
        ask(&mut stream, &get(name), answer).expect(answer);
    }
    let passed = until("the line of what was passed through", || {
        let lines = (0..2).map(|n| line_of(&proxy, "access.log", n));
        lines.into_iter().find(|line| line["protocol"] == "tcp")
    });
    for (key, expected) in [("server_name", NAME), ("route", "vault"), ("pool", "vault")] {
        assert_eq!(passed[key], expected, "{passed}");
    }
    let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
    assert!(metrics.contains("pulsegate_tls_handshakes_total{result=\"agreed\"} 1\n"), "{metrics}");

    let port = proxy.address("web").port();
    for (asked, part) in [
        (format!("GET https://{NAME}/"), "pool      vault"),
        ("GET https://a.test/".to_owned(), "pool      site"),
        (format!("tcp://127.0.0.1:{port} --sni {NAME}"), "> vault"),
        (format!("tcp://127.0.0.1:{port} --sni a.test"), "its TLS is ended here"),
        (format!("tcp://127.0.0.1:{port}"), "closed: it does not begin with a TLS hello"),
    ] {
        let told = explains(&proxy, &asked);
        assert!(told.contains(part), "{asked}: {told}");
    }
}

#[test]
fn what_is_passed_through_arrives_untouched_however_it_was_cut() {
    let (site, others, _dir) = scripted("");
    let mut client = site.client();
    let bytes = hello("vault.test", &["h2"]);
    bytes.iter().for_each(|byte| client.send([*byte]));
    let mut upstream = others.accept();
    assert_eq!(upstream.backend, 1);
    arrives(&mut upstream, &bytes);
    upstream.send("answer");
    assert_eq!(client.exactly(6), b"answer");
    client.half_close();
    assert_eq!(upstream.ended(), End::Fin);
    upstream.half_close();
    assert_eq!(client.ended(), End::Fin);
    let line = line(&site, "access.log", 0);
    assert_eq!((&line["bytes_in"], &line["ended"]), (&bytes.len().into(), &"done".into()));
}

#[test]
fn who_begins_with_no_hello_is_told_as_where_all_tls_ends_here() {
    let (site, others, _dir) = scripted("");
    let mut client = site.client();
    client.send(get("vault.test"));
    assert_eq!(client.response().status, 400);
    let counted = |reason: &str| {
        let text = Client::connect(site.proxy.admin()).admin("/metrics").text();
        text.contains(&format!("pulsegate_tls_handshakes_total{{result=\"{reason}\"}} 1\n"))
    };
    until("the refusal", || counted("in_clear").then_some(()));
    let mut client = site.client();
    client.send(&hello("vault.test", &[])[..40]);
    client.half_close();
    client.ended();
    until("the departure", || counted("gone").then_some(()));
    others.assert_untouched();
}

#[test]
fn what_is_passed_through_has_deadlines_of_its_own() {
    let (site, others, _dir) = scripted(", timeouts: { idle: 100ms }");
    let mut client = site.client();
    client.send(hello("vault.test", &[]));
    let mut upstream = others.accept();
    assert_eq!(client.ended(), End::Fin);
    upstream.rest();
    assert_eq!(line(&site, "access.log", 0)["ended"], "idle");
}

#[test]
fn it_is_drained_and_survives_a_reload_that_ends_all_tls_here() {
    let (site, others, dir) = scripted("");
    let mut client = site.client();
    let bytes = hello("vault.test", &[]);
    client.send(&bytes);
    let mut upstream = others.accept();
    arrives(&mut upstream, &bytes);
    let done = say(&site, &format!("drain backend vault/{} --force", others.address(1)));
    assert_eq!(done.code, Some(0), "{done:?}");
    until("it to be listed", || {
        let listed = drains(&site);
        let held = listed.first()?["connections"].as_array()?.first()?.clone();
        (held["protocol"] == "tcp" && held["route"] == "vault").then_some(())
    });
    let all_here = Setup::default().listener(&tls(dir.path(), &["a"]));
    let setup = all_here.another_pool("vault", others.address(1));
    reload(&site, &setup);
    upstream.send("still here");
    assert_eq!(client.exactly(10), b"still here");
    // But nobody new is passed through.
    let mut late = site.client();
    late.send(hello("vault.test", &[]));
    until("TLS to be answered here", || {
        let record = late.exactly(1);
        (record == [22]).then_some(())
    });
}
