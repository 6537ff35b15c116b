//! Sizes from a `statfs` result, without sentinels and negative numbers.

use crate::root::FsStat;

/// Lowest invalid size, in bytes or inodes: a server or driver without the number returns all ones, -1 or 8 EiB.
const UNKNOWN: u64 = 1 << 62;

/// Sizes of one file system in bytes and inodes; `None` if it does not report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) capacity: Option<u64>,
    pub(crate) free: Option<u64>,
    pub(crate) available: Option<u64>,
    pub(crate) inodes: Option<u64>,
    pub(crate) inodes_free: Option<u64>,
}

impl From<&FsStat> for Sizes {
    fn from(stat: &FsStat) -> Self {
        let bytes = |blocks: u64| {
            let bytes = blocks.checked_mul(stat.block_size).filter(|&bytes| bytes < UNKNOWN);
            bytes.filter(|_| stat.block_size > 0)
        };
        // a pseudo file system has no blocks
        let Some(capacity) = Some(stat.blocks).filter(|&blocks| blocks > 0).and_then(bytes) else {
            return Self::default();
        };
        let within = |bytes: &u64| *bytes <= capacity;
        let free = bytes(stat.blocks_free).filter(within);
        // root may use the reserved blocks too; the number of available blocks is then negative
        let available = match stat.blocks_available.cast_signed() {
            ..0 => free.map(|_| 0),
            _ => bytes(stat.blocks_available).filter(within),
        };
        // some file systems (btrfs) create inodes on demand and report 0, which is not a count
        let inodes = Some(stat.files).filter(|&files| files > 0 && files < UNKNOWN);
        let inodes_free = inodes.and_then(|inodes| Some(stat.files_free).filter(|&free| free <= inodes));
        Self { capacity: Some(capacity), free, available, inodes, inodes_free }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: FsStat = FsStat {
        block_size: 4096,
        blocks: 1000,
        blocks_free: 20,
        blocks_available: 10,
        files: 500,
        files_free: 400,
    };

    #[test]
    fn valid_sizes_are_unchanged() {
        let (capacity, free, available) = (Some(4_096_000), Some(81_920), Some(40_960));
        let expected = Sizes { capacity, free, available, inodes: Some(500), inodes_free: Some(400) };
        assert_eq!(Sizes::from(&PLAIN), expected);
    }

    #[test]
    fn used_reserved_blocks_leave_no_available_space() {
        let sizes = Sizes::from(&FsStat { blocks_available: 0u64.wrapping_sub(30), ..PLAIN });
        assert_eq!((sizes.free, sizes.available), (Some(81_920), Some(0)));
    }

    #[test]
    fn sentinels_are_absent() {
        for unknown in [u64::MAX, i64::MAX as u64, 1 << 62] {
            let sizes = Sizes::from(&FsStat { files: unknown, files_free: unknown, ..PLAIN });
            assert_eq!((sizes.inodes, sizes.inodes_free), (None, None));
            assert_eq!(Sizes::from(&FsStat { files_free: unknown, ..PLAIN }).inodes_free, None);
            assert_eq!(Sizes::from(&FsStat { blocks: unknown, ..PLAIN }), Sizes::default());
            let sizes = Sizes::from(&FsStat { blocks_free: unknown, blocks_available: unknown, ..PLAIN });
            assert_eq!((sizes.capacity, sizes.free, sizes.available), (Some(4_096_000), None, None));
        }
        // 8 EiB less a page, as reported by EFS
        let endless = FsStat { block_size: 1 << 20, blocks: (1 << 43) - 1, ..PLAIN };
        assert_eq!(Sizes::from(&endless).capacity, None);
    }

    #[test]
    fn a_file_system_without_blocks_has_no_sizes() {
        let nothing =
            FsStat { blocks: 0, blocks_free: 0, blocks_available: 0, files: 0, files_free: 0, ..PLAIN };
        assert_eq!(Sizes::from(&nothing), Sizes::default());
        assert_eq!(Sizes::from(&FsStat { block_size: 0, ..PLAIN }), Sizes::default());
        let sizes = Sizes::from(&FsStat { files: 0, files_free: 0, ..PLAIN });
        assert_eq!((sizes.inodes, sizes.inodes_free, sizes.free), (None, None, Some(81_920)));
    }
}
