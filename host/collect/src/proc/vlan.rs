//! `/proc/net/vlan/config`: the VLANs of a network namespace.

use crate::bytes::{fields, lines, number};
use crate::error::ParseError;

/// Calls `visit` with each VLAN and its lower interface: rows of `NAME | ID | INTERFACE` below two heading lines. Returns
/// the first malformed row; such a row is skipped.
pub fn each<'a>(text: &'a [u8], mut visit: impl FnMut(&'a str, &'a str)) -> Option<ParseError> {
    let mut skipped = None;
    for (index, line) in lines(text).skip(2) {
        match row(line) {
            Some((vlan, over)) => visit(vlan, over),
            None => skipped = skipped.or(Some(ParseError::new(index, "`NAME | ID | INTERFACE`"))),
        }
    }
    skipped
}

fn row(line: &[u8]) -> Option<(&str, &str)> {
    let mut columns = line.split(|&byte| byte == b'|');
    let (vlan, id, over) = (columns.next()?, columns.next()?, columns.next()?);
    if columns.next().is_some() || number(word(id)?)? > 4095 {
        return None;
    }
    Some((std::str::from_utf8(word(vlan)?).ok()?, std::str::from_utf8(word(over)?).ok()?))
}

fn word(column: &[u8]) -> Option<&[u8]> {
    let mut words = fields(column);
    words.next().filter(|_| words.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADINGS: &str = "VLAN Dev name    | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n";

    fn all(rows: &str) -> (Vec<(String, String)>, Option<u32>) {
        let mut found = Vec::new();
        let text = format!("{HEADINGS}{rows}");
        let skipped = each(text.as_bytes(), |vlan, over| found.push((vlan.to_owned(), over.to_owned())));
        (found, skipped.map(|error| error.line))
    }

    #[test]
    fn vlans_are_listed_with_their_lower_interfaces() {
        let (found, skipped) = all("bond0.100      | 100  | bond0\nstorage        | 7    | ens5\n");
        let expected = [("bond0.100", "bond0"), ("storage", "ens5")];
        assert_eq!(found, expected.map(|(vlan, over)| (vlan.to_owned(), over.to_owned())));
        assert_eq!(skipped, None);
        assert_eq!(all(""), (Vec::new(), None));
    }

    #[test]
    fn a_malformed_row_is_skipped() {
        for bad in ["", "a | 1", "a | x | b", "a | 4096 | b", "a b | 1 | c", " | 1 | c", "a | 1 | b | c"] {
            let (found, skipped) = all(&format!("v1 | 1 | e\n{bad}\nv2 | 2 | e\n"));
            assert_eq!((found.len(), skipped), (2, Some(4)), "{bad}");
        }
    }
}
