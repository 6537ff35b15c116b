//! `/proc/cpuinfo`.

use crate::bytes::lines;

/// How many logical processors are online: `processor` records (`cpu number` on s390). None where there are none, which no
/// kernel writes.
pub fn processors(text: &[u8]) -> Option<u64> {
    let count = lines(text)
        .filter(|(_, line)| {
            let colon = line.iter().position(|&byte| byte == b':').unwrap_or(0);
            matches!(line[..colon].trim_ascii(), b"processor" | b"cpu number")
        })
        .count();
    (count > 0).then_some(count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_records() {
        let amd = b"processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu cores\t: 2\npower management:\n\nprocessor\t: 1\n\n";
        assert_eq!(processors(amd), Some(2));
        let arm =
            b"processor\t: 0\nBogoMIPS\t: 243.75\n\nprocessor\t: 1\n\nprocessor\t: 2\nBogoMIPS\t: 243.75\n";
        assert_eq!(processors(arm), Some(3));
    }

    #[test]
    fn nothing_is_not_zero_processors() {
        assert_eq!(processors(b""), None);
        assert_eq!(processors(b"processor\nmodel name : processor\n"), None);
    }
}
