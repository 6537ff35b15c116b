//! The views of `insightctl top`.

pub(crate) use crate::arguments::View;

impl View {
    /// All views, in the order of the tabs.
    pub(crate) const ALL: [Self; 7] =
        [Self::Nodes, Self::Pods, Self::Containers, Self::Stages, Self::Sinks, Self::Rollout, Self::Sources];

    /// Returns the title of the tab.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Nodes => "Nodes",
            Self::Pods => "Pods",
            Self::Containers => "Containers",
            Self::Stages => "Stages",
            Self::Sinks => "Sinks",
            Self::Rollout => "Rollout",
            Self::Sources => "Sources",
        }
    }

    /// Returns the kinds of entities that the view shows; none for a view of the agent itself.
    pub(crate) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Nodes => &["node"],
            Self::Pods => &["pod", "task"],
            Self::Containers => &["container"],
            Self::Stages | Self::Sinks | Self::Rollout | Self::Sources => &[],
        }
    }

    /// Returns true for views of what is measured, false for views of the agent.
    pub(crate) fn is_measured(self) -> bool {
        !self.kinds().is_empty()
    }

    /// Returns the position among the tabs.
    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|view| *view == self).unwrap_or(0)
    }

    /// Returns the view so many tabs further, around the end.
    pub(crate) fn moved(self, by: isize) -> Self {
        let count = Self::ALL.len() as isize;
        let index = (self.index() as isize + by).rem_euclid(count);
        Self::ALL.get(index as usize).copied().unwrap_or(self)
    }
}
