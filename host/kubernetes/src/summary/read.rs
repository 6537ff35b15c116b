//! Reads the statistics from a response of `/stats/summary`, within bounds.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::document::{Document, Reader};
use crate::error::KubeletError;
use crate::item::{self, RepairBudget};
use crate::pods::PodList;
use crate::problem::Problems;
use crate::selection::{MAX_PARSED, POD_BOUNDS, Ranked, RankedSelection};

use super::{ContainerStats, InterfaceStats, PodStats, Summary, VolumeStats, sort};

const DOCUMENT: Document = Document { wanted: "a summary (the kubelet's /stats/summary)", key: "pods" };

/// A reader of a `/stats/summary` response, which is parsed as it arrives. Holds the text of one pod and the kept data of the others.
#[derive(Debug)]
pub struct SummaryReader<'p> {
    document: Reader,
    /// Uids of the known pods, which are kept first.
    known: HashSet<&'p str>,
    kept: RankedSelection<RankedStats>,
    problems: Problems,
    repair_budget: RepairBudget,
}

#[derive(Debug)]
struct RankedStats {
    stats: PodStats,
    is_unknown: bool,
}

impl<'p> SummaryReader<'p> {
    /// Creates a reader; `source` names the server or file in errors. If there are more pods than fit, those of `pods` are
    /// kept first.
    pub fn new(source: &str, pods: Option<&'p PodList>) -> Self {
        let pods = pods.into_iter().flat_map(|list| &list.pods);
        Self {
            document: Reader::new(DOCUMENT, source),
            known: pods.flat_map(|pod| [Some(&*pod.uid), pod.config_hash.as_deref()]).flatten().collect(),
            kept: RankedSelection::new(POD_BOUNDS),
            problems: Problems::default(),
            repair_budget: RepairBudget::default(),
        }
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// If they do not belong to a summary: not JSON, or another document.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), KubeletError> {
        let Self { document, known, kept, problems, repair_budget } = self;
        document.push(bytes, &mut |index, element| {
            if index >= MAX_PARSED {
                return kept.leave_out();
            }
            if let Some(stats) = item::read::<PodStats>(index, element, &(), repair_budget, problems) {
                let is_unknown = !known.contains(&*stats.uid);
                kept.push(index, RankedStats { stats, is_unknown });
            }
        })
    }

    /// Returns the statistics, after the last bytes.
    ///
    /// # Errors
    /// As for [`SummaryReader::push`], or if the summary is cut off.
    pub fn finish(self) -> Result<Summary, KubeletError> {
        self.document.finish()?;
        let (pods, left_out) = self.kept.finish();
        let mut pods: Vec<PodStats> = pods.into_iter().map(|ranked| ranked.stats).collect();
        sort(&mut pods, |pod| &pod.uid);
        Ok(Summary { pods, problems: self.problems, left_out })
    }
}

/// Parses a response of `/stats/summary`. `source` names the server or file in errors.
///
/// # Errors
/// If `body` is not a summary: not JSON, cut off, or another document.
pub fn parse(body: &[u8], source: &str) -> Result<Summary, KubeletError> {
    let mut reader = SummaryReader::new(source, None);
    reader.push(body)?;
    reader.finish()
}

impl Ranked for RankedStats {
    fn rank(&self, other: &Self) -> Ordering {
        (self.is_unknown, &self.stats.uid).cmp(&(other.is_unknown, &other.stats.uid))
    }

    fn bytes(&self) -> usize {
        let PodStats { uid, interfaces, containers, volumes, .. } = &self.stats;
        let containers =
            containers.iter().map(|container| size_of::<ContainerStats>() + container.name.len());
        let interfaces =
            interfaces.iter().map(|interface| size_of::<InterfaceStats>() + interface.name.len());
        let volumes = volumes.iter().map(|volume| {
            let claim = volume.claim.as_ref().map_or(0, |claim| claim.len());
            size_of::<VolumeStats>() + volume.name.len() + claim
        });
        let parts = interfaces.sum::<usize>() + containers.sum::<usize>() + volumes.sum::<usize>();
        size_of::<Self>() + uid.len() + parts
    }
}
