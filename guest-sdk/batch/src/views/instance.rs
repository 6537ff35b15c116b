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
}
