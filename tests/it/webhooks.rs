//! What comes in by webhook, and what goes out.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Backends, Client, PATIENCE, Pulsegate, Response, Setup, pulsegate};

const ALERTS: &str = "admin: { bind: 127.0.0.1:0, socket: admin.sock, \
    tokens: [ { role: operator, file: token } ], \
    alerts: [ { match: { alertname: ZoneDown }, zone: zone, action: failover } ] }";

/// Two zones of one backend each, and a rule for alerts.
fn heeding() -> (Pulsegate, Backends) {
    let backends = Backends::start(2);
    let zones = format!(
        "regions: {{ eu: {{ zones: {{ eu-1: {{ backends: [ \"{}\" ] }}, eu-2: {{ backends: [ \"{}\" ] }} }} }} }}",
        backends.address(0),
        backends.address(1)
    );
    let folder = Pulsegate::folder();
    let token = folder.path().join("token");
    fs::write(&token, "secret").expect("a writable folder");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("our own file");
    let config = Setup::default().top(ALERTS).pool(&zones).config(backends.addresses());
    (Pulsegate::start(folder, &config), backends)
}

fn post(proxy: &Pulsegate, token: &str, body: &str) -> Response {
    let admin = proxy.admin();
    let mut client = Client::connect(admin);
    client.ask(format!(
        "POST /webhooks/alertmanager HTTP/1.1\r\nHost: {admin}\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn alert(status: &str, zone: &str) -> String {
    format!(
        r#"{{"version":"4","receiver":"lb","status":"{status}","alerts":[{{"status":"{status}",
           "labels":{{"alertname":"ZoneDown","zone":"{zone}"}},
           "annotations":{{"summary":"no power"}},"startsAt":"2026-11-21T00:00:00Z"}}]}}"#
    )
}

#[test]
fn an_alert_fails_a_zone_over_and_its_end_restores_it() {
    let (proxy, _backends) = heeding();
    let fired = post(&proxy, "secret", &alert("firing", "eu-1"));
    assert_eq!(fired.status, 200, "{}", fired.text());
    let orders = proxy.command("orders").stdout;
    assert!(
        orders.contains("fail of zone eu-1 ordered by admin alertmanager by ")
            && orders.contains("alert ZoneDown no power"),
        "{orders}"
    );
    let events = proxy.command("events").stdout;
    assert!(events.contains("eu/eu-1 50.0 % -> 0.0 %"), "{events}");
    assert_eq!(post(&proxy, "secret", &alert("resolved", "eu-1")).status, 200);
    assert_eq!(proxy.command("orders").stdout, "no order stands");
}

#[test]
fn what_nobody_may_or_can_mean_orders_nothing() {
    let (proxy, _backends) = heeding();
    let firing = alert("firing", "eu-1");
    let unknown = alert("firing", "eu-11");
    let unmapped = firing.replace("ZoneDown", "DiskFull");
    for (token, body, status, expected) in [
        ("guessed", &*firing, 401, "not valid"),
        ("secret", "no JSON", 400, "not understood"),
        ("secret", &unmapped, 422, "no rule of admin.alerts matches alert DiskFull"),
        ("secret", &unknown, 422, "there is no zone `eu-11` (did you mean `eu-1`?)"),
    ] {
        let refused = post(&proxy, token, body);
        assert_eq!(refused.status, status, "{}", refused.text());
        assert!(refused.text().contains(expected), "{expected} in {}", refused.text());
    }
    assert_eq!(proxy.command("orders").stdout, "no order stands");
    proxy.says("webhook refused");
    let metrics = Client::connect(proxy.admin()).ask(format!(
        "GET /metrics HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer secret\r\n\r\n",
        proxy.admin()
    ));
    assert!(metrics.text().contains("pulsegate_webhooks_total{result=\"refused\"} 3"));
}

#[test]
fn alerts_that_are_harmless_one_by_one_are_judged_together() {
    let (proxy, _backends) = heeding();
    let one =
        |zone: &str| alert("firing", zone).split_once("\"alerts\":[").expect("a list").1.to_owned();
    let (first, second) = (one("eu-1"), one("eu-2"));
    let both = format!("{{\"alerts\":[{},{second}", first.trim_end_matches("]}"));
    let refused = post(&proxy, "secret", &both);
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("site"), "{}", refused.text());
    assert_eq!(proxy.command("orders").stdout, "no order stands");
}

#[test]
fn a_failover_is_told_to_who_asked_to_be_told() {
    let (told, notices) = std::sync::mpsc::channel();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut wire = stream.expect("a connection");
            let (mut text, mut bytes) = (Vec::new(), [0; 4096]);
            while !text.ends_with(b"}") {
                let read = wire.read(&mut bytes).expect("a request");
                text.extend_from_slice(&bytes[..read]);
            }
            wire.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("an answer");
            if told.send(String::from_utf8_lossy(&text).into_owned()).is_err() {
                return;
            }
        }
    });
    let backends = Backends::start(2);
    let zones = format!(
        "regions: {{ eu: {{ zones: {{ eu-1: {{ backends: [ \"{}\" ] }}, eu-2: {{ backends: [ \"{}\" ] }} }} }} }}",
        backends.address(0),
        backends.address(1)
    );
    let hook = format!("webhooks: [ {{ url: \"http://{address}/hook\" }} ]");
    let config = Setup::default().top(&hook).pool(&zones).config(backends.addresses());
    let proxy = Pulsegate::start(Pulsegate::folder(), &config);
    let socket = proxy.socket().display().to_string();
    let failover = ["failover", "zone", "eu-1", "--why", "drill", "--socket", &socket];
    assert_eq!(pulsegate(failover).code, Some(0));
    let notice = notices.recv_timeout(PATIENCE).expect("a notice");
    for part in
        ["POST /hook HTTP/1.1", "\"event\":\"transition\"", "\"zone\":\"eu-1\"", "\"to\":\"out\""]
    {
        assert!(notice.contains(part), "{part} in {notice}");
    }
}
