//! The few shapes that the picture is made of, written as SVG.

use std::fmt::Write as _;

const STYLE: &str = "text{font-family:DejaVu Sans,Helvetica,Arial,sans-serif;fill:#222}\
.title{font-size:18px;font-weight:bold}.label{font-size:12px;font-weight:bold}\
.small{font-size:11px}.tiny{font-size:8px}.mark{font-size:10px;fill:#b2182b;font-weight:bold}";

/// An SVG file under way. What is drawn later lies over what is drawn before.
#[derive(Debug)]
pub(super) struct Canvas {
    text: String,
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Self {
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\">\n<style>{STYLE}</style>\n"
        );
        let _ = writeln!(text, "<rect width=\"{width:.0}\" height=\"{height:.0}\" fill=\"#fff\"/>");
        Self { text }
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        self.place(x, y, class, "start", text);
    }

    pub(super) fn text_end(&mut self, x: f64, y: f64, text: &str) {
        self.place(x, y, "small", "end", text);
    }

    pub(super) fn text_middle(&mut self, x: f64, y: f64, text: &str) {
        self.place(x, y, "small", "middle", text);
    }

    pub(super) fn row_name(&mut self, x: f64, y: f64, class: &str, text: &str) {
        self.place(x, y, class, "end", text);
    }

    fn place(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        let text = escaped(text);
        let _ = writeln!(
            self.text,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str) {
        if colour == "none" || width <= 0.0 {
            return;
        }
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{colour}\" shape-rendering=\"crispEdges\"/>"
        );
    }

    pub(super) fn frame(&mut self, x: f64, y: f64, width: f64, height: f64) {
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"none\" stroke=\"#888\"/>"
        );
    }

    /// A closed shape; the title is shown where a pointer rests on it.
    pub(super) fn polygon(&mut self, points: &[(f64, f64)], colour: &str, title: &str) {
        let _ = write!(self.text, "<polygon fill=\"{colour}\" points=\"");
        for (x, y) in points {
            let _ = write!(self.text, "{x:.1},{y:.1} ");
        }
        let _ = writeln!(self.text, "\"><title>{}</title></polygon>", escaped(title));
    }

    pub(super) fn tick(&mut self, x: f64, y: f64) {
        self.line(x, y - 4.0, y + 2.0, "stroke=\"#888\"");
    }

    /// A dashed line over all panels, with a number on top.
    pub(super) fn mark(&mut self, x: f64, top: f64, bottom: f64, number: &str) {
        self.line(x, top + 2.0, bottom, "stroke=\"#b2182b\" stroke-dasharray=\"3 3\"");
        self.place(x, top, "mark", "middle", number);
    }

    fn line(&mut self, x: f64, from: f64, to: f64, style: &str) {
        let _ = writeln!(
            self.text,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{from:.1}\" y2=\"{to:.1}\" {style}/>"
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
