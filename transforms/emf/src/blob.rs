//! The `kubernetes` object of an event, built from raw attributes.

use alloc::vec::Vec;

use insights_sdk::{Batch, Name};

use crate::keys::Keys;
use crate::order::sorted;
use crate::text::write_string;

/// Member of the object that a raw attribute belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// A member, by its position in [`TEXTS`].
    Text(u8),
    Runtime,
    Label,
    OwnerKind(u32),
    OwnerName(u32),
}

/// Raw attributes that map to one member each, in the order of the members. The container id comes last because its member
/// depends on the runtime.
const TEXTS: [&str; 7] =
    ["container.name", "node.name", "pod.namespace", "pod.uid", "pod.name", "service.name", "container.id"];
const NAMESPACE: u8 = 2;
const CONTAINER_ID: usize = 6;

/// Runtimes that have a member of their own, spelled as in the kubelet's container ids.
const RUNTIMES: [&str; 3] = ["containerd", "cri-o", "docker"];

impl Member {
    /// Returns the member of an attribute, or `None` if the object does not contain it.
    pub(crate) fn of(attribute: &str) -> Option<Self> {
        if let Some(position) = TEXTS.iter().position(|raw| *raw == attribute) {
            return Some(Self::Text(position as u8));
        }
        if matches!(attribute, "namespace.name" | "service.namespace") {
            return Some(Self::Text(NAMESPACE));
        }
        if attribute == "container.runtime" {
            return Some(Self::Runtime);
        }
        if attribute.starts_with(LABEL) {
            return Some(Self::Label);
        }
        let (number, what) = attribute.strip_prefix("owner.")?.split_once('.')?;
        let number = number.parse().ok()?;
        match what {
            "kind" => Some(Self::OwnerKind(number)),
            "name" => Some(Self::OwnerName(number)),
            _ => None,
        }
    }
}

const LABEL: &str = "label.";

/// Attribute values of one event for its object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blob {
    texts: [Option<Name>; TEXTS.len()],
    runtime: Option<Name>,
    /// Key number and value.
    labels: Vec<(u32, Name)>,
    /// Number, kind and name.
    owners: Vec<(u32, Option<Name>, Option<Name>)>,
}

impl Blob {
    pub(crate) fn clear(&mut self) {
        self.texts = [None; TEXTS.len()];
        self.runtime = None;
        self.labels.clear();
        self.owners.clear();
    }

    pub(crate) fn set(&mut self, member: Member, key: u32, value: Name) {
        match member {
            Member::Text(position) => self.texts[usize::from(position)] = Some(value),
            Member::Runtime => self.runtime = Some(value),
            Member::Label => self.labels.push((key, value)),
            Member::OwnerKind(number) => self.owner(number).1 = Some(value),
            Member::OwnerName(number) => self.owner(number).2 = Some(value),
        }
    }

    fn owner(&mut self, number: u32) -> &mut (u32, Option<Name>, Option<Name>) {
        let at = self.owners.iter().position(|&(known, _, _)| known == number).unwrap_or_else(|| {
            self.owners.push((number, None, None));
            self.owners.len() - 1
        });
        &mut self.owners[at]
    }

    /// Sorts labels and owners and drops empty values. Returns true if the object has content.
    pub(crate) fn finish(&mut self, batch: &Batch, keys: &Keys<'_>) -> bool {
        let text = |&(key, _): &(u32, Name)| keys.key(key).text;
        if !self.labels.is_sorted_by(|left, right| text(left) < text(right)) {
            let labels = core::mem::take(&mut self.labels);
            self.labels = sorted(labels, &|left, right| text(left).cmp(text(right)));
        }
        self.owners.retain(|&(_, kind, name)| is_set(batch, kind) && is_set(batch, name));
        if self.owners.len() > 1 {
            self.owners = sorted(core::mem::take(&mut self.owners), &|left, right| left.0.cmp(&right.0));
        }
        self.texts.iter_mut().for_each(|text| *text = text.filter(|&value| is_set(batch, Some(value))));
        !self.labels.is_empty() || !self.owners.is_empty() || self.texts.iter().any(Option::is_some)
    }

    /// Removes the labels. Returns true if there were any and other content remains.
    pub(crate) fn drop_labels(&mut self) -> bool {
        let had_labels = !self.labels.is_empty();
        self.labels.clear();
        had_labels && (!self.owners.is_empty() || self.texts.iter().any(Option::is_some))
    }

    pub(crate) fn write(&self, batch: &Batch, keys: &Keys<'_>, out: &mut Vec<u8>) {
        let mut object = Object { out, empty: true };
        let text = |position: usize| self.texts[position].map(|value| batch.text(value));
        let container_id = text(CONTAINER_ID);
        let runtime = self.runtime.map(|runtime| batch.text(runtime)).filter(|name| RUNTIMES.contains(name));
        // Members in byte order: container_id, container_name, the runtimes, host, labels, namespace_name, pod_*,
        // service_name.
        if runtime.is_none() {
            object.text("container_id", container_id);
        }
        object.text("container_name", text(0));
        if let (Some(runtime), Some(id)) = (runtime, container_id) {
            object.member(runtime);
            object.out.extend_from_slice(b"{\"container_id\":");
            write_string(object.out, id);
            object.out.push(b'}');
        }
        object.text("host", text(1));
        if !self.labels.is_empty() {
            object.member("labels");
            let mut labels = Object { out: object.out, empty: true };
            for &(key, value) in &self.labels {
                let name = keys.key(key).text;
                labels.text(name.strip_prefix(LABEL).unwrap_or(name), Some(batch.text(value)));
            }
            labels.end();
        }
        object.text("namespace_name", text(2));
        object.text("pod_id", text(3));
        object.text("pod_name", text(4));
        if !self.owners.is_empty() {
            object.member("pod_owners");
            for (at, &(_, kind, name)) in self.owners.iter().enumerate() {
                object.out.push(if at == 0 { b'[' } else { b',' });
                let mut owner = Object { out: object.out, empty: true };
                owner.text("owner_kind", kind.map(|kind| batch.text(kind)));
                owner.text("owner_name", name.map(|name| batch.text(name)));
                owner.end();
            }
            object.out.push(b']');
        }
        object.text("service_name", text(5));
        object.end();
    }
}

fn is_set(batch: &Batch, value: Option<Name>) -> bool {
    value.is_some_and(|value| !batch.text(value).is_empty())
}

/// A writer of one JSON object.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl Object<'_> {
    fn member(&mut self, name: &str) {
        self.out.push(if self.empty { b'{' } else { b',' });
        self.empty = false;
        write_string(self.out, name);
        self.out.push(b':');
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.member(name);
            write_string(self.out, value);
        }
    }

    fn end(self) {
        self.out.extend_from_slice(if self.empty { b"{}" } else { b"}" });
    }
}
