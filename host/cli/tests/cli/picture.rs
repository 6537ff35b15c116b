//! Pictures of screens for the documentation: cells of the terminal emulator as SVG.

use std::fmt::Write as _;

use vt100::{Cell, Color, Screen};

use crate::common::golden;
use crate::terminal::{Terminal, size};
use crate::top::recording_of;

/// Size of a cell, pixels. Text is stretched to it, so that columns are aligned in any font.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 19.0;
/// From the top of a cell to the base line of its text.
const BASE: f64 = 14.0;
/// Around the screen.
const MARGIN: f64 = 14.0;
const BACKGROUND: &str = "#0d1117";
const TEXT: &str = "#d6dde6";
/// The eight colours of terminals and their bright variants: all have a contrast of at least 4.5 to the background, but black.
const COLORS: [&str; 16] = [
    "#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#d6dde6", "#6e7681",
    "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff",
];

/// Colours and weight of a cell.
#[derive(Clone, Copy, PartialEq)]
struct Style {
    text: &'static str,
    /// `None` is the background of the screen.
    behind: Option<&'static str>,
    is_bold: bool,
}

impl Style {
    fn new(cell: &Cell) -> Self {
        let (text, behind) = (color(cell.fgcolor()), color(cell.bgcolor()));
        let (text, behind) = match cell.inverse() {
            true => (Some(behind.unwrap_or(BACKGROUND)), Some(text.unwrap_or(TEXT))),
            false => (text, behind),
        };
        Self { text: text.unwrap_or(TEXT), behind, is_bold: cell.bold() }
    }
}

fn color(color: Color) -> Option<&'static str> {
    match color {
        Color::Default => None,
        Color::Idx(index) => Some(COLORS[usize::from(index)]),
        Color::Rgb(..) => panic!("the program uses the colours of the terminal only"),
    }
}

/// Returns the picture of a screen.
fn svg(screen: &Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let (width, height) =
        (f64::from(columns) * WIDTH + 2.0 * MARGIN, f64::from(rows) * HEIGHT + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n\
         <title>{}</title>\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"8\" fill=\"{BACKGROUND}\" stroke=\"#30363d\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"14\" fill=\"{TEXT}\" xml:space=\"preserve\">\n",
        escaped(title),
        width - 1.0,
        height - 1.0,
    );
    for row in 0..rows {
        let cells: Vec<(Style, String)> = (0..columns)
            .map(|column| screen.cell(row, column).expect("a cell"))
            .map(|cell| {
                (Style::new(cell), if cell.has_contents() { cell.contents() } else { " " }.to_owned())
            })
            .collect();
        let top = MARGIN + f64::from(row) * HEIGHT;
        let runs = cells.chunk_by(|(a, _), (b, _)| a == b);
        let mut column = 0;
        for run in runs {
            let left = MARGIN + column as f64 * WIDTH;
            let style = run[0].0;
            if let Some(behind) = style.behind {
                let _ = writeln!(
                    svg,
                    "<rect x=\"{left:.1}\" y=\"{top:.0}\" width=\"{:.1}\" height=\"{HEIGHT:.0}\" fill=\"{behind}\"/>",
                    run.len() as f64 * WIDTH
                );
            }
            let text: Vec<&str> = run.iter().map(|(_, text)| text.as_str()).collect();
            words(&mut svg, &text, style, left, top);
            column += run.len();
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Writes cells of one style: bars as rectangles, other characters as texts of the width of their cells. More than one space, and
/// each other character that fonts give another width, separate texts.
fn words(svg: &mut String, cells: &[&str], style: Style, left: f64, top: f64) {
    let kind = |index: usize| match cells[index] {
        " " => ' ',
        cell if cell.is_ascii() => 'a',
        _ => 'o',
    };
    let fill = if style.text == TEXT { String::new() } else { format!(" fill=\"{}\"", style.text) };
    let weight = if style.is_bold { " font-weight=\"bold\"" } else { "" };
    let mut index = 0;
    while index < cells.len() {
        let x = left + index as f64 * WIDTH;
        match kind(index) {
            ' ' => index += 1,
            'o' => {
                if let Some(eighths) = bar(cells[index]) {
                    let height = HEIGHT * eighths / 8.0;
                    let _ = writeln!(
                        svg,
                        "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{}\"/>",
                        top + HEIGHT - height,
                        WIDTH - 0.6,
                        style.text
                    );
                } else {
                    let _ = writeln!(
                        svg,
                        "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\"{fill}{weight}>{}</text>",
                        x + WIDTH / 2.0,
                        top + BASE,
                        cells[index]
                    );
                }
                index += 1;
            }
            _ => {
                let is_inside = |at: usize| {
                    kind(at) == 'a' || kind(at) == ' ' && at + 1 < cells.len() && kind(at + 1) == 'a'
                };
                let length = (index..cells.len()).take_while(|at| is_inside(*at)).count();
                let text = escaped(&cells[index..index + length].concat());
                let _ = writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{:.0}\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\"{fill}{weight}>{text}</text>",
                    top + BASE,
                    length as f64 * WIDTH
                );
                index += length;
            }
        }
    }
}

/// Returns the height of a block character, eighths of a cell.
fn bar(cell: &str) -> Option<f64> {
    let c = cell.chars().next()?;
    ('▁'..='█').contains(&c).then(|| f64::from(u32::from(c) - u32::from('▁') + 1))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// CPU time of the frames, halves of the demo's.
const LOAD: [u64; 16] = [2, 2, 3, 4, 6, 7, 8, 7, 6, 5, 6, 8, 9, 7, 5, 4];

#[test]
fn the_picture_of_top_is_its_screen() {
    let directory = tempfile::tempdir().expect("a directory");
    recording_of(directory.path(), 16, |frame, position| LOAD[((frame + 5 * position) % 16) as usize]);
    let mut terminal = Terminal::start_in(directory.path(), &["top", "node.jsonl"], &[], 110, 16);
    terminal.wait(|screen| screen.contains("frame 1/16") && !screen.contains("/16+"));
    terminal.press("}jj");
    terminal.settled(|screen| screen.contains("frame 16/16"));
    let title = "insightctl top: the pods of a node, sorted by CPU time, with the trend of each";
    let picture = terminal.with(|screen| svg(screen, title));
    terminal.press("q");
    assert_eq!(terminal.end().code(), Some(0));
    golden("../../../docs/img/top.svg", &picture);
}

#[test]
fn cells_become_texts_and_bars() {
    let mut emulator = vt100::Parser::new(size(2), size(10), 0);
    emulator.process("a<b c  d\r\n\u{1b}[31;1m▄\u{1b}[0;7me\u{1b}[0m┌".as_bytes());
    let picture = svg(emulator.screen(), "t");
    for expected in [
        // A single space is inside a text, two are between texts.
        "<text x=\"14.0\" y=\"28\" textLength=\"42.0\" lengthAdjust=\"spacingAndGlyphs\">a&lt;b c</text>",
        "<text x=\"72.8\" y=\"28\" textLength=\"8.4\" lengthAdjust=\"spacingAndGlyphs\">d</text>",
        "<rect x=\"14.0\" y=\"42.5\" width=\"7.8\" height=\"9.5\" fill=\"#ff7b72\"/>",
        "<rect x=\"22.4\" y=\"33\" width=\"8.4\" height=\"19\" fill=\"#d6dde6\"/>",
        "<text x=\"22.4\" y=\"47\" textLength=\"8.4\" lengthAdjust=\"spacingAndGlyphs\" fill=\"#0d1117\">e</text>",
        "<text x=\"35.0\" y=\"47\" text-anchor=\"middle\">┌</text>",
    ] {
        assert!(picture.contains(expected), "no {expected}:\n{picture}");
    }
}
