//! Parameters of a request.

use std::str::FromStr;

/// Maximum number of parameters. The length of a request's head is bounded by the server.
const MAX_PARAMETERS: usize = 40;

/// The parameters, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses the query of a URI.
    ///
    /// # Errors
    /// Returns the error text if there are too many parameters.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let pairs: Vec<(String, String)> = pairs.take(MAX_PARAMETERS + 1).collect();
        match pairs.len() > MAX_PARAMETERS {
            true => Err(format!("more than {MAX_PARAMETERS} parameters")),
            false => Ok(Self(pairs)),
        }
    }

    /// Returns the first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a parameter.
    pub(super) fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the value of a number; an empty one is absent.
    ///
    /// # Errors
    /// Returns the error text if it is not a number.
    pub(super) fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, String> {
        match self.get(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => value.parse().map(Some).map_err(|_| format!("`{name}` is not a valid number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_bounded() {
        let query = Query::parse("key=a%00b+c&key=d&n=7&empty=").unwrap();
        assert_eq!(query.all("key").collect::<Vec<_>>(), ["a\0b c", "d"]);
        assert_eq!((query.number::<usize>("n"), query.number::<usize>("empty")), (Ok(Some(7)), Ok(None)));
        assert!(query.number::<usize>("key").is_err() && query.get("absent").is_none());
        assert!(Query::parse(&"a=b&".repeat(MAX_PARAMETERS)).is_ok());
        assert!(Query::parse(&"a=b&".repeat(MAX_PARAMETERS + 1)).is_err());
    }
}
