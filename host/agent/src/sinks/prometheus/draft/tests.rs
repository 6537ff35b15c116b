use super::super::event::parse;
use super::super::page::Format;
use super::super::page::tests::text;
use super::*;

const MAX: u64 = 1 << 20;

fn add(draft: &mut Draft, event: &str, max_bytes: u64) -> Result<u64, Refused> {
    let mut spans = Vec::new();
    let family = parse(event.as_bytes(), &mut spans).unwrap();
    draft.add(&family, &spans, max_bytes)
}

fn page(draft: Draft) -> (String, u64, u64) {
    let page = draft.finish();
    (text(&page, Format::Text), page.bytes(), page.series())
}

#[test]
fn events_are_merged_by_family_in_the_order_of_names() {
    let mut draft = Draft::default();
    for event in [
        "# HELP b_total Second.\n# TYPE b_total counter\nb_total{x=\"2\"} 1\n",
        "# TYPE c gauge\nc 3\n",
        "# HELP a First.\na 0\n",
        "# HELP b_total Another text.\nb_total{x=\"1\"} 2\n",
        "# TYPE a untyped\na{x=\"1\"} 1\n",
    ] {
        assert_eq!(add(&mut draft, event, MAX), Ok(0), "{event}");
    }
    let wanted = "# HELP a First.\n# TYPE a untyped\na 0\na{x=\"1\"} 1\n\
                  # HELP b_total Second.\n# TYPE b_total counter\nb_total{x=\"2\"} 1\nb_total{x=\"1\"} 2\n\
                  # TYPE c gauge\nc 3\n";
    assert_eq!((draft.events(), draft.is_empty()), (5, false));
    assert_eq!(page(draft), (wanted.to_owned(), wanted.len() as u64, 5));
}

#[test]
fn the_first_of_duplicates_stays() {
    let mut draft = Draft::default();
    add(&mut draft, "# TYPE a gauge\na 1\na{x=\"1\"} 1\n", MAX).unwrap();
    let again = add(&mut draft, "# TYPE a gauge\na{} 2\na{x=\"2\"} 2\na{x=\"1\"} 2\n", MAX);
    assert_eq!(again, Ok(2));
    let within = add(&mut draft, "# TYPE b gauge\nb{x=\"1\"} 1\nb{x=\"1\"} 2\n", MAX);
    assert_eq!(within, Ok(1));
    // The same labels in another family are another series.
    assert_eq!(add(&mut draft, "# TYPE c gauge\nc{x=\"1\"} 1\n", MAX), Ok(0));
    let wanted = "# TYPE a gauge\na 1\na{x=\"1\"} 1\na{x=\"2\"} 2\n# TYPE b gauge\nb{x=\"1\"} 1\n# TYPE c gauge\nc{x=\"1\"} 1\n";
    assert_eq!(draft.events(), 4);
    assert_eq!(page(draft), (wanted.to_owned(), wanted.len() as u64, 5));
}

#[test]
fn a_family_has_one_type() {
    let mut draft = Draft::default();
    add(&mut draft, "# TYPE a gauge\na 1\n", MAX).unwrap();
    let other = add(&mut draft, "# TYPE a counter\na{x=\"1\"} 1\n", MAX);
    assert_eq!(other, Err(Refused::OtherKind { known: Kind::Gauge }));
    assert_eq!(add(&mut draft, "# HELP a No type.\na{x=\"2\"} 1\n", MAX), Ok(0));
    let wanted = "# HELP a No type.\n# TYPE a gauge\na 1\na{x=\"2\"} 1\n";
    assert_eq!(page(draft), (wanted.to_owned(), wanted.len() as u64, 2));
}

/// The bound is that of the page, not of the events: a head that is there already takes no room.
#[test]
fn a_page_is_filled_up_to_its_last_byte() {
    let (first, second) = ("# TYPE a gauge\na 1\n", "# HELP a x\n# TYPE a gauge\na{x=\"1\"} 1\n");
    let page_bytes = "# HELP a x\n# TYPE a gauge\na 1\na{x=\"1\"} 1\n".len() as u64;
    for (max, fits) in [(page_bytes, Ok(0)), (page_bytes - 1, Err(Refused::Full))] {
        let mut draft = Draft::default();
        add(&mut draft, first, max).unwrap();
        assert_eq!(add(&mut draft, second, max), fits);
        // A smaller one still fits.
        assert_eq!(add(&mut draft, "# TYPE a gauge\n", max), Ok(0));
        let (text, bytes, _) = page(draft);
        assert_eq!(text.len() as u64, bytes);
    }
}

#[test]
fn the_number_of_families_has_a_bound() {
    let mut draft = Draft::default();
    for family in 0..MAX_FAMILIES {
        add(&mut draft, &format!("# TYPE f{family} gauge\n"), u64::MAX).unwrap();
    }
    assert_eq!(add(&mut draft, "# TYPE more gauge\n", u64::MAX), Err(Refused::TooManyFamilies));
    assert_eq!(add(&mut draft, "# TYPE f0 gauge\nf0 1\n", u64::MAX), Ok(0));
}
