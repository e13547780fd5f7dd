//! Who is told what, against servers that take, refuse, redirect and fail. Pauses are virtual time.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::{Counters, run};
use crate::config::{News, Trust, Webhook, WebhookTls};
use crate::events::wire::{Event, Line};
use crate::events::{Chain, Tap};
use crate::model::{TrustedRoots, UnixMillis};

/// An address that answers each request with the next of these, and tells what it was sent.
async fn server(answers: Vec<&'static str>) -> (Webhook, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let (told, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = Vec::new();
            while !text.ends_with(b"}") {
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).await.unwrap();
                assert!(read > 0, "a whole request");
                text.extend_from_slice(&bytes[..read]);
            }
            let head = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            told.send(String::from_utf8(text).unwrap()).unwrap();
        }
    });
    let webhook = Webhook {
        url: format!("http://{authority}/hook"),
        authority,
        path: "/hook".to_owned(),
        tls: None,
        token: None,
        events: News::ALL.to_vec(),
        restart_after: Some(Duration::from_secs(60)),
    };
    (webhook, requests)
}

struct Scene {
    tap: Tap,
    chain: Chain,
    counters: Arc<Counters>,
}

impl Scene {
    fn new(webhooks: Vec<Webhook>) -> Self {
        let (tap, lines) = Tap::new(8);
        let counters = Arc::<Counters>::default();
        tokio::spawn(run(webhooks, lines, Arc::clone(&counters)));
        Self { tap, chain: Chain::default(), counters }
    }

    fn happens(&mut self, event: Event) {
        let line: Arc<Line> = Arc::new(self.chain.next(UnixMillis(1_795_228_024_123), event));
        self.tap.offer(&line);
    }

    /// Waits until so many notices were delivered, failed and dropped.
    async fn ended(&self, expected: (u64, u64, u64)) {
        let ended = || {
            let Counters { delivered, failed, dropped } = &*self.counters;
            (delivered.load(Relaxed), failed.load(Relaxed), dropped.load(Relaxed))
        };
        while ended() != expected {
            assert!(ended().0 <= expected.0 && ended().1 <= expected.1, "{:?}", ended());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn moved(escalated: bool) -> Event {
    let (from, to) = if escalated { ("out", "out") } else { ("active", "out") };
    Event::Moved {
        pool: "shop".to_owned(),
        region: "us".to_owned(),
        zone: Some("us-a".to_owned()),
        from: from.to_owned(),
        to: to.to_owned(),
        stage: None,
        because: "its health is 0 %".to_owned(),
        escalated,
    }
}

fn health(to: &str) -> Event {
    Event::Health {
        pool: "shop".to_owned(),
        backend: "a1".to_owned(),
        from: "up".to_owned(),
        to: to.to_owned(),
        factor: 0.0,
        cause: Some("network".to_owned()),
        reason: Some("refused: connect".to_owned()),
    }
}

#[tokio::test]
async fn a_turn_and_an_escalation_are_told_in_order() {
    let (webhook, mut requests) = server(vec!["200 OK", "204 No Content"]).await;
    let mut scene = Scene::new(vec![webhook]);
    scene.happens(moved(false));
    scene.happens(moved(true));
    let first = requests.recv().await.unwrap();
    assert!(first.starts_with("POST /hook HTTP/1.1\r\n"), "{first}");
    let body = first.split("\r\n\r\n").nth(1).unwrap();
    let notice: serde_json::Value = serde_json::from_str(body).unwrap();
    for (key, value) in [
        ("event", "transition"),
        ("at", "2026-11-21T02:27:04.123Z"),
        ("zone", "us-a"),
        ("from", "active"),
        ("to", "out"),
        ("text", "shop/us/us-a active -> out: its health is 0 %"),
    ] {
        assert_eq!(notice[key], value, "{notice}");
    }
    assert!(requests.recv().await.unwrap().contains("\"event\":\"escalation\""));
    scene.ended((2, 0, 0)).await;
}

#[tokio::test]
async fn that_a_zone_can_no_longer_be_lost_is_told() {
    let (webhook, mut requests) = server(vec!["200 OK"]).await;
    let mut scene = Scene::new(vec![webhook]);
    scene.happens(Event::Headroom { pool: "shop".to_owned(), low: true, headroom: 0.8 });
    let told = requests.recv().await.unwrap();
    assert!(told.contains("\"event\":\"headroom\"") && told.contains("carry 80 %"), "{told}");
    scene.ended((1, 0, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn who_fails_is_tried_again_and_who_refuses_or_redirects_is_not() {
    let (failing, mut requests) = server(vec!["503 Busy", "429 Too Many Requests", "200 OK"]).await;
    let mut scene = Scene::new(vec![failing]);
    scene.happens(moved(false));
    let first = requests.recv().await.unwrap();
    for _ in 0..2 {
        assert_eq!(requests.recv().await.unwrap(), first, "the same again");
    }
    scene.ended((1, 0, 0)).await;
    for refusal in ["302 Found\r\nlocation: http://127.0.0.1:1/", "401 Unauthorized"] {
        let (refusing, mut requests) = server(vec![refusal, "200 OK"]).await;
        let mut scene = Scene::new(vec![refusing]);
        scene.happens(moved(false));
        requests.recv().await.unwrap();
        scene.ended((0, 1, 0)).await;
        assert!(requests.try_recv().is_err(), "asked once");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_given_up_and_what_finds_no_place_is_dropped() {
    let (mut webhook, _) = server(vec![]).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    webhook.authority = gone.to_string();
    let mut scene = Scene::new(vec![webhook]);
    scene.happens(moved(false));
    scene.ended((0, 1, 0)).await;
    // More than the tap, the queue and the one under way hold, before anybody can take any.
    for _ in 0..8 + 8 {
        scene.happens(moved(false));
    }
    assert_eq!(scene.tap.losses().lines(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_asked_for_once_per_time_a_backend_is_down() {
    let (webhook, mut requests) = server(vec!["200 OK"; 2]).await;
    let mut scene = Scene::new(vec![webhook]);
    scene.happens(health("down"));
    tokio::time::sleep(Duration::from_secs(30)).await;
    // Back before the time was over.
    scene.happens(health("up"));
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(requests.try_recv().is_err());
    scene.happens(health("down"));
    let asked = requests.recv().await.unwrap();
    assert!(asked.contains("\"event\":\"restart\"") && asked.contains("\"backend\":\"a1\""));
    assert!(asked.contains("is down for 60 s (refused: connect): restart it"), "{asked}");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(requests.try_recv().is_err(), "once");
}

#[tokio::test]
async fn an_address_is_told_only_what_it_wants() {
    let (mut webhook, mut requests) = server(vec!["200 OK"]).await;
    webhook.events = vec![News::Escalation];
    let mut scene = Scene::new(vec![webhook]);
    scene.happens(moved(false));
    scene.happens(Event::CommonCause {
        pool: "shop".to_owned(),
        failure: Some("status".to_owned()),
    });
    assert!(requests.recv().await.unwrap().contains("fail alike in every zone (status)"));
    scene.ended((1, 0, 0)).await;
}

/// A server that speaks TLS as `hooks.test`, and takes what comes; with its certificate.
async fn secure() -> (Webhook, TrustedRoots, mpsc::UnboundedReceiver<String>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["hooks.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let (told, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not believe it hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut text = Vec::new();
            let mut bytes = [0; 4096];
            while !text.ends_with(b"}") {
                match stream.read(&mut bytes).await {
                    Ok(1..) => text.extend(bytes.iter().take_while(|byte| **byte != 0)),
                    _ => break,
                }
                bytes = [0; 4096];
            }
            if text.is_empty() {
                continue;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            told.send(String::from_utf8(text).unwrap()).unwrap();
        }
    });
    let webhook = Webhook {
        url: format!("https://{authority}/hook"),
        authority,
        path: "/hook".to_owned(),
        tls: Some(WebhookTls { server_name: "hooks.test".into(), trust: Trust::Anyone }),
        token: None,
        events: News::ALL.to_vec(),
        restart_after: None,
    };
    (webhook, TrustedRoots::new(vec![cert.der().to_vec()]), requests)
}

#[tokio::test]
async fn who_is_vouched_for_is_told_by_tls() {
    let (mut webhook, roots, mut requests) = secure().await;
    let trust = Trust::Authorities { file: "ca.pem".into(), roots };
    webhook.tls.iter_mut().for_each(|tls| tls.trust = trust.clone());
    let mut scene = Scene::new(vec![webhook]);
    scene.happens(moved(false));
    assert!(requests.recv().await.unwrap().starts_with("POST /hook HTTP/1.1\r\n"));
    scene.ended((1, 0, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_not_vouched_for_or_is_another_is_told_nothing() {
    let (stranger, _, mut told) = secure().await;
    let (mut other, roots, mut told_other) = secure().await;
    let trust = Trust::Authorities { file: "ca.pem".into(), roots };
    other.tls = Some(WebhookTls { server_name: "another.test".into(), trust });
    let (_, nobody_of, _) = secure().await;
    let trust = Trust::Authorities { file: "ca.pem".into(), roots: nobody_of };
    let stranger =
        Webhook { tls: Some(WebhookTls { server_name: "hooks.test".into(), trust }), ..stranger };
    let mut scene = Scene::new(vec![stranger, other]);
    scene.happens(moved(false));
    scene.ended((0, 2, 0)).await;
    assert!(told.try_recv().is_err() && told_other.try_recv().is_err());
}
