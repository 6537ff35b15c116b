//! Builds the statistics of a pod from their borrowed fields.

use crate::item::{Item, Notes, subject};
use crate::text::{Object, Text, elements, non_empty};

use super::number::Number;
use super::{ContainerStats, FsStats, InterfaceStats, PodStats, UsageStats, VolumeStats, sort, wire};

impl Item for PodStats {
    type Wire<'a> = wire::Pod<'a>;
    type Options = ();
    const NAMED_BY: &'static str = "/podRef";

    fn build(wire: wire::Pod<'_>, (): &(), notes: &mut Notes<'_>) -> Option<Self> {
        let reference = wire.pod_ref.as_ref();
        if let Some(subject) = reference.and_then(|reference| subject(&reference.namespace, &reference.name))
        {
            notes.subject = subject;
        }
        let Some(uid) = reference.and_then(|reference| non_empty(&reference.uid)) else {
            notes.lost("podRef.uid", "absent or empty, but required to identify the pod");
            return None;
        };
        let mut containers = Vec::new();
        for (index, container) in elements(&wire.containers).enumerate() {
            let Some(name) = non_empty(&container.name) else { continue };
            let at = |part: &str| format!("containers[{index}].{part}");
            let rootfs = container.rootfs.map(|fs| file_system(&fs, &at("rootfs"), notes));
            let logs = container.logs.and_then(|logs| logs.used_bytes);
            containers.push(ContainerStats {
                name: name.into(),
                usage: usage(&container.cpu, container.memory, &at, notes),
                rootfs: rootfs.unwrap_or_default(),
                logs_used_bytes: whole_number(logs, &at("logs"), "usedBytes", notes),
            });
        }
        sort(&mut containers, |container| &container.name);
        let mut volumes = Vec::new();
        for (index, volume) in elements(&wire.volume).enumerate() {
            let Some(name) = non_empty(&volume.name) else { continue };
            volumes.push(VolumeStats {
                name: name.into(),
                claim: volume.pvc_ref.as_ref().and_then(|claim| non_empty(&claim.name)).map(Box::from),
                fs: file_system(&volume.fs(), &format!("volume[{index}]"), notes),
            });
        }
        sort(&mut volumes, |volume| &volume.name);
        let usage = usage(&wire.cpu, wire.memory, &str::to_owned, notes);
        let network = wire.network.as_ref();
        let network_read_at_ns = network.and_then(|network| read_at(&network.time, "network", notes));
        let interfaces = network.map(|network| traffic(network, notes)).unwrap_or_default();
        let storage = wire.ephemeral_storage.and_then(|storage| storage.used_bytes);
        let ephemeral_storage_used_bytes = whole_number(storage, "ephemeral-storage", "usedBytes", notes);
        Some(Self {
            uid: uid.into(),
            usage,
            network_read_at_ns,
            interfaces,
            containers,
            volumes,
            ephemeral_storage_used_bytes,
        })
    }
}

/// Returns the value of a number; records a problem if it is not a whole number.
fn whole_number(number: Option<Number>, path: &str, name: &str, notes: &mut Notes<'_>) -> Option<u64> {
    let number = number?;
    if number == Number::Malformed {
        notes.field(format!("{path}.{name}"), "not a whole number");
    }
    number.value()
}

/// Returns the sizes of a file system. A capacity of 0 bytes means that the driver does not know the capacity, nor the
/// free space. A file system without a fixed number of inodes (btrfs, EFS) reports 0 of them.
fn file_system(fs: &wire::Fs, path: &str, notes: &mut Notes<'_>) -> FsStats {
    let mut read = |value, name| whole_number(value, path, name, notes);
    let mut stats = FsStats {
        capacity_bytes: read(fs.capacity_bytes, "capacityBytes"),
        available_bytes: read(fs.available_bytes, "availableBytes"),
        used_bytes: read(fs.used_bytes, "usedBytes"),
        inodes: read(fs.inodes, "inodes"),
        inodes_free: read(fs.inodes_free, "inodesFree"),
        inodes_used: read(fs.inodes_used, "inodesUsed"),
    };
    if stats.capacity_bytes == Some(0) {
        (stats.capacity_bytes, stats.available_bytes) = (None, None);
    }
    if stats.inodes == Some(0) {
        (stats.inodes, stats.inodes_free) = (None, None);
    }
    stats
}

fn usage(
    cpu: &Option<Object<wire::Cpu<'_>>>,
    memory: Option<Object<wire::Memory>>,
    at: &dyn Fn(&str) -> String,
    notes: &mut Notes<'_>,
) -> UsageStats {
    let mut usage = UsageStats::default();
    if let Some(cpu) = cpu {
        let path = at("cpu");
        usage.cpu_read_at_ns = read_at(&cpu.time, &path, notes);
        usage.cpu_usage_ns = whole_number(cpu.usage_core_nano_seconds, &path, "usageCoreNanoSeconds", notes);
        usage.cpu_nanocores = whole_number(cpu.usage_nano_cores, &path, "usageNanoCores", notes);
    }
    if let Some(memory) = memory {
        let path = at("memory");
        let mut read = |value, name| whole_number(value, &path, name, notes);
        usage.memory_bytes = read(memory.usage_bytes, "usageBytes");
        usage.working_set_bytes = read(memory.working_set_bytes, "workingSetBytes");
        usage.rss_bytes = read(memory.rss_bytes, "rssBytes");
    }
    // A container that ran has used CPU time and memory: zeros are the kubelet's view of a cgroup that stays empty.
    if usage.cpu_usage_ns == Some(0) {
        return UsageStats::default();
    }
    if usage.memory_bytes == Some(0) {
        (usage.memory_bytes, usage.working_set_bytes, usage.rss_bytes) = (None, None, None);
    }
    usage
}

/// Returns the interfaces of the list, or the default one if there is no list.
fn traffic(network: &wire::Network<'_>, notes: &mut Notes<'_>) -> Vec<InterfaceStats> {
    let mut interfaces = Vec::new();
    let mut add = |name: &str, traffic: wire::Traffic, path: &str| {
        let mut read = |value, field| whole_number(value, path, field, notes);
        interfaces.push(InterfaceStats {
            name: name.into(),
            rx_bytes: read(traffic.rx_bytes, "rxBytes"),
            rx_errors: read(traffic.rx_errors, "rxErrors"),
            tx_bytes: read(traffic.tx_bytes, "txBytes"),
            tx_errors: read(traffic.tx_errors, "txErrors"),
        });
    };
    for (index, interface) in elements(&network.interfaces).enumerate() {
        if let Some(name) = non_empty(&interface.name) {
            add(name, interface.traffic(), &format!("network.interfaces[{index}]"));
        }
    }
    if elements(&network.interfaces).next().is_none()
        && let Some(name) = non_empty(&network.name)
    {
        add(name, network.default_interface(), "network");
    }
    sort(&mut interfaces, |interface| &interface.name);
    interfaces
}

/// Returns the time of a reading in nanoseconds since the Unix epoch; records a problem if it is not a time.
fn read_at(time: &Option<Text<'_>>, path: &str, notes: &mut Notes<'_>) -> Option<u64> {
    let time = time.as_ref()?;
    let at_ns = unix_ns(time);
    if at_ns.is_none() {
        notes.field(format!("{path}.time"), "not an RFC 3339 time");
    }
    at_ns
}

/// Parses a time into nanoseconds since the Unix epoch; returns `None` if it is invalid or before the epoch.
fn unix_ns(time: &Text<'_>) -> Option<u64> {
    u64::try_from(time.as_str().parse::<jiff::Timestamp>().ok()?.as_nanosecond()).ok()
}
