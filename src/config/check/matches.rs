//! `match`: what a request must look like.

use std::sync::Arc;

use super::tcp::refuse;
use super::{header, name, regex};
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields, Named};
use crate::config::shape::{Kind, Shape, key};
use crate::config::{HeaderCondition, HeaderMatch, HelloMatch, HostMatch, Match, PathMatch};

/// `match`.
pub(super) static SHAPE: Shape = Shape {
    name: "match",
    about: "What a request must look like; everything given must hold.",
    keys: &[
        key("host", Kind::OneOrMany(&Kind::Text(HOST)), "One of these hosts."),
        key(
            "path",
            Kind::AnyOf(&[Kind::Text(PATH), Kind::Shape(&PATHS)]),
            "The normalised path, without query; text alone is exact.",
        ),
        key("methods", Kind::OneOrMany(&Kind::Text(METHOD)), "One of these methods."),
        key("headers", HEADERS, "All of these headers."),
        key(
            "sni",
            Kind::OneOrMany(&Kind::Text(SNI)),
            "Of a TLS hello that is only read: one of these names.",
        ),
        key("alpn", Kind::OneOrMany(&Kind::Text(ALPN)), "Likewise: one of these."),
    ],
    later: &["query", "client"],
};

static PATHS: Shape = Shape {
    name: "path_match",
    about: "A path pattern; exactly one key.",
    keys: &[
        key("prefix", Kind::Text(PATH), "`/v1` matches `/v1` and `/v1/…`, not `/v10`."),
        key("regex", Kind::Text(regex::REGEX), "Matches the whole path."),
        key("exact", Kind::Text(PATH), "This path; the same as text alone."),
    ],
    later: &[],
};

const CONDITION: Kind = Kind::AnyOf(&[Kind::Text(header::VALUE), Kind::Shape(&CONDITIONS)]);

static CONDITIONS: Shape = Shape {
    name: "header_match",
    about: "A header pattern; exactly one key. Text alone: one of its values equals this.",
    keys: &[
        key("present", Kind::Boolean, "It is there (`true`) or is not (`false`)."),
        key("regex", Kind::Text(regex::REGEX), "One of its values matches as a whole."),
    ],
    later: &[],
};

/// Conditions on headers.
pub(super) const HEADERS: Kind = Kind::Map { of: "header", values: &CONDITION, x_keys: true };

const HOST: &str = "a hostname such as api.example.com or *.example.com";
const PATH: &str = "a path such as /v1/users";
const METHOD: &str = "a method such as GET";

const SNI: &str = "a server name such as db.example.com or *.example.com, or none";
const ALPN: &str = "a protocol such as h2";

/// Keys that only HTTP gives a meaning.
const HTTP_ONLY: [&str; 4] = ["host", "path", "methods", "headers"];
/// Keys that only a TLS hello gives a meaning.
const HELLO_ONLY: [&str; 2] = ["sni", "alpn"];

/// Reads the `match` mapping of a route by which bytes are forwarded.
pub(super) fn hello(fields: &Fields<'_>) -> HelloMatch {
    refuse(Some(fields), &HTTP_ONLY, "http");
    let names = fields.list("sni").unwrap_or_default();
    let protocols = fields.list("alpn").unwrap_or_default();
    for (key, cursors) in [("sni", &names), ("alpn", &protocols)] {
        if let (Some(cursor), true) = (fields.get(key), cursors.is_empty()) {
            cursor.problem("the list is empty, so nothing would match (remove it)");
        }
    }
    let protocol = |cursor: &Cursor<'_>| {
        let text = cursor.text(ALPN)?;
        let fits =
            !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic());
        if !fits {
            cursor.mismatch(ALPN);
        }
        fits.then(|| Arc::from(text))
    };
    let (nameless, names): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|cursor| cursor.is_word("none"));
    HelloMatch {
        names: names.iter().filter_map(host).collect(),
        nameless: !nameless.is_empty(),
        alpn: protocols.iter().filter_map(protocol).collect(),
    }
}

/// Reads a `match` mapping.
pub(super) fn check(fields: &Fields<'_>) -> Match {
    refuse(Some(fields), &HELLO_ONLY, "tcp");
    let hosts = fields.list("host").unwrap_or_default();
    let methods = fields.list("methods").unwrap_or_default();
    let headers = fields.entries("headers").unwrap_or_default();
    for (key, cursors) in [("host", &hosts), ("methods", &methods)] {
        if let (Some(cursor), true) = (fields.get(key), cursors.is_empty()) {
            cursor.problem("the list is empty, so nothing would match (remove it)");
        }
    }
    Match {
        hosts: hosts.iter().filter_map(host).collect(),
        path: fields.get("path").and_then(|cursor| path(&cursor)),
        methods: methods.iter().filter_map(method).collect(),
        headers: headers.iter().filter_map(header_match).collect(),
    }
}

fn host(cursor: &Cursor<'_>) -> Option<HostMatch> {
    let text = cursor.text(HOST)?;
    let (wildcard, rest) = match text.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    match name::host(rest) {
        Some(host) if wildcard && name::is_hostname(&host) => {
            return Some(HostMatch::Wildcard(Arc::from(format!(".{host}"))));
        }
        Some(host) if !wildcard => return Some(HostMatch::Exact(Arc::from(host))),
        _ => {}
    }
    match name::explain_host(text) {
        Some(message) => cursor.problem(message),
        None if !text.is_ascii() => {
            cursor.problem(format!("{} is not ASCII (expected its xn-- form)", shown(text)));
        }
        None => cursor.mismatch(HOST),
    }
    None
}

fn path(cursor: &Cursor<'_>) -> Option<PathMatch> {
    if !cursor.is_mapping() {
        return path_text(cursor).map(PathMatch::Exact);
    }
    let fields = cursor.fields(&PATHS)?;
    let prefix = fields.get("prefix").map(|c| path_text(&c).map(PathMatch::Prefix));
    let regex = fields.get("regex").map(|c| regex::compile(&c).map(PathMatch::Regex));
    let exact = fields.get("exact").map(|c| path_text(&c).map(PathMatch::Exact));
    one_of(&fields, [prefix, regex, exact], "`prefix`, `regex` or `exact`")
}

/// Reads a condition on a header.
pub(super) fn header_match(named: &Named<'_>) -> Option<HeaderMatch> {
    let condition = condition(&named.value);
    let Some(name) = header::name(named.name) else {
        let expected = header::NAME;
        named.problem(format!("{} is not a header name (expected {expected})", shown(named.name)));
        return None;
    };
    Some(HeaderMatch { name, condition: condition? })
}

fn condition(cursor: &Cursor<'_>) -> Option<HeaderCondition> {
    if !cursor.is_mapping() {
        return header::value(cursor).map(HeaderCondition::Equal);
    }
    let fields = cursor.fields(&CONDITIONS)?;
    let present = fields.get("present").map(|c| c.boolean().map(HeaderCondition::Present));
    let regex = fields.get("regex").map(|c| regex::compile(&c).map(HeaderCondition::Regex));
    one_of(&fields, [present, regex], "`present` or `regex`")
}

/// The one alternative that is given; several are a problem, and so is none, which is told here
/// unless an unknown key has been told already.
pub(super) fn one_of<T, const N: usize>(
    fields: &Fields<'_>,
    alternatives: [Option<Option<T>>; N],
    names: &str,
) -> Option<T> {
    let mut given = alternatives.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(only), None) => only,
        (None, _) if !fields.is_empty() => None,
        _ => {
            fields.cursor().problem(format!("this needs exactly one key (expected {names})"));
            None
        }
    }
}

fn method(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(METHOD)?;
    let upper = text.to_ascii_uppercase();
    if upper == "CONNECT" {
        cursor.problem("CONNECT is never served (remove it)");
    } else if header::name(text).is_none() || text.len() > 32 {
        cursor.mismatch(METHOD);
    } else if text != upper {
        let found = shown(text);
        cursor.problem(format!(
            "methods are case-sensitive, {found} never comes (did you mean `{upper}`?)"
        ));
    } else {
        return Some(Arc::from(text));
    }
    None
}

/// A path in the form that requests are matched in; another could never match.
pub(super) fn path_text(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(PATH)?;
    let why = if !text.starts_with('/') {
        "does not begin with `/`"
    } else if text.contains(['?', '#']) {
        "holds a query or fragment, which is not matched"
    } else if !text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b)) {
        "holds characters that never stand in a path (percent-encode them)"
    } else if text.split('/').any(|segment| matches!(segment, "." | "..")) {
        "holds dot segments, which are resolved before matching"
    } else if !escapes_are_needed(text) {
        "holds a bad or needless percent escape, which is decoded before matching"
    } else {
        return Some(Arc::from(text));
    };
    cursor.problem(format!("{} {why} (expected {PATH})", shown(text)));
    None
}

/// Every `%` begins an escape of a character that is not unreserved (RFC 3986 § 2.3).
fn escapes_are_needed(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let byte = rest.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = byte.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        byte.is_some_and(|b| {
            b != 0 && !b.is_ascii_alphanumeric() && !matches!(b, b'-' | b'.' | b'_' | b'~')
        })
    })
}
