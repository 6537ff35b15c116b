//! Encoder of a metrics page: one family after the other, with values read at the time of the scrape.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, GaugeValueEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// A page that is being written. Prometheus reads it as OpenMetrics, older programs in the Prometheus text format, so it uses only
/// types that both formats have.
pub(super) struct Page<'a>(DescriptorEncoder<'a>);

/// Name, unit and help of a metric family.
#[derive(Clone, Copy)]
pub(super) struct Family {
    /// Without unit and `_total`.
    name: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
}

/// A sample value, written as an integer or a float.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self::Whole(number as u64)
    }
}

impl From<bool> for Number {
    fn from(yes: bool) -> Self {
        Self::Whole(yes.into())
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<std::time::Duration> for Number {
    fn from(duration: std::time::Duration) -> Self {
        Self::Real(duration.as_secs_f64())
    }
}

impl EncodeGaugeValue for Number {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.encode(encoder),
            Self::Real(number) => number.encode(encoder),
        }
    }
}

/// Creates a family of numbers without a unit.
pub(super) const fn plain(name: &'static str, help: &'static str) -> Family {
    Family { name, unit: None, help }
}

/// Creates a family of times in seconds.
pub(super) const fn seconds(name: &'static str, help: &'static str) -> Family {
    Family { name, unit: Some("seconds"), help }
}

/// Creates a family of sizes in bytes.
pub(super) const fn bytes(name: &'static str, help: &'static str) -> Family {
    Family { name, unit: Some("bytes"), help }
}

/// The labels of a sample.
pub(super) type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

impl<'a> Page<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// Writes a counter without labels.
    pub(super) fn count(&mut self, family: Family, value: impl Into<Number>) -> fmt::Result {
        self.counts(family, [([], value)])
    }

    /// Writes counters with labels; writes nothing if there are no samples.
    pub(super) fn counts<'l, const N: usize, V: Into<Number>>(
        &mut self,
        family: Family,
        samples: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> fmt::Result {
        self.family(family, MetricType::Counter, samples)
    }

    /// Writes a gauge without labels; writes nothing if the value is unknown.
    pub(super) fn state(&mut self, family: Family, value: Option<impl Into<Number>>) -> fmt::Result {
        self.states(family, value.map(|value| ([], value)))
    }

    /// Writes gauges with labels; writes nothing if there are no samples.
    pub(super) fn states<'l, const N: usize, V: Into<Number>>(
        &mut self,
        family: Family,
        samples: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> fmt::Result {
        self.family(family, MetricType::Gauge, samples)
    }

    fn family<'l, const N: usize, V: Into<Number>>(
        &mut self,
        Family { name, unit, help }: Family,
        kind: MetricType,
        samples: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let unit = unit.map(|unit| Unit::Other(unit.to_owned()));
        let mut metric = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (labels, value) in samples {
            let value = value.into();
            let write = |metric: &mut prometheus_client::encoding::MetricEncoder<'_>| match (kind, value) {
                (MetricType::Counter, Number::Whole(value)) => {
                    metric.encode_counter::<NoLabelSet, u64, f64>(&value, None)
                }
                (MetricType::Counter, Number::Real(value)) => {
                    metric.encode_counter::<NoLabelSet, f64, f64>(&value, None)
                }
                (_, value) => metric.encode_gauge(&value),
            };
            // An empty label set would be written as `{}`.
            if N == 0 { write(&mut metric)? } else { write(&mut metric.encode_family(&labels)?)? }
        }
        Ok(())
    }
}
