//! Origin of an event, which determines its destination and the default declarations that apply to it.

/// Scope of the batches of a sidecar: one ECS task.
pub(crate) const SIDECAR_SCOPE: &str = "task";

/// Raw attribute that every event of an ECS task has. It is hidden, so no other attribute of a user can be taken for it.
pub(crate) const TASK_ID: &str = "task.id";

/// Attribute that tells events of pods on Fargate from those of other pods.
pub(crate) const LAUNCH_TYPE: &str = "LaunchType";
/// Value of [`LAUNCH_TYPE`] on EKS. Tasks of ECS have it in capitals.
pub(crate) const FARGATE: &str = "fargate";

/// The orchestrator that an event is about and, on ECS, the kind of object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    #[default]
    Kubernetes,
    /// A pod of EKS on Fargate, or something in it.
    Fargate,
    /// An ECS instance, or any other event of ECS.
    Ecs,
    EcsTask,
    EcsContainer,
}

impl Origin {
    /// Returns the origin of an event with this `Type`. `has_task` is true if the event names an ECS task: the types alone
    /// do not tell, because Kubernetes has `Container` events too. `is_fargate` is true if its `LaunchType` is [`FARGATE`].
    pub(crate) fn new(kind: &str, has_task: bool, is_fargate: bool, scope: &str) -> Self {
        if has_task || scope == SIDECAR_SCOPE {
            match kind {
                "Task" => Self::EcsTask,
                "Container" => Self::EcsContainer,
                _ => Self::Ecs,
            }
        } else if kind.starts_with("Instance") {
            Self::Ecs
        } else if is_fargate {
            Self::Fargate
        } else {
            Self::Kubernetes
        }
    }
}
