use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::*;
use crate::top::model::tests::{news, recording};
use crate::top::model::{Key, Update};

const PLAIN: Look = Look { color: false, ascii: false };
const ASCII: Look = Look { color: false, ascii: true };

fn terminal(model: &Model, look: Look, width: u16, height: u16, now_ms: u64) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, look, now_ms)).unwrap();
    terminal
}

fn screen(model: &Model, look: Look, width: u16, height: u16) -> Vec<String> {
    let terminal = terminal(model, look, width, height, 0);
    let buffer = terminal.backend().buffer();
    let row = |y: u16| -> String { (0..width).map(|x| buffer[(x, y)].symbol()).collect() };
    (0..height).map(|y| row(y).trim_end().to_owned()).collect()
}

#[test]
fn a_wide_screen_has_everything() {
    let mut model = recording();
    model.key(Key::Char('}'));
    assert_eq!(
        screen(&model, PLAIN, 100, 8),
        [
            "node.jsonl  1970-01-01 00:03:00 UTC                                                paused, frame 3/3",
            " 1 Nodes  2 Pods  3 Containers  4 Stages  5 Sinks  6 Rollout  7 Sources",
            "",
            "NAME   mCPU▼   MEMORY TREND",
            "shop/c    30 70.0 KiB               ▃█",
            "shop/a    20 80.0 KiB              ▁▅█",
            "",
            "q quit  ? keys  Tab view  Space play  Left/Right frame  s sort  / filter  r reverse",
        ]
    );
}

#[test]
fn the_trend_of_the_selected_row_is_upright() {
    let mut model = recording();
    model.key(Key::Char('}'));
    let terminal = terminal(&model, PLAIN, 100, 8, 0);
    let is_reversed =
        |x: u16| terminal.backend().buffer()[(x, 4)].modifier.contains(ratatui::style::Modifier::REVERSED);
    let name_and_bar = (is_reversed(0), is_reversed(37));
    assert_eq!(name_and_bar, (true, false));
    assert_eq!(terminal.backend().buffer()[(37, 4)].symbol(), "█");
}

#[test]
fn forty_columns_are_enough() {
    let mut model = recording();
    model.key(Key::Char('}'));
    assert_eq!(
        screen(&model, ASCII, 40, 7),
        [
            "node.jsonl             paused, frame 3/3",
            "< 2 Pods > 2/7",
            "",
            "NAME   mCPU*   MEMORY TREND",
            "shop/c    30 70.0 KiB               -@",
            "shop/a    20 80.0 KiB              .+@",
            "q quit  ? keys  Tab view  Space play",
        ]
    );
    for width in 1..60 {
        for height in 1..9 {
            let rows = screen(&model, ASCII, width, height);
            assert!(rows.iter().all(|row| row.is_ascii()), "{width} {height}: {rows:?}");
        }
    }
}

#[test]
fn the_list_to_sort_by_finds_names() {
    let mut model = recording();
    for key in "sext".chars() {
        model.key(Key::Char(key));
    }
    let rows = screen(&model, ASCII, 60, 10);
    assert!(rows.iter().any(|row| row.contains("+ sort by: ext ")), "{rows:#?}");
    assert!(rows.iter().any(|row| row.contains("|pod_extra")), "{rows:#?}");
    model.key(Key::Enter);
    assert!(screen(&model, ASCII, 60, 10)[3].contains("pod_extra*"));
    model.key(Key::Char('?'));
    let help = screen(&model, PLAIN, 80, 24);
    assert!(help.iter().any(|row| row.contains("│Space           play, pause")), "{help:#?}");
    assert!(help[23].starts_with("any key back"), "{help:#?}");
}

#[test]
fn a_filter_is_shown_while_it_is_typed() {
    let mut model = recording();
    model.key(Key::Char('/'));
    model.key(Key::Char('a'));
    assert_eq!(screen(&model, PLAIN, 60, 8)[2], "/a_");
    model.key(Key::Enter);
    assert_eq!(screen(&model, PLAIN, 60, 8)[2], "filter: a  (Esc clears)");
}

#[test]
fn a_silent_agent_is_red_with_the_time_since() {
    let mut model = Model::new(Mode::Live, "/run/api.sock", View::Pods, 0);
    model.apply(Update::TapOpen, 0);
    model.apply(Update::State(Box::default()), 0);
    model.apply(news(1, &[("a", 1.0)]), 0);
    model.apply(Update::Unreachable("/run/api.sock: no agent listens".into()), 5_000);
    let look = Look { color: true, ascii: true };
    let terminal = terminal(&model, look, 80, 8, 12_000);
    let buffer = terminal.backend().buffer();
    let row = |y: u16| -> String { (0..80).map(|x| buffer[(x, y)].symbol()).collect() };
    assert!(row(0).ends_with("no response for 12.0 s"), "{}", row(0));
    assert_eq!(buffer[(79, 0)].fg, Color::Red);
    assert!(row(2).starts_with("/run/api.sock: no agent listens; trying again"), "{}", row(2));
    // What is known stays on the screen.
    assert!(row(4).starts_with("shop/a"), "{}", row(4));
}

#[test]
fn without_colours_no_cell_has_one() {
    let mut model = recording();
    model.apply(Update::End(Some("a problem".into())), 0);
    let terminal = terminal(&model, PLAIN, 80, 8, 0);
    assert!(
        terminal
            .backend()
            .buffer()
            .content()
            .iter()
            .all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset)
    );
}

#[test]
fn the_selected_row_is_always_on_the_screen() {
    let pods: Vec<String> = (0..100).map(|index| format!("p{index:03}")).collect();
    let pods: Vec<(&str, f64)> = pods.iter().map(|name| (name.as_str(), 1.0)).collect();
    let mut model = Model::new(Mode::Recording, "r", View::Pods, 0);
    model.apply(news(1, &pods), 0);
    for (key, name) in [(Key::End, "p099"), (Key::PageUp, "p089"), (Key::Home, "p000"), (Key::Down, "p001")] {
        model.key(key);
        let rows = screen(&model, PLAIN, 60, 12);
        assert!(rows.iter().any(|row| row.starts_with(&format!("shop/{name}"))), "{name}: {rows:#?}");
    }
}
