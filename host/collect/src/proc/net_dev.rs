//! `/proc/PID/net/dev`: the interfaces of the network namespace of a process.

use crate::bytes::{fields, kernel_number, lines};
use crate::error::ParseError;

/// Counters of one interface since its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface<'a> {
    /// Interface name; the kernel allows any bytes except blanks, `/` and `:`.
    pub name: &'a str,
    /// Received bytes.
    pub rx_bytes: u64,
    /// Received packets.
    pub rx_packets: u64,
    /// Packets received with errors.
    pub rx_errors: u64,
    /// Received packets that were dropped.
    pub rx_dropped: u64,
    /// Sent bytes.
    pub tx_bytes: u64,
    /// Sent packets.
    pub tx_packets: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Packets that were dropped before they were sent.
    pub tx_dropped: u64,
}

/// Calls `visit` for each interface, in the kernel's order. Returns the first row that is malformed or whose name is not
/// UTF-8; such a row is skipped.
pub fn each<'a>(text: &'a [u8], mut visit: impl FnMut(Interface<'a>)) -> Option<ParseError> {
    let mut skipped = None;
    for (index, line) in lines(text).skip(2) {
        match row(line) {
            Some(interface) => visit(interface),
            None => {
                skipped = skipped
                    .or(Some(ParseError::new(index, "an interface name, a colon and 16 numbers below 2^63")));
            }
        }
    }
    skipped
}

fn row(line: &[u8]) -> Option<Interface<'_>> {
    // old kernels write no blank after the colon; an alias has colons in its name, so the last one is the separator
    let colon = line.iter().rposition(|&byte| byte == b':')?;
    let mut columns = [0u64; 16];
    let mut found = 0;
    for field in fields(&line[colon + 1..]) {
        let column = columns.get_mut(found)?;
        *column = kernel_number(field)?;
        found += 1;
    }
    if found != columns.len() {
        return None;
    }
    let name = std::str::from_utf8(line[..colon].trim_ascii()).ok().filter(|name| !name.is_empty())?;
    let [rx_bytes, rx_packets, rx_errors, rx_dropped, ..] = columns;
    let [_, _, _, _, _, _, _, _, tx_bytes, tx_packets, tx_errors, tx_dropped, ..] = columns;
    Some(Interface {
        name,
        rx_bytes,
        rx_packets,
        rx_errors,
        rx_dropped,
        tx_bytes,
        tx_packets,
        tx_errors,
        tx_dropped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Inter-|   Receive                                                |  Transmit\n face |bytes    \
        packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";

    fn all(rest: &str) -> (usize, Option<u32>) {
        let text = format!("{HEADER}{rest}");
        let mut found = 0;
        let skipped = each(text.as_bytes(), |_| found += 1);
        (found, skipped.map(|error| error.line))
    }

    #[test]
    fn columns_are_mapped_to_their_fields() {
        let text = format!("{HEADER}  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
        let mut found = None;
        let _ = each(text.as_bytes(), |interface| {
            found = Some((
                interface.name.to_owned(),
                [interface.rx_bytes, interface.rx_packets, interface.rx_errors, interface.rx_dropped],
                [interface.tx_bytes, interface.tx_packets, interface.tx_errors, interface.tx_dropped],
            ));
        });
        assert_eq!(found, Some(("eth0".to_owned(), [1, 2, 3, 4], [9, 10, 11, 12])));
    }

    #[test]
    fn a_name_without_a_blank_after_its_colon_is_parsed() {
        assert_eq!(
            all(
                "eth0:508738292   19631    0    0    0     0          0         0  1270468   13709    0    0    0     0       0          0\n"
            ),
            (1, None)
        );
    }

    #[test]
    fn a_namespace_without_interfaces_is_valid() {
        assert_eq!(all(""), (0, None));
        assert_eq!(each(b"", |_| {}), None);
    }

    #[test]
    fn a_malformed_row_is_reported_and_skipped() {
        let good = " lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        for bad in [
            "eth0: 1 2 3",
            "eth0 1 2 3",
            " eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 -16",
            " eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
            " eth0: 18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
            " : 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
            "",
        ] {
            assert_eq!(all(&format!("{good}{bad}\n{good}")), (2, Some(4)), "{bad}");
        }
    }
}
