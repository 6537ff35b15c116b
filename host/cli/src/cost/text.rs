//! The report, as tables.

use std::fmt::Write as _;

use crate::replay::{Align, Table, bytes};

use super::breakdown::{Breakdown, Format, Row};
use super::prices::{Charge, Money, Prices};
use super::quantity::Quantities;
use super::report::{Compared, Report};

/// Maximum number of rows of a table; the rest is summed.
const ROWS: usize = 20;

/// Returns the report as text.
pub(super) fn text(report: &Report) -> String {
    let mut text = heading(report);
    for part in
        [outputs(report), charges(&report.prices, &report.usage.quantities(report.nodes)), variants(report)]
    {
        if !part.is_empty() {
            let _ = write!(text, "\n{part}");
        }
    }
    for breakdown in &report.breakdowns {
        let _ = write!(text, "\n{}\n{}", breakdown.title(), table(report, breakdown));
    }
    if let Some(other) = &report.against {
        let _ = write!(text, "\n{}", against(report, other));
    }
    let _ = writeln!(text);
    for note in &report.notes {
        let _ = writeln!(text, "{}", insightd::visible::line(note));
    }
    for line in report.prices.lines() {
        let _ = writeln!(text, "{}", insightd::visible::line(&line));
    }
    text
}

fn heading(report: &Report) -> String {
    let mut text = String::new();
    for source in &report.usage.sources {
        let (scope, seconds) = (&source.scope, source.covered_ms as f64 / 1000.0);
        let line = format!("{scope} {}: batches: {}, for {seconds} s", source.id, source.batches);
        let _ = writeln!(text, "{}", insightd::visible::line(&line));
    }
    let nodes = report.nodes;
    let _ = writeln!(text, "All figures are for {nodes} such {}.", if nodes == 1 { "node" } else { "nodes" });
    text
}

fn outputs(report: &Report) -> String {
    let mut table = Table::new(&[
        ("SINK", Align::Left),
        ("CONTENT TYPE", Align::Left),
        ("PAYLOADS A DAY", Align::Right),
        ("SIZE A DAY", Align::Right),
    ]);
    for ((sink, content_type), counts) in &report.usage.outputs {
        let (events, size) = report.usage.day(counts, report.nodes);
        let texts = [sink.clone(), content_type.clone(), whole(events), bytes(size)];
        table.row(texts.map(Some));
    }
    let (points, _) = report.usage.day(&report.usage.otlp.total, report.nodes);
    let mut text = table.to_string();
    if points > 0.0 {
        let series = report.usage.otlp.series.values().map(|series| series.weight(report.nodes)).sum();
        let (points, series) = (whole(points), whole(series));
        let _ = writeln!(text, "OTLP data points a day: {points}, series: {series}");
    }
    text
}

/// Returns the table of charges, with the sum of those that have a price.
pub(super) fn charges(prices: &Prices, total: &Quantities) -> String {
    let money = prices.money(total);
    let head = format!("{} A MONTH", prices.currency);
    let columns =
        [("CHARGE", Align::Left), ("A MONTH", Align::Right), ("UNIT", Align::Left), (&head, Align::Right)];
    let mut table = Table::new(&columns);
    for charge in Charge::ALL {
        let amount = charge.amount(total);
        let amount = if charge.unit() == "GB" { format!("{amount:.3}") } else { whole(amount) };
        let cost = priced(money.0[charge as usize]);
        table.row([charge.key().to_owned(), amount, charge.unit().to_owned(), cost].map(Some));
    }
    table.row(["total".to_owned(), String::new(), String::new(), cost(money.known())].map(Some));
    let unknown = |charge: &Charge| charge.amount(total) > 0.0 && money.0[*charge as usize].is_none();
    let unknown: Vec<&str> = Charge::ALL.into_iter().filter(unknown).map(Charge::key).collect();
    match unknown.is_empty() {
        true => table.to_string(),
        false => format!("{table}The total is without {}, which has no price.\n", unknown.join(", ")),
    }
}

fn variants(report: &Report) -> String {
    if report.variants.is_empty() {
        return String::new();
    }
    let total = report.usage.quantities(report.nodes);
    let mut rows: Vec<(&str, Quantities, Money)> = report
        .variants
        .iter()
        .map(|variant| (&*variant.name, total.minus(&variant.quantities), report.saved(variant)))
        .collect();
    rows.sort_by(|a, b| {
        let bytes = |saved: &Quantities| saved.log_bytes + saved.otlp_bytes;
        let money = |money: &Money| money.sum().unwrap_or(0.0);
        money(&b.2).total_cmp(&money(&a.2)).then(bytes(&b.1).total_cmp(&bytes(&a.1)))
    });
    let head = format!("{} A MONTH", report.prices.currency);
    let columns = [
        ("CHANGE", Align::Left),
        ("SERIES", Align::Right),
        ("SIZE A DAY", Align::Right),
        (&head, Align::Right),
    ];
    let mut table = Table::new(&columns);
    for (name, saved, money) in rows.iter().take(ROWS) {
        table.row(saving(name, saved, money));
    }
    if let Some((count, saved, money)) = rest(rows.iter().skip(ROWS).map(|(_, saved, money)| (saved, money)))
    {
        table.row(saving(&format!("{count} more"), &saved, &money));
    }
    format!("What a change of the configuration saves\n{table}")
}

fn saving(name: &str, saved: &Quantities, money: &Money) -> [Option<String>; 4] {
    let size = bytes(saved.log_bytes + saved.otlp_bytes);
    [Some(name.to_owned()), Some(whole(saved.series)), Some(size), Some(priced(money.sum()))]
}

fn table(report: &Report, breakdown: &Breakdown) -> Table {
    // Series of OTLP are not billed.
    let (items, is_by_series) = match breakdown.format {
        Format::Emf => ("EVENTS A DAY", true),
        Format::Otlp => ("POINTS A DAY", false),
    };
    let saved = |series: f64| is_by_series.then(|| whole(series));
    let head = format!("SAVES {} A MONTH", report.prices.currency);
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        (items, Align::Right),
        ("SIZE A DAY", Align::Right),
        ("SERIES", Align::Right),
        ("SAVES SERIES", Align::Right),
        (&head, Align::Right),
    ]);
    let cells = |row: &Row| {
        let numbers = [whole(row.items), bytes(row.bytes), whole(row.series)].map(Some);
        let money = Some(priced(row.money.sum()));
        [row.name.clone()].into_iter().chain(numbers).chain([saved(row.saved.series), money])
    };
    for row in breakdown.rows.iter().take(ROWS) {
        table.row(cells(row));
    }
    let more = breakdown.rows.iter().skip(ROWS);
    if let Some((count, sum, money)) = rest(more.map(|row| (&row.saved, &row.money))) {
        let size = bytes(sum.log_bytes + sum.otlp_bytes);
        let money = Some(priced(money.sum()));
        let empty = || Some(String::new());
        table.row([Some(format!("{count} more")), empty(), Some(size), empty(), saved(sum.series), money]);
    }
    table
}

/// Sums what is not shown; `None` if there is nothing.
fn rest<'r>(rows: impl Iterator<Item = (&'r Quantities, &'r Money)>) -> Option<(usize, Quantities, Money)> {
    let mut sum: Option<(usize, Quantities, Money)> = None;
    for (saved, money) in rows {
        let (count, sum_saved, sum_money) = sum.get_or_insert((0, Quantities::default(), *money));
        if *count > 0 {
            for (sum, one) in sum_money.0.iter_mut().zip(money.0) {
                *sum = sum.zip(one).map(|(sum, one)| sum + one);
            }
        }
        *count += 1;
        sum_saved.series += saved.series;
        sum_saved.log_bytes += saved.log_bytes;
        sum_saved.otlp_bytes += saved.otlp_bytes;
    }
    sum
}

fn against(report: &Report, other: &Compared) -> String {
    let (a, b) = (report.usage.quantities(report.nodes), other.quantities);
    let (money_a, money_b) = (report.prices.money(&a), report.prices.money(&b));
    let mut table =
        Table::new(&[("", Align::Left), ("A", Align::Right), ("B", Align::Right), ("B - A", Align::Right)]);
    for (name, a, b, show) in [
        ("series", a.series, b.series, whole as fn(f64) -> String),
        ("log bytes a day", a.log_bytes, b.log_bytes, bytes),
        ("OTLP bytes a day", a.otlp_bytes, b.otlp_bytes, bytes),
    ] {
        table.row([name.to_owned(), show(a), show(b), show(b - a)].map(Some));
    }
    let (total_a, total_b) = (money_a.sum(), money_b.sum());
    let difference = total_a.zip(total_b).map(|(a, b)| b - a);
    let name = format!("{} a month", report.prices.currency);
    table.row([name, priced(total_a), priced(total_b), priced(difference)].map(Some));
    let (a, b) = (insightd::visible::line(&report.config), insightd::visible::line(&other.name));
    format!("A: {a}\nB: {b}\n{table}")
}

/// Formats a number without a fraction.
pub(super) fn whole(number: f64) -> String {
    // The sum of no numbers is -0.
    format!("{:.0}", number + 0.0)
}

/// Returns an amount of money; `None` is one without a price.
fn priced(money: Option<f64>) -> String {
    money.map_or_else(|| "no price".to_owned(), cost)
}

/// Returns an amount of money: cents, and more digits where there are none.
fn cost(money: f64) -> String {
    if money != 0.0 && money.abs() < 0.1 { format!("{money:.4}") } else { format!("{money:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_digits_that_say_something() {
        for (money, expected) in
            [(0.0, "0.00"), (0.0123, "0.0123"), (0.1, "0.10"), (-12.345, "-12.35"), (1e4, "10000.00")]
        {
            assert_eq!(cost(money), expected);
        }
        assert_eq!((whole([0.0; 0].iter().sum()), priced(None)), ("0".into(), "no price".into()));
    }

    #[test]
    fn the_rest_is_summed() {
        let one = |series, known| {
            (Quantities { series, ..Quantities::default() }, Money([Some(series), known, None]))
        };
        let rows = [one(1.0, Some(1.0)), one(2.0, None)];
        let (count, saved, money) = rest(rows.iter().map(|(saved, money)| (saved, money))).unwrap();
        assert_eq!((count, saved.series, money), (2, 3.0, Money([Some(3.0), None, None])));
        assert_eq!(rest(std::iter::empty()), None);
    }
}
