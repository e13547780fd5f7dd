//! The result as a picture: latency by percentile, latency over time, rate over time.
//!
//! The percentile axis counts nines (90 %, 99 %, 99.9 % …), so that the tail, where services are
//! lost, has as much room as the middle; latencies are on a logarithmic scale for the same reason.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::bench::view::{Mark, Report, Window};

const SIZE: (u32, u32) = (960, 1080);
const FONT: &str = "sans-serif";
const GREY: RGBColor = RGBColor(110, 110, 110);
const BLUE: RGBColor = RGBColor(31, 119, 180);
const ORANGE: RGBColor = RGBColor(230, 120, 0);
const RED: RGBColor = RGBColor(200, 30, 40);
const GREEN: RGBColor = RGBColor(44, 140, 70);
/// What of a mark's text is drawn: the JSON has it whole.
const MARK_CHARS: usize = 48;
/// Marks that have room for their text.
const MARK_TEXTS: usize = 12;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failed<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;
type Plane<'b, 'a, Y> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<RangedCoordf64, Y>>;

/// A result that cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the picture cannot be drawn: {0}")]
pub struct Undrawable(String);

/// The picture as an SVG document.
///
/// # Errors
/// The drawing library refuses; with finite numbers it does not.
pub fn svg(report: &Report) -> Result<String, Undrawable> {
    let mut out = String::new();
    draw(report, &mut out).map_err(Undrawable)?;
    Ok(out)
}

fn draw(report: &Report, out: &mut String) -> Result<(), String> {
    let area = SVGBackend::with_string(out, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|error| error.to_string())?;
    let run = &report.run;
    let title = format!("{} {} · {} · {}", run.method, run.url, run.protocol, run.started);
    let title: String = title.chars().take(110).collect();
    let area = area.titled(&title, (FONT, 17)).map_err(|error| error.to_string())?;
    let parts = area.split_evenly((3, 1));
    let [curve, latency, rate] = &parts[..] else { return Err("no room".to_owned()) };
    by_percentile(curve, report)
        .and_then(|()| latency_over_time(latency, report))
        .and_then(|()| rate_over_time(rate, report))
        .and_then(|()| area.present())
        .map_err(|error| error.to_string())
}

/// Where a percentile is on the axis: the number of its nines.
fn nines(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).log10()
}

fn by_percentile<'a>(area: &Area<'a>, report: &Report) -> Result<(), Failed<'a>> {
    // The last point is at 100 %, which has no place on this axis: it is as far right as the others.
    let before = report.curve.iter().rev().find(|point| point.percentile < 100.0);
    let right = before.map_or(1.0, |point| nines(point.percentile)).max(1.0);
    let points = |latency: fn(&crate::bench::view::Point) -> f64| {
        let place = move |point: &crate::bench::view::Point| {
            (nines(point.percentile).min(right), latency(point))
        };
        report.curve.iter().map(place).collect::<Vec<_>>()
    };
    let (due, send) = (points(|it| it.latency_ms), points(|it| it.latency_from_send_ms));
    let (low, high) = span(due.iter().chain(&send).map(|(_, ms)| *ms));
    let mut chart = builder(area, "latency by percentile")
        .build_cartesian_2d(0.0..right, (low..high).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(7)
        .x_label_formatter(&|nines| percent(*nines))
        .y_desc("ms")
        .y_label_formatter(&|ms| number(*ms))
        .label_style((FONT, 13))
        .draw()?;
    line(&mut chart, send, GREY, "from send")?;
    line(&mut chart, due, BLUE, "from due")?;
    legend(&mut chart, SeriesLabelPosition::UpperLeft)
}

fn latency_over_time<'a>(area: &Area<'a>, report: &Report) -> Result<(), Failed<'a>> {
    let points = |latency: fn(&Window) -> Option<f64>| {
        let place = |(at, window): (f64, &Window)| latency(window).map(|ms| (at, ms));
        windows(report).filter_map(place).collect::<Vec<_>>()
    };
    let (p50, p99, max) = (points(|it| it.p50_ms), points(|it| it.p99_ms), points(|it| it.max_ms));
    let (low, high) = span(p50.iter().chain(&max).map(|(_, ms)| *ms));
    let mut chart = builder(area, "latency over time, by when requests were due")
        .build_cartesian_2d(0.0..seconds(report), (low..high).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("s")
        .y_desc("ms")
        .y_label_formatter(&|ms| number(*ms))
        .label_style((FONT, 13))
        .draw()?;
    marks(&mut chart, report, low, high)?;
    line(&mut chart, max, RED, "max")?;
    line(&mut chart, p99, ORANGE, "p99")?;
    line(&mut chart, p50, BLUE, "p50")?;
    legend(&mut chart, SeriesLabelPosition::UpperLeft)
}

fn rate_over_time<'a>(area: &Area<'a>, report: &Report) -> Result<(), Failed<'a>> {
    let per_s = 1000.0 / report.timeline.window_ms;
    let points = |count: fn(&Window) -> u64| {
        windows(report).map(|(at, it)| (at, count(it) as f64 * per_s)).collect::<Vec<_>>()
    };
    let (due, answered, failed) =
        (points(|it| it.due), points(|it| it.answered), points(|it| it.failed));
    let top = due.iter().map(|(_, rate)| *rate).fold(1.0, f64::max) * 1.15;
    let mut chart = builder(area, "requests per second, by when they were due")
        .build_cartesian_2d(0.0..seconds(report), 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("s")
        .y_desc("1/s")
        .y_label_formatter(&|rate| number(*rate))
        .label_style((FONT, 13))
        .draw()?;
    marks(&mut chart, report, 0.0, top)?;
    line(&mut chart, due, GREY, "due")?;
    line(&mut chart, answered, GREEN, "answered")?;
    line(&mut chart, failed, RED, "failed")?;
    // Where answers keep up with what is due, that is one line at the top.
    legend(&mut chart, SeriesLabelPosition::MiddleLeft)
}

fn builder<'b, 'a>(area: &'b Area<'a>, caption: &str) -> ChartBuilder<'b, 'static, SVGBackend<'a>> {
    let mut builder = ChartBuilder::on(area);
    builder
        .caption(caption, (FONT, 15))
        .margin(8)
        .margin_right(24)
        .x_label_area_size(36)
        .y_label_area_size(64);
    builder
}

fn line<'a, Y>(
    chart: &mut Plane<'_, 'a, Y>,
    points: Vec<(f64, f64)>,
    colour: RGBColor,
    label: &str,
) -> Result<(), Failed<'a>>
where
    Y: Ranged<ValueType = f64>,
{
    chart
        .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
        .label(label)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    Ok(())
}

fn legend<'b, 'a: 'b, Y>(
    chart: &mut Plane<'b, 'a, Y>,
    at: SeriesLabelPosition,
) -> Result<(), Failed<'a>>
where
    Y: Ranged<ValueType = f64>,
{
    chart
        .configure_series_labels()
        .position(at)
        .background_style(WHITE.mix(0.85))
        .label_font((FONT, 13))
        .draw()
}

/// A line at each moment something happened, and what it was while there is room.
fn marks<'a, Y>(
    chart: &mut Plane<'_, 'a, Y>,
    report: &Report,
    low: f64,
    high: f64,
) -> Result<(), Failed<'a>>
where
    Y: Ranged<ValueType = f64>,
{
    let texts = report.marks.len() <= MARK_TEXTS;
    let style = TextStyle::from((FONT, 11).into_font()).transform(FontTransform::Rotate90);
    for Mark { at_ms, text } in &report.marks {
        let at = at_ms / 1e3;
        let stroke = BLACK.mix(0.45).stroke_width(1);
        chart.draw_series([PathElement::new([(at, low), (at, high)], stroke)])?;
        if texts {
            let text: String = text.chars().take(MARK_CHARS).collect();
            chart.draw_series([Text::new(text, (at, high), style.clone())])?;
        }
    }
    Ok(())
}

/// The windows with the middle of each, in seconds.
fn windows(report: &Report) -> impl Iterator<Item = (f64, &Window)> {
    let width_s = report.timeline.window_ms / 1e3;
    let middle = move |(index, window)| ((index as f64 + 0.5) * width_s, window);
    report.timeline.windows.iter().enumerate().map(middle)
}

fn seconds(report: &Report) -> f64 {
    (report.timeline.windows.len() as f64 * report.timeline.window_ms / 1e3).max(0.1)
}

/// The range of these for a logarithmic axis, with room for the legend above.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let range = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
    let (low, high) = values.filter(|it| *it > 0.0).fold((f64::INFINITY, 0.0), range);
    if low.is_finite() { (low / 1.5, high * 4.0) } else { (0.1, 10.0) }
}

/// `90%`, `99.9%`: as many digits as there are nines.
fn percent(nines: f64) -> String {
    let percent = 100.0 - 100.0 / 10_f64.powf(nines);
    let digits = (nines.ceil() as usize).saturating_sub(2) + usize::from(nines.fract() > 0.01);
    format!("{percent:.digits$}%")
}

/// Short and without needless zeros.
fn number(value: f64) -> String {
    if value >= 100.0 {
        return format!("{value:.0}");
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
