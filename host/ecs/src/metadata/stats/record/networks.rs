//! Counters of network interfaces, by name.

use serde::de::MapAccess;

use super::counts::Counts;
use crate::json::{Key, Record, Value};
use crate::metadata::stats::InterfaceStats;

/// Maximum number of interfaces of a container.
const MAX_INTERFACES: usize = 64;

const NAMES: [&str; 8] = [
    "rx_bytes",
    "rx_packets",
    "rx_errors",
    "rx_dropped",
    "tx_bytes",
    "tx_packets",
    "tx_errors",
    "tx_dropped",
];

#[derive(Default)]
pub(super) struct NetworksRecord(pub(super) Vec<InterfaceStats>);

impl Record for NetworksRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        let is_known = self.0.iter().any(|interface| &*interface.name == key.text());
        if key.text().is_empty() || is_known || self.0.len() >= MAX_INTERFACES {
            value.leave_out("an interface beyond the bounds, or twice");
            return Ok(());
        }
        let mut counts = Counts::default();
        if value.record(&mut counts.named(NAMES))? {
            let [rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped] =
                counts.0;
            self.0.push(InterfaceStats {
                name: key.text().into(),
                rx_bytes,
                rx_packets,
                rx_errors,
                rx_dropped,
                tx_bytes,
                tx_packets,
                tx_errors,
                tx_dropped,
            });
        }
        Ok(())
    }
}
