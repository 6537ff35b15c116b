//! The tables of the documentation, compared with those of the code. `BLESS=1` rewrites them.

use std::fs;
use std::path::Path;

use insightd_series::{PROMETHEUS, SEMCONV, Table, page};

const BEGIN: &str = "<!-- begin of the table: BLESS=1 cargo test -p insightd-series --test page -->";
const END: &str = "<!-- end of the table -->";

fn check(file: &str, table: &Table) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{file}: no line `{BEGIN}`"));
    let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("{file}: no line `{END}`"));
    let classes = page::classes(table);
    let wanted = format!("{before}{BEGIN}\n\n{classes}{}\n{END}{after}", page::markdown(table));
    if text == wanted {
        return;
    }
    assert!(std::env::var_os("BLESS").is_some(), "docs/{file} differs from the table; run with BLESS=1");
    fs::write(&path, wanted).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[test]
fn the_page_of_prometheus_has_the_table() {
    check("prometheus.md", &PROMETHEUS);
}

#[test]
fn the_page_of_otlp_has_the_table() {
    check("otlp.md", &SEMCONV);
}
