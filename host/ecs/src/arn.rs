//! Ids of tasks, container instances and clusters in ARNs.

/// Maximum number of characters of an id. Those of ECS have 32 or 36, and names of clusters at most 255.
const MAX_ID_CHARACTERS: usize = 255;

/// Returns the id in an ARN of the resource type `kind`: `arn:PARTITION:ecs:REGION:ACCOUNT:KIND/CLUSTER/ID`, or without
/// the cluster in ARNs of the old format. Returns `None` for anything else: an id becomes part of entity ids, and is
/// compared with names of cgroups.
pub(crate) fn id<'a>(arn: &'a str, kind: &str) -> Option<&'a str> {
    let resource = resource(arn, kind)?;
    let (cluster, id) = match resource.split_once('/') {
        Some((cluster, id)) => (Some(cluster), id),
        None => (None, resource),
    };
    (cluster.is_none_or(is_id) && is_id(id)).then_some(id)
}

/// Returns the region and the cluster of the ARN of a task; no cluster in ARNs of the old format.
#[cfg(feature = "client")]
pub(crate) fn region_and_cluster(arn: &str) -> Option<(&str, Option<&str>)> {
    let region = arn.split(':').nth(3)?;
    // It becomes part of a host name.
    let is_region = !region.is_empty()
        && region.len() <= 32
        && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let cluster = resource(arn, "task")?.split_once('/').map(|(cluster, _)| cluster);
    is_region.then_some((region, cluster))
}

/// Returns the short name of a cluster, which is given as a name or as an ARN.
pub(crate) fn cluster_name(cluster: &str) -> Option<&str> {
    let name = if cluster.starts_with("arn:") { resource(cluster, "cluster")? } else { cluster };
    is_id(name).then_some(name)
}

/// Returns the part of an ECS ARN behind `KIND/`.
fn resource<'a>(arn: &'a str, kind: &str) -> Option<&'a str> {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let [prefix, _partition, service, _region, _account] = [next()?, next()?, next()?, next()?, next()?];
    let resource = next()?.strip_prefix(kind)?.strip_prefix('/')?;
    (prefix == "arn" && service == "ecs").then_some(resource)
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_CHARACTERS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_both_formats_have_an_id() {
        for (arn, kind, wanted) in [
            (
                "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c",
                "task",
                "158d1c8083dd49d6b527399fd6414f5c",
            ),
            (
                "arn:aws:ecs:us-west-2:012345678910:task/example5-58ff-46c9-ae05-543f8example",
                "task",
                "example5-58ff-46c9-ae05-543f8example",
            ),
            ("arn:aws-cn:ecs:cn-north-1:1:container-instance/c/ID", "container-instance", "ID"),
            ("arn:aws-us-gov:ecs:us-gov-west-1:1:container-instance/ID", "container-instance", "ID"),
        ] {
            assert_eq!(id(arn, kind), Some(wanted), "{arn}");
        }
    }

    #[test]
    fn other_texts_have_no_id() {
        for text in [
            "",
            "158d1c80",
            "task/c/ID",
            "arn:aws:ecs:us-west-2:1",
            "arn:aws:ecs:us-west-2:1:",
            "arn:aws:ecs:us-west-2:1:task",
            "arn:aws:ecs:us-west-2:1:task/",
            "arn:aws:ecs:us-west-2:1:task//ID",
            "arn:aws:ecs:us-west-2:1:task/c/",
            "arn:aws:ecs:us-west-2:1:task/c/d/ID",
            "arn:aws:ecs:us-west-2:1:task/c/..",
            "arn:aws:ecs:us-west-2:1:task/c/a b",
            "arn:aws:ecs:us-west-2:1:task/c/ä",
            "arn:aws:ecs:us-west-2::task/c/ID",
            "arn:aws:ec2:us-west-2:1:task/c/ID",
            "arn:aws:ecs:us-west-2:1:tasks/c/ID",
            "arn:aws:ecs:us-west-2:1:task-definition/web:3",
            "ARN:aws:ecs:us-west-2:1:task/c/ID",
        ] {
            assert_eq!(id(text, "task"), None, "{text}");
        }
        let long = format!("arn:aws:ecs:r:1:task/{}", "a".repeat(MAX_ID_CHARACTERS + 1));
        assert_eq!(id(&long, "task"), None);
    }

    #[cfg(feature = "client")]
    #[test]
    fn a_region_is_part_of_a_host_name() {
        let of = |arn: &'static str| region_and_cluster(arn);
        assert_eq!(of("arn:aws:ecs:us-west-2:1:task/c/t"), Some(("us-west-2", Some("c"))));
        assert_eq!(of("arn:aws:ecs:us-west-2:1:task/t"), Some(("us-west-2", None)));
        for arn in [
            "arn:aws:ecs:evil.example/:1:task/c/t",
            "arn:aws:ecs::1:task/c/t",
            "arn:aws:ecs:r:1:service/s",
            "",
        ] {
            assert_eq!(of(arn), None, "{arn}");
        }
    }

    #[test]
    fn clusters_have_a_short_name() {
        assert_eq!(cluster_name("default"), Some("default"));
        assert_eq!(
            cluster_name("arn:aws:ecs:us-east-1:123456789012:cluster/MyEmptyCluster"),
            Some("MyEmptyCluster")
        );
        for none in ["", "a b", "arn:aws:ecs:us-east-1:1:task/x", "arn:", "arn:aws:ecs:r:1:cluster/a/b"] {
            assert_eq!(cluster_name(none), None, "{none}");
        }
    }
}
