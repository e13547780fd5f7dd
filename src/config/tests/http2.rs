//! `http2` of a listener: on unless it is switched off, and only where HTTP is spoken; and of a pool
//! whose backends speak it.

use super::{problems, valid};
use crate::config::{BackendHttp2, Http2, print};

fn with_listener(keys: &str) -> String {
    format!(
        "version: 1\nlisteners: {{ web: {{ bind: 127.0.0.1:80, pool: site{keys} }} }}\n\
         pools: {{ site: {{ backends: [ 127.0.0.1:1 ] }} }}\n"
    )
}

#[test]
fn it_is_spoken_unless_it_is_off() {
    for (keys, http2) in [
        ("", Some(Http2 { max_streams: 128 })),
        (", http2: {}", Some(Http2 { max_streams: 128 })),
        (", http2: { max_streams: 7 }", Some(Http2 { max_streams: 7 })),
        (", http2: off", None),
        (", protocol: tcp", None),
    ] {
        let config = valid(&with_listener(keys)).config;
        assert_eq!(config.listeners[0].http2, http2, "{keys}");
        let printed = print(&config);
        assert_eq!(valid(&printed).config.listeners[0].http2, http2, "{printed}");
    }
}

#[test]
fn what_is_no_setting_of_it_is_told() {
    for (keys, told) in [
        (", http2: { max_streams: 0 }", "a whole number from 1 to 1000"),
        (", http2: { max_stream: 5 }", "did you mean `max_streams`?"),
        (", http2: on", "`off` or `{ max_streams: 128 }`"),
        (", protocol: tcp, http2: {}", "`http2` is for listeners of `protocol: http`"),
    ] {
        let problems = problems(&with_listener(keys));
        assert!(problems.contains(told), "{keys}: {problems}");
    }
}

fn with_pool(keys: &str) -> String {
    format!(
        "version: 1\nlisteners: {{ web: {{ bind: 127.0.0.1:80, pool: site }} }}\n\
         pools: {{ site: {{ backends: [ 127.0.0.1:1 ]{keys} }} }}\n"
    )
}

#[test]
fn a_pool_says_what_its_backends_speak() {
    let all = BackendHttp2::DEFAULT;
    for (keys, http2) in [
        ("", None),
        (", protocol: h1", None),
        (", protocol: h2", Some(all)),
        (", protocol: h2, http2: { max_streams: 7 }", Some(BackendHttp2 { max_streams: 7, ..all })),
        (
            ", protocol: h2, http2: { max_connections: 2 }",
            Some(BackendHttp2 { max_connections: 2, ..all }),
        ),
    ] {
        let config = valid(&with_pool(keys)).config;
        assert_eq!(config.pools[0].http2, http2, "{keys}");
        let printed = print(&config);
        assert_eq!(valid(&printed).config.pools[0].http2, http2, "{printed}");
    }
}

#[test]
fn what_a_pool_cannot_say_of_it_is_told() {
    for (keys, told) in [
        (", protocol: h3", "`h1` or `h2`"),
        (", http2: {}", "`http2` is for pools of `protocol: h2`"),
        (", protocol: h2, http2: { max_streams: 0 }", "a whole number from 1 to 10000"),
        (", protocol: h2, http2: { streams: 5 }", "expected one of: max_streams, max_connections"),
    ] {
        let problems = problems(&with_pool(keys));
        assert!(problems.contains(told), "{keys}: {problems}");
    }
}
