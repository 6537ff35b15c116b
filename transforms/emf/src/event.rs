//! Fields of one event.

use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::{Entity, Name};

use crate::blob::Blob;
use crate::json::JsonTexts;
use crate::keys::{Keys, Role};
use crate::limits;
use crate::options::Options;
use crate::origin::{FARGATE, Origin};

/// Fields of an event, as read from its entity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    pub(crate) attributes: Vec<Attribute>,
    /// Key number and value.
    pub(crate) gauges: Vec<(u32, f64)>,
    pub(crate) blob: Blob,
    pub(crate) has_blob: bool,
    /// Bit set of the declarations that do not apply; empty if all apply.
    pub(crate) excluded: Vec<u32>,
    /// Value of `Type`.
    pub(crate) kind: Option<Name>,
    pub(crate) origin: Origin,
    /// Values of the watched attributes, by position.
    pub(crate) watched: Vec<Option<Name>>,
}

/// A string or JSON text at the top level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute {
    pub(crate) key: u32,
    pub(crate) value: Name,
    pub(crate) form: Form,
}

/// Form in which a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A string that cannot be a dimension value, or whose key is not a dimension.
    Text,
    /// A string that can be the value of a dimension.
    Dimension,
    /// JSON, embedded unquoted.
    Json,
}

impl Fields {
    /// Reads an entity, replacing the previous content. Returns true if the entity is an event, that is, has a `Type`.
    pub(crate) fn read(
        &mut self,
        entity: Entity<'_>,
        keys: &mut Keys<'_>,
        json: &mut JsonTexts,
        options: &Options,
        scratch: &mut String,
    ) -> bool {
        let batch = entity.batch();
        self.attributes.clear();
        self.blob.clear();
        self.kind = None;
        let (mut has_task, mut is_fargate) = (false, false);
        self.watched.clear();
        self.watched.resize(options.watched.len(), None);
        for (name, value) in entity.attribute_names() {
            let id = keys.id(name);
            let key = keys.key(id);
            if let Some(position) = key.watched {
                self.watched[position as usize] = Some(value);
            }
            let is_json = match key.role {
                Role::Hidden => continue,
                Role::TaskId => {
                    has_task = true;
                    continue;
                }
                Role::Blob(member) => {
                    self.blob.set(member, id, value);
                    continue;
                }
                Role::Field => false,
                Role::Json => json.is_json(batch, value),
                Role::Type => {
                    self.kind = Some(value);
                    false
                }
                Role::LaunchType => {
                    is_fargate = batch.text(value) == FARGATE;
                    false
                }
            };
            let form = if is_json {
                Form::Json
            } else if key.dimension && limits::is_dimension_value(batch.text(value)) {
                Form::Dimension
            } else {
                if key.dimension && !limits::is_printable(batch.text(value)) {
                    keys.refused.add(id as usize);
                }
                Form::Text
            };
            self.attributes.push(Attribute { key: id, value, form });
        }
        let Some(kind) = self.kind else { return false };
        self.origin = Origin::new(batch.text(kind), has_task, is_fargate, batch.scope());
        // Containers of ECS have raw attributes of containers, but nothing of them is about Kubernetes.
        self.has_blob = !has_task && self.blob.finish(batch, keys);
        options.declarations.excluded(batch, &self.watched, &mut self.excluded, scratch);
        self.gauges.clear();
        let gauges = entity.gauge_names().into_iter().filter(|(_, value)| value.is_finite());
        self.gauges.extend(gauges.map(|(name, value)| (keys.id(name), value)));
        true
    }

    /// Writes everything that the layout of the event depends on to `out`.
    pub(crate) fn signature(&self, out: &mut Vec<u32>) {
        out.clear();
        out.push(u32::from(self.has_blob) << 3 | self.origin as u32);
        out.push(self.attributes.len() as u32);
        out.extend(self.attributes.iter().map(|attribute| attribute.key << 2 | attribute.form as u32));
        out.extend_from_slice(&self.excluded);
        out.extend(self.gauges.iter().map(|&(key, _)| key));
    }
}
