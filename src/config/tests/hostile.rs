//! Text that nobody would type, except to do harm.

use proptest::prelude::*;

use super::{problems, valid};
use crate::config::{Config, print};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_ends_in_a_config_or_in_problems(text in any::<String>()) {
        let _ = Config::parse(&text, None);
    }

    #[test]
    fn any_bytes_ends_in_a_config_or_in_problems(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Config::parse(&String::from_utf8_lossy(&bytes), None);
    }

    /// Pieces of YAML's own grammar get deeper into the parser than random text does.
    #[test]
    fn any_jumble_of_yaml_ends_in_a_config_or_in_problems(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60),
    ) {
        let _ = Config::parse(&pieces.concat(), None);
    }

    /// Whatever single edit a file suffers, it is a config that prints and reads back, or problems.
    #[test]
    fn a_damaged_file_is_read_without_harm(at in 0..FULL.len(), length in 0..40_usize, piece in prop::sample::select(PIECES)) {
        let start = FULL.floor_char_boundary(at);
        let end = FULL.floor_char_boundary((start + length).min(FULL.len()));
        let text = format!("{}{piece}{}", &FULL[..start], &FULL[end.max(start)..]);
        if let Ok(loaded) = Config::parse(&text, None) {
            let printed = print(&loaded.config);
            let again = Config::parse(&printed, None);
            prop_assert!(again.is_ok(), "{}\n{}", again.unwrap_err(), printed);
            prop_assert_eq!(format!("{:?}", loaded.config), format!("{:?}", again.unwrap().config));
        }
    }
}

/// What a `tcp` listener has no use for it does not inherit: it could not be printed.
#[test]
fn defaults_of_http_do_not_reach_a_tcp_listener() {
    let text = FULL.replacen("head_bytes: 16KiB", "head_bytes: 1KiB", 1);
    assert_ne!(text, FULL);
    let config = valid(&text);
    assert_eq!(
        format!("{:?}", valid(&print(&config.config)).config),
        format!("{:?}", config.config)
    );
}

const FULL: &str = include_str!("../../../conf/full.yaml");

const PIECES: &[&str] = &[
    "version: 1\n",
    "listeners:",
    "pools:",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    ":",
    ": ",
    "- ",
    "-",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "*b",
    "<<: ",
    "!!str ",
    "!x ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "#",
    "%",
    "%TAG ! x\n",
    "---\n",
    "...\n",
    "~",
    "null",
    "true",
    "off",
    "1",
    "\t",
    "\r",
    "\r\n",
    "\u{0}",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\\",
    "\\x41",
    "\\u00e9",
    "é",
    "🦀",
    "@",
    "`",
    "web",
    "bind: 127.0.0.1:0",
    "routes",
    "pool: a",
    "10s",
    "50%",
    "1KiB",
    "/path",
    "*.example.com",
];

#[test]
fn aliases_that_multiply_are_stopped() {
    let mut text = String::from("x-0: &a0 [ x, x, x, x, x, x, x, x, x, x ]\n");
    for i in 1..20 {
        let items = vec![format!("*a{}", i - 1); 10].join(", ");
        text.push_str(&format!("x-{i}: &a{i} [ {items} ]\n"));
    }
    let problems = problems(&text);
    assert!(
        problems.contains("more than 1000000 values once its aliases are expanded"),
        "{problems}"
    );
}

#[test]
fn nesting_without_end_is_stopped() {
    for text in ["- ".repeat(1_000_000), "[".repeat(1_000_000), "? ".repeat(100_000)] {
        let problems = problems(&text);
        // Which bound is met first depends on how far the parser must look ahead.
        let bounds = ["nested more than 64 levels deep", "recursion limit exceeded"];
        assert!(bounds.iter().any(|bound| problems.contains(bound)), "{problems}");
    }
    let mut text = String::from("x-0: &a0 [ x ]\n");
    for i in 1..100 {
        text.push_str(&format!("x-{i}: &a{i} [ *a{} ]\n", i - 1));
    }
    assert!(problems(&text).contains("nested more than 64 levels deep"));
}

#[test]
fn an_alias_of_its_own_container_is_refused() {
    let problems = problems("x-a: &a [ *a ]\nversion: 1\n");
    assert!(problems.contains("config:1:11: x-a[0]: this alias stands inside"), "{problems}");
}

#[test]
fn merge_keys_fill_in_what_a_mapping_lacks() {
    let text = "version: 1
x-a: &a { bind: 127.0.0.1:1, pool: site }
x-b: &b { bind: 127.0.0.1:2, limits: { headers: 7 } }
listeners:
  one: { <<: *a }
  two: { <<: [ *b, *a ] }
  three: { bind: 127.0.0.1:3, <<: *a }
pools: { site: { backends: [ 127.0.0.1:9 ] } }
";
    let listeners = valid(text).config.listeners;
    let ports: Vec<u16> = listeners.iter().map(|l| l.bind[0].port()).collect();
    assert_eq!(ports, [1, 2, 3]);
    assert_eq!(listeners[1].limits.headers, 7);
}

#[test]
fn a_flood_of_problems_is_cut_short() {
    let keys: String = (0..5000).map(|i| format!("k{i}: 1\n")).collect();
    let problems = Config::parse(&keys, None).unwrap_err();
    assert_eq!(problems.iter().count(), 1001);
    assert_eq!(
        problems.iter().last().unwrap().to_string(),
        "config: 4002 more problems are not shown"
    );
}

#[test]
fn text_of_the_file_is_escaped_and_cut_short_in_messages() {
    let text = format!("version: \"\\e[31m\\n{}\"\n", "x".repeat(1000));
    let problems = problems(&text);
    assert!(problems.lines().all(|line| line.len() < 250), "{problems}");
    assert!(!problems.contains('\u{1b}'), "{problems}");
}
