//! Names and units of the metrics that batches publish, and their formats.

use std::collections::HashMap;

use insights_batch::{Batch, Unit};

use crate::replay::bytes;

/// Maximum number of names; those beyond are left out and counted.
const MAX_FIGURES: usize = 4096;

/// Index of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FigureId(u16);

/// The known names.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) names: Vec<(String, Unit)>,
    by_name: HashMap<String, FigureId>,
    /// Number of values whose name was beyond the limit.
    pub(crate) left_out: u64,
}

impl Figures {
    /// Returns the index of a name of a batch; `None` beyond the limit.
    pub(super) fn intern(&mut self, batch: &Batch, name: &str) -> Option<FigureId> {
        if let Some(id) = self.by_name.get(name) {
            return Some(*id);
        }
        let id = u16::try_from(self.names.len()).ok().filter(|id| usize::from(*id) < MAX_FIGURES);
        let Some(id) = id else {
            self.left_out += 1;
            return None;
        };
        self.names.push((name.to_owned(), batch.unit(name)));
        self.by_name.insert(name.to_owned(), FigureId(id));
        Some(FigureId(id))
    }

    /// Returns the index of a name.
    pub(crate) fn find(&self, name: &str) -> Option<FigureId> {
        self.by_name.get(name).copied()
    }

    /// Returns the name.
    pub(crate) fn name(&self, id: FigureId) -> &str {
        self.names.get(usize::from(id.0)).map_or("", |(name, _)| name)
    }

    /// Formats a value in its unit.
    pub(super) fn text(&self, id: FigureId, value: f64) -> String {
        let unit = self.names.get(usize::from(id.0)).map_or(Unit::None, |(_, unit)| *unit);
        format(unit, value)
    }
}

/// Formats a value for a narrow column.
fn format(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Bytes => bytes(value),
        Unit::BytesPerSecond => format!("{}/s", bytes(value)),
        Unit::Percent => format!("{value:.1}%"),
        Unit::None | Unit::Count => number(value),
        Unit::CountPerSecond => format!("{}/s", number(value)),
        Unit::Seconds => format!("{} s", number(value)),
        Unit::Milliseconds => format!("{} ms", number(value)),
        Unit::Megabytes => format!("{} MB", number(value)),
        other => format!("{} {}", number(value), other.as_str()),
    }
}

/// Formats a number with about three digits; whole numbers are exact.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        _ if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.0}"),
        large if large >= 1e15 => format!("{value:.2e}"),
        small if small < 0.001 => format!("{value:.1e}"),
        small if small < 1.0 => format!("{value:.3}"),
        _ => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_unit() {
        for (unit, value, expected) in [
            (Unit::Bytes, 1536.0, "1.5 KiB"),
            (Unit::BytesPerSecond, 10.0, "10 B/s"),
            (Unit::Percent, 12.34, "12.3%"),
            (Unit::None, 25.96, "26.0"),
            (Unit::Count, 3.0, "3"),
            (Unit::CountPerSecond, 0.25, "0.250/s"),
            (Unit::Seconds, 0.0001, "1.0e-4 s"),
            (Unit::None, -2e18, "-2.00e18"),
            (Unit::Kilobits, 2.0, "2 Kilobits"),
        ] {
            assert_eq!(format(unit, value), expected);
        }
    }

    #[test]
    fn names_beyond_the_limit_are_counted() {
        let (mut figures, batch) = (Figures::default(), Batch::new("node", "n", 0, 0));
        for index in 0..MAX_FIGURES + 2 {
            figures.intern(&batch, &format!("m{index}"));
        }
        assert_eq!(
            (figures.left_out, figures.find("m4095").is_some(), figures.find("m4096")),
            (2, true, None)
        );
    }
}
