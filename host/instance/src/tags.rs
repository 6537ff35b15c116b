//! Tags of the instance: its Auto Scaling group and its cluster.

use insightd_aws::operation::ApiError;
use insightd_upstream::UpstreamStatus;

use super::ec2::{Client, Tag};

/// IAM permission of the request.
pub(crate) const ACTION: &str = "ec2:DescribeTags";

const GROUP: &str = "aws:autoscaling:groupName";

/// Prefix of a key; the rest of the key is the name of a cluster.
const CLUSTER: &str = "kubernetes.io/cluster/";

/// Tag set by EKS; the prefix `aws:` is reserved, so no one else can set it.
const EKS: &str = "aws:eks:cluster-name";

/// Tags set by EKS node groups and by Karpenter, but not protected from others.
const UNRESERVED_EKS: [&str; 2] = ["eks:cluster-name", "eks:eks-cluster-name"];

/// Values found in the tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Name of the Auto Scaling group.
    pub autoscaling_group: Option<String>,
    /// Name of the cluster.
    pub cluster: ClusterName,
}

/// Cluster named by the tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClusterName {
    /// No cluster.
    #[default]
    None,
    /// One cluster.
    One(String),
    /// Several clusters, sorted by name; any choice would be a guess.
    Several(Vec<String>),
}

/// Reads group and cluster from `tags`, which are pairs of key and value.
///
/// The cluster is chosen in this order: the value of the tag reserved for EKS, the only cluster with the value `owned`, the
/// value of another EKS tag, the only cluster named.
fn read<'t>(tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> Tags {
    let mut group = None;
    let (mut eks, mut unreserved_eks) = (None, None);
    let (mut owned, mut named) = (Vec::new(), Vec::new());
    for (key, value) in tags {
        let own = || (!value.is_empty()).then(|| value.to_owned());
        if key == GROUP {
            group = own();
        } else if key == EKS {
            eks = own();
        } else if UNRESERVED_EKS.contains(&key) {
            unreserved_eks = unreserved_eks.or_else(own);
        } else if let Some(name) = key.strip_prefix(CLUSTER).filter(|name| !name.is_empty()) {
            let list = if value == "owned" { &mut owned } else { &mut named };
            list.push(name.to_owned());
        }
    }
    Tags { autoscaling_group: group, cluster: choose(eks, owned, unreserved_eks, named) }
}

fn choose(
    eks: Option<String>,
    mut owned: Vec<String>,
    unreserved_eks: Option<String>,
    mut named: Vec<String>,
) -> ClusterName {
    if let Some(name) = eks {
        return ClusterName::One(name);
    }
    if owned.len() == 1 {
        return ClusterName::One(owned.remove(0));
    }
    if let Some(name) = unreserved_eks {
        return ClusterName::One(name);
    }
    let list = if owned.is_empty() { &mut named } else { &mut owned };
    match list.len() {
        0 => ClusterName::None,
        1 => ClusterName::One(list.remove(0)),
        _ => {
            list.sort();
            ClusterName::Several(std::mem::take(list))
        }
    }
}

/// Requests the tags of an instance. An incomplete response is an error: half of it could name another cluster.
///
/// # Errors
/// If a request fails; the error tells operators what to do.
pub async fn describe(client: &Client, instance_id: &str, status: &UpstreamStatus) -> Result<Tags, ApiError> {
    let filters = [("resource-type", "instance"), ("resource-id", instance_id)];
    let tags = client.list::<Tag>(&filters, status).await?;
    let own = tags.iter().filter(|tag| tag.resource_id.as_deref().is_none_or(|id| id == instance_id));
    Ok(read(own.map(|tag| (tag.key.as_str(), tag.value.as_str()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(tags: &[(&str, &str)]) -> ClusterName {
        read(tags.iter().copied()).cluster
    }

    fn one(name: &str) -> ClusterName {
        ClusterName::One(name.into())
    }

    #[test]
    fn the_owned_cluster_wins() {
        assert_eq!(cluster(&[("Name", "x"), ("kubernetes.io/cluster/demo", "owned")]), one("demo"));
        assert_eq!(
            cluster(&[("kubernetes.io/cluster/other", "shared"), ("kubernetes.io/cluster/demo", "owned")]),
            one("demo")
        );
        assert_eq!(
            cluster(&[("kubernetes.io/cluster/", "owned"), ("Name", "kubernetes.io/cluster/a")]),
            ClusterName::None
        );
    }

    #[test]
    fn without_an_owned_cluster_the_only_one_wins() {
        assert_eq!(cluster(&[("kubernetes.io/cluster/demo", "shared")]), one("demo"));
        assert_eq!(cluster(&[("kubernetes.io/cluster/demo", "")]), one("demo"));
        let two = [("kubernetes.io/cluster/b", "shared"), ("kubernetes.io/cluster/a", "")];
        assert_eq!(cluster(&two), ClusterName::Several(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn several_owned_clusters_are_resolved_only_by_eks_tags() {
        let two = [("kubernetes.io/cluster/b", "owned"), ("kubernetes.io/cluster/a", "owned")];
        assert_eq!(cluster(&two), ClusterName::Several(vec!["a".into(), "b".into()]));
        for key in ["aws:eks:cluster-name", "eks:cluster-name", "eks:eks-cluster-name"] {
            assert_eq!(cluster(&[two[0], two[1], (key, "b")]), one("b"), "{key}");
        }
    }

    #[test]
    fn the_reserved_eks_tag_takes_precedence() {
        let tags =
            [("kubernetes.io/cluster/a", "owned"), ("aws:eks:cluster-name", "b"), ("eks:cluster-name", "c")];
        assert_eq!(cluster(&tags), one("b"));
        assert_eq!(cluster(&[tags[0], tags[2]]), one("a"));
        assert_eq!(cluster(&[("aws:eks:cluster-name", ""), tags[2]]), one("c"));
    }

    #[test]
    fn an_empty_group_name_is_absent() {
        assert_eq!(read([(GROUP, "blue")]).autoscaling_group.as_deref(), Some("blue"));
        assert_eq!(read([(GROUP, "")]).autoscaling_group, None);
        assert_eq!(read([]), Tags::default());
    }
}
