//! Scales with ticks at round values.

/// The number of intervals that an axis has at most.
const INTERVALS: f64 = 6.0;
/// Round steps of time in seconds.
const TIMES: [u64; 20] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
    604_800,
];

/// A linear scale from values to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Pixels of `from` and `to`.
    pub(super) pixels: (f64, f64),
}

impl Scale {
    /// Returns the pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        let (first, last) = self.pixels;
        let span = self.to - self.from;
        if span == 0.0 {
            f64::midpoint(first, last)
        } else {
            first + (value - self.from) / span * (last - first)
        }
    }
}

/// The range and ticks of values of one unit.
#[derive(Debug)]
pub(super) struct ValueAxis {
    /// Title: the unit, with a prefix for large numbers of bytes.
    pub(super) title: String,
    /// Values of the ticks with their labels; the first and the last are the ends of the axis.
    pub(super) ticks: Vec<(f64, String)>,
}

impl ValueAxis {
    /// Creates an axis for values from `smallest` to `largest`. It includes 0, so that heights can be compared.
    pub(super) fn new(smallest: f64, largest: f64, unit: Option<&str>) -> Self {
        let (low, high) = (smallest.min(0.0), largest.max(0.0));
        let (low, high) = if low == high { (0.0, 1.0) } else { (low, high) };
        let (prefix, factor) = prefix(low.abs().max(high), unit);
        let raw = (high - low) / factor / INTERVALS;
        let power = 10f64.powf(raw.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|one| one * power).into_iter().find(|step| *step >= raw * 0.999_999);
        let step = step.unwrap_or(power * 10.0);
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        let (first, last) = ((low / factor / step).floor(), (high / factor / step - 1e-9).ceil());
        let count = (last - first).clamp(1.0, 2.0 * INTERVALS) as u32;
        let ticks = (0..=count).map(|index| (first + f64::from(index)) * step);
        Self {
            title: unit.map_or_else(String::new, |unit| format!("{prefix}{unit}")),
            ticks: ticks.map(|tick| (tick * factor, format!("{tick:.decimals$}"))).collect(),
        }
    }
}

/// Returns the prefix of a unit of bytes, and its factor.
fn prefix(largest: f64, unit: Option<&str>) -> (&'static str, f64) {
    let is_bytes = unit.is_some_and(|unit| unit.starts_with("Bytes"));
    let prefixes =
        [("Ti", 4), ("Gi", 3), ("Mi", 2), ("Ki", 1)].map(|(prefix, power)| (prefix, 1024f64.powi(power)));
    prefixes.into_iter().find(|(_, factor)| is_bytes && largest >= *factor).unwrap_or(("", 1.0))
}

/// Returns the ticks between two times, milliseconds since the Unix epoch: whole multiples of a round step.
pub(super) fn times(from: u64, to: u64) -> Vec<u64> {
    let seconds = to.saturating_sub(from) as f64 / 1000.0;
    let days = || (seconds / INTERVALS / 86_400.0).ceil() as u64 * 86_400;
    let step = TIMES.into_iter().find(|step| seconds / *step as f64 <= INTERVALS).unwrap_or_else(days) * 1000;
    let first = from.div_ceil(step) * step;
    (0..=INTERVALS as u64).map(|index| first + index * step).take_while(|time| *time <= to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(smallest: f64, largest: f64, unit: &str) -> (String, Vec<String>) {
        let axis = ValueAxis::new(smallest, largest, Some(unit));
        (axis.title, axis.ticks.into_iter().map(|(_, label)| label).collect())
    }

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        let check = |smallest, largest, unit, title: &str, expected: &[&str]| {
            let (found, labels) = labels(smallest, largest, unit);
            assert_eq!((found.as_str(), labels), (title, expected.iter().map(ToString::to_string).collect()));
        };
        check(3.0, 97.0, "Percent", "Percent", &["0", "20", "40", "60", "80", "100"]);
        check(0.0, 0.0, "Count", "Count", &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(-1.0, 2.0, "None", "None", &["-1.0", "-0.5", "0.0", "0.5", "1.0", "1.5", "2.0"]);
        check(0.0, 3.0 * 1048576.0, "Bytes", "MiBytes", &["0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0"]);
        for (smallest, largest) in [(0.0, 1e-9), (0.0, 1e18), (-1e6, 7.0), (0.1, 0.3)] {
            let axis = ValueAxis::new(smallest, largest, None);
            let (first, last) = (axis.ticks.first().unwrap().0, axis.ticks.last().unwrap().0);
            assert!(
                first <= smallest.min(0.0) && last >= largest * 0.999_999 && axis.ticks.len() <= 13,
                "{axis:?}"
            );
        }
    }

    #[test]
    fn times_are_multiples_of_a_round_step() {
        assert_eq!(times(25_000, 265_000), [60_000, 120_000, 180_000, 240_000]);
        assert_eq!(times(5_000, 5_000), [5_000]);
        assert_eq!(times(0, 90 * 86_400_000).len(), 7);
        assert_eq!(times(1, 2), [0; 0]);
    }

    #[test]
    fn a_single_value_is_in_the_middle() {
        assert_eq!(Scale { from: 7.0, to: 7.0, pixels: (10.0, 30.0) }.at(7.0), 20.0);
        assert_eq!(Scale { from: 0.0, to: 10.0, pixels: (100.0, 0.0) }.at(2.5), 75.0);
    }
}
