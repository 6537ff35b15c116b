//! `pipelines:` the components that run over each scope, and the outputs of their results.

use insightd_pipeline::route::{Grants, Pattern};
use insightd_pipeline::suggest::{closest, did_you_mean};
use insightd_pipeline::{ComponentSpec, OnFailure, OutputSpec, PipelineSpec, Scope, StageSpec};
use insightd_yaml::Data;

use super::component;
use super::reader::{Item, Problems, Section, integer, non_empty, one_of};
use super::sinks::{Sink, SinkKind};
use super::values;

/// Returns the default pipelines: Container Insights events on stdout, of this node, and of the cluster if this agent leads.
pub(super) fn defaults() -> Vec<PipelineSpec> {
    vec![shipped(0, "node", Scope::Node), shipped(1, "cluster", Scope::Cluster)]
}

fn shipped(index: usize, name: &str, scope: Scope) -> PipelineSpec {
    let path = format!("pipelines[{index}]");
    let stage = |index: usize, name: &str| StageSpec {
        component: ComponentSpec::builtin(name, format!("{path}.transforms[{index}]")),
        on_failure: OnFailure::LastGood,
    };
    PipelineSpec {
        name: name.into(),
        scope,
        transforms: vec![stage(0, "decorate"), stage(1, "utilization")],
        outputs: vec![emf("stdout", &path)],
    }
}

/// Returns the default output.
fn emf(sink: &str, path: &str) -> OutputSpec {
    OutputSpec {
        formatter: ComponentSpec::builtin("emf", format!("{path}.outputs[0].formatter")),
        sink: sink.into(),
        grants: default_grants().may_lack_keys(),
        max_bytes_per_tick: 64 << 20,
        max_routes_per_tick: 256,
    }
}

/// Returns grants for the log groups of Container Insights with any stream.
fn default_grants() -> Grants {
    let patterns = |texts: &[&str]| texts.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
    let groups = ["/aws/containerinsights/*/performance", "/aws/ecs/containerinsights/*/performance"];
    Grants::new(vec![("log_group".into(), patterns(&groups)), ("log_stream".into(), patterns(&["**"]))])
}

/// Most pipelines, and most transforms and most outputs of each: every one is an instance a tick.
const MAX_PIPELINES: usize = 64;
const MAX_PARTS: usize = 64;

/// Most keys that a route may have.
const MAX_ROUTE_KEYS: usize = 16;

/// Reads the list of pipelines; returns the default if it is absent.
pub(super) fn read(root: &Section<'_>, sinks: &[Sink], problems: &Problems) -> Vec<PipelineSpec> {
    let Some(items) = root.list_of("pipelines", MAX_PIPELINES) else { return defaults() };
    if items.is_empty() {
        root.problem("pipelines", "the list is empty: nothing would run; remove the key to use the default");
    }
    let mut pipelines: Vec<PipelineSpec> = Vec::new();
    for item in &items {
        if let Some(pipeline) = pipeline(item, sinks) {
            if pipelines.iter().any(|other| other.name == pipeline.name) {
                let message = format!("duplicate pipeline name `{}`", pipeline.name);
                problems.add(Some(item.node.nearest("name")), format!("{}.name", item.path), message);
            }
            pipelines.push(pipeline);
        }
    }
    pipelines
}

/// Reports components of the same name with state in one pipeline: state is keyed by the pipeline's and the component's name.
fn check_spaces(pipeline: &PipelineSpec, item: &Item<'_>) {
    let mut seen = Vec::new();
    for component in pipeline.components().filter(|component| component.state_bytes.is_some()) {
        if seen.contains(&&component.name) {
            item.problem(format!(
                "two components named `{}` would share their state; grant state to only one of them",
                component.name
            ));
        }
        seen.push(&component.name);
    }
}

fn pipeline(item: &Item<'_>, sinks: &[Sink]) -> Option<PipelineSpec> {
    let section = item.section();
    let name = section.text("name");
    if name.is_none() {
        section.problem("name", "required");
    }
    let scope = section.value("scope", one_of(&Scope::NAMES)).unwrap_or(Scope::Node);
    let transforms = section.list_of("transforms", MAX_PARTS).unwrap_or_default();
    let transforms = transforms.iter().filter_map(stage).collect();
    let outputs = section.list_of("outputs", MAX_PARTS).unwrap_or_default();
    if outputs.is_empty() {
        section.problem("outputs", "at least one is required: a pipeline without an output does nothing");
    }
    let outputs = outputs.iter().filter_map(|item| output(item, sinks)).collect();
    section.finish();
    let pipeline = PipelineSpec { name: name?, scope, transforms, outputs };
    check_spaces(&pipeline, item);
    Some(pipeline)
}

fn stage(item: &Item<'_>) -> Option<StageSpec> {
    let names = [("last-good", OnFailure::LastGood), ("skip", OnFailure::Skip), ("drop", OnFailure::Drop)];
    let section = item.section();
    let component = component::read(&section, &item.path);
    let on_failure = section.value("on_failure", one_of(&names)).unwrap_or_default();
    section.finish();
    Some(StageSpec { component: component?, on_failure })
}

fn output(item: &Item<'_>, sinks: &[Sink]) -> Option<OutputSpec> {
    let default = emf("stdout", "");
    let section = item.section();
    let formatter = match section.get("formatter") {
        Some(item) => {
            let section = item.section();
            let formatter = component::read(&section, &item.path);
            section.finish();
            formatter
        }
        None => {
            section.problem("formatter", "required, such as {use: builtin:emf}");
            None
        }
    };
    let known = |text: &str| match sinks.iter().any(|sink| sink.name == text) {
        true => Ok(text.to_string()),
        false => {
            let names: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
            let meant = did_you_mean(text, names.iter().copied());
            Err(format!("unknown sink `{text}`; {meant}known sinks: {}", names.join(", ")))
        }
    };
    let sink = section.value("sink", known).unwrap_or(default.sink);
    let kind = sinks.iter().find(|known| known.name == sink).map(|sink| &sink.kind);
    let has_destinations = matches!(kind, Some(SinkKind::CloudWatch(_)));
    let keys = section.named_of("routes", MAX_ROUTE_KEYS);
    let grants = keys.map_or_else(default_grants, |keys| {
        check_keys(&section, &keys, has_destinations);
        grants(&keys)
    });
    let grants = if has_destinations { grants } else { grants.may_lack_keys() };
    let bytes = section.value("max_bytes_per_tick", |text| match values::size(text)? {
        0 => Err("must be 1B or more: 0B would drop every event".to_string()),
        bytes => Ok(bytes),
    });
    let routes = section.value("max_routes_per_tick", |text| match integer(text)? {
        routes @ 1..=100_000 => Ok(routes as usize),
        _ => Err("must be from 1 to 100000".to_string()),
    });
    section.finish();
    Some(OutputSpec {
        formatter: formatter?,
        sink,
        grants,
        max_bytes_per_tick: bytes.unwrap_or(default.max_bytes_per_tick),
        max_routes_per_tick: routes.unwrap_or(default.max_routes_per_tick),
    })
}

/// Keys of a route to CloudWatch Logs, all of which are required.
const LOG_KEYS: [&str; 2] = ["log_group", "log_stream"];

/// Checks the keys of routes. A CloudWatch sink needs exactly its own keys; other sinks accept keys of any formatter,
/// except likely misspellings of these.
fn check_keys(section: &Section<'_>, keys: &[(&str, Item<'_>)], has_destinations: bool) {
    for (key, item) in keys.iter().filter(|(key, _)| !LOG_KEYS.contains(key)) {
        let meant = closest(key, LOG_KEYS.into_iter());
        if has_destinations || meant.is_some() {
            let meant = meant.map(|key| format!("did you mean `{key}`? ")).unwrap_or_default();
            item.problem(format!("unknown route key; {meant}known here: {}", LOG_KEYS.join(", ")));
        }
    }
    for missing in
        LOG_KEYS.iter().filter(|key| has_destinations && !keys.iter().any(|(known, _)| known == *key))
    {
        section.problem("routes", format!("`{missing}` is missing: every event would be refused"));
    }
}

fn grants(keys: &[(&str, Item<'_>)]) -> Grants {
    let read = |(key, item): &(&str, Item<'_>)| {
        let Data::Sequence(nodes) = &item.node.data else {
            item.problem(format!("expected a list of patterns, found {}", item.node.kind()));
            return None;
        };
        let patterns = nodes.iter().enumerate().filter_map(|(index, node)| {
            let path = format!("{}[{index}]", item.path);
            let element = Item { node, at: node.at, path, problems: item.problems };
            element.value(|text| Pattern::parse(&non_empty(text)?))
        });
        Some((key.to_string(), patterns.collect()))
    };
    Grants::new(keys.iter().filter_map(read).collect())
}
