//! One page that needs nothing else: the text, and the picture in it.

use std::fmt::Write;

use super::plot::Undrawable;
use super::{svg, text};
use crate::bench::view::Report;

/// The page.
///
/// # Errors
/// The picture cannot be drawn.
pub fn html(report: &Report) -> Result<String, Undrawable> {
    let picture = svg(report)?;
    let mut out =
        String::from("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
    escape(&mut out, &format!("{} {}", report.run.method, report.run.url));
    out.push_str("</title>\n<body style=\"font-family: sans-serif; max-width: 70em\">\n<pre>");
    escape(&mut out, &text(report));
    if !report.marks.is_empty() {
        out.push_str("\nevents\n");
        for mark in &report.marks {
            // Writing to a String cannot fail.
            let _ = write!(out, "{:>10.3} s  ", mark.at_ms / 1e3);
            escape(&mut out, &mark.text);
            out.push('\n');
        }
    }
    out.push_str("</pre>\n");
    out.push_str(&picture);
    out.push_str("</body>\n</html>\n");
    Ok(out)
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(character),
        }
    }
}
