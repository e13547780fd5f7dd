//! The file's form as JSON Schema, for editors and for checks before a deployment.
//!
//! It is written from the tables that `check` reads by, so a key is in both or in neither. Forms
//! that a schema cannot tell (is this an address? does this pool exist?) are left to `check`.

use serde_json::{Map, Value, json};

use super::check::ROOT;
use super::shape::{Kind, Shape};

/// The schema of the config file (JSON Schema, draft 2020-12).
#[must_use]
pub fn schema() -> Value {
    let mut definitions = Map::new();
    define(&ROOT, &mut definitions);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pulsegate configuration",
        "$ref": reference(&ROOT),
        "$defs": definitions,
    })
}

fn reference(shape: &Shape) -> String {
    format!("#/$defs/{}", shape.name)
}

/// Adds a mapping's definition, and those of all it holds.
fn define(shape: &'static Shape, definitions: &mut Map<String, Value>) {
    if definitions.contains_key(shape.name) {
        return;
    }
    definitions.insert(shape.name.to_owned(), Value::Null);
    let mut properties = Map::new();
    for key in shape.keys {
        let mut value = value(&key.kind, definitions);
        if let Some(object) = value.as_object_mut() {
            object.insert("description".to_owned(), Value::from(key.about));
        }
        properties.insert(key.name.to_owned(), value);
    }
    let required: Vec<&str> = shape.keys.iter().filter(|k| k.required).map(|k| k.name).collect();
    let definition = json!({
        "description": shape.about,
        "type": "object",
        "properties": properties,
        "patternProperties": { "^x-": true },
        "additionalProperties": false,
        "required": required,
    });
    definitions.insert(shape.name.to_owned(), definition);
}

fn value(kind: &'static Kind, definitions: &mut Map<String, Value>) -> Value {
    match kind {
        // A number or a boolean without quotes is text, too, where text is expected.
        Kind::Text(form) => json!({ "type": ["string", "number", "boolean"], "title": form }),
        Kind::Words { now, .. } => json!({ "enum": now }),
        Kind::Integer { min, max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        Kind::Duration { .. } => json!({ "type": "string", "pattern": "^[0-9]+(d|h|m|s|ms)$" }),
        Kind::Size { min, max } => json!({ "anyOf": [
            { "type": "integer", "minimum": min, "maximum": max },
            { "type": "string", "pattern": "^[0-9]+(TiB|GiB|MiB|KiB)?$" },
        ] }),
        Kind::Ratio => json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,4})?%$" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Shape(shape) => {
            define(shape, definitions);
            json!({ "$ref": reference(shape) })
        }
        Kind::Map { of, values, x_keys } => {
            let mut map = json!({
                "type": "object",
                "title": format!("each key is a {of}'s name"),
                "additionalProperties": value(values, definitions),
            });
            if let (false, Some(object)) = (x_keys, map.as_object_mut()) {
                object.insert("patternProperties".to_owned(), json!({ "^x-": true }));
            }
            map
        }
        Kind::List(kind) => json!({ "type": "array", "items": value(kind, definitions) }),
        Kind::OneOrMany(kind) => {
            let one = value(kind, definitions);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Kind::AnyOf(kinds) => {
            let any: Vec<Value> = kinds.iter().map(|kind| value(kind, definitions)).collect();
            json!({ "anyOf": any })
        }
    }
}
