//! Names of attributes and metrics, as text or as handles.

use alloc::string::String;

use crate::batch::{Batch, Name};

/// A name of an attribute, gauge or counter: a string, or an interned [`Name`].
pub trait Key: Copy + sealed::Sealed {
    /// Returns the handle, if the batch contains the string.
    #[doc(hidden)]
    fn find(self, batch: &Batch) -> Option<Name>;

    /// Returns the handle, adding the string to the batch on first use.
    #[doc(hidden)]
    fn intern(self, batch: &Batch) -> Name;
}

impl Key for &str {
    fn find(self, batch: &Batch) -> Option<Name> {
        batch.find_name(self)
    }

    fn intern(self, batch: &Batch) -> Name {
        batch.name(self)
    }
}

impl Key for &String {
    fn find(self, batch: &Batch) -> Option<Name> {
        batch.find_name(self)
    }

    fn intern(self, batch: &Batch) -> Name {
        batch.name(self)
    }
}

impl Key for Name {
    fn find(self, _: &Batch) -> Option<Name> {
        Some(self)
    }

    fn intern(self, _: &Batch) -> Name {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for &super::String {}
    impl Sealed for super::Name {}
}
