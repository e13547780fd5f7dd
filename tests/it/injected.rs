//! Faults that an operator puts on a route, for a drill.

use crate::harness::{Client, End, Finished, Pulsegate, Server, Setup, pulsegate, until};

const ALLOWED: &str = "admin: { bind: 127.0.0.1:0, socket: admin.sock, faults: 5m }";
const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

fn setup() -> Setup {
    Setup::default()
        .listener("access_log: { path: access.log }")
        .route("{ name: a, match: { path: /a }, pool: site }")
        .route(
            "{ name: hurried, match: { path: /hurried }, pool: site, timeouts: { total: 50ms } }",
        )
        .route("{ name: ready, match: { path: /ready }, respond: ready }")
        .route("{ name: b, pool: site }")
}

fn tell(proxy: &Pulsegate, words: &str) -> Finished {
    let socket = ["--socket".to_owned(), proxy.socket().display().to_string()];
    pulsegate(words.split(' ').map(str::to_owned).chain(socket))
}

fn done(proxy: &Pulsegate, words: &str) {
    let done = tell(proxy, words);
    assert_eq!(done.code, Some(0), "{words}: {done:?}");
}

#[test]
fn where_nobody_allowed_them_there_are_none() {
    let server = Server::named("up");
    let proxy = setup().over(&[&server]);
    let refused = tell(&proxy, "fault inject web/a --abort 503 --for 1m");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("faults are not allowed here"), "{refused:?}");
    assert_eq!(Client::connect(proxy.address("web")).get("/a").status, 200);
}

#[test]
fn one_that_is_put_there_carelessly_is_refused() {
    let server = Server::named("up");
    let proxy = setup().top(ALLOWED).over(&[&server]);
    for (words, expected) in [
        ("fault inject web/a --reset", "a fault must have an end, at most 300s from now"),
        ("fault inject web/a --reset --for 6m", "a fault holds for at most 300s"),
        ("fault inject web/c --reset --for 1m", "no route that forwards requests `c`"),
        ("fault inject web/ready --reset --for 1m", "no route that forwards requests `ready`"),
        ("fault inject wed/a --reset --for 1m", "did you mean `web`?"),
        ("fault inject web/a --abort 200 --for 1m", "aborted with 400 to 599, not 200"),
        ("fault inject web/a --delay 2m --for 1m", "up to 60 s, not 120s"),
        ("fault inject web/a --reset --percent 0 --for 1m", "a part above 0 and up to 1, not 0"),
        ("fault inject web/a --for 1m", "--delay"),
        ("fault inject web/a --reset --abort 503 --for 1m", "cannot be used with"),
    ] {
        let refused = tell(&proxy, words);
        assert_eq!(refused.code, Some(2), "{words}: {refused:?}");
        assert!(refused.stderr.contains(expected), "{words}: {refused:?}");
    }
    assert_eq!(tell(&proxy, "orders").stdout, "no order stands");
}

#[test]
fn aborts_and_resets_meet_their_route_and_no_backend() {
    let server = Server::named("up");
    let proxy = setup().top(ALLOWED).over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    done(&proxy, "fault inject web/a --abort 429 --for 1m --why drill");
    assert_eq!((client.get("/a").status, client.get("/b").status), (429, 200));
    assert_eq!(server.requests(), 1);
    until("the line", || {
        let text = std::fs::read_to_string(proxy.path().join("access.log")).ok()?;
        text.contains("\"ended\":\"fault_injected\"").then_some(())
    });
    for words in ["status", "orders", "events"] {
        let told = tell(&proxy, words).stdout;
        let expected = "abort with 429 for 100 % of route web/a ordered by admin";
        assert!(told.contains(expected) && told.contains("drill"), "{words}: {told}");
    }
    let told = tell(&proxy, "explain GET http://x/a").stdout;
    assert!(told.contains("injected for a drill: abort with 429 for 100 %"), "{told}");
    let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
    assert!(metrics.contains("pulsegate_injected_faults 1\n"), "{metrics}");

    done(&proxy, "fault inject web/a --reset --for 1m");
    client.send(GET);
    assert_eq!(client.ended(), End::Reset);
    assert_eq!(server.requests(), 1);
    done(&proxy, "fault clear web/a");
    assert_eq!(Client::connect(proxy.address("web")).get("/a").status, 200);
}

#[test]
fn a_delay_holds_a_request_no_longer_than_its_deadline() {
    let server = Server::named("up");
    let proxy = setup().top(ALLOWED).over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    done(&proxy, "fault inject web/hurried --delay 60s --for 1m");
    done(&proxy, "fault inject web/a --delay 20ms --for 1m");
    assert_eq!(client.get("/hurried").status, 504);
    assert_eq!(server.requests(), 0);
    assert_eq!((client.get("/a").text(), client.get("/b").text()), ("up".into(), "up".into()));
}

#[test]
fn a_part_of_the_requests_meets_it() {
    let server = Server::named("up");
    let proxy = setup().top(ALLOWED).over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    done(&proxy, "fault inject web/a --abort 500 --percent 50 --for 1m");
    let met = (0..200).filter(|_| client.get("/a").status == 500).count();
    // Beyond five deviations.
    assert!((60..=140).contains(&met), "{met} of 200");
}

#[test]
fn it_ends_by_its_time_and_with_its_permission() {
    let server = Server::named("up");
    let proxy = setup().top(ALLOWED).over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    done(&proxy, "fault inject web/a --abort 500 --for 1ms");
    until("its end", || (client.get("/a").status == 200).then_some(()));
    done(&proxy, "fault inject web/a --abort 500 --for 5m");
    assert_eq!(client.get("/a").status, 500);
    let without = setup().top("admin: { bind: 127.0.0.1:0, socket: admin.sock }");
    proxy.rewrite(&without.config(&[server.address]));
    assert_eq!(proxy.command("reload").code, Some(0));
    assert_eq!(client.get("/a").status, 200);
}
