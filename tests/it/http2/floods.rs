//! Clients that would keep the proxy busy for little: each is told to calm down, and counted.

use crate::harness::{Client, Frames, Setup, Site, kind, until};

const ENHANCE_YOUR_CALM: u32 = 11;
/// More than any client has reason to send at once.
const MANY: u32 = 3_000;

/// Cases that end the connection, by the reason they are counted by.
macro_rules! is_too_much {
    ($($name:ident: $reason:literal, $play:expr;)+) => {$(
        #[test]
        fn $name() {
            let site = Site::plain();
            let mut client = Frames::connect(site.proxy.address("web"));
            let play: fn(&mut Frames) = $play;
            play(&mut client);
            assert_eq!(client.connection_error(), ENHANCE_YOUR_CALM);
            drop(client);
            let counted = format!("pulsegate_client_abuses_total{{reason=\"{}\"}} 1\n", $reason);
            until("it to be counted", || {
                let metrics = Client::connect(site.proxy.admin()).admin("/metrics");
                metrics.text().contains(&counted).then_some(())
            });
        }
    )+};
}

is_too_much! {
    settings: "settings", |c| (0..MANY).for_each(|_| c.frame(kind::SETTINGS, 0, 0, &[]));
    pings: "pings", |c| (0..MANY).for_each(|_| c.frame(kind::PING, 0, 0, &[0; 8]));
    priorities: "other", |c| {
        (0..MANY).for_each(|_| c.frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 0, 16]));
    };
    unknown_frames: "other", |c| (0..MANY).for_each(|_| c.frame(99, 0, 0, b"?"));
    resets: "resets", |c| {
        c.request(1, "POST", &[], false);
        (0..MANY).for_each(|_| c.reset_stream(1));
    };
    empty_continuations: "frame_layer", |c| {
        c.frame(kind::HEADERS, 1, 1, b"\0\x01a\x01b");
        (0..MANY).for_each(|_| c.frame(kind::CONTINUATION, 0, 1, &[]));
    };
    empty_bodies: "frame_layer", |c| {
        c.request(1, "POST", &[], false);
        (0..MANY).for_each(|_| c.data(1, b"", false));
    };
    continuations: "frame_layer", |c| {
        c.frame(kind::HEADERS, 1, 1, b"\0\x01a\x01b");
        (0..MANY).for_each(|_| c.frame(kind::CONTINUATION, 0, 1, b"\0\x01a\x01b"));
    };
    streams_that_are_given_up_at_once: "frame_layer", |c| {
        for stream in (0..MANY).map(|n| 2 * n + 1) {
            c.get(stream);
            c.reset_stream(stream);
        }
    };
}

#[test]
fn a_head_that_is_never_whole_ends_at_its_deadline() {
    let site = Setup::default().listener("timeouts: { head: 200ms }").start();
    // One that was to go on in the next frame, and one that stops within its own.
    for begun in [&b"\0\0\x05\x01\x01\0\0\0\x01\0\x01a\x01b"[..], b"\0\0\x05\x01\x05\0\0\0\x01\0"] {
        let mut client = Frames::connect(site.proxy.address("web"));
        client.send(begun);
        // Nothing may be acknowledged within a head.
        let told =
            until("it to be told", || Some(client.any()).filter(|it| it.kind == kind::GOAWAY));
        assert_eq!(told.code(), ENHANCE_YOUR_CALM);
        client.rest();
    }
}

/// Whoever takes most answers may give others up, as often as it likes.
#[test]
fn a_busy_client_that_changes_its_mind_is_no_abuse() {
    let site = Site::plain();
    let mut client = Frames::connect(site.proxy.address("web"));
    let mut kept = None;
    for stream in (0..500).map(|n| 4 * n + 1) {
        client.get(stream);
        let mut upstream = kept.take().unwrap_or_else(|| site.accept());
        upstream.serve("taken");
        assert_eq!(client.answer(stream).0, 200);
        kept = Some(upstream);
        client.frame(kind::PING, 0, 0, &[0; 8]);
    }
}
