//! Route grants: the allow-list of an output, written by its operator.
//!
//! A component chooses routes (log groups, streams) from data that others influence, such as labels. The host checks every route
//! against the grants, so that a component cannot reach a log group that is not granted to it.

use std::fmt;

/// A pattern for a route's value. `*` matches any run of characters without `/`, `**` any run of characters; every other character
/// matches itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// Allowed values by route key. A route must have exactly these keys, or a subset of them if its sink needs none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    keys: Vec<(String, Vec<Pattern>)>,
    may_lack_keys: bool,
}

/// The reason why a route was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A key without a grant.
    #[error("route key `{0}` is not granted to this output")]
    Key(String),
    /// A granted key that the route lacks: the sink would have to guess the destination.
    #[error("route lacks the key `{0}`")]
    Missing(String),
    /// A key that occurs twice.
    #[error("duplicate route key `{0}`")]
    Twice(String),
    /// A value that no pattern matches, that is too long, or that has control characters.
    #[error("{key} `{value}` is not granted to this output")]
    Value {
        /// The key, cut likewise.
        key: String,
        /// The value, cut to 128 characters for the log.
        value: String,
    },
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// The pattern is empty or has control characters, which a route's value must not contain.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(format!(
                "invalid pattern {text:?}: expected non-empty text without control characters; `*` matches \
                 any text without `/`"
            ));
        }
        Ok(Self(text.into()))
    }

    /// Returns true if the pattern matches the whole value.
    pub fn matches(&self, value: &str) -> bool {
        matches(self.0.as_bytes(), value.as_bytes())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Maximum bytes of a route's value. CloudWatch Logs takes names of 512 characters; the bound keeps matching cheap.
const MAX_VALUE_BYTES: usize = 2048;

/// Position to resume at after a mismatch: in the pattern after a star, and in the value after the bytes the star has consumed.
type Backtrack = Option<(usize, usize)>;

/// Matches greedily with one backtrack position for each kind of star: at most value length squared steps, hence
/// [`MAX_VALUE_BYTES`].
fn matches(pattern: &[u8], value: &[u8]) -> bool {
    // Positions after the last `*`, which must not consume `/`, and after the last `**`.
    let (mut single, mut double): (Backtrack, Backtrack) = (None, None);
    let (mut p, mut v) = (0, 0);
    loop {
        if pattern[p..].starts_with(b"**") {
            p += 2;
            (double, single) = (Some((p, v)), None);
            continue;
        }
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            single = Some((p, v));
            continue;
        }
        match (pattern.get(p), value.get(v)) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b => {
                p += 1;
                v += 1;
                continue;
            }
            _ => {}
        }
        if let Some((after, from)) = single
            && value.get(from).is_some_and(|&byte| byte != b'/')
        {
            single = Some((after, from + 1));
            (p, v) = (after, from + 1);
        } else if let Some((after, from)) = double
            && from < value.len()
        {
            (double, single) = (Some((after, from + 1)), None);
            (p, v) = (after, from + 1);
        } else {
            return false;
        }
    }
}

impl Grants {
    /// Creates grants from patterns by key.
    pub fn new(keys: Vec<(String, Vec<Pattern>)>) -> Self {
        Self { keys, may_lack_keys: false }
    }

    /// Allows routes to lack keys, for a sink that writes everything to one destination.
    pub fn may_lack_keys(self) -> Self {
        Self { may_lack_keys: true, ..self }
    }

    /// Checks that a route is granted.
    ///
    /// # Errors
    /// The first part of the route that is not granted.
    pub fn check(&self, route: &[(String, String)]) -> Result<(), Refusal> {
        for (index, (key, value)) in route.iter().enumerate() {
            let granted = self.keys.iter().find(|(granted, _)| granted == key);
            let (_, patterns) = granted.ok_or_else(|| Refusal::Key(cut(key)))?;
            if route[..index].iter().any(|(earlier, _)| earlier == key) {
                return Err(Refusal::Twice(cut(key)));
            }
            let usable = value.len() <= MAX_VALUE_BYTES && !value.chars().any(char::is_control);
            if !usable || !patterns.iter().any(|pattern| pattern.matches(value)) {
                return Err(Refusal::Value { key: cut(key), value: cut(value) });
            }
        }
        if self.may_lack_keys {
            return Ok(());
        }
        match self.keys.iter().find(|(key, _)| !route.iter().any(|(given, _)| given == key)) {
            Some((key, _)) => Err(Refusal::Missing(key.clone())),
            None => Ok(()),
        }
    }
}

/// Bounds and escapes text of a component for the log: at most 128 characters, on one line.
fn cut(text: &str) -> String {
    const MAX_CHARS: usize = 128;
    let mut cut: String = text.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(value)
    }

    #[test]
    fn a_star_does_not_pass_a_slash() {
        let group = "/aws/containerinsights/*/performance";
        assert!(matches(group, "/aws/containerinsights/prod/performance"));
        assert!(matches(group, "/aws/containerinsights//performance"));
        assert!(!matches(group, "/aws/containerinsights/a/b/performance"));
        assert!(!matches(group, "/aws/containerinsights/a/performance/x"));
        assert!(!matches(group, "x/aws/containerinsights/a/performance"));
        assert!(matches("*", "node-1"));
        assert!(!matches("*", "a/b"));
        assert!(matches("NodeTelemetry-*", "NodeTelemetry-"));
        assert!(matches("*-*-*", "a-b-c"));
        assert!(matches("a*b*c", "aXbXbc"));
        assert!(!matches("a*b*c", "aXbX/c"));
    }

    #[test]
    fn two_stars_pass_everything() {
        assert!(matches("**", ""));
        assert!(matches("**", "a/b/c"));
        assert!(matches("/team/**", "/team/a/b"));
        assert!(!matches("/team/**", "/teams/a"));
        assert!(matches("**/x*y", "a/b/xzy"));
        assert!(!matches("**/x*y", "a/b/xz/y/z"));
        assert!(matches("a**b*c", "a/b/bc"));
    }

    #[test]
    fn exact_text_is_itself() {
        assert!(matches("a", "a"));
        assert!(!matches("a", "ab"));
        assert!(!matches("a", ""));
        assert!(matches("grüße", "grüße"));
        assert!(Pattern::parse("").is_err());
        assert!(Pattern::parse("a\nb").is_err());
    }

    #[test]
    fn hostile_values_cost_little() {
        let value = "a".repeat(MAX_VALUE_BYTES);
        for pattern in ["*a*a*a*a*b", "**a**a**a**b", "**a*a*b"] {
            assert!(!matches(pattern, &value));
        }
        assert!(check(&[("log_group", "own"), ("log_stream", &value)]).is_ok());
        assert!(check(&[("log_group", "own"), ("log_stream", &"a".repeat(MAX_VALUE_BYTES + 1))]).is_err());
    }

    fn grants() -> Grants {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        Grants::new(vec![
            ("log_group".into(), patterns(&["/aws/*/performance", "own"])),
            ("log_stream".into(), patterns(&["**"])),
        ])
    }

    fn check(route: &[(&str, &str)]) -> Result<(), Refusal> {
        let route: Vec<_> = route.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        grants().check(&route)
    }

    #[test]
    fn a_route_has_exactly_the_granted_keys() {
        assert_eq!(check(&[("log_stream", "n"), ("log_group", "own")]), Ok(()));
        assert_eq!(check(&[("log_group", "own")]), Err(Refusal::Missing("log_stream".into())));
        assert_eq!(check(&[("bucket", "x")]), Err(Refusal::Key("bucket".into())));
        assert_eq!(check(&[]), Err(Refusal::Missing("log_group".into())));
        let twice = check(&[("log_group", "own"), ("log_group", "/aws/x/performance"), ("log_stream", "")]);
        assert_eq!(twice, Err(Refusal::Twice("log_group".into())));
        let other = check(&[("log_group", "/aws/x/audit"), ("log_stream", "n")]);
        assert_eq!(other.unwrap_err().to_string(), "log_group `/aws/x/audit` is not granted to this output");
    }

    #[test]
    fn where_all_goes_to_one_place_a_route_may_lack_keys_and_has_no_others() {
        let grants = grants().may_lack_keys();
        let check = |route: &[(&str, &str)]| {
            let route: Vec<_> = route.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            grants.check(&route)
        };
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&[("log_stream", "n")]), Ok(()));
        assert_eq!(check(&[("bucket", "x")]), Err(Refusal::Key("bucket".into())));
        assert!(check(&[("log_group", "/aws/x/audit")]).is_err());
    }

    #[test]
    fn control_characters_never_pass_and_reach_no_log() {
        let refused = check(&[("log_group", "own"), ("log_stream", "a\nERROR all is lost")]).unwrap_err();
        assert_eq!(refused.to_string(), "log_stream `a\\nERROR all is lost` is not granted to this output");
        let long = check(&[("log_group", &"x".repeat(10_000)), ("log_stream", "")]).unwrap_err();
        assert!(long.to_string().len() < 300);
    }
}
