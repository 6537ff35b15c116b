//! The kubelet's answers that a recording holds beside the host's files.

use insightd_collect::{HostRoot, ReadBuffer};
use insightd_kubernetes::pods::PodList;
use insightd_kubernetes::summary::Summary;
use insightd_kubernetes::{Facts, KubeletError, pods, summary};
use insights_sdk::{Builder, EntityId};

use super::kubelet::{KubeletFacts, ReadAt};

/// Adds what the kubelet answered at the moment that the root stands at, and gives what could not be read.
pub(super) fn emit(
    facts: &mut KubeletFacts,
    root: &HostRoot,
    node: EntityId,
    builder: &mut Builder,
) -> Vec<String> {
    let Some(moment) = root.moment() else { return Vec::new() };
    let mut problems = Vec::new();
    let files = &moment.kubelet;
    let pods = answer(root, files.pods.as_deref(), pods::parse, &mut problems);
    let summary: Option<Summary> = answer(root, files.summary.as_deref(), summary::parse, &mut problems);
    let Some(pods): Option<PodList> = pods else {
        if let Some(problem) = problems.first() {
            builder.attribute(node, "kubelet.error", problem);
        }
        return problems;
    };
    problems.extend(pods.problems.iter().map(ToString::to_string));
    let now_ns = root.now_ns();
    let read = ReadAt { at_ns: now_ns, now_ns };
    let answers = Facts { pods: Some(&pods), summary: summary.as_ref(), local: None };
    facts.emit(&answers, Some(read), node, builder);
    problems
}

fn answer<T>(
    root: &HostRoot,
    path: Option<&str>,
    parse: fn(&[u8], &str) -> Result<T, KubeletError>,
    problems: &mut Vec<String>,
) -> Option<T> {
    let path = path?;
    let problem = match root.read(path, &mut ReadBuffer::default()) {
        Ok(Some(body)) => match parse(body, path) {
            Ok(answer) => return Some(answer),
            Err(error) => error.to_string(),
        },
        Ok(None) => format!("{path}: the manifest names it, but there is no such file"),
        Err(error) => format!("{path}: {error}"),
    };
    problems.push(problem);
    None
}
