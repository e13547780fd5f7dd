//! Keeps the house standing: rules the compiler does not check, checked on every test run.
//!
//! In one package rustc allows modules to import each other in circles, files to grow without end
//! and a "just for now" to stay for years. Each rule here is a test of its own, reports every
//! offence at once, and says what to do about it.

#![expect(clippy::expect_used, reason = "a test's helpers fail the test")]

#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use source::{blank_tests, blank_text, files_below, imports, item_end, line_of, sources, words};

/// A top-level module: its layer, and which modules it may import (all in lower layers).
struct Module {
    name: &'static str,
    layer: u8,
    may_import: &'static [&'static str],
}

const fn module(name: &'static str, layer: u8, may_import: &'static [&'static str]) -> Module {
    Module { name, layer, may_import }
}

/// The table of the design: data goes up, imports go down.
const MODULES: &[Module] = &[
    module("model", 0, &[]),
    module("config", 1, &["model"]),
    module("balance", 1, &["model"]),
    module("metrics", 1, &["model"]),
    module("state_dir", 1, &[]),
    module("events", 2, &["model", "state_dir"]),
    module("live", 2, &["model", "balance"]),
    module("health", 2, &["model", "config"]),
    module("net", 2, &["model", "config", "metrics"]),
    module("access_log", 2, &["model", "config", "metrics"]),
    module("decision", 3, &["model", "config", "health"]),
    module("table", 3, &["model", "config", "balance", "live", "net"]),
    module("probe", 3, &["model", "config", "metrics", "net"]),
    module("notify", 3, &["model", "config", "events", "net"]),
    module("discovery", 3, &["model", "config", "net"]),
    module("worker", 4, &["model", "config", "table", "live", "net", "access_log"]),
    module(
        "l4",
        5,
        &["model", "config", "balance", "table", "live", "metrics", "net", "access_log", "worker"],
    ),
    module(
        "l7",
        5,
        &["model", "config", "balance", "table", "live", "metrics", "net", "access_log", "worker"],
    ),
    module(
        "control",
        5,
        &[
            "model",
            "config",
            "health",
            "decision",
            "table",
            "live",
            "metrics",
            "net",
            "state_dir",
            "events",
            "kept",
        ],
    ),
    module(
        "admin",
        6,
        &[
            "model",
            "config",
            "health",
            "table",
            "live",
            "metrics",
            "access_log",
            "events",
            "explain",
            "notify",
            "control",
        ],
    ),
    module("bench", 6, &["model", "config", "net", "l7"]),
    module("kept", 4, &["model", "health", "decision", "state_dir", "events"]),
    module(
        "explain",
        4,
        &["model", "config", "balance", "health", "decision", "table", "live", "net"],
    ),
    module("sim", 5, &["model", "config", "health", "decision", "table", "events", "kept"]),
    module(
        "app",
        7,
        &[
            "model",
            "config",
            "balance",
            "metrics",
            "live",
            "health",
            "net",
            "access_log",
            "decision",
            "table",
            "probe",
            "discovery",
            "notify",
            "worker",
            "l4",
            "l7",
            "explain",
            "control",
            "admin",
            "sim",
            "state_dir",
            "events",
        ],
    ),
    module("cli", 8, &["model", "config", "events", "explain", "admin", "sim", "bench", "app"]),
    module("main", 9, &["cli"]),
];

/// Modules that compute and nothing else, by path prefix.
const PURE: &[&str] = &[
    "src/model/",
    "src/balance/",
    "src/health/",
    "src/decision/",
    "src/sim/",
    "src/table/build",
    "src/bench/measure/",
    "src/bench/report/",
];
/// What gives away a clock, I/O, logging or shared state.
const IMPURE: &[&str] = &[
    "tokio::",
    "tracing::",
    "std::fs",
    "std::io",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "AtomicU",
    "AtomicB",
    "AtomicI",
    "Mutex<",
];
/// Modules in which nothing may be global: what routes a request is in the table.
const NO_STATICS: &[&str] =
    &["src/table/", "src/worker/", "src/l4/", "src/l7/", "src/balance/", "src/decision/"];
/// The modules that hold wire types.
const WIRE: &[&str] = &["raw", "view", "wire", "schema"];
const BANNED_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "misc", "shared", "stuff"];
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Fails with every offence and with what to do about them.
fn report(offences: &[String], advice: &str) {
    let mut text = String::new();
    for offence in offences {
        let _ = writeln!(text, "  {offence}");
    }
    assert!(offences.is_empty(), "{} offence(s):\n{text}{advice}", offences.len());
}

#[test]
fn the_scanner_sees_code_and_only_code() {
    let text = r#"
        use crate::{config::Pool, model::{Health, Plan}}; // crate::comment
        const TEXT: &str = "crate::text \" crate::text";
        fn f<'a>(x: &'a str) -> crate::table::Table { let _ = '"'; crate::live::get(x) }
        #[cfg(test)]
        mod tests { use crate::app; }
    "#;
    let shipped = blank_tests(&blank_text(text));
    let names: Vec<String> = imports(&shipped, "crate").into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["config", "model", "table", "live"]);
    assert_eq!(text.lines().count(), shipped.lines().count());
}

#[test]
fn imports_go_to_allowed_modules_of_lower_layers() {
    let known: BTreeSet<&str> = MODULES.iter().map(|module| module.name).collect();
    let mut offences = Vec::new();
    for source in sources() {
        let Some(name) = source.module() else { continue };
        let Some(module) = MODULES.iter().find(|module| module.name == name) else {
            offences.push(format!("{}: module `{name}` has no layer", source.path));
            continue;
        };
        let crate_name = if name == "main" { "pulsegate" } else { "crate" };
        for (at, target) in imports(&source.shipped, crate_name) {
            let allowed = target == name || module.may_import.contains(&target.as_str());
            if known.contains(target.as_str()) && !allowed {
                let line = line_of(&source.shipped, at);
                offences.push(format!("{}:{line}: `{name}` imports `{target}`", source.path));
            }
        }
    }
    report(
        &offences,
        "An import goes to a strictly lower layer and only where the table in tests/tidy.rs \
         allows it. Move the shared type down (to `model`, or the lowest layer that owns it), or \
         pass the value in; extend the table only if the design's flow of data asks for it.",
    );
}

#[test]
fn the_table_of_layers_is_acyclic() {
    let layer = |name: &str| MODULES.iter().find(|m| m.name == name).map(|m| m.layer);
    let mut offences = Vec::new();
    for module in MODULES {
        for import in module.may_import {
            if layer(import).is_none_or(|layer| layer >= module.layer) {
                offences.push(format!("`{}` may import `{import}`", module.name));
            }
        }
    }
    report(&offences, "Every allowed import must be of a strictly lower layer.");
}

#[test]
fn modules_do_not_climb_past_their_parent() {
    let mut offences = Vec::new();
    for source in sources() {
        for at in words(&source.shipped, "super::super") {
            let line = line_of(&source.shipped, at);
            offences.push(format!("{}:{line}: `super::super`", source.path));
        }
        let is_top = source.segments().count() == 1 || source.segments().nth(1) == Some("mod");
        for at in words(&source.shipped, "super::").filter(|_| is_top) {
            let line = line_of(&source.shipped, at);
            offences.push(format!("{}:{line}: `super::` of a top-level module", source.path));
        }
    }
    report(&offences, "Name the module from the top: `crate::module::Type`.");
}

#[test]
fn files_and_functions_stay_small() {
    let mut offences = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            offences.push(format!("{}: {lines} lines", source.path));
        }
        for at in words(&source.code, "fn ") {
            let length = source.code[at..item_end(&source.code, at)].matches('\n').count() + 1;
            if length > FUNCTION_LINES_MAX {
                let line = line_of(&source.code, at);
                offences.push(format!("{}:{line}: a function of {length} lines", source.path));
            }
        }
    }
    report(
        &offences,
        &format!(
            "Files have at most {FILE_LINES_MAX} lines and functions {FUNCTION_LINES_MAX}. Split \
             by what the parts are about, each with its own opening `//!`."
        ),
    );
}

#[test]
fn modules_are_named_for_what_they_hold() {
    let mut offences = Vec::new();
    for source in sources() {
        for segment in source.segments().filter(|segment| BANNED_NAMES.contains(segment)) {
            offences.push(format!("{}: a module called `{segment}`", source.path));
        }
    }
    report(
        &offences,
        "Name the module after the thing it holds, or move its items to their users.",
    );
}

#[test]
fn every_module_opens_by_saying_why_it_is_there() {
    let offences: Vec<String> = sources()
        .iter()
        .filter(|source| !source.is_test() && !source.text.starts_with("//!"))
        .map(|source| format!("{}: does not open with `//!`", source.path))
        .collect();
    report(&offences, "Open the file with `//!` and the problem the module solves.");
}

#[test]
fn pure_modules_have_no_clock_no_io_and_no_shared_state() {
    let mut offences = Vec::new();
    for source in sources().iter().filter(|s| PURE.iter().any(|pure| s.path.starts_with(pure))) {
        for impure in IMPURE {
            for at in source.shipped.match_indices(impure).map(|(at, _)| at) {
                let line = line_of(&source.shipped, at);
                offences.push(format!("{}:{line}: `{impure}`", source.path));
            }
        }
    }
    report(&offences, "Take the value (time, random number, result of I/O) as an argument.");
}

#[test]
fn routing_state_is_never_global() {
    let banned = ["static mut", "OnceLock", "LazyLock", "OnceCell", "lazy_static", "LazyCell"];
    let mut offences = Vec::new();
    for source in sources().iter().filter(|s| NO_STATICS.iter().any(|m| s.path.starts_with(m))) {
        for word in banned {
            for at in words(&source.shipped, word) {
                let line = line_of(&source.shipped, at);
                offences.push(format!("{}:{line}: `{word}`", source.path));
            }
        }
    }
    report(&offences, "What routes a request belongs in the table, what outlives it in `live`.");
}

#[test]
fn crates_and_keywords_keep_to_their_home() {
    let mut offences = Vec::new();
    for source in sources() {
        let is_wire = source.segments().any(|segment| WIRE.contains(&segment));
        let module = source.module().unwrap_or("lib");
        let rules: [(&[&str], bool, &str); 3] = [
            (
                &["Serialize", "Deserialize", "JsonSchema", "serde("],
                is_wire,
                "serde stays on wire types, in modules named raw, view, wire or schema",
            ),
            (
                &["anyhow"],
                matches!(module, "cli" | "main"),
                "anyhow is for cli and main; elsewhere an error is a type of its module",
            ),
            (&["unsafe"], module == "net", "unsafe code has one audited home, net"),
        ];
        for (banned, at_home, advice) in rules {
            for at in banned.iter().flat_map(|word| words(&source.shipped, word)) {
                if !at_home {
                    let line = line_of(&source.shipped, at);
                    offences.push(format!("{}:{line}: {advice}", source.path));
                }
            }
        }
    }
    report(&offences, "Convert at the border: a wire type next to the type it stands for.");
}

#[test]
fn nothing_is_left_for_later_or_tied_to_one_machine() {
    let banned =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let mut offences = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz", "conf", ".ci"] {
        for path in files_below(folder, &["rs", "yaml", "yml", "toml", "sh", "service"]) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            for word in banned {
                for (at, _) in text.match_indices(word) {
                    let line = line_of(&text, at);
                    offences.push(format!("{}:{line}: `{word}`", path.display()));
                }
            }
        }
    }
    report(&offences, "Finish it or open an issue; take paths from arguments or the environment.");
}
