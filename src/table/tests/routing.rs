//! First match wins, and what each kind of pattern matches.

use std::sync::Arc;

use proptest::prelude::*;
use regex::bytes::Regex;

use crate::config::{
    self, FixedResponse, HeaderCondition, HeaderMatch, HostMatch, Match, PathMatch,
};
use crate::table::fixture::{Fields, World, config, listener, pool, route};
use crate::table::{Action, Inputs, Picker, RequestView, Table, build};

fn table(routes: Vec<config::Route>) -> Table {
    World::new(config::Algorithm::RoundRobin, routes).table(vec![], None)
}

/// Whether a route with this pattern matches.
fn matches(pattern: Match, method: &str, host: &str, path: &str, headers: &Fields<'_>) -> bool {
    let table = table(vec![route("r", pattern, config::Action::Ready)]);
    table.listeners[0].route(&RequestView { method, host, path, headers }).is_some()
}

fn path_matches(pattern: PathMatch, path: &str) -> bool {
    matches(Match { path: Some(pattern), ..Match::default() }, "GET", "h", path, &Fields(&[]))
}

fn host_matches(pattern: HostMatch, host: &str) -> bool {
    matches(Match { hosts: vec![pattern], ..Match::default() }, "GET", host, "/", &Fields(&[]))
}

fn header_matches(condition: HeaderCondition, headers: &[(&str, &str)]) -> bool {
    let headers_wanted = vec![HeaderMatch { name: Arc::from("x-a"), condition }];
    let pattern = Match { headers: headers_wanted, ..Match::default() };
    matches(pattern, "GET", "h", "/", &Fields(headers))
}

#[test]
fn the_first_match_wins() {
    let prefix =
        |path: &str| Match { path: Some(PathMatch::Prefix(Arc::from(path))), ..Match::default() };
    let table = table(vec![
        route("deep", prefix("/a/b"), config::Action::Ready),
        route("shallow", prefix("/a"), config::Action::Ready),
        route("rest", Match::default(), config::Action::Ready),
    ]);
    let name = |path| {
        let request = RequestView { method: "GET", host: "h", path, headers: &Fields(&[]) };
        table.listeners[0].route(&request).map(|route| &*route.policy.name)
    };
    assert_eq!(name("/a/b/c"), Some("deep"));
    assert_eq!(name("/a/bc"), Some("shallow"));
    assert_eq!(name("/"), Some("rest"));
}

#[test]
fn no_match_is_no_route() {
    assert!(!host_matches(HostMatch::Exact(Arc::from("a.example.com")), "b.example.com"));
}

#[test]
fn a_wildcard_wants_one_more_label() {
    let wildcard = || HostMatch::Wildcard(Arc::from(".example.com"));
    assert!(host_matches(wildcard(), "a.example.com"));
    assert!(host_matches(wildcard(), "a.b.example.com"));
    assert!(!host_matches(wildcard(), "example.com"));
    assert!(!host_matches(wildcard(), ".example.com"));
    assert!(!host_matches(wildcard(), "badexample.com"));
}

#[test]
fn a_prefix_ends_where_a_segment_ends() {
    let prefix = |path: &str| PathMatch::Prefix(Arc::from(path));
    assert!(path_matches(prefix("/v1"), "/v1"));
    assert!(path_matches(prefix("/v1"), "/v1/x"));
    assert!(!path_matches(prefix("/v1"), "/v10"));
    assert!(!path_matches(prefix("/v1"), "/V1"));
    assert!(path_matches(prefix("/v1/"), "/v1/"));
    assert!(path_matches(prefix("/v1/"), "/v1/x"));
    assert!(!path_matches(prefix("/v1/"), "/v1"));
    assert!(path_matches(prefix("/"), "/anything"));
}

#[test]
fn exact_and_regex_paths() {
    assert!(path_matches(PathMatch::Exact(Arc::from("/x")), "/x"));
    assert!(!path_matches(PathMatch::Exact(Arc::from("/x")), "/x/"));
    let regex = || PathMatch::Regex(Regex::new("^(?:/u/[0-9]+)$").unwrap());
    assert!(path_matches(regex(), "/u/12"));
    assert!(!path_matches(regex(), "/u/12a"));
}

#[test]
fn methods_are_case_sensitive() {
    let pattern = || Match { methods: vec![Arc::from("GET")], ..Match::default() };
    assert!(matches(pattern(), "GET", "h", "/", &Fields(&[])));
    assert!(!matches(pattern(), "get", "h", "/", &Fields(&[])));
    assert!(!matches(pattern(), "POST", "h", "/", &Fields(&[])));
}

#[test]
fn one_value_of_a_header_is_enough() {
    let equal = || HeaderCondition::Equal(Arc::from("2"));
    assert!(header_matches(equal(), &[("x-a", "1"), ("x-a", "2")]));
    assert!(!header_matches(equal(), &[("x-a", "1"), ("x-b", "2")]));
    let regex = || HeaderCondition::Regex(Regex::new("^(?:v[0-9])$").unwrap());
    assert!(header_matches(regex(), &[("x-a", "-"), ("x-a", "v1")]));
    assert!(!header_matches(regex(), &[]));
    assert!(header_matches(HeaderCondition::Present(true), &[("x-a", "")]));
    assert!(!header_matches(HeaderCondition::Present(true), &[]));
    assert!(header_matches(HeaderCondition::Present(false), &[("x-b", "")]));
    assert!(!header_matches(HeaderCondition::Present(false), &[("x-a", "")]));
}

#[test]
fn everything_given_must_hold() {
    let pattern = || Match {
        hosts: vec![HostMatch::Exact(Arc::from("h")), HostMatch::Exact(Arc::from("i"))],
        path: Some(PathMatch::Exact(Arc::from("/"))),
        methods: vec![Arc::from("GET"), Arc::from("HEAD")],
        headers: vec![HeaderMatch {
            name: Arc::from("x-a"),
            condition: HeaderCondition::Present(true),
        }],
    };
    let with = Fields(&[("x-a", "1")]);
    assert!(matches(pattern(), "HEAD", "i", "/", &with));
    assert!(!matches(pattern(), "HEAD", "j", "/", &with));
    assert!(!matches(pattern(), "HEAD", "i", "/x", &with));
    assert!(!matches(pattern(), "POST", "i", "/", &with));
    assert!(!matches(pattern(), "HEAD", "i", "/", &Fields(&[])));
}

#[test]
fn a_route_does_what_the_config_says() {
    let fixed = FixedResponse { status: 200, body: Arc::from("ok") };
    let table = table(vec![route("r", Match::default(), config::Action::Fixed(fixed.clone()))]);
    assert!(matches!(&table.listeners[0].routes[0].action, Action::Fixed(f) if *f == fixed));
}

#[test]
fn a_split_gives_each_pool_its_weight_and_keeps_its_place() {
    let pools = ["x", "y"].map(|name| pool(name, config::Algorithm::RoundRobin));
    let action = config::Action::Pools(vec![(1, 9), (0, 1)]);
    let routes = vec![route("r", Match::default(), action)];
    let config = Arc::new(config(pools.into(), vec![listener("l", routes)]));
    let mut world = World::new(config::Algorithm::RoundRobin, vec![]);
    world.config = config;
    let mut tables = (0..2).map(|generation| {
        let inputs = Inputs {
            config: &world.config,
            plan: &Arc::default(),
            live: &world.live,
            listeners: &[],
            previous: None,
            generation,
        };
        build(&inputs)
    });
    let (one, two) = (tables.next().unwrap(), tables.next().unwrap());
    let mut picker = Picker::new(5);
    let y = world.live.pool_id(&Arc::from("y"));
    let mut to_y = 0;
    for turn in 0..1_000 {
        let table = if turn % 2 == 0 { &one } else { &two };
        let Action::Pools(split) = &table.listeners[0].routes[0].action else {
            panic!("not a split");
        };
        to_y += u32::from(split.choose(&mut picker) == y);
    }
    assert!((898..=902).contains(&to_y), "{to_y}");
}

/// Some hosts, exact and wildcard, and a request's host.
fn hosts() -> impl Strategy<Value = Vec<HostMatch>> {
    let host = prop_oneof![
        4 => "[abc]\\.x".prop_map(|name| HostMatch::Exact(Arc::from(name))),
        1 => Just(HostMatch::Wildcard(Arc::from(".x"))),
    ];
    prop::collection::vec(host, 0..3)
}

proptest! {
    #[test]
    fn many_routes_are_matched_like_few(
        routes in prop::collection::vec((hosts(), 0..3), 0..40),
        host in "[abcd]\\.[xy]",
        path in 0..3,
    ) {
        let routes: Vec<_> = routes
            .into_iter()
            .enumerate()
            .map(|(n, (hosts, path))| {
                let path = Some(PathMatch::Exact(Arc::from(format!("/{path}"))));
                let pattern = Match { hosts, path, ..Match::default() };
                route(&n.to_string(), pattern, config::Action::Ready)
            })
            .collect();
        let table = table(routes);
        let listener = &table.listeners[0];
        let path = format!("/{path}");
        let request =
            RequestView { method: "GET", host: &host, path: &path, headers: &Fields(&[]) };
        let found = listener.route(&request).map(|route| &route.policy.name);
        let first = listener.routes.iter().find(|route| route.mismatch(&request).is_none());
        prop_assert_eq!(found, first.map(|route| &route.policy.name));
    }
}
