//! View of the instance.

use super::view;

view! {
    /// The EC2 or container instance that the node runs on.
    Instance = "instance";

    /// Instance id, such as `i-0123456789abcdef0`.
    text instance_id = "instance.id";
    /// Instance type, such as `m5.large`.
    text instance_type = "instance.type";
    /// Name of the instance's autoscaling group.
    text autoscaling_group = "instance.autoscaling_group";
    /// Id of the ECS container instance.
    text container_instance_id = "container_instance.id";

    /// Number of running ECS tasks.
    gauge tasks_running = "ecs.tasks_running";
    /// CPU reserved by running tasks, 1024ths of a core.
    gauge reserved_cpu_shares = "ecs.reserved_cpu_shares";
    /// Memory reserved by running tasks, bytes.
    gauge reserved_memory_bytes = "ecs.reserved_memory_bytes";
}
