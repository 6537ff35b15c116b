//! Number of online logical processors, from `/proc/cpuinfo` or from the kernel's list of them.

use crate::bytes::{fields, lines, number};

/// Upper bound on the number of processors of any kernel (`CONFIG_NR_CPUS`).
const MAX_PROCESSORS: u64 = 1 << 16;

/// Counts the processors in `/proc/cpuinfo`. Returns `None` if it lists none.
///
/// Most architectures write one `processor : N` record per processor. `s390` has `processor N: …` rows for all of them,
/// since 4.10 also a `cpu number : N` row in each further record, and `# processors : N` in the first. `sparc` and `alpha`
/// write `ncpus active` and `cpus active`.
pub fn processors(text: &[u8]) -> Option<u64> {
    let (mut records, mut numbered, mut rows, mut stated) = (0u64, 0u64, 0u64, None);
    for (_, line) in lines(text) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (key, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        match key {
            b"processor" => records += u64::from(number(value).is_some()),
            b"cpu number" => numbered += u64::from(number(value).is_some()),
            b"# processors" | b"ncpus active" | b"cpus active" => stated = stated.or(number(value)),
            _ => {
                let mut parts = fields(key);
                let row = (parts.next(), parts.next().and_then(number), parts.next());
                rows += u64::from(matches!(row, (Some(b"processor"), Some(_), None)));
            }
        }
    }
    let stated = stated.filter(|&count| count > 0 && count <= MAX_PROCESSORS);
    [records, numbered, rows].into_iter().find(|&count| count > 0).or(stated)
}

/// Counts the processors in a list such as `0-3,8`, the format of `/sys/devices/system/cpu/online`. Returns `None` if it is
/// malformed.
pub fn listed(text: &[u8]) -> Option<u64> {
    let mut count = 0u64;
    for range in text.trim_ascii().split(|&byte| byte == b',') {
        let mut ends = range.splitn(2, |&byte| byte == b'-');
        let first = ends.next().and_then(number)?;
        let last = ends.next().map_or(Some(first), number)?;
        if last < first || last >= MAX_PROCESSORS {
            return None;
        }
        count += last - first + 1;
    }
    Some(count).filter(|&count| count <= MAX_PROCESSORS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_records_are_counted() {
        let amd = b"processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu cores\t: 2\npower management:\n\nprocessor\t: 1\n\n";
        assert_eq!(processors(amd), Some(2));
        let arm =
            b"processor\t: 0\nBogoMIPS\t: 243.75\n\nprocessor\t: 1\n\nprocessor\t: 2\nBogoMIPS\t: 243.75\n";
        assert_eq!(processors(arm), Some(3));
        let old_arm =
            b"Processor\t: ARMv7 Processor rev 4 (v7l)\nprocessor\t: 0\nprocessor\t: 1\nHardware\t: X\n";
        assert_eq!(processors(old_arm), Some(2));
        let one_arm = b"processor\t: ARMv7 Processor rev 4 (v7l)\nprocessor\t: 0\n";
        assert_eq!(processors(one_arm), Some(1), "a model is no record");
        let power = b"processor\t: 0\ncpu\t\t: POWER9\nclock\t\t: 2900.0MHz\n\nprocessor\t: 8\n\ntimebase\t: 512000000\n";
        assert_eq!(processors(power), Some(2));
        let riscv = b"processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\n\nprocessor\t: 1\nhart\t\t: 2\n";
        assert_eq!(processors(riscv), Some(2));
    }

    #[test]
    fn s390_and_sparc_formats_are_counted() {
        let rows = "vendor_id       : IBM/S390\n# processors    : 2\nbogomips per cpu: 3033.00\nfeatures\t: esan3 zarch\n\
            processor 0: version = FF,  identification = 0133E8,  machine = 2964\n\
            processor 1: version = FF,  identification = 0133E8,  machine = 2964\n";
        assert_eq!(processors(rows.as_bytes()), Some(2));
        let records = format!(
            "{rows}\ncpu number      : 0\ncpu MHz dynamic : 5000\n\ncpu number      : 1\ncpu MHz dynamic : 5000\n"
        );
        assert_eq!(processors(records.as_bytes()), Some(2));
        assert_eq!(processors(b"vendor_id : IBM/S390\n# processors : 4\n"), Some(4));
        assert_eq!(processors(b"cpu\t\t: TI UltraSparc\nncpus probed\t: 8\nncpus active\t: 6\n"), Some(6));
    }

    #[test]
    fn a_malformed_row_is_skipped() {
        assert_eq!(processors(b"processor : 0\n\xff\xff\nprocessor : x\nprocessor : 2\n"), Some(2));
        assert_eq!(processors(b"# processors : -1\n"), None);
        assert_eq!(processors(b"# processors : 18446744073709551615\n"), None);
    }

    #[test]
    fn a_text_without_processors_has_no_count() {
        assert_eq!(processors(b""), None);
        assert_eq!(processors(b"processor\nmodel name : processor\n"), None);
    }

    #[test]
    fn ranges_of_processors_are_counted() {
        assert_eq!(listed(b"0-3\n"), Some(4));
        assert_eq!(listed(b"0\n"), Some(1));
        assert_eq!(listed(b"0,2-3,8-11\n"), Some(7));
        for bad in [&b""[..], b"\n", b"0-", b"3-1", b"a", b"0-18446744073709551615", b"0,,1", b"0-3,"] {
            assert_eq!(listed(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
