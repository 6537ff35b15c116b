//! The machine of a batch: from the configuration, else from instance metadata and tags, else from the Node object.

use std::borrow::Cow;

use insightd_collect::Collector;
use insightd_instance::devices::{Disk, Volumes};
use insightd_instance::{Attachment, InstanceFacts};
use insightd_kubernetes::facts::NodeFacts;
use insights_batch::{Builder, EntityId};

use crate::config::Instance;

/// The known facts about the machine.
pub(in crate::sources) struct MachineFacts<'f> {
    pub(in crate::sources) instance: Cow<'f, Instance>,
    /// Cluster name from the tags of the instance.
    pub(in crate::sources) cluster_name: Option<&'f str>,
    zone: Option<&'f str>,
    attachments: &'f [Attachment],
}

impl<'f> MachineFacts<'f> {
    /// Merges the facts. The cloud controller manager sets `spec.providerID` of the Node, `aws:///ZONE/ID`, and its
    /// label `node.kubernetes.io/instance-type`.
    pub(in crate::sources) fn new(
        configured: &'f Instance,
        known: Option<&'f InstanceFacts>,
        node: Option<&'f NodeFacts>,
    ) -> Self {
        let identity = known.and_then(|known| known.identity.as_ref());
        let (node_zone, node_id) = node.and_then(provided).unzip();
        let node_type = || node?.instance_type.as_deref().map(str::to_owned);
        let instance = if known.is_none() && node.is_none() {
            Cow::Borrowed(configured)
        } else {
            let id = identity.map(|identity| identity.instance_id.as_str()).or(node_id);
            let kind = || identity.and_then(|identity| identity.instance_type.clone()).or_else(node_type);
            let group = || known.and_then(|known| known.autoscaling_group.clone());
            Cow::Owned(Instance {
                id: configured.id.clone().or_else(|| id.map(str::to_owned)),
                kind: configured.kind.clone().or_else(kind),
                autoscaling_group: configured.autoscaling_group.clone().or_else(group),
                container_instance_id: configured.container_instance_id.clone(),
            })
        };
        Self {
            instance,
            cluster_name: known.and_then(|known| known.cluster_name.as_deref()),
            zone: identity.and_then(|identity| identity.zone.as_deref()).or(node_zone),
            attachments: known.map_or(&[], |known| &known.attachments),
        }
    }

    /// Adds the id of its EBS volume to each device. Returns true if some disk could be a volume, but its id is unknown.
    pub(in crate::sources) fn add_volumes(
        &self,
        collector: &Collector,
        devices: &[EntityId],
        builder: &mut Builder,
    ) -> bool {
        if self.zone.is_none() && self.attachments.is_empty() {
            return false;
        }
        let disks: Vec<Disk<'_>> = collector
            .block_devices()
            .map(|device| Disk { name: device.name, serial: device.serial })
            .collect();
        let volumes = Volumes::new(&disks, self.zone, self.attachments);
        if !volumes.is_empty() {
            for &entity in devices {
                let columns = builder.columns();
                let device = columns.string(columns.entities.id[entity.index() as usize]);
                if let Some(volume) = volumes.volume_of(device) {
                    builder.attribute(entity, "volume.ebs_id", volume);
                }
            }
        }
        volumes.has_unidentified()
    }
}

/// Returns zone and id of the instance from the provider id of a Node object.
fn provided(node: &NodeFacts) -> Option<(&str, &str)> {
    let (rest, id) = node.provider_id.as_deref()?.strip_prefix("aws://")?.rsplit_once('/')?;
    let zone = rest.rsplit('/').next()?;
    id.starts_with("i-").then_some((zone, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insightd_collect::{HostRoot, Settings};
    use insightd_instance::Identity;

    fn node(provider_id: &str) -> NodeFacts {
        let instance_type = Some("m5.large".into());
        NodeFacts { provider_id: Some(provider_id.into()), instance_type, ..NodeFacts::default() }
    }

    fn known() -> InstanceFacts {
        InstanceFacts {
            identity: Some(Identity {
                instance_id: "i-0imds".into(),
                instance_type: Some("c5.large".into()),
                region: "us-west-2".into(),
                zone: Some("us-west-2b".into()),
            }),
            autoscaling_group: Some("blue".into()),
            cluster_name: Some("demo".into()),
            attachments: Vec::new(),
        }
    }

    #[test]
    fn the_node_object_says_what_nobody_else_does() {
        let (nothing, node) = (Instance::default(), node("aws:///us-west-2a/i-0123456789abcdef0"));
        let found = MachineFacts::new(&nothing, None, Some(&node));
        assert_eq!(found.instance.id.as_deref(), Some("i-0123456789abcdef0"));
        assert_eq!(found.instance.kind.as_deref(), Some("m5.large"));
        assert_eq!(found.zone, Some("us-west-2a"));
        assert_eq!(*MachineFacts::new(&nothing, None, None).instance, nothing);
        for other in
            ["gce://project/zone/i-name", "kind://docker/kind/kind-control-plane", "aws:///zone/x", ""]
        {
            let node = self::node(other);
            let found = MachineFacts::new(&nothing, None, Some(&node));
            assert_eq!((found.instance.id.as_deref(), found.zone), (None, None), "{other}");
        }
    }

    #[test]
    fn configuration_then_metadata_then_the_node_object() {
        let (node, known) = (node("aws:///us-west-2a/i-0node"), known());
        let nothing = Instance::default();
        let found = MachineFacts::new(&nothing, Some(&known), Some(&node));
        assert_eq!(found.instance.id.as_deref(), Some("i-0imds"));
        assert_eq!(found.instance.kind.as_deref(), Some("c5.large"));
        assert_eq!(found.instance.autoscaling_group.as_deref(), Some("blue"));
        assert_eq!((found.zone, found.cluster_name), (Some("us-west-2b"), Some("demo")));
        let configured = Instance {
            id: Some("i-1".into()),
            autoscaling_group: Some("green".into()),
            ..Instance::default()
        };
        let found = MachineFacts::new(&configured, Some(&known), Some(&node));
        assert_eq!(found.instance.id.as_deref(), Some("i-1"));
        assert_eq!(found.instance.autoscaling_group.as_deref(), Some("green"));
        let empty = InstanceFacts::default();
        assert_eq!(
            MachineFacts::new(&nothing, Some(&empty), Some(&node)).instance.id.as_deref(),
            Some("i-0node")
        );
    }

    /// Creates a host with an NVMe disk and a partition of it that is mounted at `/`.
    fn host() -> tempfile::TempDir {
        let host = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| {
            let path = host.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        file("proc/meminfo", "MemTotal: 1000 kB\n");
        file("proc/1/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        file(
            "proc/diskstats",
            "259 0 nvme0n1 5 0 80 0 5 0 80 0 0 0 0\n202 16 xvdb 5 0 80 0 5 0 80 0 0 0 0\n",
        );
        file("sys/fs/cgroup/cgroup.controllers", "");
        file("sys/block/nvme0n1/dev", "259:0\n");
        file("sys/block/nvme0n1/device/serial", "vol0abc1234567890def\n");
        file("sys/block/xvdb/dev", "202:16\n");
        host
    }

    fn volumes_of(found: &MachineFacts<'_>) -> (bool, Vec<(String, String)>) {
        let host = host();
        let settings = Settings { node_name: "n".into(), ..Settings::default() };
        let mut collector = Collector::new(HostRoot::open(host.path()).unwrap(), settings).unwrap();
        let mut builder = Builder::new("node", "n", 0, 0);
        let report = collector.sample(&mut builder);
        assert_eq!(report.devices.len(), 2);
        let unexplained = found.add_volumes(&collector, &report.devices, &mut builder);
        let columns = builder.finish();
        let attributes = &columns.attributes;
        let volumes =
            (0..attributes.key.len()).filter(|&row| columns.string(attributes.key[row]) == "volume.ebs_id");
        let volumes = volumes.map(|row| {
            let entity = attributes.entity[row] as usize;
            let device = columns.string(columns.entities.id[entity]);
            (device.to_owned(), columns.string(attributes.value[row]).to_owned())
        });
        (unexplained, volumes.collect())
    }

    #[test]
    fn devices_have_their_volumes() {
        let (nothing, mut known) = (Instance::default(), known());
        let nvme = ("/dev/nvme0n1".to_owned(), "aws://us-west-2b/vol-0abc1234567890def".to_owned());
        assert_eq!(volumes_of(&MachineFacts::new(&nothing, Some(&known), None)), (true, vec![nvme.clone()]));
        known.attachments = vec![Attachment {
            device: "/dev/sdb".into(),
            zone: "us-west-2b".into(),
            volume_id: "vol-b".into(),
        }];
        let xen = ("/dev/xvdb".to_owned(), "aws://us-west-2b/vol-b".to_owned());
        assert_eq!(volumes_of(&MachineFacts::new(&nothing, Some(&known), None)), (false, vec![nvme, xen]));
        assert_eq!(volumes_of(&MachineFacts::new(&nothing, None, None)), (false, vec![]), "off EC2");
    }
}
