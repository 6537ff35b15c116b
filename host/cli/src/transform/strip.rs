//! Drops the custom sections of a component: names of its parts and of the tools that made it, more than a kilobyte
//! that is never read. The linker has no option for this. `transforms/strip.rs` does the same as a program, for the Makefile.

/// First bytes of components and core modules.
const MAGIC: &[u8] = b"\0asm";
/// Length of the magic number and version before the first section, in components and core modules.
const HEADER: usize = 8;
const CUSTOM: u8 = 0;
/// Section id of a core module within a component. In core modules this id means types, which contain no sections.
const CORE_MODULE: u8 = 1;
/// Offset of the header byte that distinguishes components from core modules.
const LAYER: usize = 6;

/// Returns the component without custom sections, or `None` if the bytes are not WebAssembly.
pub(super) fn strip(wasm: &[u8]) -> Option<Vec<u8>> {
    if !wasm.starts_with(MAGIC) {
        return None;
    }
    let is_component = *wasm.get(LAYER)? == 1;
    let mut kept = wasm.get(..HEADER)?.to_vec();
    let mut rest = &wasm[HEADER..];
    while let Some((&id, behind)) = rest.split_first() {
        let (length, behind) = number(behind)?;
        let content = behind.get(..length)?;
        rest = &behind[length..];
        if id == CORE_MODULE && is_component {
            push(&mut kept, id, &strip(content)?);
        } else if id != CUSTOM {
            push(&mut kept, id, content);
        }
    }
    Some(kept)
}

fn push(out: &mut Vec<u8>, id: u8, content: &[u8]) {
    out.push(id);
    let mut length = content.len();
    while length > 127 {
        out.push(length as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
}

/// Decodes an unsigned LEB128 number. Returns it with the remaining bytes.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 127) << (7 * at);
        if byte < 128 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_sections_go_at_both_levels() {
        // A component with a custom section, a core module with a custom section before its types, and another section.
        let module = |inside: &[u8]| [b"\0asm\x01\0\0\0", inside].concat();
        let component = |inside: &[u8]| [b"\0asm\x0d\0\x01\0", inside].concat();
        let section = |id: u8, content: &[u8]| [&[id, content.len() as u8], content].concat();
        let (custom, types) = (section(CUSTOM, b"\x04name"), section(1, b"\0"));
        let whole = component(
            &[
                custom.clone(),
                section(CORE_MODULE, &module(&[custom.clone(), types.clone()].concat())),
                section(7, b"x"),
            ]
            .concat(),
        );
        let kept = component(&[section(CORE_MODULE, &module(&types)), section(7, b"x")].concat());
        assert_eq!(strip(&whole), Some(kept.clone()));
        assert_eq!(strip(&kept), Some(kept));
        assert_eq!(strip(b"garbage!"), None);
        for end in 0..whole.len() {
            // A truncated component is rejected or becomes shorter, without a panic.
            assert!(strip(&whole[..end]).is_none_or(|stripped| stripped.len() <= end));
        }
    }
}
