//! Reads the list of pods from a response of `/pods`, within bounds.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::document::{Document, Reader};
use crate::error::KubeletError;
use crate::item::{self, RepairBudget};
use crate::problem::{Cost, Problem, Problems, Subject};
use crate::selection::{MAX_PARSED, POD_BOUNDS, Ranked, RankedSelection};

use super::{Container, MetadataFilter, Owner, Pod, PodList, Texts};

const DOCUMENT: Document = Document { wanted: "a v1 PodList (the kubelet's /pods)", key: "items" };

/// A reader of a `/pods` response, which is parsed as it arrives. Holds the text of one pod and the kept data of the others.
#[derive(Debug)]
pub struct PodReader<'k> {
    document: Reader,
    filter: &'k MetadataFilter,
    kept: RankedSelection<Pod>,
    problems: Problems,
    repair_budget: RepairBudget,
}

impl<'k> PodReader<'k> {
    /// Creates a reader; `source` names the server or file in errors.
    pub fn new(source: &str, filter: &'k MetadataFilter) -> Self {
        Self {
            document: Reader::new(DOCUMENT, source),
            filter,
            kept: RankedSelection::new(POD_BOUNDS),
            problems: Problems::default(),
            repair_budget: RepairBudget::default(),
        }
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// If they do not belong to a list of pods: not JSON, or another document.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), KubeletError> {
        let Self { document, filter, kept, problems, repair_budget } = self;
        document.push(bytes, &mut |index, element| {
            if index >= MAX_PARSED {
                return kept.leave_out();
            }
            if let Some(pod) = item::read::<Pod>(index, element, filter, repair_budget, problems) {
                kept.push(index, pod);
            }
        })
    }

    /// Returns the list, after the last bytes.
    ///
    /// # Errors
    /// As for [`PodReader::push`], or if the list is cut off: a partial list would look as if the other pods had ended.
    pub fn finish(self) -> Result<PodList, KubeletError> {
        self.document.finish()?;
        let Self { kept, mut problems, .. } = self;
        let (mut pods, left_out) = kept.finish();
        // Of two pods with the same uid, the first by namespace and name is kept; the sort is stable, so equal
        // ones stay in the order of their rank.
        pods.sort_by(by_name);
        let mut seen = HashSet::with_capacity(pods.len());
        let twice: Vec<bool> = pods.iter().map(|pod| !seen.insert(&*pod.uid)).collect();
        let mut twice = twice.into_iter();
        pods.retain(|pod| {
            let twice = twice.next().unwrap_or(false);
            if twice {
                let subject =
                    Subject::Pod { namespace: pod.namespace.to_string(), name: pod.name.to_string() };
                let message = format!("another pod of the list has the same uid {:?}", pod.uid);
                problems.push(Problem::new(subject, "metadata.uid".into(), message, Cost::Pod));
            }
            !twice
        });
        pods.shrink_to_fit();
        Ok(PodList { pods, problems, left_out })
    }
}

/// Parses a response of `/pods`, keeping labels within the default limit and no annotations.
///
/// `source` names the server or file in errors.
///
/// # Errors
/// If `body` is not a list of pods: not JSON, cut off, or another document.
pub fn parse(body: &[u8], source: &str) -> Result<PodList, KubeletError> {
    parse_with(body, source, &MetadataFilter::default())
}

/// Parses a response as [`parse`] does, with the limits and annotations of `filter`.
///
/// # Errors
/// As for [`parse`].
pub fn parse_with(body: &[u8], source: &str, filter: &MetadataFilter) -> Result<PodList, KubeletError> {
    let mut reader = PodReader::new(source, filter);
    reader.push(body)?;
    reader.finish()
}

fn by_name(left: &Pod, right: &Pod) -> Ordering {
    (&left.namespace, &left.name, &left.uid).cmp(&(&right.namespace, &right.name, &right.uid))
}

impl Ranked for Pod {
    /// Ranks pods that ended last; Jobs leave thousands of them behind.
    fn rank(&self, other: &Self) -> Ordering {
        let has_ended = |pod: &Self| matches!(pod.phase.as_deref(), Some("Succeeded" | "Failed"));
        has_ended(self).cmp(&has_ended(other)).then_with(|| by_name(self, other))
    }

    fn bytes(&self) -> usize {
        let Self { uid, name, namespace, phase, qos, ip, config_hash, .. } = self;
        let texts_of_pod = [phase, qos, ip, config_hash].into_iter().flatten().chain([uid, name, namespace]);
        let owners = self.owners.iter().map(|owner| size_of::<Owner>() + owner.kind.len() + owner.name.len());
        size_of::<Self>()
            + texts_of_pod.map(|text| text.len()).sum::<usize>()
            + [&self.conditions, &self.labels, &self.annotations].into_iter().map(texts).sum::<usize>()
            + owners.sum::<usize>()
            + self.containers.iter().map(container).sum::<usize>()
    }
}

fn texts(texts: &Texts) -> usize {
    texts.iter().map(|(key, value)| size_of::<(Box<str>, Box<str>)>() + key.len() + value.len()).sum()
}

fn container(container: &Container) -> usize {
    let Container { name, image, runtime, id, state, last_termination_reason, .. } = container;
    let text_bytes =
        [image, runtime, id, last_termination_reason].into_iter().flatten().map(|text| text.len());
    let reason = state.as_ref().and_then(|state| state.reason()).map_or(0, str::len);
    size_of::<Container>() + name.len() + text_bytes.sum::<usize>() + reason
}
