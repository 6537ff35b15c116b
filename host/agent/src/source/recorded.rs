//! The kubelet's answers that a recording holds beside the host's files.

use std::time::Duration;

use insightd_collect::{HostRoot, Pairing, ReadBuffer};
use insightd_kubernetes::pods::PodList;
use insightd_kubernetes::summary::Summary;
use insightd_kubernetes::{Emitter, KubeletError, pods, summary};
use insights_sdk::{Builder, EntityId};

/// Adds what the kubelet answered at the moment that the root stands at.
#[derive(Debug)]
pub(super) struct RecordedKubelet {
    emitter: Emitter,
    /// Of its own: the collector's ends its tick before the `node` exists that pods hang below.
    pairing: Pairing,
    buffer: ReadBuffer,
}

impl RecordedKubelet {
    pub(super) fn new(forget_after: Duration) -> Self {
        Self { emitter: Emitter::new(), pairing: Pairing::new(forget_after), buffer: ReadBuffer::default() }
    }

    /// Nothing on a live host. Gives what could not be read.
    pub(super) fn emit(&mut self, root: &HostRoot, node: EntityId, builder: &mut Builder) -> Vec<String> {
        let Some(moment) = root.moment() else { return Vec::new() };
        let mut problems = Vec::new();
        let files = &moment.kubelet;
        let pods = self.answer(root, files.pods.as_deref(), pods::parse, &mut problems);
        let summary: Option<Summary> =
            self.answer(root, files.summary.as_deref(), summary::parse, &mut problems);
        let Some(pods): Option<PodList> = pods else {
            if let Some(problem) = problems.first() {
                builder.attribute(node, "kubelet.error", problem);
            }
            return problems;
        };
        problems.extend(pods.problems.iter().map(ToString::to_string));
        builder.gauge(node, "kubelet.age_ms", 0.0);
        let now_ns = root.now_ns();
        self.emitter.emit(&pods, summary.as_ref(), node, &mut self.pairing, now_ns, builder);
        self.pairing.end_of_tick(now_ns);
        problems
    }

    fn answer<T>(
        &mut self,
        root: &HostRoot,
        path: Option<&str>,
        parse: fn(&[u8], &str) -> Result<T, KubeletError>,
        problems: &mut Vec<String>,
    ) -> Option<T> {
        let path = path?;
        let problem = match root.read(path, &mut self.buffer) {
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
}
