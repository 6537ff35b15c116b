//! Validated configuration.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::json::{Value, integer_text};
use insights_sdk::{Settings, Unit};

use crate::declaration::{Declarations, Matcher, preset};
use crate::limits;
use crate::pattern::PatternError;
use crate::route::{Destination, Template};
use crate::selector::Selector;
use crate::watch::Watched;

/// Version of the event format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// `"0"`: directives and time at the top level, as sent by the Container Insights agents.
    Classic,
    /// `"1"`: directives and time under `_aws`, as in the public EMF specification.
    Aws,
}

/// Dimension sets generated from the dimensions of the declared ones, in addition to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rollup {
    None,
    Single,
    ZeroAndSingle,
}

/// The parsed configuration.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) version: Version,
    /// Destinations of the events of Kubernetes, Fargate, ECS, and an ECS sidecar, which knows its task but not the container
    /// instance.
    pub(crate) destinations: [Destination; 4],
    pub(crate) declarations: Declarations,
    pub(crate) rollup: Rollup,
    /// Metric name, unit, and whether this unit overrides the one that the metric was published with.
    pub(crate) descriptors: Vec<(String, Unit, bool)>,
    pub(crate) json_attributes: Vec<String>,
    pub(crate) disable_metric_extraction: bool,
    pub(crate) drop_events_without_metrics: bool,
    pub(crate) high_resolution: bool,
    pub(crate) watched: Watched,
}

impl Options {
    /// Reads all keys; problems are recorded in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut watched = Watched::default();
        let destinations = destinations(settings, &mut watched);
        let declarations = declarations(settings, &mut watched);
        let disable_metric_extraction = settings.flag("disable_metric_extraction").unwrap_or(false);
        let drop_events_without_metrics = settings.flag("drop_events_without_metrics").unwrap_or(false);
        if disable_metric_extraction && drop_events_without_metrics {
            settings.problem(
                "drop_events_without_metrics",
                "cannot be combined with disable_metric_extraction, which leaves no event with metrics",
            );
        }
        Self {
            version: version(settings),
            destinations,
            declarations,
            rollup: rollup(settings),
            descriptors: descriptors(settings),
            json_attributes: settings
                .strings("json_attributes")
                .unwrap_or_else(|| alloc::vec!["Sources".into()]),
            disable_metric_extraction,
            drop_events_without_metrics,
            high_resolution: high_resolution(settings),
            watched,
        }
    }
}

/// Reads `version`. YAML users write `version: 0` without quotes, so integers are accepted too.
fn version(settings: &mut Settings) -> Version {
    match settings.value("version") {
        None | Some(Value::Integer(1)) => Version::Aws,
        Some(Value::Integer(0)) => Version::Classic,
        Some(Value::String(text)) if text == "1" => Version::Aws,
        Some(Value::String(text)) if text == "0" => Version::Classic,
        Some(_) => {
            settings.problem("version", r#"expected "0" or "1""#);
            Version::Aws
        }
    }
}

fn rollup(settings: &mut Settings) -> Rollup {
    match settings.string("dimension_rollup_option").as_deref() {
        None | Some("NoDimensionRollup") => Rollup::None,
        Some("SingleDimensionRollupOnly") => Rollup::Single,
        Some("ZeroAndSingleDimensionRollup") => Rollup::ZeroAndSingle,
        Some(_) => {
            settings.problem(
                "dimension_rollup_option",
                "expected NoDimensionRollup, SingleDimensionRollupOnly or ZeroAndSingleDimensionRollup",
            );
            Rollup::None
        }
    }
}

fn high_resolution(settings: &mut Settings) -> bool {
    match settings.integer("storage_resolution") {
        None | Some(60) => false,
        Some(1) => true,
        Some(_) => {
            settings.problem("storage_resolution", "expected 60 or 1 (seconds)");
            false
        }
    }
}

const ECS_GROUP: &str = "/aws/ecs/containerinsights/{ClusterName}/performance";

const EKS_GROUP: &str = "/aws/containerinsights/{ClusterName}/performance";

/// Reads [`Options::destinations`].
fn destinations(settings: &mut Settings, watched: &mut Watched) -> [Destination; 4] {
    let namespace = settings.string("namespace").filter(|text| !text.is_empty());
    if namespace.as_deref().is_some_and(|text| !limits::is_namespace(text)) {
        settings.problem("namespace", "expected 1 to 1024 ASCII characters, not starting with `:` or `AWS/`");
    }
    let log_group = log_name(settings, "log_group", watched);
    let log_stream = log_name(settings, "log_stream", watched);
    let mut or_default = |set: &Option<Template>, default: &str| {
        let is_group = default.starts_with('/');
        set.clone().or_else(|| Template::new(default, is_group, watched).ok()).unwrap_or_default()
    };
    [
        ("ContainerInsights", EKS_GROUP, "{NodeName}"),
        ("ContainerInsights", EKS_GROUP, "{PodName}"),
        ("ECS/ContainerInsights", ECS_GROUP, "NodeTelemetry-{ContainerInstanceId}"),
        ("ECS/ContainerInsights", ECS_GROUP, "{TaskId}"),
    ]
    .map(|(default_namespace, group, stream)| Destination {
        namespace: namespace.clone().unwrap_or_else(|| default_namespace.into()),
        log_group: or_default(&log_group, group),
        log_stream: or_default(&log_stream, stream),
    })
}

fn log_name(settings: &mut Settings, key: &str, watched: &mut Watched) -> Option<Template> {
    let text = settings.string(key).filter(|text| !text.is_empty())?;
    match Template::new(&text, key == "log_group", watched) {
        Ok(template) => Some(template),
        Err(reason) => {
            settings.problem(key, reason);
            None
        }
    }
}

const SELECTORS: &str = "metric_name_selectors";

fn declarations(settings: &mut Settings, watched: &mut Watched) -> Declarations {
    let enhanced = settings.flag("enhanced").unwrap_or(false);
    let anchored = settings.flag("anchored").unwrap_or(true);
    let mut declarations = Declarations::default();
    if settings.value("metric_declarations").is_none() {
        preset::add(enhanced, &mut declarations);
    } else if enhanced {
        settings.problem(
            "enhanced",
            "cannot be combined with metric_declarations, which replaces the default declarations",
        );
    }
    for (key, names) in [
        ("metric_declarations", SELECTORS),
        ("extra_metric_declarations", SELECTORS),
        ("exclude_declarations", "metrics"),
    ] {
        settings.objects(key, |settings, _| {
            declarations.begin(names != SELECTORS);
            require(settings, &["dimensions", names]);
            read_sets(settings, &mut declarations);
            read_selectors(settings, names, anchored, &mut declarations);
            settings.objects("label_matchers", |settings, _| {
                if let Some(matcher) = read_matcher(settings, watched) {
                    declarations.add_matcher(matcher);
                }
            });
        });
    }
    declarations.finish();
    declarations
}

/// Records a problem for each required key that is missing.
fn require(settings: &mut Settings, keys: &[&str]) {
    for key in keys {
        if settings.value(key).is_none() {
            settings.problem(key, "must be set");
        }
    }
}

fn read_sets(settings: &mut Settings, declarations: &mut Declarations) {
    let sets = settings.string_lists("dimensions");
    if sets.as_ref().is_some_and(Vec::is_empty) {
        settings.problem("dimensions", "expected at least one dimension set, such as the empty set []");
    }
    for (at, set) in sets.into_iter().flatten().enumerate() {
        let path = || element("dimensions", at);
        if set.len() > limits::SET_KEYS {
            let (found, most) = (integer_text(set.len() as u64), integer_text(limits::SET_KEYS as u64));
            settings.problem(&path(), [&found, " keys; CloudWatch accepts at most ", &most].concat());
        }
        for key in &set {
            if !limits::is_dimension_key(key) {
                settings.problem(
                    &path(),
                    [
                        "invalid dimension key `",
                        key,
                        "`: expected 1 to 250 ASCII characters, not starting with `:`",
                    ]
                    .concat(),
                );
            }
        }
        declarations.add_set(set.into_iter().map(Cow::Owned).collect());
    }
}

fn read_selectors(settings: &mut Settings, key: &str, anchored: bool, declarations: &mut Declarations) {
    let selectors = settings.strings(key);
    if selectors.as_ref().is_some_and(Vec::is_empty) {
        settings.problem(key, "expected at least one expression");
    }
    for (at, text) in selectors.into_iter().flatten().enumerate() {
        match Selector::new(&text, anchored) {
            Ok(selector) => declarations.add_selector(selector),
            Err(error) => settings.problem(&element(key, at), bad_expression(&text, &error)),
        }
    }
}

/// Reads a condition. Its expression matches anywhere in the joined values, independent of `anchored`: such expressions are
/// written for unanchored matching.
fn read_matcher(settings: &mut Settings, watched: &mut Watched) -> Option<Matcher> {
    require(settings, &["label_names", "regex"]);
    let names = settings.strings("label_names");
    let separator = settings.string("separator").unwrap_or_else(|| ";".into());
    let regex = settings.string("regex");
    if names.as_ref().is_some_and(Vec::is_empty) {
        settings.problem("label_names", "expected at least one attribute");
    }
    let selector = match Selector::new(regex.as_deref().unwrap_or_default(), false) {
        Ok(selector) => Some(selector),
        Err(error) => {
            settings.problem("regex", bad_expression(regex.as_deref().unwrap_or_default(), &error));
            None
        }
    };
    let labels = names?.iter().map(|name| watched.add(name)).collect();
    Some(Matcher { labels, separator, selector: selector? })
}

fn bad_expression(text: &str, error: &PatternError) -> String {
    let (before, behind) = text.split_at_checked(error.offset).unwrap_or((text, ""));
    ["invalid expression: ", &error.reason, ", at `", before, "` <here> `", behind, "`"].concat()
}

/// Returns the path of an element of a list.
fn element(key: &str, at: usize) -> String {
    [key, "[", &integer_text(at as u64), "]"].concat()
}

fn descriptors(settings: &mut Settings) -> Vec<(String, Unit, bool)> {
    let mut descriptors = Vec::new();
    settings.objects("metric_descriptors", |settings, _| {
        require(settings, &["metric_name", "unit"]);
        let name = settings.string("metric_name");
        let unit = settings.string("unit");
        let overwrite = settings.flag("overwrite").unwrap_or(false);
        let parsed = unit.as_deref().filter(|unit| !unit.is_empty()).and_then(Unit::parse);
        if unit.is_some() && parsed.is_none() {
            settings.problem(
                "unit",
                "unknown CloudWatch unit; expected one such as Percent, Bytes or Count/Second",
            );
        }
        if let (Some(name), Some(unit)) = (name, parsed) {
            descriptors.push((name, unit, overwrite));
        }
    });
    descriptors
}
