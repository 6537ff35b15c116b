//! The kubelet's responses that a recording holds beside the host's files.

use insightd_collect::{HostRoot, ReadBuffer};
use insightd_kubernetes::pods::PodList;
use insightd_kubernetes::summary::Summary;
use insightd_kubernetes::{Facts, KubeletError, pods, summary};
use insights_batch::{Builder, EntityId};

use crate::sources::kubelet::{KubeletFacts, ReadAt};

/// The kubelet's responses of one frame.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) pods: Option<PodList>,
    summary: Option<Summary>,
    problems: Vec<String>,
}

/// Reads the responses of the root's current frame. Returns `None` for a live host.
pub(super) fn read(root: &HostRoot) -> Option<Recorded> {
    let files = &root.frame()?.kubelet;
    let mut problems = Vec::new();
    let pods = response(root, files.pods.as_deref(), pods::parse, &mut problems);
    let summary = response(root, files.summary.as_deref(), summary::parse, &mut problems);
    Some(Recorded { pods, summary, problems })
}

impl Recorded {
    /// Adds the responses below `node`, and returns the error texts.
    pub(super) fn emit(
        self,
        facts: &mut KubeletFacts,
        now_ns: u64,
        node: EntityId,
        builder: &mut Builder,
    ) -> Vec<String> {
        let Self { pods, summary, mut problems } = self;
        let Some(pods) = pods else {
            if let Some(problem) = problems.first() {
                builder.attribute(node, "kubelet.error", problem);
            }
            return problems;
        };
        problems.extend(pods.problems.iter().map(ToString::to_string));
        let read = ReadAt { at_ns: now_ns, now_ns };
        let responses = Facts { pods: Some(&pods), summary: summary.as_ref(), local: None };
        facts.emit(&responses, Some(read), node, builder);
        problems
    }
}

fn response<T>(
    root: &HostRoot,
    path: Option<&str>,
    parse: fn(&[u8], &str) -> Result<T, KubeletError>,
    problems: &mut Vec<String>,
) -> Option<T> {
    let path = path?;
    let problem = match root.read(path, &mut ReadBuffer::default()) {
        Ok(Some(body)) => match parse(body, path) {
            Ok(response) => return Some(response),
            Err(error) => error.to_string(),
        },
        Ok(None) => format!("{path}: named in the manifest, but the file is missing"),
        Err(error) => format!("{path}: {error}"),
    };
    problems.push(problem);
    None
}
