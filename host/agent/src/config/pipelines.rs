//! `pipelines:` which components run over which scope, and where the result goes.

use super::reader::{Item, Problems, Section, closest, integer, non_empty, one_of};
use super::sinks::{Sink, SinkKind};
use super::values::{self, Sha256};
use super::yaml::{Data, Entry, Node, Position};
use crate::routes::{Grants, Pattern};

/// A chain of transforms over one scope, and its outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Name for logs and counters; distinct.
    pub name: String,
    /// What a batch of this pipeline is about.
    pub scope: Scope,
    /// Run one after the other.
    pub transforms: Vec<Stage>,
    /// Each gets the result of the whole chain.
    pub outputs: Vec<Output>,
}

/// What a batch is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This node with its pods.
    Node,
    /// The whole cluster; batches come to the elected agent alone.
    Cluster,
}

impl Scope {
    const WORDS: [(&str, Self); 2] = [("node", Self::Node), ("cluster", Self::Cluster)];

    /// As a batch says it.
    pub fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, scope)| *scope)
    }
}

/// One transform of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What runs.
    pub component: Component,
    /// What happens when it fails.
    pub on_failure: OnFailure,
}

/// A component and its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Where it comes from.
    pub origin: Origin,
    /// Its name there.
    pub name: String,
    /// The only content that is accepted, where given.
    pub sha256: Option<Sha256>,
    /// Its own configuration.
    pub settings: Settings,
    /// What it may remember for each scope, bytes of keys and values; nothing where absent.
    pub state_bytes: Option<u64>,
    /// The key in the file, for messages.
    pub path: String,
}

/// Where a component comes from. One never silently takes the place of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Embedded in the agent: `builtin:NAME`.
    Builtin,
    /// `NAME.wasm` in `transforms_dir`: `file:NAME`.
    File,
}

/// What happens when a transform fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The version that worked last takes over, else the built-in of that name, else the stage is skipped.
    #[default]
    LastGood,
    /// The next stage gets this one's input.
    Skip,
    /// The scope's batch ends here, for this tick.
    Drop,
}

/// The configuration of a component: JSON for the component, and where it stands for messages.
#[derive(Clone, Debug)]
pub struct Settings {
    /// JSON text, `{}` where nothing was written.
    pub text: String,
    /// Where the component is named in the file.
    pub at: Option<Position>,
    node: Option<Node>,
}

/// Where the result goes and in which form.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Makes bytes of the batch.
    pub formatter: Component,
    /// Name of a sink.
    pub sink: String,
    /// What it may write to.
    pub grants: Grants,
    /// Most bytes a tick; what is more is dropped and counted.
    pub max_bytes_per_tick: u64,
    /// Most different routes a tick; events for others are dropped and counted.
    pub max_routes_per_tick: usize,
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { text: "{}".into(), at: None, node: None }
    }
}

impl Settings {
    /// Where a key of the component's configuration stands, such as `metric_declarations[2].dimensions`.
    pub fn position(&self, key: &str) -> Option<Position> {
        self.node.as_ref().map(|node| node.nearest(key)).or(self.at)
    }

    /// Where a line and a column of the text under a key stand, where they are lines of the file.
    pub fn within(&self, key: &str, line: usize, column: usize) -> Option<Position> {
        self.node.as_ref()?.within(key, line, column)
    }

    /// Sets a key that stands in no file.
    pub fn set(&mut self, key: &str, value: serde_json::Value) {
        let mut keys: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&self.text).unwrap_or_default();
        keys.insert(key.into(), value);
        self.text = serde_json::Value::Object(keys).to_string();
    }

    /// Values of texts that are files of their own, such as a program: lines and columns are theirs.
    pub fn of_files(texts: &[(&str, &str)]) -> Self {
        let at = Position { line: 1, column: 1 };
        let entries = texts.iter().map(|(key, text)| {
            let data = Data::Scalar { text: (*text).into(), plain: false };
            Entry { key: (*key).into(), at, value: Node { at, block: Some(at), data } }
        });
        let node = Node { at, block: None, data: Data::Mapping(entries.collect()) };
        Self { text: node.to_json().to_string(), at: Some(at), node: Some(node) }
    }
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = match self.origin {
            Origin::Builtin => "builtin",
            Origin::File => "file",
        };
        write!(f, "{origin}:{}", self.name)
    }
}

impl Pipeline {
    /// Container Insights events of this node, and of the cluster where this agent leads, on stdout.
    pub(super) fn defaults() -> Vec<Self> {
        vec![Self::shipped(0, "node", Scope::Node), Self::shipped(1, "cluster", Scope::Cluster)]
    }

    fn shipped(place: usize, name: &str, scope: Scope) -> Self {
        let path = format!("pipelines[{place}]");
        let stage = |index: usize, name: &str| Stage {
            component: Component::builtin(name, format!("{path}.transforms[{index}]")),
            on_failure: OnFailure::LastGood,
        };
        Self {
            name: name.into(),
            scope,
            transforms: vec![stage(0, "decorate"), stage(1, "utilization")],
            outputs: vec![Output::emf("stdout", &path)],
        }
    }
}

impl Pipeline {
    /// All components that it names.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        let stages = self.transforms.iter().map(|stage| &stage.component);
        stages.chain(self.outputs.iter().map(|output| &output.formatter))
    }
}

impl Component {
    /// The built-in of that name without a configuration; `path` is for messages.
    pub fn builtin(name: &str, path: String) -> Self {
        Self {
            origin: Origin::Builtin,
            name: name.into(),
            sha256: None,
            settings: Settings::default(),
            state_bytes: None,
            path,
        }
    }
}

impl Output {
    fn emf(sink: &str, path: &str) -> Self {
        Self {
            formatter: Component::builtin("emf", format!("{path}.outputs[0].formatter")),
            sink: sink.into(),
            grants: default_grants().may_lack_keys(),
            max_bytes_per_tick: 64 << 20,
            max_routes_per_tick: 256,
        }
    }
}

/// The log groups of Container Insights, any stream.
fn default_grants() -> Grants {
    let patterns = |texts: &[&str]| texts.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
    let groups = ["/aws/containerinsights/*/performance", "/aws/ecs/containerinsights/*/performance"];
    Grants::new(vec![("log_group".into(), patterns(&groups)), ("log_stream".into(), patterns(&["**"]))])
}

/// Most pipelines, and most transforms and outputs of each: every one is an instance a tick.
const MAX_PIPELINES: usize = 64;
const MAX_PARTS: usize = 64;

/// Most keys that a route may have.
const MAX_ROUTE_KEYS: usize = 16;

/// Reads the list; the default where it is absent.
pub(super) fn read(root: &Section<'_>, sinks: &[Sink], problems: &Problems) -> Vec<Pipeline> {
    let Some(items) = root.list_of("pipelines", MAX_PIPELINES) else { return Pipeline::defaults() };
    if items.is_empty() {
        root.problem("pipelines", "the list is empty: nothing would run; leave the key out for the default");
    }
    let mut pipelines: Vec<Pipeline> = Vec::new();
    for item in &items {
        if let Some(pipeline) = pipeline(item, sinks) {
            if pipelines.iter().any(|other| other.name == pipeline.name) {
                let message = format!("the name `{}` is taken by a pipeline above", pipeline.name);
                problems.add(Some(item.node.nearest("name")), format!("{}.name", item.path), message);
            }
            pipelines.push(pipeline);
        }
    }
    pipelines
}

/// Most that one component may remember for a scope: half of what all of them have.
const MAX_STATE_BYTES: u64 = crate::states::MAX_BYTES / 2;

/// A space belongs to the name of its component in the pipeline.
fn check_spaces(pipeline: &Pipeline, item: &Item<'_>) {
    let mut seen = Vec::new();
    for component in pipeline.components().filter(|component| component.state_bytes.is_some()) {
        if seen.contains(&&component.name) {
            item.problem(format!(
                "two components `{}` with state in one pipeline would share it",
                component.name
            ));
        }
        seen.push(&component.name);
    }
}

fn pipeline(item: &Item<'_>, sinks: &[Sink]) -> Option<Pipeline> {
    let section = item.section();
    let name = section.text("name");
    if name.is_none() {
        section.problem("name", "required");
    }
    let scope = section.value("scope", one_of(&Scope::WORDS)).unwrap_or(Scope::Node);
    let transforms = section.list_of("transforms", MAX_PARTS).unwrap_or_default();
    let transforms = transforms.iter().filter_map(stage).collect();
    let outputs = section.list_of("outputs", MAX_PARTS).unwrap_or_default();
    if outputs.is_empty() {
        section.problem("outputs", "at least one is required: a pipeline without an output does nothing");
    }
    let outputs = outputs.iter().filter_map(|item| output(item, sinks)).collect();
    section.finish();
    let pipeline = Pipeline { name: name?, scope, transforms, outputs };
    check_spaces(&pipeline, item);
    Some(pipeline)
}

fn stage(item: &Item<'_>) -> Option<Stage> {
    let words = [("last-good", OnFailure::LastGood), ("skip", OnFailure::Skip), ("drop", OnFailure::Drop)];
    let section = item.section();
    let component = component(&section, &item.path);
    let on_failure = section.value("on_failure", one_of(&words)).unwrap_or_default();
    section.finish();
    Some(Stage { component: component?, on_failure })
}

fn component(section: &Section<'_>, path: &str) -> Option<Component> {
    let named = section.value("use", component_name);
    if named.is_none() && section.get("use").is_none() {
        section.problem("use", "required: builtin:NAME or file:NAME");
    }
    let sha256 = section.value("sha256", Sha256::parse);
    let mut settings = Settings { at: section.at(), ..Settings::default() };
    if let Some(item) = section.get("config") {
        if !matches!(item.node.data, Data::Mapping(_)) {
            item.problem(format!("expected a mapping, found {}", item.node.kind()));
        }
        settings.text = item.node.to_json().to_string();
        settings.node = Some(item.node.clone());
    }
    let below = section.section("state");
    let state_bytes = below.value("max_bytes", |text| match values::size(text)? {
        bytes if (1 << 10..=MAX_STATE_BYTES).contains(&bytes) => Ok(bytes),
        _ => Err("must be from 1KiB to 4MiB".to_string()),
    });
    below.finish();
    let (origin, name) = named?;
    Some(Component { origin, name, sha256, settings, state_bytes, path: path.into() })
}

/// The name is also a file's name: letters, digits, `-`, `_` and `.`, not at the start, so it never leaves
/// its folder.
fn component_name(text: &str) -> Result<(Origin, String), String> {
    let wrong = || format!("`{text}` names no component; write builtin:NAME or file:NAME");
    let (origin, name) = text.split_once(':').ok_or_else(wrong)?;
    let origin = match origin {
        "builtin" => Origin::Builtin,
        "file" => Origin::File,
        _ => return Err(wrong()),
    };
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(usable) {
        return Err(format!(
            "`{name}` is no name of a component: letters, digits, `-`, `_` and `.` (not first)"
        ));
    }
    Ok((origin, name.into()))
}

fn output(item: &Item<'_>, sinks: &[Sink]) -> Option<Output> {
    let default = Output::emf("stdout", "");
    let section = item.section();
    let formatter = match section.get("formatter") {
        Some(item) => {
            let section = item.section();
            let formatter = component(&section, &item.path);
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
            Err(format!("there is no sink `{text}`; there are: {}", names.join(", ")))
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
        0 => Err("0 bytes would drop everything".to_string()),
        bytes => Ok(bytes),
    });
    let routes = section.value("max_routes_per_tick", |text| match integer(text)? {
        routes @ 1..=100_000 => Ok(routes as usize),
        _ => Err("must be from 1 to 100000".to_string()),
    });
    section.finish();
    Some(Output {
        formatter: formatter?,
        sink,
        grants,
        max_bytes_per_tick: bytes.unwrap_or(default.max_bytes_per_tick),
        max_routes_per_tick: routes.unwrap_or(default.max_routes_per_tick),
    })
}

/// Keys of a route that CloudWatch Logs needs, and no others.
const LOG_KEYS: [&str; 2] = ["log_group", "log_stream"];

/// A sink with destinations gets exactly its keys; others take those of any formatter, but no slip of the pen.
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
        section.problem(
            "routes",
            format!("`{missing}` is missing: nothing would be granted, every event refused"),
        );
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
