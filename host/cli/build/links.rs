//! Links of the guides in the SDK's archive: those to files that are not in it become text.

/// Returns `text`, the Markdown of `file`, in which `[words](target)` is `words` where `has` does not know the target.
/// Links to other sites and to headings of the same file stay.
pub(crate) fn without_missing(file: &str, text: &str, has: &dyn Fn(&str) -> bool) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('[') {
        let (before, link) = rest.split_at(start);
        result.push_str(before);
        let Some((words, target, behind)) = parse(link) else {
            result.push('[');
            rest = &link[1..];
            continue;
        };
        let path = target.split('#').next().unwrap_or_default();
        let stays = path.is_empty() || path.contains("://") || has(&resolve(file, path));
        let whole = &link[..link.len() - behind.len()];
        result.push_str(if stays { whole } else { words });
        rest = behind;
    }
    result + rest
}

/// Splits `[words](target)rest`; `None` for brackets that are no link.
fn parse(link: &str) -> Option<(&str, &str, &str)> {
    let (words, rest) = link.strip_prefix('[')?.split_once("](")?;
    let (target, behind) = rest.split_once(')')?;
    let is_link = !words.contains('[') && !words.contains("\n\n") && !target.contains(['\n', ' ']);
    is_link.then_some((words, target, behind))
}

/// Returns the path that `target` means from the directory of `file`, both relative to the top.
fn resolve(file: &str, target: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
