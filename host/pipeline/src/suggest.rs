//! Suggestions for misspelled words in errors.

/// Returns `did you mean X? ` with the word that a text probably stands for, or an empty text if no word is close.
pub fn did_you_mean<'w>(text: &str, words: impl Iterator<Item = &'w str>) -> String {
    closest(text, words).map(|word| format!("did you mean `{word}`? ")).unwrap_or_default()
}

/// Returns the word of which a text is a likely misspelling: at most two letters wrong, missing, added or swapped with
/// the next one, and fewer than half of the word's.
pub fn closest<'w>(text: &str, names: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    const MAX_BYTES: usize = 40;
    if text.len() > MAX_BYTES {
        return None;
    }
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let near = names.map(|word| (distance(&text, &word.chars().collect::<Vec<_>>()), word));
    let near = near.filter(|(slips, word)| *slips <= 2 && slips * 2 < word.chars().count());
    near.min_by_key(|(slips, _)| *slips).map(|(_, word)| word)
}

/// Returns the number of letters to insert, delete, replace, or swap with the next one (optimal string alignment), by
/// dynamic programming.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let swapped = match (i.checked_sub(1), j.checked_sub(1)) {
                (Some(p), Some(q)) if *a == right[q] && left[p] == *b => before[q] + 1,
                _ => usize::MAX,
            };
            row.push(replaced.min(last[j + 1] + 1).min(row[j] + 1).min(swapped));
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_word_is_suggested() {
        let words = || ["decorate", "emf"].into_iter();
        assert_eq!(did_you_mean("decorat", words()), "did you mean `decorate`? ");
        assert_eq!(did_you_mean("efm", words()), "did you mean `emf`? ");
        assert_eq!(did_you_mean("nobody", words()), "");
        assert_eq!(did_you_mean(&"decorate".repeat(6), words()), "", "a long text is no slip");
    }
}
