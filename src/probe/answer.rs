//! Whether an HTTP answer is as expected, beyond its status, and what is taken from it.

use hyper::header::HeaderMap;
use serde_json::Value;

use super::fault::Fault;
use super::http::Answered;
use crate::model::{BodyTest, Expect, Failure, HeaderTest, Pattern, Source};

/// Bytes of a value taken from an answer.
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Judges headers and body.
pub(super) fn judge(expect: &Expect, headers: &HeaderMap, body: &[u8]) -> Result<(), Fault> {
    for (name, test) in &expect.headers {
        header(name, test, headers)?;
    }
    match &expect.body {
        Some(BodyTest::Contains(text)) if !contains(body, text) => {
            return Err(content(&format!("the body does not contain {text:?}")));
        }
        Some(BodyTest::Matches(Pattern(regex))) if !regex.is_match(body) => {
            return Err(content(&format!("the body does not match {:?}", regex.as_str())));
        }
        _ => {}
    }
    if expect.json.is_empty() {
        return Ok(());
    }
    let document = json(body)?;
    expect.json.iter().try_for_each(|(pointer, expected)| {
        let found = document.pointer(pointer);
        // Compared as JSON text: the config's was written from a parsed value.
        match found.map(Value::to_string) {
            Some(found) if found == **expected => Ok(()),
            Some(found) => {
                Err(content(&format!("JSON {pointer} is {}, not {expected}", capped(&found))))
            }
            None => Err(content(&format!("JSON {pointer} is missing"))),
        }
    })
}

/// Takes a value from an answer.
pub(super) fn take(answered: &Answered, source: &Source) -> Result<String, Fault> {
    let value = match source {
        Source::Header(name) => answered
            .headers
            .get(&**name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        Source::Body(Pattern(regex)) => regex.captures(&answered.body).and_then(|found| {
            let part = found.get(1).or_else(|| found.get(0))?;
            Some(String::from_utf8_lossy(part.as_bytes()).into_owned())
        }),
        Source::Json(pointer) => match json(&answered.body)?.pointer(pointer) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(scalar @ (Value::Number(_) | Value::Bool(_))) => Some(scalar.to_string()),
            _ => None,
        },
    };
    match value {
        Some(value) if value.len() > VALUE_BYTES_MAX => {
            Err(Fault::seen(Failure::TooLarge, "the value is longer than 16 KiB"))
        }
        Some(value) => Ok(value),
        None => Err(content("the answer does not hold the value")),
    }
}

fn header(name: &str, test: &HeaderTest, headers: &HeaderMap) -> Result<(), Fault> {
    let mut values = headers.get_all(name).iter().map(|value| value.as_bytes());
    let as_expected = match test {
        HeaderTest::Is(expected) => values.any(|value| value == expected.as_bytes()),
        HeaderTest::Matches(Pattern(regex)) => values.any(|value| regex.is_match(value)),
        HeaderTest::Present(expected) => values.next().is_some() == *expected,
    };
    if as_expected {
        return Ok(());
    }
    let first = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    Err(content(&match first {
        Some(value) => format!("header {name} is {:?}", capped(&value)),
        None => format!("header {name} is missing"),
    }))
}

fn contains(body: &[u8], text: &str) -> bool {
    memchr::memmem::find(body, text.as_bytes()).is_some()
}

fn json(body: &[u8]) -> Result<Value, Fault> {
    serde_json::from_slice(body).map_err(|error| content(&format!("the body is not JSON: {error}")))
}

fn content(detail: &str) -> Fault {
    Fault::seen(Failure::Content, detail)
}

/// So much of a text that what is said around it still fits into a reason.
fn capped(text: &str) -> String {
    text.chars().take(80).collect()
}
