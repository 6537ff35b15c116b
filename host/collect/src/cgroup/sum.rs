//! Sums over the devices of a cgroup, from tick to tick.
//!
//! A sum only continues over the same devices: one that is missing in a tick (a malformed row, another scheduler's file) and
//! comes back later would look like I/O done in between. A new device in a file that was read cleanly before started at 0,
//! and the sum continues with it.

use crate::device::{DeviceNumber, IoOperations};

/// One device of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    device: DeviceNumber,
    group: u8,
    /// Bit set of the values that are present.
    values: u8,
}

impl Part {
    /// Creates a part. Returns `None` if no value is present.
    pub(crate) fn new(device: DeviceNumber, group: u8, operations: &IoOperations) -> Option<Self> {
        let IoOperations { read, write, sync, r#async, total } = operations;
        let values = [read, write, sync, r#async, total];
        let values = values.iter().fold(0, |bits, value| bits << 1 | u8::from(value.is_some()));
        (values != 0).then_some(Self { device, group, values })
    }
}

/// The devices of the last sum.
#[derive(Debug, Default)]
pub(crate) struct DeviceSum {
    parts: Vec<Part>,
    /// Bit set of the file groups that were read cleanly.
    clean: u8,
    read_at_ns: Option<u64>,
    generation: u64,
}

/// Continuation of the counters of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Continuation {
    /// Part of the identity: the counters restart when it changes.
    pub(crate) generation: u64,
    /// Time at which the sum was 0, if it is new and the time is known.
    pub(crate) zero_at_ns: Option<u64>,
}

impl DeviceSum {
    /// Takes the parts of a new sum. `born_ns`: a time before the creation of its cgroup, if known.
    pub(crate) fn advance(
        &mut self,
        parts: impl Iterator<Item = Part> + Clone,
        clean: u8,
        read_at_ns: u64,
        born_ns: Option<u64>,
    ) -> Continuation {
        let mut zero_at_ns = None;
        match self.read_at_ns {
            None => zero_at_ns = born_ns,
            Some(_) if parts.clone().eq(self.parts.iter().copied()) => {}
            Some(before_ns) => {
                let kept = self.parts.iter().all(|part| parts.clone().any(|now| now == *part));
                let mut added = parts.clone().filter(|now| !self.parts.contains(now));
                if kept && added.all(|now| self.clean & (1 << now.group) != 0) {
                    zero_at_ns = self.parts.is_empty().then_some(before_ns);
                } else {
                    self.generation += 1;
                }
            }
        }
        if !parts.clone().eq(self.parts.iter().copied()) {
            self.parts.clear();
            self.parts.extend(parts);
        }
        self.clean = clean;
        self.read_at_ns = Some(read_at_ns);
        Continuation { generation: self.generation, zero_at_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(minor: u32, group: u8) -> Part {
        let operations = IoOperations { read: Some(1), ..IoOperations::default() };
        Part::new(DeviceNumber { major: 8, minor }, group, &operations).unwrap()
    }

    fn advance(sum: &mut DeviceSum, parts: &[Part], clean: u8, at: u64) -> (u64, Option<u64>) {
        let Continuation { generation, zero_at_ns } = sum.advance(parts.iter().copied(), clean, at, Some(7));
        (generation, zero_at_ns)
    }

    #[test]
    fn a_sum_continues_over_the_same_devices() {
        let mut sum = DeviceSum::default();
        assert_eq!(advance(&mut sum, &[part(0, 0)], 1, 10), (0, Some(7)), "the cgroup is new");
        assert_eq!(advance(&mut sum, &[part(0, 0)], 0, 20), (0, None), "a malformed row beside it");
        assert_eq!(advance(&mut sum, &[part(0, 0)], 1, 30), (0, None));
        assert_eq!(advance(&mut sum, &[part(0, 0), part(1, 0)], 1, 40), (0, None), "a device began at 0");
    }

    #[test]
    fn a_device_missing_for_a_tick_restarts_the_sum() {
        let mut sum = DeviceSum::default();
        advance(&mut sum, &[part(0, 0), part(1, 0)], 1, 10);
        assert_eq!(advance(&mut sum, &[part(0, 0)], 0, 20), (1, None));
        assert_eq!(advance(&mut sum, &[part(0, 0), part(1, 0)], 1, 30), (2, None));
        assert_eq!(advance(&mut sum, &[part(0, 0), part(1, 2)], 5, 40), (3, None), "another file's count");
        assert_eq!(
            advance(&mut sum, &[part(0, 0), part(1, 2), part(2, 1)], 7, 50),
            (4, None),
            "a file not read before"
        );
    }

    #[test]
    fn a_clean_file_without_devices_is_a_sum_of_zero() {
        let mut sum = DeviceSum::default();
        advance(&mut sum, &[], 1, 10);
        assert_eq!(advance(&mut sum, &[part(0, 0)], 1, 20), (0, Some(10)));
        let mut sum = DeviceSum::default();
        advance(&mut sum, &[], 0, 10);
        assert_eq!(advance(&mut sum, &[part(0, 0)], 1, 20), (1, None));
    }
}
