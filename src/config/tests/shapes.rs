//! The tables of keys, the readers that use them, and the schema written from them: one truth.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::check::{self, ROOT};
use crate::config::problem::Report;
use crate::config::raw::{self, Entry, Node, Value};
use crate::config::shape::{Kind, Shape};
use crate::config::{print, schema};

/// Every shape that can be reached from the root, by name.
fn all() -> BTreeMap<&'static str, &'static Shape> {
    fn kind(kind_: &'static Kind, found: &mut BTreeMap<&'static str, &'static Shape>) {
        match kind_ {
            Kind::Shape(inner) => shape(inner, found),
            Kind::Map { values: inner, .. } | Kind::List(inner) | Kind::OneOrMany(inner) => {
                kind(inner, found);
            }
            Kind::AnyOf(kinds) => kinds.iter().for_each(|inner| kind(inner, found)),
            _ => {}
        }
    }
    fn shape(shape_: &'static Shape, found: &mut BTreeMap<&'static str, &'static Shape>) {
        match found.insert(shape_.name, shape_) {
            Some(other) => assert!(std::ptr::eq(other, shape_), "two are named {}", shape_.name),
            None => shape_.keys.iter().for_each(|key| kind(&key.kind, found)),
        }
    }
    let mut found = BTreeMap::new();
    shape(&ROOT, &mut found);
    found
}

/// The example that shows every key; what needs a file of its own is filled in: secrets and an
/// authority's certificate.
fn full() -> (String, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (secret, ca, key, ocsp) = (path("secret"), path("ca.pem"), path("ca.key"), path("ocsp"));
    let authority = rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap();
    std::fs::write(&ca, authority.cert.pem()).unwrap();
    std::fs::write(&key, authority.signing_key.serialize_pem()).unwrap();
    std::fs::write(&ocsp, [0x30, 0]).unwrap();
    std::fs::write(&secret, "s3cret\n").unwrap();
    let text = include_str!("../../../conf/full.yaml");
    for gap in ["tokens: []", "values: {}", "database: shop", "redis: PING"] {
        assert!(text.contains(gap), "{gap}");
    }
    let file = format!("{{ file: {:?} }}", secret);
    let text = text
        .replace("values: {}", &format!("values: {{ password: {file} }}"))
        .replace("database: shop", "database: shop, password: { env: CARGO_PKG_NAME }")
        .replace("redis: PING", &format!("redis: PING, user: check, password: {file}"))
        .replace(
            "# token: {",
            &format!(
                "token: {file}\n  - {{ url: https://b/, tls: {{ ca: {:?} }} }}\n  - url: http://a/\n    \
                 token: {{ env: CARGO_PKG_NAME }} # {{",
                ca
            ),
        );
    let tokens = format!(
        "tokens: [ {{ role: viewer, env: CARGO_PKG_NAME }}, {{ role: operator, file: {:?} }} ]",
        secret
    );
    let anyone = "tls: { verify: false }         # or {";
    assert!(text.contains(anyone));
    let off = "tls: off                           # or {";
    assert!(text.contains(off));
    let on = format!(
        "tls: {{ certificates: [ {{ cert: {:?}, key: {:?}, ocsp: {:?} }}, {{ folder: {:?}, client_auth: {{ ca: {:?}, mode: optional }} }} ], \
         min_version: '1.2', unknown_names: first, client_auth: {{ ca: {:?}, mode: require }}, \
         identity_headers: {{ subject: x-subject, names: x-names, fingerprint: x-hash }}, \
         cipher_suites: [ TLS13_AES_256_GCM_SHA384 ], groups: [ X25519MLKEM768, X25519 ], hsts: max-age=60, \
         passthrough: {{ routes: [ {{ match: {{ sni: a.b }}, pool: site-db }} ], retries: {{ attempts: 3 }}, \
         timeouts: {{ idle: 1h, lifetime: off, connect_total: 5s }} }} }} # {{",
        ca,
        key,
        ocsp,
        dir.path(),
        ca,
        ca
    );
    let pool = "tls: off                           # or { ca: ";
    assert!(text.contains(pool));
    let to_pool = format!("tls: {{ client: {{ cert: {:?}, key: {:?} }} }} # {{ ca: ", ca, key);
    let by_ca = format!("tls: {{ ca: {:?} }}  # {{", ca);
    (
        text.replace("tokens: []", &tokens)
            .replace(anyone, &by_ca)
            .replace(pool, &to_pool)
            .replace(off, &on),
        dir,
    )
}

/// A key found in a file: of which shape, and how to get to its value.
struct Place {
    shape: &'static str,
    key: &'static str,
    steps: Vec<usize>,
}

fn places(node: &Node, kind: &'static Kind, steps: &mut Vec<usize>, found: &mut Vec<Place>) {
    let mut at = |step: usize, node: &Node, kind: &'static Kind, place: Option<_>| {
        steps.push(step);
        if let Some((shape, key)) = place {
            found.push(Place { shape, key, steps: steps.clone() });
        }
        places(node, kind, steps, found);
        steps.pop();
    };
    match (&node.value, kind) {
        (Value::Mapping(entries), Kind::Shape(shape)) => {
            for (i, entry) in entries.iter().enumerate() {
                if let Some(key) = shape.key(&entry.key) {
                    at(i, &entry.value, &key.kind, Some((shape.name, key.name)));
                }
            }
        }
        (Value::Mapping(entries), Kind::Map { values, .. }) => {
            for (i, entry) in entries.iter().enumerate() {
                at(i, &entry.value, values, None);
            }
        }
        (Value::Sequence(items), Kind::List(kind) | Kind::OneOrMany(kind)) => {
            for (i, item) in items.iter().enumerate() {
                at(i, item, kind, None);
            }
        }
        (_, Kind::AnyOf(kinds)) => kinds.iter().for_each(|kind| places(node, kind, steps, found)),
        (_, Kind::OneOrMany(kind)) => places(node, kind, steps, found),
        _ => {}
    }
}

fn replace(node: &mut Node, steps: &[usize], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        node.value = value;
        return;
    };
    match &mut node.value {
        Value::Mapping(entries) => replace(&mut entries[*step].value, rest, value),
        Value::Sequence(items) => replace(&mut items[*step], rest, value),
        _ => panic!("no such place"),
    }
}

/// A value that fits nowhere.
fn nonsense(node: &Node) -> Value {
    let inner = Node { at: node.at, value: Value::Sequence(vec![node.clone()]) };
    Value::Mapping(vec![Entry { key: "?".to_owned(), at: node.at, value: inner }])
}

#[test]
fn every_key_of_every_shape_is_read_and_shown_in_the_full_example() {
    let (text, _files) = full();
    let root = raw::read(&text, &Report::new(None)).unwrap();
    let mut found = Vec::new();
    static WHOLE: Kind = Kind::Shape(&ROOT);
    places(&root, &WHOLE, &mut Vec::new(), &mut found);

    let shown: BTreeSet<_> = found.iter().map(|place| (place.shape, place.key)).collect();
    let known: BTreeSet<_> =
        all().values().flat_map(|s| s.keys.iter().map(|key| (s.name, key.name))).collect();
    assert_eq!(shown, known, "full.yaml shows each key of each shape");

    let report = Report::new(None);
    check::check(&root, &report, None);
    report.finish().unwrap();
    for place in found {
        let mut damaged = root.clone();
        replace(&mut damaged, &place.steps, nonsense(&root));
        let report = Report::new(None);
        check::check(&damaged, &report, None);
        assert!(report.finish().is_err(), "{}.{} is not read", place.shape, place.key);
    }
}

#[test]
fn the_schema_has_the_keys_that_are_read_and_no_others() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap();
    assert_eq!(definitions.len(), all().len());
    for (name, shape) in all() {
        let properties = definitions[name]["properties"].as_object().unwrap();
        let of_schema: Vec<&str> = properties.keys().map(String::as_str).collect();
        let of_shape: Vec<&str> = shape.keys.iter().map(|key| key.name).collect();
        assert_eq!(of_schema, of_shape, "{name}");
        assert_eq!(definitions[name]["additionalProperties"], false, "{name}");
    }
}

#[test]
fn no_key_is_both_available_and_not_yet() {
    for (name, shape) in all() {
        for later in shape.later {
            assert!(shape.key(later).is_none(), "{name}.{later}");
        }
    }
}

#[test]
fn every_reader_says_how_its_key_is_meant() {
    for (name, shape) in all() {
        for key in shape.keys {
            assert!(key.about.ends_with(['.', '?']) && key.about.len() > 5, "{name}.{}", key.name);
            assert!(!key.kind.expected().is_empty());
        }
    }
}

/// As much of a JSON Schema validator as the schema uses.
mod validator {
    use serde_json::Value as Json;

    use crate::config::raw::{Node, Value};

    /// The tree as an editor's YAML reader types it.
    pub(super) fn json(node: &Node) -> Json {
        match &node.value {
            Value::Empty => Json::Null,
            Value::Scalar { text, quoted: false } => match (text.as_str(), text.parse::<u64>()) {
                ("true", _) => Json::Bool(true),
                ("false", _) => Json::Bool(false),
                (_, Ok(number)) => Json::from(number),
                (text, Err(_)) => Json::from(text),
            },
            Value::Scalar { text, .. } => Json::from(text.as_str()),
            Value::Sequence(items) => Json::Array(items.iter().map(json).collect()),
            Value::Mapping(entries) => {
                Json::Object(entries.iter().map(|e| (e.key.clone(), json(&e.value))).collect())
            }
        }
    }

    /// The value is what the schema says; `root` holds the definitions.
    pub(super) fn accepts(root: &Json, schema: &Json, value: &Json) -> bool {
        let Some(rules) = schema.as_object() else { return schema == &Json::Bool(true) };
        rules.iter().all(|(rule, want)| match rule.as_str() {
            "$ref" => {
                let name = want.as_str().unwrap().rsplit('/').next().unwrap();
                accepts(root, &root["$defs"][name], value)
            }
            "anyOf" => want.as_array().unwrap().iter().any(|any| accepts(root, any, value)),
            "enum" => want.as_array().unwrap().contains(value),
            "type" => match want {
                Json::Array(types) => types.iter().any(|kind| is(kind, value)),
                kind => is(kind, value),
            },
            "minimum" => value.as_u64().is_some_and(|n| n >= want.as_u64().unwrap()),
            "maximum" => value.as_u64().is_some_and(|n| n <= want.as_u64().unwrap()),
            "pattern" => {
                let regex = regex::bytes::RegexBuilder::new(want.as_str().unwrap())
                    .unicode(false)
                    .build()
                    .unwrap();
                value.as_str().is_some_and(|text| regex.is_match(text.as_bytes()))
            }
            "items" => value.as_array().unwrap().iter().all(|item| accepts(root, want, item)),
            "required" => want
                .as_array()
                .unwrap()
                .iter()
                .all(|key| value.get(key.as_str().unwrap()).is_some()),
            "properties" => value.as_object().unwrap().iter().all(|(key, value)| {
                want.get(key).is_none_or(|schema| accepts(root, schema, value))
            }),
            "additionalProperties" => value.as_object().unwrap().iter().all(|(key, value)| {
                let named = schema.get("properties").and_then(|p| p.get(key)).is_some();
                let ignored = schema.get("patternProperties").is_some() && key.starts_with("x-");
                named || ignored || accepts(root, want, value)
            }),
            "patternProperties" | "description" | "title" | "$schema" | "$defs" => true,
            other => panic!("the schema uses `{other}`"),
        })
    }

    fn is(kind: &Json, value: &Json) -> bool {
        match kind.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" | "integer" => value.is_u64(),
            other => panic!("the schema uses the type `{other}`"),
        }
    }
}

#[test]
fn the_schema_accepts_the_examples_and_what_is_printed_of_them() {
    let schema = schema();
    let accepts = |text: &str| {
        let root = raw::read(text, &Report::new(None)).unwrap();
        validator::accepts(&schema, &schema, &validator::json(&root))
    };
    let (text, _files) = full();
    assert!(accepts(&text));
    assert!(accepts(&print(&super::valid(&text).config)));
    assert!(!accepts(&text.replace("abort_on_close:", "abort_on_clos:")));
    assert!(!accepts(&text.replace("idle: 60s ", "idle: 60 ")));
}
