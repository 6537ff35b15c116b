//! Problems with one pod or one of its fields.

use std::fmt;

/// Largest number of problems kept per list; a broken kubelet could cause one for every field of every pod.
const KEPT: usize = 64;

/// Number of characters of foreign text shown in one problem.
const SHOWN: usize = 160;

/// The pod that a problem is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A pod with a readable name.
    Pod {
        /// Namespace of the pod.
        namespace: String,
        /// Name of the pod.
        name: String,
    },
    /// Index in the list, if the name is not readable.
    Index(usize),
}

/// The part that a problem leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// The field and everything below it; the rest of the pod is kept.
    Field,
    /// The whole pod.
    Pod,
}

/// A malformed part of a list of pods that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The pod.
    pub subject: Subject,
    /// Path in the pod, such as `spec.containers[0].resources.limits.cpu`; empty for the pod itself.
    pub path: String,
    /// Error text.
    pub message: String,
    /// The part that is left out.
    pub cost: Cost,
}

impl Problem {
    pub(crate) fn new(subject: Subject, path: String, message: impl fmt::Display, cost: Cost) -> Self {
        Self { subject, path: shortened(path), message: shortened(message.to_string()), cost }
    }
}

/// Truncates foreign text to a length suitable for a log line.
pub(crate) fn shortened(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(at);
        text.push('…');
    }
    text
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Pod { namespace, name } => write!(f, "pod {namespace}/{name}: ")?,
            Subject::Index(index) => write!(f, "pod at index {index} of the list: ")?,
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        let cost = match self.cost {
            Cost::Field => "field",
            Cost::Pod => "pod",
        };
        write!(f, "{}; the {cost} is left out", self.message)
    }
}

/// The problems of one list: the first 64 in full, the others as a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    kept: Vec<Problem>,
    total: usize,
    /// Number of problems that left out a pod.
    pods: usize,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        self.total += 1;
        self.pods += usize::from(problem.cost == Cost::Pod);
        if self.kept.len() < KEPT {
            self.kept.push(problem);
        }
    }

    /// Returns the first 64 problems, in the order of the list.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.kept.iter()
    }

    /// Returns the number of problems, including those that were not kept.
    pub fn len(&self) -> usize {
        self.total
    }

    /// Returns the number of problems that left out a pod.
    pub fn pods_lost(&self) -> usize {
        self.pods
    }

    /// Returns true if there were no problems.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
