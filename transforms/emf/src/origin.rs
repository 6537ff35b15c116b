//! Origin of an event, which determines its destination and the default declarations that apply to it.

/// Scope of the batches of a sidecar: one ECS task.
pub(crate) const SIDECAR_SCOPE: &str = "task";

/// Raw attribute that every event of an ECS task has. It is hidden, so no other attribute of a user can be taken for it.
pub(crate) const TASK_ID: &str = "task.id";

/// The orchestrator that an event is about and, on ECS, the kind of object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    #[default]
    Kubernetes,
    /// An ECS instance, or any other event of ECS.
    Ecs,
    EcsTask,
    EcsContainer,
}

impl Origin {
    /// Returns the origin of an event with this `Type`. `has_task` is true if the event names an ECS task. The types alone
    /// do not tell: Kubernetes has `Container` events too.
    pub(crate) fn new(kind: &str, has_task: bool, scope: &str) -> Self {
        if has_task || scope == SIDECAR_SCOPE {
            match kind {
                "Task" => Self::EcsTask,
                "Container" => Self::EcsContainer,
                _ => Self::Ecs,
            }
        } else if kind.starts_with("Instance") {
            Self::Ecs
        } else {
            Self::Kubernetes
        }
    }
}
