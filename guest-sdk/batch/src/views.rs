//! Typed views of entities: the raw vocabulary of `docs/raw-metrics.md` as methods.
//!
//! A view wraps an [`Entity`](crate::Entity) and dereferences to it, so every method of the entity works on it as well.
//! `None` means that the host does not know the value, never zero.

mod cluster;
mod container;
mod instance;
mod node;
mod pod;
mod service;
mod task;
mod volume;

pub use cluster::{Cluster, Namespace};
pub use container::Container;
pub use instance::Instance;
pub use node::Node;
pub use pod::{Pod, Workload};
pub use service::Service;
pub use task::Task;
pub use volume::Volume;

use alloc::vec::Vec;

use crate::batch::Batch;

/// Defines a view: a handle to entities of one kind, with methods that read one name each.
macro_rules! view {
    (
        $(#[$doc:meta])* $view:ident = $kind:literal;
        $($(#[$fact_doc:meta])* $what:ident $method:ident = $name:literal;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $view<'a>(crate::Entity<'a>);

        impl<'a> $view<'a> {
            /// Kind of the entities.
            pub const KIND: &'static str = $kind;

            /// Wraps an entity; returns `None` if it is of another kind.
            pub fn of(entity: crate::Entity<'a>) -> Option<Self> {
                (entity.kind() == Self::KIND).then_some(Self(entity))
            }

            /// Wraps those of the entities that are of this kind.
            pub fn all(entities: alloc::vec::Vec<crate::Entity<'a>>) -> alloc::vec::Vec<Self> {
                entities.into_iter().filter_map(Self::of).collect()
            }

            $($crate::views::view!(@$what $(#[$fact_doc])* $method = $name);)*
        }

        impl<'a> core::ops::Deref for $view<'a> {
            type Target = crate::Entity<'a>;

            fn deref(&self) -> &crate::Entity<'a> {
                &self.0
            }
        }

        impl<'a> From<$view<'a>> for crate::Entity<'a> {
            fn from(view: $view<'a>) -> Self {
                view.0
            }
        }
    };
    (@text $(#[$doc:meta])* $method:ident = $name:literal) => {
        $(#[$doc])*
        #[doc = concat!("\n\nAttribute `", $name, "`.")]
        pub fn $method(self) -> Option<&'a str> {
            self.0.attribute($name)
        }
    };
    (@gauge $(#[$doc:meta])* $method:ident = $name:literal) => {
        $(#[$doc])*
        #[doc = concat!("\n\nGauge `", $name, "`.")]
        pub fn $method(self) -> Option<f64> {
            self.0.gauge($name)
        }
    };
    (@counter $(#[$doc:meta])* $method:ident = $name:literal) => {
        $(#[$doc])*
        #[doc = concat!("\n\nCounter `", $name, "`.")]
        pub fn $method(self) -> Option<$crate::Counter> {
            self.0.counter($name)
        }
    };
}
pub(crate) use view;

impl Batch {
    /// Returns the node that the batch describes. A batch of scope `node` has exactly one; for one of scope `cluster` this
    /// returns `None`: see [`Cluster::nodes`].
    pub fn node(&self) -> Option<Node<'_>> {
        if self.scope() == Cluster::KIND {
            return None;
        }
        self.of_kind(Node::KIND).first().copied().and_then(Node::of)
    }

    /// Returns the cluster; a batch of scope `cluster` has exactly one, others have none.
    pub fn cluster(&self) -> Option<Cluster<'_>> {
        self.of_kind(Cluster::KIND).first().copied().and_then(Cluster::of)
    }

    /// Returns the instance that the node runs on.
    pub fn instance(&self) -> Option<Instance<'_>> {
        self.of_kind(Instance::KIND).first().copied().and_then(Instance::of)
    }

    /// Returns all pods.
    pub fn pods(&self) -> Vec<Pod<'_>> {
        Pod::all(self.of_kind(Pod::KIND))
    }

    /// Returns all ECS tasks: those of the node, or the agent's own.
    pub fn tasks(&self) -> Vec<Task<'_>> {
        Task::all(self.of_kind(Task::KIND))
    }

    /// Returns all containers of all pods and tasks.
    pub fn containers(&self) -> Vec<Container<'_>> {
        Container::all(self.of_kind(Container::KIND))
    }

    /// Returns all volumes of all pods.
    pub fn volumes(&self) -> Vec<Volume<'_>> {
        Volume::all(self.of_kind(Volume::KIND))
    }

    /// Returns all services of the batch; in the batch of a node, those that select pods of this node.
    pub fn services(&self) -> Vec<Service<'_>> {
        Service::all(self.of_kind(Service::KIND))
    }
}
