//! A chart as SVG, for light and dark surroundings.

use std::fmt::Write as _;

use super::{Chart, Line, Panel};
use crate::arguments::Size;
use crate::plot::axis::{Scale, ValueAxis, times};
use crate::plot::svg::Svg;
use crate::replay::utc;

/// Pixels around a panel.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
/// Pixels above the first panel, between a panel and its title, and below a panel.
const TOP: f64 = 52.0;
const TITLE: f64 = 22.0;
const BELOW: f64 = 34.0;
/// Height of a row of the legend, and the smallest height of a panel.
const ROW: f64 = 18.0;
const PANEL: f64 = 120.0;
/// Characters of a label in the legend. The whole label is in its title.
const LABEL: usize = 100;
/// Largest number of points of a chart that are marked.
const MARKED: usize = 2000;
/// Number of colours; further lines are dashed.
const COLOURS: usize = 6;

/// Colours that can be told apart with defective colour vision too, and have enough contrast on their background.
const STYLE: &str = "\
<style>
svg { --back: #ffffff; --text: #1f2328; --grid: #d8dee4; --c0: #0072b2; --c1: #c04e00; --c2: #00795a; --c3: #a8508a; --c4: #7a5f00; --c5: #3f6fd1; }
@media (prefers-color-scheme: dark) {
svg { --back: #0d1117; --text: #e6edf3; --grid: #30363d; --c0: #56b4e9; --c1: #ff9e4a; --c2: #2fd4a1; --c3: #f2a6cf; --c4: #f0e442; --c5: #a5b8ff; }
}
text { font: 12px system-ui, sans-serif; fill: var(--text); }
.heading { font-size: 16px; font-weight: 600; }
.back { fill: var(--back); }
.grid { stroke: var(--grid); }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; }
.line.dashed { stroke-dasharray: 6 3; }
.c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); }
.c3 { stroke: var(--c3); } .c4 { stroke: var(--c4); } .c5 { stroke: var(--c5); }
circle { fill: var(--back); stroke-width: 1.5; }
</style>
";

/// Rounds pixels: a tenth is less than a screen shows.
fn pixel(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Returns the class of a line.
fn class(index: usize) -> String {
    let dashed = if index / COLOURS % 2 == 1 { " dashed" } else { "" };
    format!("c{}{dashed}", index % COLOURS)
}

pub(super) fn svg(chart: &Chart<'_>, size: Size) -> String {
    let lines: usize = chart.panels.iter().map(|panel| panel.lines.len()).sum();
    let rows = lines + usize::from(chart.left_out > 0);
    let legend = ROW * rows as f64 + 12.0;
    let panels = chart.panels.len().max(1) as f64;
    let around = TOP + legend + panels * (TITLE + BELOW);
    let panel_height = ((f64::from(size.height) - around) / panels).max(PANEL);
    let (width, height) = (f64::from(size.width), around + panels * panel_height);

    let mut svg = Svg::default();
    svg.begin(
        "svg",
        &[
            ("xmlns", &"http://www.w3.org/2000/svg"),
            ("viewBox", &format!("0 0 {width} {height}")),
            ("width", &width),
            ("height", &height),
            ("role", &"img"),
            ("aria-labelledby", &"title desc"),
        ],
    );
    let heading = chart.metrics.join(", ");
    svg.text("title", &[("id", &"title")], &heading);
    svg.text("desc", &[("id", &"desc")], &description(chart, lines));
    svg.raw(STYLE);
    svg.empty("rect", &[("class", &"back"), ("width", &width), ("height", &height)]);
    svg.text("text", &[("class", &"heading"), ("x", &LEFT), ("y", &24)], &shortened(&heading));
    let (first, last) = chart.times;
    let span = format!("{} to {}", utc(first), utc(last));
    svg.text("text", &[("x", &LEFT), ("y", &42)], &shortened(&span));

    let is_marked =
        chart.panels.iter().flat_map(|panel| &panel.lines).flat_map(Line::points).count() <= MARKED;
    let mut drawn = Drawn { svg, width, times: chart.times, is_marked };
    let (mut top, mut number) = (TOP, 0);
    for panel in &chart.panels {
        drawn.panel(panel, number, top + TITLE, panel_height);
        top += TITLE + panel_height + BELOW;
        number += panel.lines.len();
    }
    drawn.legend(chart, top + ROW);
    drawn.svg.finish()
}

/// Describes a chart to those who do not see it: what it shows, and each line's range.
fn description(chart: &Chart<'_>, lines: usize) -> String {
    let (first, last) = chart.times;
    let mut text =
        format!("Line chart of {}: {lines} lines from {} to {}.", chart.recording, utc(first), utc(last));
    for panel in &chart.panels {
        for line in &panel.lines {
            let (smallest, largest) = range(std::iter::once(line));
            let unit = panel.unit.unwrap_or_default();
            let _ = write!(text, " {} {}: {smallest} to {largest} {unit}.", line.metric, line.label);
        }
    }
    if chart.left_out > 0 {
        let _ = write!(text, " {} series are left out.", chart.left_out);
    }
    text
}

/// Returns the smallest and the largest value of lines.
fn range<'l>(lines: impl Iterator<Item = &'l Line<'l>>) -> (f64, f64) {
    let values = lines.flat_map(Line::points).map(|(_, value)| value);
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A chart that is being written.
struct Drawn {
    svg: Svg,
    width: f64,
    times: (u64, u64),
    is_marked: bool,
}

impl Drawn {
    /// Draws a panel below `top`. `number` is that of its first line in the chart.
    fn panel(&mut self, panel: &Panel<'_>, number: usize, top: f64, height: f64) {
        let (smallest, largest) = range(panel.lines.iter());
        let axis = ValueAxis::new(smallest, largest, panel.unit);
        let end = |tick: Option<&(f64, String)>| tick.map_or(0.0, |(value, _)| *value);
        let (from, to) = (end(axis.ticks.first()), end(axis.ticks.last()));
        let (left, right, bottom) = (LEFT, self.width - RIGHT, top + height);
        let y = Scale { from, to, pixels: (bottom, top) };
        let (first, last) = self.times;
        let x = Scale { from: first as f64, to: last as f64, pixels: (left, right) };

        self.svg.begin("g", &[("class", &"panel")]);
        let title = match (axis.title.as_str(), panel.lines.first()) {
            ("", Some(line)) => shortened(&format!("{}, without a declared unit", line.metric)),
            (title, _) => title.to_owned(),
        };
        self.svg.text("text", &[("class", &"unit"), ("x", &left), ("y", &pixel(top - 8.0))], &title);
        for (value, label) in &axis.ticks {
            let at = pixel(y.at(*value));
            self.svg.empty(
                "line",
                &[("class", &"grid"), ("x1", &left), ("x2", &right), ("y1", &at), ("y2", &at)],
            );
            let attributes: [(&str, &dyn std::fmt::Display); 5] = [
                ("class", &"tick-y"),
                ("x", &(left - 8.0)),
                ("y", &at),
                ("text-anchor", &"end"),
                ("dominant-baseline", &"middle"),
            ];
            self.svg.text("text", &attributes, label);
        }
        for time in times(first, last) {
            let at = pixel(x.at(time as f64));
            self.svg.empty(
                "line",
                &[("class", &"grid"), ("x1", &at), ("x2", &at), ("y1", &top), ("y2", &bottom)],
            );
            let attributes: [(&str, &dyn std::fmt::Display); 4] =
                [("class", &"tick-x"), ("x", &at), ("y", &pixel(bottom + 16.0)), ("text-anchor", &"middle")];
            // `YYYY-MM-DD HH:MM:SS UTC`
            let utc = utc(time);
            let is_date = last - first >= 2 * 86_400_000;
            self.svg.text("text", &attributes, utc.get(if is_date { 5..16 } else { 11..19 }).unwrap_or(&utc));
        }
        let attributes: [(&str, &dyn std::fmt::Display); 3] =
            [("x", &right), ("y", &pixel(bottom + 30.0)), ("text-anchor", &"end")];
        self.svg.text("text", &attributes, "time, UTC");
        for (index, line) in panel.lines.iter().enumerate() {
            self.line(line, &class(number + index), x, y);
        }
        self.svg.end();
    }

    fn line(&mut self, line: &Line<'_>, class: &str, x: Scale, y: Scale) {
        self.svg
            .begin("g", &[("class", &"series"), ("data-metric", &line.metric), ("data-label", &line.label)]);
        self.svg.text("title", &[], &format!("{} {}", line.metric, line.label));
        let mut path = String::new();
        for piece in &line.pieces {
            for (index, (time, value)) in piece.iter().enumerate() {
                let command = if index == 0 { 'M' } else { 'L' };
                let _ = write!(path, "{command}{} {}", pixel(x.at(*time as f64)), pixel(y.at(*value)));
            }
        }
        self.svg.empty("path", &[("class", &format!("line {class}")), ("d", &path)]);
        // A value between two gaps has no line, so it is always marked.
        for (time, value) in line.pieces.iter().filter(|piece| self.is_marked || piece.len() == 1).flatten() {
            let (cx, cy) = (pixel(x.at(*time as f64)), pixel(y.at(*value)));
            self.svg.begin("circle", &[("class", &class), ("cx", &cx), ("cy", &cy), ("r", &2.5)]);
            self.svg.text("title", &[], &format!("{}: {value}", utc(*time)));
            self.svg.end();
        }
        self.svg.end();
    }

    fn legend(&mut self, chart: &Chart<'_>, mut y: f64) {
        self.svg.begin("g", &[("class", &"legend")]);
        let has_metrics = chart.metrics.len() > 1;
        for (index, line) in chart.panels.iter().flat_map(|panel| &panel.lines).enumerate() {
            let label =
                if has_metrics { format!("{} {}", line.metric, line.label) } else { line.label.clone() };
            let at = pixel(y - 4.0);
            let class = format!("line {}", class(index));
            self.svg.empty(
                "line",
                &[("class", &class), ("x1", &LEFT), ("x2", &(LEFT + 24.0)), ("y1", &at), ("y2", &at)],
            );
            self.svg.text("text", &[("x", &(LEFT + 32.0)), ("y", &pixel(y))], &shortened(&label));
            y += ROW;
        }
        if chart.left_out > 0 {
            let text = format!("and {} more series with smaller values", chart.left_out);
            self.svg.text("text", &[("class", &"left-out"), ("x", &LEFT), ("y", &pixel(y))], &text);
        }
        self.svg.end();
    }
}
