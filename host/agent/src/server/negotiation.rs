//! The headers by which a client chooses the form of a response.

use hyper::header::{HeaderMap, HeaderName};

/// Returns true if a header with a list of values, such as `Accept`, contains the value with a weight above 0 (RFC 9110, section 12).
/// Other parameters do not count. A wildcard does not match: the response without a match is one that every client accepts.
pub fn accepts(headers: &HeaderMap, header: HeaderName, wanted: &str) -> bool {
    let lists = headers.get_all(header).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted)) && !parts.any(is_zero_weight)
    })
}

fn is_zero_weight(parameter: &str) -> bool {
    let weight = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, weight)| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
}

#[cfg(test)]
mod tests {
    use hyper::header::{ACCEPT, HeaderValue};

    use super::*;

    fn accepted(lists: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(ACCEPT, HeaderValue::from_str(list).unwrap());
        }
        accepts(&headers, ACCEPT, "application/openmetrics-text")
    }

    #[test]
    fn a_value_counts_unless_its_weight_is_zero() {
        for lists in [
            &["application/openmetrics-text"][..],
            &["text/html", "application/openmetrics-text;version=1.0.0;q=0.6,*/*;q=0.1"],
            &["text/plain;q=0.9, Application/OpenMetrics-Text ; q=0.001"],
            &["application/openmetrics-text;q=0,application/openmetrics-text;version=1.0.0"],
        ] {
            assert!(accepted(lists), "{lists:?}");
        }
        for lists in [
            &[][..],
            &["*/*"],
            &["text/plain"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text; version=1.0.0; Q = 0.000"],
            &["application/openmetrics-texts"],
        ] {
            assert!(!accepted(lists), "{lists:?}");
        }
    }
}
