//! Price files: prices by tier, with their source. The one of `deploy/prices` is embedded.

mod read;

use std::path::Path;

use serde_json::{Value, json};

use insightd::error::Usage;

use super::quantity::Quantities;

/// The prices without `--prices`.
const DEFAULT: &str = include_str!("../../../../deploy/prices/us-east-1.yaml");
const DEFAULT_NAME: &str = "deploy/prices/us-east-1.yaml (embedded)";

/// Bytes of a GB.
const GB: f64 = 1e9;

/// The prices of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prices {
    /// Path of the file.
    pub(super) file: String,
    /// Name of the list, such as the Region.
    pub(super) name: String,
    /// Code of the currency.
    pub(super) currency: String,
    /// By [`Charge`]; `None` is an unknown price.
    prices: [Option<Price>; Charge::ALL.len()],
}

/// The charges of CloudWatch that events cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    /// Metrics of EMF events.
    CustomMetrics,
    /// Bytes of log events.
    Logs,
    /// Bytes of OTLP data points.
    Otlp,
}

impl Charge {
    /// All charges, in the order of reports.
    pub(super) const ALL: [Self; 3] = [Self::CustomMetrics, Self::Logs, Self::Otlp];

    /// Returns the key in price files.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::CustomMetrics => "custom_metrics",
            Self::Logs => "logs_ingestion",
            Self::Otlp => "otlp_metrics_ingestion",
        }
    }

    /// Returns the unit that a price must have.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::CustomMetrics => "metric-month",
            Self::Logs | Self::Otlp => "GB",
        }
    }

    /// Returns the billed amount of a month in this unit.
    pub(super) fn amount(self, quantities: &Quantities) -> f64 {
        match self {
            Self::CustomMetrics => quantities.series,
            Self::Logs => Quantities::of_month(quantities.log_bytes) / GB,
            Self::Otlp => Quantities::of_month(quantities.otlp_bytes) / GB,
        }
    }
}

/// A price with its source.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Price {
    source: String,
    date: String,
    note: Option<String>,
    tiers: Vec<Tier>,
}

/// The price of a unit, up to an amount a month; the last tier has no end.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tier {
    up_to: Option<f64>,
    price: f64,
}

impl Price {
    /// Returns the cost of an amount.
    fn cost(&self, amount: f64) -> f64 {
        let (mut cost, mut from) = (0.0, 0.0);
        for tier in &self.tiers {
            let end = tier.up_to.unwrap_or(f64::INFINITY).min(amount);
            if end > from {
                cost += (end - from) * tier.price;
                from = end;
            }
        }
        cost
    }
}

/// The money of a month by charge; `None` is an unknown price.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Money(pub(super) [Option<f64>; Charge::ALL.len()]);

impl Money {
    /// Returns the sum; `None` if one of them is unknown.
    pub(super) fn sum(&self) -> Option<f64> {
        self.0.iter().copied().sum()
    }

    /// Returns the sum of the known ones.
    pub(super) fn known(&self) -> f64 {
        self.0.iter().flatten().sum()
    }

    /// Returns these without others.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut difference = *self;
        for (cost, other) in difference.0.iter_mut().zip(other.0) {
            *cost = cost.zip(other).map(|(cost, other)| cost - other);
        }
        difference
    }
}

impl Prices {
    /// Loads a price file; the embedded one without a path.
    ///
    /// # Errors
    /// Returns [`Usage`] with every mistake of the file and its key.
    pub(super) fn load(file: Option<&Path>) -> Result<Self, Usage> {
        let Some(file) = file else { return read::parse(DEFAULT_NAME, DEFAULT).map_err(Usage) };
        let text = read::text(file).map_err(Usage)?;
        read::parse(&file.display().to_string(), &text).map_err(Usage)
    }

    /// Returns the price of a charge.
    pub(super) fn price(&self, charge: Charge) -> Option<&Price> {
        self.prices[charge as usize].as_ref()
    }

    /// Returns the money of a month. Nothing costs 0, also without a price.
    pub(super) fn money(&self, quantities: &Quantities) -> Money {
        self.saving(quantities, quantities)
    }

    /// Returns the money that a part of the total costs at the margin: what the total costs more than without it.
    pub(super) fn saving(&self, total: &Quantities, part: &Quantities) -> Money {
        let rest = total.minus(part);
        Money(Charge::ALL.map(|charge| {
            if charge.amount(part) == 0.0 {
                return Some(0.0);
            }
            let price = self.price(charge)?;
            Some(price.cost(charge.amount(total)) - price.cost(charge.amount(&rest)))
        }))
    }

    /// Returns the prices as JSON.
    pub(super) fn to_json(&self) -> Value {
        let mut value = json!({"file": self.file, "name": self.name, "currency": self.currency});
        for charge in Charge::ALL {
            value[charge.key()] = self.price(charge).map_or(Value::Null, |price| {
                let tiers = price.tiers.iter();
                let tiers: Vec<Value> =
                    tiers.map(|tier| json!({"up_to": tier.up_to, "price": tier.price})).collect();
                json!({
                    "unit": charge.unit(), "source": price.source, "date": price.date, "note": price.note,
                    "tiers": tiers,
                })
            });
        }
        value
    }

    /// Returns the prices as lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("Prices: {}, {}, from {}", self.name, self.currency, self.file)];
        for charge in Charge::ALL {
            let Some(price) = self.price(charge) else {
                lines.push(format!("  {}: no price", charge.key()));
                continue;
            };
            let tier = |tier: &Tier| match tier.up_to {
                Some(end) => format!("{} up to {end}", tier.price),
                None if price.tiers.len() > 1 => format!("{} above", tier.price),
                None => tier.price.to_string(),
            };
            let tiers: Vec<String> = price.tiers.iter().map(tier).collect();
            lines.push(format!("  {} per {}: {}", charge.key(), charge.unit(), tiers.join(", ")));
            let note = price.note.as_ref().map_or(String::new(), |note| format!("; {note}"));
            lines.push(format!("    {}, looked up {}{note}", price.source, price.date));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantities(series: f64) -> Quantities {
        Quantities { series, ..Quantities::default() }
    }

    fn metrics(prices: &Prices, series: f64) -> f64 {
        prices.money(&quantities(series)).0[0].unwrap()
    }

    #[test]
    fn each_tier_has_its_price_up_to_its_margin() {
        let prices = Prices::load(None).unwrap();
        for (series, cost) in [
            (0.0, 0.0),
            (1.0, 0.30),
            (10_000.0, 3_000.0),
            (10_001.0, 3_000.10),
            (250_000.0, 27_000.0),
            (250_001.0, 27_000.05),
            (1_000_000.0, 64_500.0),
            (1_000_001.0, 64_500.02),
            (2_000_000.0, 84_500.0),
        ] {
            let found = metrics(&prices, series);
            assert!((found - cost).abs() < 1e-6, "{series}: {found}, not {cost}");
        }
    }

    #[test]
    fn what_is_saved_is_saved_at_the_margin() {
        let prices = Prices::load(None).unwrap();
        // Of 10,100 metrics, 100 cost 0.10 each; 150 are 100 at 0.10 and 50 at 0.30.
        for (part, saved) in [(100.0, 10.0), (150.0, 25.0), (0.0, 0.0)] {
            let found = prices.saving(&quantities(10_100.0), &quantities(part)).0[0].unwrap();
            assert!((found - saved).abs() < 1e-6, "{part}: {found}, not {saved}");
        }
    }

    #[test]
    fn a_gigabyte_a_day_is_a_month_of_730_hours() {
        let prices = Prices::load(None).unwrap();
        let quantities = Quantities { log_bytes: 1e9, otlp_bytes: 1e9, ..Quantities::default() };
        let Money([metrics, logs, otlp]) = prices.money(&quantities);
        assert_eq!(metrics, Some(0.0));
        assert!((logs.unwrap() - 730.0 / 24.0 * 0.50).abs() < 1e-9, "{logs:?}");
        assert_eq!(otlp, None, "the embedded file has no price of OTLP");
    }

    #[test]
    fn an_unknown_price_is_not_free() {
        let money = Money([Some(1.0), None, Some(2.0)]);
        assert_eq!((money.sum(), money.known()), (None, 3.0));
        let prices = Prices::load(None).unwrap();
        let both = Quantities { series: 10.0, log_bytes: 0.0, otlp_bytes: 1e9 };
        assert_eq!(prices.money(&both).sum(), None);
        // What has no bytes of OTLP saves nothing of their unknown price.
        assert_eq!(prices.saving(&both, &quantities(10.0)).sum(), Some(3.0));
        let shown = Prices::load(None).unwrap().lines().join("\n");
        for part in ["0.3 up to 10000, 0.1 up to 250000, 0.05 up to 1000000, 0.02 above", "no price"] {
            assert!(shown.contains(part), "{shown}");
        }
    }
}
