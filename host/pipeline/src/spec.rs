//! Pipelines as a configuration describes them: which components run over which scope, and where the results go.

mod component;

use insightd_sandbox::OnFailure;

pub use component::{ComponentConfig, ComponentSpec, Origin, TextFile};

use crate::route::Grants;

/// A chain of transforms over one scope, and its outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineSpec {
    /// Unique name for logs and counters.
    pub name: String,
    /// Scope of the batches of this pipeline.
    pub scope: Scope,
    /// Transforms, which run one after the other.
    pub transforms: Vec<StageSpec>,
    /// Outputs, each of which gets the result of the whole chain.
    pub outputs: Vec<OutputSpec>,
}

/// The subject of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This node with its pods.
    Node,
    /// The whole cluster; only the elected agent has such batches.
    Cluster,
}

impl Scope {
    /// All scopes, with their names in configurations and batches.
    pub const NAMES: [(&str, Self); 2] = [("node", Self::Node), ("cluster", Self::Cluster)];

    /// Returns the scope that a batch names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, scope)| *scope)
    }
}

/// One transform of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct StageSpec {
    /// The transform.
    pub component: ComponentSpec,
    /// Reaction to a failure of the transform.
    pub on_failure: OnFailure,
}

/// Destination and format of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputSpec {
    /// Component that converts the batch to bytes.
    pub formatter: ComponentSpec,
    /// Name of the sink.
    pub sink: String,
    /// Routes that it may write to.
    pub grants: Grants,
    /// Most bytes a tick; further events are dropped and counted.
    pub max_bytes_per_tick: u64,
    /// Most distinct routes a tick; events for others are dropped and counted.
    pub max_routes_per_tick: usize,
}

impl PipelineSpec {
    /// Returns all components that the pipeline names.
    pub fn components(&self) -> impl Iterator<Item = &ComponentSpec> {
        let stages = self.transforms.iter().map(|stage| &stage.component);
        stages.chain(self.outputs.iter().map(|output| &output.formatter))
    }

    /// Returns all components that the pipeline names, mutably.
    pub fn components_mut(&mut self) -> impl Iterator<Item = &mut ComponentSpec> {
        let stages = self.transforms.iter_mut().map(|stage| &mut stage.component);
        stages.chain(self.outputs.iter_mut().map(|output| &mut output.formatter))
    }
}
