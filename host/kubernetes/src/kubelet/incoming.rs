//! The two answers, read while they arrive.

use crate::error::KubeletError;
use crate::pods::{PodList, PodReader};
use crate::summary::{Summary, SummaryReader};

/// The reader of an answer that arrives in pieces.
pub(super) trait Incoming: Send {
    type Document;

    fn push(&mut self, bytes: &[u8]) -> Result<(), KubeletError>;

    fn finish(self) -> Result<Taken<Self::Document>, KubeletError>;
}

/// An answer that was read.
pub(super) struct Taken<T> {
    pub(super) document: T,
    /// Pods that it holds.
    pub(super) pods: usize,
    /// Pods and fields that are malformed.
    pub(super) malformed: usize,
    /// Pods that are malformed.
    pub(super) lost: usize,
    /// Pods that do not fit.
    pub(super) left_out: u64,
}

impl Incoming for PodReader<'_> {
    type Document = PodList;

    fn push(&mut self, bytes: &[u8]) -> Result<(), KubeletError> {
        PodReader::push(self, bytes)
    }

    fn finish(self) -> Result<Taken<PodList>, KubeletError> {
        let document = PodReader::finish(self)?;
        Ok(Taken {
            pods: document.pods.len(),
            malformed: document.problems.len(),
            lost: document.problems.pods_lost(),
            left_out: document.left_out,
            document,
        })
    }
}

impl Incoming for SummaryReader<'_> {
    type Document = Summary;

    fn push(&mut self, bytes: &[u8]) -> Result<(), KubeletError> {
        SummaryReader::push(self, bytes)
    }

    fn finish(self) -> Result<Taken<Summary>, KubeletError> {
        let document = SummaryReader::finish(self)?;
        Ok(Taken {
            pods: document.pods.len(),
            malformed: document.problems.len(),
            lost: document.problems.pods_lost(),
            left_out: document.left_out,
            document,
        })
    }
}
