//! The named values of a transaction, and how they are put into a request.
//!
//! What a backend said is carried to where it matters: into a request line or a header. There it
//! must not become anything else, so a target is escaped and a header's value may hold no control
//! characters. A value that cannot stand where it shall is the backend's failure.

use std::borrow::Cow;
use std::collections::HashMap;

use hyper::header::HeaderValue;

use super::fault::Fault;
use crate::model::{Failure, Part, Template};

/// Values by name.
#[derive(Default)]
pub(super) struct Values<'a>(HashMap<&'a str, Cow<'a, str>>);

impl<'a> Values<'a> {
    pub(super) fn set(&mut self, name: &'a str, value: impl Into<Cow<'a, str>>) {
        self.0.insert(name, value.into());
    }

    /// The text with its values as they are.
    pub(super) fn text(&self, template: &Template) -> Result<String, Fault> {
        self.fill(template, |value, out| out.push_str(value))
    }

    /// The text as a request's target: what a target cannot hold is escaped in its values.
    pub(super) fn target(&self, template: &Template) -> Result<String, Fault> {
        self.fill(template, |value, out| {
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte) {
                    out.push(char::from(byte));
                } else {
                    out.push_str(&format!("%{byte:02X}"));
                }
            }
        })
    }

    /// The text as a header's value.
    pub(super) fn header(&self, template: &Template) -> Result<HeaderValue, Fault> {
        HeaderValue::from_str(&self.text(template)?).map_err(|_| {
            Fault::seen(Failure::Content, "a value carried over cannot stand in a header")
        })
    }

    fn fill(&self, template: &Template, put: impl Fn(&str, &mut String)) -> Result<String, Fault> {
        let mut out = String::new();
        for part in &template.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(name) => match self.0.get(&**name) {
                    Some(value) => put(value, &mut out),
                    // The config has seen to it that an earlier step saves each value used.
                    None => return Err(Fault::Local(format!("no value {name}").into())),
                },
            }
        }
        Ok(out)
    }
}
