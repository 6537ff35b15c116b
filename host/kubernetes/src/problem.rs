//! What one pod or one field of it lost.

use std::fmt;

/// Problems that a list keeps; a broken kubelet could make one for every field of every pod.
const KEPT: usize = 64;

/// Characters of foreign text that one problem shows.
const SHOWN: usize = 160;

/// Which pod a problem is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The pod could be told.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Only its place in the list is known.
    Index(usize),
}

/// What a problem costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// The field (with what is below it) is absent, the rest of the pod is there.
    Field,
    /// The pod is absent.
    Pod,
}

/// Something in a list of pods that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The pod.
    pub subject: Subject,
    /// Where in the pod, as in `spec.containers[0].resources.limits.cpu`; empty for the pod itself.
    pub path: String,
    /// What is wrong there.
    pub message: String,
    /// What it costs.
    pub cost: Cost,
}

impl Problem {
    pub(crate) fn new(subject: Subject, path: String, message: impl fmt::Display, cost: Cost) -> Self {
        Self { subject, path: shortened(path), message: shortened(message.to_string()), cost }
    }
}

/// Cuts foreign text to what a log line can bear.
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
            Subject::Index(index) => write!(f, "pod number {index} of the list: ")?,
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

/// The problems of one list; the first 64 in full, the rest as a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    kept: Vec<Problem>,
    total: usize,
    /// Those that cost a pod.
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

    /// The first ones, in the order of the list.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.kept.iter()
    }

    /// How many there were, those that were not kept included.
    pub fn len(&self) -> usize {
        self.total
    }

    /// How many of them cost a pod.
    pub fn pods_lost(&self) -> usize {
        self.pods
    }

    /// Whether all was well.
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
