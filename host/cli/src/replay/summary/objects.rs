//! The tables of nodes and pods. Which metrics they show is a table beside the components that publish them.

use super::quantity::{byte_rate, bytes, millicores, percent};
use super::table::{Align, Table};
use crate::replay::event::Parsed;

/// The columns; the file describes its format.
const COLUMNS: &str = include_str!("../../../../../transforms/summary.tsv");

/// A column of the table of one type of event.
struct Column {
    title: &'static str,
    align: Align,
    format: &'static str,
    names: Vec<&'static str>,
}

/// Returns the columns of the table for a type of event.
fn columns(kind: &str) -> Vec<Column> {
    let rows = COLUMNS.lines().filter(|row| !row.starts_with('#')).map(|row| row.split('\t'));
    let parse = |mut cells: std::str::Split<'static, char>| {
        let (of, title, side, format) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        let align = if side == "left" { Align::Left } else { Align::Right };
        (of == kind).then(|| Column {
            title,
            align,
            format,
            names: cells.flat_map(|names| names.split(' ')).collect(),
        })
    };
    rows.filter_map(parse).collect()
}

impl Column {
    /// Returns the cell for an event, or `None` if a value is unknown.
    fn cell(&self, event: &Parsed, events: &[&Parsed]) -> Option<String> {
        if self.format == "text" {
            return self.names.iter().find_map(|key| event.attributes.get(*key)).cloned();
        }
        let value = |index: usize| metric(event, events, self.names.get(index)?);
        let first = value(0)?;
        Some(match self.format {
            "percent" => percent(first),
            "bytes" => bytes(first),
            "bytes/s" => byte_rate(first),
            "millicores" => millicores(first),
            "count of count" => format!("{first}/{}", value(1)?),
            "share of cores" => share(first, value(1).map(|limit| format!("{} cores", limit / 1000.0))),
            "share of bytes" => share(first, value(1).map(bytes)),
            _ => first.to_string(),
        })
    }
}

/// Returns a metric of the event. `TYPE/METRIC` is the largest of the events of another type of the same node: a sum would
/// count devices below others twice.
fn metric(event: &Parsed, events: &[&Parsed], name: &str) -> Option<f64> {
    let Some((kind, name)) = name.split_once('/') else { return event.metrics.get(name).copied() };
    let node = |event: &Parsed| event.attributes.get("NodeName").cloned();
    let parts = of_type(events, kind).filter(|part| node(part) == node(event));
    parts.filter_map(|part| part.metrics.get(name).copied()).reduce(f64::max)
}

/// Returns the table of all events of a type; empty if there is none. With `sorted`, rows are in the order of their first two cells.
fn table(events: &[&Parsed], kind: &str, sorted: bool) -> String {
    let columns = columns(kind);
    let cells = |event| columns.iter().map(|column| column.cell(event, events)).collect::<Vec<_>>();
    let mut rows: Vec<Vec<Option<String>>> = of_type(events, kind).map(cells).collect();
    if rows.is_empty() {
        return String::new();
    }
    if sorted {
        rows.sort_by(|left, right| left.iter().take(2).cmp(right.iter().take(2)));
    }
    let titles: Vec<(&str, Align)> = columns.iter().map(|column| (column.title, column.align)).collect();
    let mut table = Table::new(&titles);
    for row in rows {
        table.row(row);
    }
    table.to_string()
}

/// Returns the table of nodes; empty if no event describes a node.
pub(super) fn nodes(events: &[&Parsed]) -> String {
    table(events, "Node", false)
}

/// Formats a share in percent, with the whole if known.
fn share(share: f64, whole: Option<String>) -> String {
    let share = percent(share);
    whole.map_or_else(|| share.clone(), |whole| format!("{share} of {whole}"))
}

/// Returns the table of pods, by namespace and name, and the number of containers; empty if no event describes a pod.
pub(super) fn pods(events: &[&Parsed]) -> String {
    let table = table(events, "Pod", true);
    if table.is_empty() {
        return table;
    }
    let containers = of_type(events, "Container").count();
    format!(
        "{table}\ncontainers: {containers}, with sidecars and ephemeral ones; restarts are those since the tick before\n"
    )
}

fn of_type<'e>(events: &[&'e Parsed], kind: &str) -> impl Iterator<Item = &'e Parsed> {
    events.iter().copied().filter(move |event| event.kind() == Some(kind))
}

#[cfg(test)]
mod tests {
    use crate::replay::event::tests::event;

    use super::*;

    #[test]
    fn the_file_of_columns_is_complete() {
        let rows = COLUMNS.lines().filter(|row| !row.starts_with('#'));
        assert_eq!(columns("Node").len() + columns("Pod").len(), rows.count());
        let formats = [
            "text",
            "count",
            "percent",
            "bytes",
            "bytes/s",
            "millicores",
            "count of count",
            "share of cores",
            "share of bytes",
        ];
        for column in columns("Node").into_iter().chain(columns("Pod")) {
            assert!(formats.contains(&column.format) && !column.names.is_empty(), "{}", column.title);
        }
    }

    #[test]
    fn unknown_values_are_dashes_and_columns_stay_aligned() {
        let events = [
            r#"{"Type":"Node","NodeName":"n1","node_cpu_utilization":5.5,"node_memory_utilization":50,"node_memory_limit":1048576}"#,
            r#"{"Type":"Node"}"#,
            r#"{"Type":"NodeFS","NodeName":"n1","node_filesystem_utilization":10}"#,
            r#"{"Type":"NodeFS","NodeName":"n1","node_filesystem_utilization":90}"#,
            r#"{"Type":"NodeFS","NodeName":"n2","node_filesystem_utilization":99}"#,
        ]
        .map(event);
        let events: Vec<&Parsed> = events.iter().collect();
        assert_eq!(
            nodes(&events),
            concat!(
                "NODE  CPU    MEMORY             NETWORK IN  OUT  DISK USED  DISK I/O  PODS  CONTAINERS\n",
                "n1    5.5 %  50.0 % of 1.0 MiB           -    -     90.0 %         -     -           -\n",
                "-     -      -                           -    -          -         -     -           -\n",
            )
        );
        assert_eq!(pods(&events), "");
    }

    #[test]
    fn pods_are_sorted_and_their_names_do_no_harm() {
        let events = [
            r#"{"Type":"Pod","Namespace":"b","PodName":"workload","kubernetes":{"pod_name":"x\u001b[2J\ny"},"pod_cpu_usage_total":1234567.4,"pod_number_of_containers":2,"pod_number_of_running_containers":1}"#,
            r#"{"Type":"Pod","Namespace":"a","PodName":"w","pod_memory_working_set":1536,"pod_number_of_container_restarts":3,"pod_number_of_containers":2}"#,
            r#"{"Type":"Container"}"#,
            r#"{"Type":"Container"}"#,
        ]
        .map(event);
        let events: Vec<&Parsed> = events.iter().collect();
        assert_eq!(
            pods(&events),
            concat!(
                "NAMESPACE  POD            STATUS  RUNNING  RESTARTS       CPU   MEMORY  NETWORK IN  OUT\n",
                "a          w              -             -         3         -  1.5 KiB           -    -\n",
                "b          x\\u{1b}[2J\\ny  -           1/2         -  1234567m        -           -    -\n",
                "\ncontainers: 2, with sidecars and ephemeral ones; restarts are those since the tick before\n",
            )
        );
        assert_eq!(nodes(&events), "");
    }
}
