//! Readers of the two documents, which are parsed as they arrive.

use crate::error::KubeletError;
use crate::pods::{PodList, PodReader};
use crate::summary::{Summary, SummaryReader};

/// The reader of a response that arrives in pieces.
pub(super) trait DocumentReader: Send {
    type Document;

    fn push(&mut self, bytes: &[u8]) -> Result<(), KubeletError>;

    fn finish(self) -> Result<ParsedDocument<Self::Document>, KubeletError>;
}

/// A response that was read.
pub(super) struct ParsedDocument<T> {
    pub(super) document: T,
    /// Number of pods in the document.
    pub(super) pods: usize,
    /// Number of malformed pods and fields.
    pub(super) malformed: usize,
    /// Number of malformed pods.
    pub(super) pods_lost: usize,
    /// Number of pods that did not fit.
    pub(super) left_out: u64,
}

impl DocumentReader for PodReader<'_> {
    type Document = PodList;

    fn push(&mut self, bytes: &[u8]) -> Result<(), KubeletError> {
        PodReader::push(self, bytes)
    }

    fn finish(self) -> Result<ParsedDocument<PodList>, KubeletError> {
        let document = PodReader::finish(self)?;
        Ok(ParsedDocument {
            pods: document.pods.len(),
            malformed: document.problems.len(),
            pods_lost: document.problems.pods_lost(),
            left_out: document.left_out,
            document,
        })
    }
}

impl DocumentReader for SummaryReader<'_> {
    type Document = Summary;

    fn push(&mut self, bytes: &[u8]) -> Result<(), KubeletError> {
        SummaryReader::push(self, bytes)
    }

    fn finish(self) -> Result<ParsedDocument<Summary>, KubeletError> {
        let document = SummaryReader::finish(self)?;
        Ok(ParsedDocument {
            pods: document.pods.len(),
            malformed: document.problems.len(),
            pods_lost: document.problems.pods_lost(),
            left_out: document.left_out,
            document,
        })
    }
}
