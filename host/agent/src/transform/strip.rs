//! Drops the custom sections of a component: names of its parts and of the tools that made it, over a kilobyte that nothing
//! reads. The linker has no switch for them. `transforms/strip.rs` is the same as a program, for the Makefile.

/// Length of the magic number and version before the first section, of components and of core modules.
const HEADER: usize = 8;
const CUSTOM: u8 = 0;
/// A core module inside of a component; core modules have types under that number, and nothing inside.
const CORE_MODULE: u8 = 1;
/// Where the header says "component", not "core module".
const LAYER: usize = 6;

/// The component without them; `None` where the bytes are no WebAssembly.
pub(super) fn strip(wasm: &[u8]) -> Option<Vec<u8>> {
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

/// A number in LEB128, and what is behind it.
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
        // A component with a custom section, a core module that has one before its types, and a section of its own.
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
        for end in 0..whole.len() {
            // What is cut off is refused or shorter, and breaks nothing.
            assert!(strip(&whole[..end]).is_none_or(|stripped| stripped.len() <= end));
        }
    }
}
