//! Tables of texts that lie one behind the other in one text: two bytes for each in place of the eight of a reference.

/// Returns the ends of texts with these lengths.
pub(crate) const fn ends<const COUNT: usize>(lengths: &[usize; COUNT]) -> [u16; COUNT] {
    let mut ends = [0; COUNT];
    let (mut at, mut end) = (0, 0);
    while at < COUNT {
        end += lengths[at];
        ends[at] = end as u16;
        at += 1;
    }
    ends
}

/// Returns the text at a position.
#[inline(never)]
pub(crate) fn part(text: &'static str, ends: &[u16], at: usize) -> &'static str {
    let start = at.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    let end = ends.get(at).copied().unwrap_or(0);
    text.get(usize::from(start)..usize::from(end)).unwrap_or_default()
}
