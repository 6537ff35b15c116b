use std::io::Read;

use flate2::read::GzDecoder;

use super::*;

/// Returns a page as text.
pub(in super::super) fn text(page: &Page, format: Format) -> String {
    let bytes: Vec<u8> = page.chunks(format).flatten().collect();
    assert_eq!(bytes.len() as u64, page.length(format));
    String::from_utf8(bytes).unwrap()
}

fn open(name: &str, kind: Kind, help: Option<&str>) -> String {
    open_head(name, Some(kind), help, |name| name == "taken")
}

/// OpenMetrics 1.0, section "Counter": the samples of a counter have the suffix `_total`, which its name has not.
#[test]
fn counters_lose_their_suffix_in_openmetrics() {
    let found = open("a_total", Kind::Counter, Some("x"));
    assert_eq!(found, "# HELP a x\n# TYPE a counter\n");
    assert_eq!(open("a_total", Kind::Gauge, None), "# TYPE a_total gauge\n");
    assert_eq!(open("a", Kind::Untyped, None), "# TYPE a unknown\n");
    assert_eq!(open_head("a", None, None, |_| false), "# TYPE a unknown\n");
    for name in ["a", "_total", "taken_total"] {
        assert_eq!(open(name, Kind::Counter, None), format!("# TYPE {name} unknown\n"));
    }
}

/// OpenMetrics 1.0, `escaped-string`: a quote is escaped, and so is a backslash, which stands for itself in the text format.
#[test]
fn help_is_escaped_for_openmetrics() {
    for (help, wanted) in [
        (r"plain", r"plain"),
        (r#"a "b""#, r#"a \"b\""#),
        (r"a\\b\nc", r"a\\b\nc"),
        (r"C:\temp", r"C:\\temp"),
        (r#"\""#, r#"\\\""#),
        (r"\", r"\\"),
        (r"\\\", r"\\\\"),
    ] {
        assert_eq!(open_help(help), wanted, "{help}");
    }
}

fn page() -> Page {
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    let family = |text_head, open_head, samples| PublishedFamily {
        text_head: bytes(text_head),
        open_head: bytes(open_head),
        samples: bytes(samples),
    };
    let families = vec![
        family("# TYPE a_total counter\n", "# TYPE a counter\n", "a_total 1\n"),
        family("", "# TYPE b unknown\n", "b 2\n"),
    ];
    Page::new(families, 37, 2)
}

#[test]
fn both_formats_share_the_samples() {
    let page = page();
    assert_eq!(text(&page, Format::Text), "# TYPE a_total counter\na_total 1\nb 2\n");
    assert_eq!(text(&page, Format::Open), "# TYPE a counter\na_total 1\n# TYPE b unknown\nb 2\n# EOF\n");
    let [a, b] = [Format::Text, Format::Open].map(|format| page.chunk(format, 1).unwrap().as_ptr());
    assert_eq!(a, b, "no copy");
    let nothing = Page::new(Vec::new(), 0, 0);
    assert_eq!((&*text(&nothing, Format::Text), &*text(&nothing, Format::Open)), ("", "# EOF\n"));
}

#[test]
fn a_page_is_compressed_once_for_each_format() {
    let page = page();
    for format in [Format::Text, Format::Open] {
        assert_eq!(page.compressed(format), None);
        let compressed = page.compress(format).unwrap();
        let mut found = String::new();
        GzDecoder::new(&*compressed).read_to_string(&mut found).unwrap();
        assert_eq!(found, text(&page, format));
        let again = page.compress(format).unwrap();
        assert_eq!(again.as_ptr(), compressed.as_ptr());
        assert_eq!(page.compressed(format), Some(Some(again)));
    }
}
