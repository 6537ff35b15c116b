//! Configuration of the formatter.

use alloc::string::String;
use alloc::vec::Vec;

use insightd_series::{PROMETHEUS, SEMCONV, Selection, Table};
use insights_sdk::Settings;

/// Most data points of a request that CloudWatch accepts.
const MAX_POINTS: usize = 1000;
/// Bound of the option.
const MOST_POINTS: u64 = 100_000;
/// Maximum number of configured attributes of a resource.
const MAX_RESOURCE: usize = 64;
/// Maximum bytes of the key and of the value of such an attribute.
const MAX_KEY: usize = 255;
const MAX_VALUE: usize = 1024;

/// Names of metrics and attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// AWS's OpenTelemetry pipeline of Container Insights.
    ContainerInsights,
    /// The semantic conventions.
    Semconv,
}

impl Dialect {
    pub(crate) fn table(self) -> &'static Table {
        match self {
            Self::ContainerInsights => &PROMETHEUS,
            Self::Semconv => &SEMCONV,
        }
    }
}

/// The parsed configuration.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) dialect: Dialect,
    pub(crate) selection: Selection,
    /// Sets the scope attributes of AWS's own pipeline.
    pub(crate) source_attributes: bool,
    pub(crate) descriptions: bool,
    pub(crate) max_points: usize,
    pub(crate) cluster_name: Option<String>,
    /// Further attributes of every resource.
    pub(crate) resource: Vec<(String, String)>,
}

impl Options {
    /// Reads all keys; problems are recorded in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let dialect = dialect(settings);
        let labels: &[&str] = if dialect == Dialect::ContainerInsights { &["*"] } else { &[] };
        Self {
            dialect,
            selection: Selection::read(settings, labels),
            source_attributes: settings.flag("source_attributes").unwrap_or(false),
            descriptions: settings.flag("descriptions").unwrap_or(false),
            max_points: max_points(settings),
            cluster_name: cluster_name(settings),
            resource: resource(settings),
        }
    }
}

fn dialect(settings: &mut Settings) -> Dialect {
    match settings.string("dialect").as_deref() {
        None | Some("container-insights") => Dialect::ContainerInsights,
        Some("semconv") => Dialect::Semconv,
        Some(_) => {
            settings.problem("dialect", "expected container-insights or semconv");
            Dialect::ContainerInsights
        }
    }
}

fn max_points(settings: &mut Settings) -> usize {
    match settings.integer("max_points") {
        None => MAX_POINTS,
        Some(points @ 1..=MOST_POINTS) => points as usize,
        Some(_) => {
            settings.problem("max_points", "expected a number from 1 to 100000");
            MAX_POINTS
        }
    }
}

fn cluster_name(settings: &mut Settings) -> Option<String> {
    let name = settings.string("cluster_name")?;
    if name.is_empty() || name.len() > MAX_VALUE {
        settings.problem("cluster_name", "expected a name of 1 to 1024 bytes");
    }
    Some(name)
}

fn resource(settings: &mut Settings) -> Vec<(String, String)> {
    let resource = settings.string_map("resource").unwrap_or_default();
    if resource.len() > MAX_RESOURCE {
        settings.problem("resource", "expected at most 64 attributes");
    }
    for (key, value) in &resource {
        if key.is_empty() || key.len() > MAX_KEY || value.len() > MAX_VALUE {
            let message = "expected keys of 1 to 255 bytes and values of at most 1024 bytes";
            settings.problem("resource", message);
            break;
        }
    }
    resource
}
