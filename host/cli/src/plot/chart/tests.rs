use super::super::filter::Filter;
use super::super::series::tests::frame;
use super::*;
use crate::replay::parsed;

const SIZE: &str = "800x400";

fn event(pod: &str, metric: &str, unit: &str, value: f64) -> crate::replay::Parsed {
    parsed(&format!(
        r#"{{"Type":"Pod","PodName":"{pod}","{metric}":{value},"_aws":{{"CloudWatchMetrics":[{{"Dimensions":[["PodName"]],"Metrics":[{{"Name":"{metric}","Unit":"{unit}"}}]}}]}}}}"#
    ))
}

/// Returns the values of an attribute of all elements with a class, in their order.
fn attributes(svg: &str, class: &str, name: &str) -> Vec<f64> {
    let elements = svg.split('<').filter(|element| element.contains(&format!("class=\"{class}\"")));
    let value = |element: &str| element.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.parse().ok();
    elements.filter_map(value).collect()
}

/// Returns the texts of all elements with a class.
fn texts(svg: &str, class: &str) -> Vec<String> {
    let elements = svg.split('<').filter(|element| element.contains(&format!("class=\"{class}\"")));
    elements.map(|element| element.split('>').nth(1).unwrap_or_default().to_owned()).collect()
}

#[test]
fn values_can_be_read_from_the_axes() {
    let mut collected = Collected::new(&["m".into()]);
    let values = [(60_000, 12.5), (120_000, 50.0), (180_000, 99.0), (240_000, 0.0)];
    for (time, value) in values {
        collected.add(&frame(time), &[event("a", "m", "Percent", value)], &Filter::default());
    }
    let svg = Chart::new(&collected, 12, "r").svg(SIZE.parse().unwrap());
    // The linear function through two ticks of the axis, which are text at a height.
    let (heights, labels) = (attributes(&svg, "tick-y", "y"), texts(&svg, "tick-y"));
    let label = |index: usize| labels[index].parse::<f64>().unwrap();
    let last = labels.len() - 1;
    let slope = (label(last) - label(0)) / (heights[last] - heights[0]);
    let read: Vec<f64> =
        attributes(&svg, "c0", "cy").iter().map(|y| label(0) + (y - heights[0]) * slope).collect();
    assert_eq!(read.len(), values.len());
    for ((_, value), read) in values.iter().zip(&read) {
        // A tenth of a pixel of the panel.
        assert!((value - read).abs() < 0.1, "{value}: {read}");
    }
    assert_eq!(
        texts(&svg, "tick-x"),
        ["00:01:00", "00:01:30", "00:02:00", "00:02:30", "00:03:00", "00:03:30", "00:04:00"]
    );
    let (x, marks) = (attributes(&svg, "tick-x", "x"), attributes(&svg, "c0", "cx"));
    assert_eq!(marks, [x[0], x[2], x[4], x[6]]);
    assert_eq!(texts(&svg, "unit"), ["Percent"]);
    assert!(svg.contains("<title>1970-01-01 00:01:00 UTC: 12.5</title>"), "{svg}");
    assert!(svg.contains("prefers-color-scheme: dark") && svg.contains("aria-labelledby=\"title desc\""));
    assert!(svg.contains(
        "r: 1 lines from 1970-01-01 00:01:00 UTC to 1970-01-01 00:04:00 UTC. m a: 0 to 99 Percent."
    ));
}

#[test]
fn a_missing_value_is_a_gap() {
    let mut collected = Collected::new(&["m".into()]);
    for (time, value) in [(1000, Some(1.0)), (2000, Some(2.0)), (3000, None), (4000, Some(3.0))] {
        let events: Vec<_> = value.map(|value| event("a", "m", "Count", value)).into_iter().collect();
        collected.add(&frame(time), &events, &Filter::default());
    }
    let svg = Chart::new(&collected, 12, "r").svg(SIZE.parse().unwrap());
    let path = svg.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(path.chars().filter(|c| c.is_alphabetic()).collect::<String>(), "MLM", "{path}");
    // Nothing is drawn at the bottom, where 0 would be.
    let bottom = attributes(&svg, "tick-y", "y")[0];
    assert!(attributes(&svg, "c0", "cy").iter().all(|y| *y < bottom));
}

#[test]
fn lines_are_bounded_and_the_rest_is_counted() {
    let mut collected = Collected::new(&["m".into(), "n".into()]);
    let events: Vec<_> = (0..20)
        .map(|pod| event(&format!("p{pod:02}"), "m", "Count", f64::from(pod)))
        .chain([event("single", "n", "Bytes", 1.0)])
        .collect();
    collected.add(&frame(1000), &events, &Filter::default());
    let chart = Chart::new(&collected, 3, "r");
    assert_eq!(chart.left_out(), 18);
    let svg = chart.svg(SIZE.parse().unwrap());
    let labels: Vec<&str> =
        svg.split(" data-label=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    // The two largest of one metric, and the only one of the other, in a panel of its own.
    assert_eq!(labels, ["p19", "p18", "single"]);
    assert_eq!(texts(&svg, "unit"), ["Count", "Bytes"]);
    assert_eq!(texts(&svg, "left-out"), ["and 18 more series with smaller values"]);
}

#[test]
fn names_of_others_are_text() {
    let mut collected = Collected::new(&["m".into()]);
    let name = "</text><script>alert(1)</script>";
    collected.add(&frame(1000), &[event(name, "m", "Count", 1.0)], &Filter::default());
    let svg = Chart::new(&collected, 12, "a<b").svg(SIZE.parse().unwrap());
    assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;") && svg.contains("a&lt;b"), "{svg}");
}

#[test]
fn metrics_without_a_unit_have_panels_of_their_own() {
    let mut collected = Collected::new(&["m".into(), "n".into()]);
    collected.add(&frame(1000), &[parsed(r#"{"Type":"Pod","m":1,"n":1000000}"#)], &Filter::default());
    let svg = Chart::new(&collected, 12, "r").svg(SIZE.parse().unwrap());
    assert_eq!(texts(&svg, "unit"), ["m, without a declared unit", "n, without a declared unit"]);
}
