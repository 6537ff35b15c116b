//! Bundles: pipelines and the components that they name, which are replaced together.

use std::collections::BTreeSet;
use std::fmt;

use insightd_sandbox::Hex;

use crate::library::{self, FileError, Files};
use crate::pipeline::Pipeline;
use crate::sha256::Sha256;
use crate::spec::{Origin, PipelineSpec, Scope};

/// Generation of a bundle: the hash of its content. Equal content is the same generation, wherever it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(pub Sha256);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0.0[..6]).fmt(f)
    }
}

/// Source of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleOrigin {
    /// The configuration file and its directory of components.
    Files,
    /// The built-in pipelines, without a file.
    Defaults,
    /// The last good bundle from the last-good store.
    LastGood,
    /// A bundle from the last-good store that was on probation when the agent ended.
    Resumed,
}

impl BundleOrigin {
    /// Returns the value for logs and status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Defaults => "defaults",
            Self::LastGood => "last-good",
            Self::Resumed => "resumed-trial",
        }
    }
}

/// A bundle that is ready to run.
#[derive(Debug)]
pub struct Bundle {
    /// Its pipelines.
    pub pipelines: Vec<Pipeline>,
    /// Its generation.
    pub id: Generation,
    /// Its source.
    pub origin: BundleOrigin,
    /// Length of its probation in ticks, during which it may be rolled back.
    pub trial_ticks: u32,
}

impl Bundle {
    /// Returns the names of the values that components of the pipelines of a scope read, as their descriptions say. Versions
    /// that may take over count as well.
    pub fn reads(&self, scope: Scope) -> impl Iterator<Item = &str> {
        let pipelines = self.pipelines.iter().filter(move |pipeline| pipeline.scope == scope);
        let versions = pipelines.flat_map(Pipeline::slots).flat_map(|slot| slot.slot().versions());
        versions.flat_map(|version| &version.component.description().reads).map(String::as_str)
    }
}

/// Returns the names of the files that pipelines name.
pub fn file_names(pipelines: &[PipelineSpec]) -> BTreeSet<String> {
    let components = || pipelines.iter().flat_map(PipelineSpec::components);
    let files = components().filter(|component| component.origin == Origin::File);
    let texts = components().flat_map(|component| &component.texts);
    files
        .map(|component| library::file_of(&component.name))
        .chain(texts.map(|text| text.name.clone()))
        .collect()
}

/// Inserts texts into the configurations of the components that use them. A file that is not UTF-8 is marked unusable.
pub fn fill_in_texts(pipelines: &mut [PipelineSpec], files: &mut Files) {
    for component in pipelines.iter_mut().flat_map(PipelineSpec::components_mut) {
        for wanted in &component.texts {
            let Some(Ok(bytes)) = files.get(&wanted.name) else { continue };
            match str::from_utf8(bytes) {
                Ok(text) => component.config.set(&wanted.key, text.into()),
                Err(_) => {
                    let error = FileError::Unusable("is not valid UTF-8".to_owned());
                    files.insert(wanted.name.clone(), Err(error));
                }
            }
        }
    }
}

/// Returns the generation: a hash of everything that determines the events. Comments, key order and unrelated sections do not affect it.
pub fn generation(pipelines: &[PipelineSpec], files: &Files) -> Generation {
    let mut text = String::new();
    let mut add = |part: &dyn fmt::Debug| {
        // The debug form quotes each part, so that two parts never merge into one.
        text.push_str(&format!("{part:?}\n"));
    };
    for pipeline in pipelines {
        add(&(&pipeline.name, pipeline.scope));
        for stage in &pipeline.transforms {
            add(&(stage.component.to_string(), &stage.component.config.text, stage.on_failure));
            add(&(stage.component.state_bytes, stage.component.sha256));
        }
        for output in &pipeline.outputs {
            add(&(output.formatter.to_string(), &output.formatter.config.text, &output.sink));
            add(&(output.formatter.state_bytes, output.formatter.sha256));
            add(&(&output.grants, output.max_bytes_per_tick, output.max_routes_per_tick));
        }
    }
    // Texts are hashed as part of the configuration of their component.
    for (name, content) in
        files.iter().filter_map(|(file, content)| Some((library::component_of(file)?, content)))
    {
        // The reason why a file cannot be read does not count: it may change from scan to scan.
        add(&(name, content.as_ref().map(|bytes| Sha256::of(bytes)).map_err(|_| ())));
    }
    // An unreadable text is in no configuration, but differs from a text that is not configured.
    for (name, _) in
        files.iter().filter(|(file, content)| library::component_of(file).is_none() && content.is_err())
    {
        add(&("unread", name));
    }
    Generation(Sha256::of(text.as_bytes()))
}
