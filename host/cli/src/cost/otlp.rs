//! Counts export requests of OTLP, from their bytes.
//!
//! CloudWatch bills each data point by its serialized size with the metric's name, all labels and the attributes of the
//! resource (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-otel-pricing.html>), although a request
//! has them once for many points. So the billed bytes are more than those of the requests.

use insights_batch::protobuf::Malformed;

use super::protobuf::{encoded, parts, text};
use super::usage::{Kind, Usage, identity};

/// Attribute with the Kubernetes namespace.
const NAMESPACE: &str = "k8s.namespace.name";

/// Data points: number of the field of a metric that has them (gauge, sum, histogram, exponential histogram, summary), and
/// of the attributes in a point.
const POINTS: [(u64, u64); 5] = [(5, 7), (7, 7), (9, 9), (10, 1), (11, 7)];

/// A key with its encoded key and value.
type Attribute<'m> = (&'m str, &'m [u8]);

/// A data point with what is shared by many.
struct Point<'m> {
    resource: Vec<Attribute<'m>>,
    scope_name: &'m str,
    scope: Vec<Attribute<'m>>,
    metric: &'m str,
    attributes: Vec<Attribute<'m>>,
    /// The point's own message.
    message: &'m [u8],
}

/// Counts a request.
///
/// # Errors
/// Returns [`Malformed`], and counts nothing, if it is not an `ExportMetricsServiceRequest`.
pub(super) fn count(usage: &mut Usage, request: &[u8]) -> Result<(), Malformed> {
    walk(request, &mut |_| {})?;
    usage.add(|usage| &mut usage.otlp.payloads, 1, request.len() as u64);
    walk(request, &mut |point| add(usage, point))
}

/// Calls `each` for every data point of a request.
fn walk<'m>(request: &'m [u8], each: &mut impl FnMut(&Point<'m>)) -> Result<(), Malformed> {
    for resource_metrics in parts(request, 1)? {
        let mut resource = Vec::new();
        for part in parts(resource_metrics, 1)? {
            resource.extend(attributes(part, 1)?);
        }
        for scope_metrics in parts(resource_metrics, 2)? {
            let instrumentation = parts(scope_metrics, 1)?.pop().unwrap_or_default();
            let (scope_name, scope) = (text(instrumentation, 1)?, attributes(instrumentation, 3)?);
            for metric in parts(scope_metrics, 2)? {
                let name = text(metric, 1)?;
                for (data, key) in POINTS {
                    for data in parts(metric, data)? {
                        for message in parts(data, 1)? {
                            let (resource, scope) = (resource.clone(), scope.clone());
                            let attributes = attributes(message, key)?;
                            each(&Point { resource, scope_name, scope, metric: name, attributes, message });
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// Returns the attributes in a field, sorted.
fn attributes(message: &[u8], field: u64) -> Result<Vec<Attribute<'_>>, Malformed> {
    let pairs = parts(message, field)?;
    let pairs: Result<Vec<Attribute<'_>>, Malformed> =
        pairs.into_iter().map(|pair| Ok((text(pair, 1)?, pair))).collect();
    let mut pairs = pairs?;
    pairs.sort_unstable();
    Ok(pairs)
}

/// Returns the text of an attribute's value; `None` if it is none.
fn value<'m>((_, pair): &Attribute<'m>) -> Option<&'m str> {
    text(parts(pair, 2).ok()?.pop()?, 1).ok()
}

fn add(usage: &mut Usage, point: &Point<'_>) {
    let shared = || point.resource.iter().chain(&point.scope);
    let shared_bytes: u64 = shared().map(|(_, pair)| encoded(pair)).sum();
    let bytes = encoded(point.message) + encoded(point.metric.as_bytes()) + shared_bytes;
    usage.add(|usage| &mut usage.otlp.total, 1, bytes);
    let metric = usage.name(point.metric);
    usage.add_otlp(Kind::Metric, metric, 1, bytes);
    let namespace = shared().chain(&point.attributes).find(|(key, _)| *key == NAMESPACE).and_then(value);
    let namespace = usage.name(namespace.unwrap_or_default());
    usage.add_otlp(Kind::Namespace, namespace, 1, bytes);
    let mut groups = vec![(Kind::Metric, metric), (Kind::Namespace, namespace)];
    for (key, pair) in shared().chain(&point.attributes) {
        let key = usage.name(key);
        usage.add_otlp(Kind::Label, key, 1, encoded(pair));
        groups.push((Kind::Label, key));
    }
    // The number of attributes before each list keeps them apart.
    let (resource, scope) = (point.resource.len().to_le_bytes(), point.scope.len().to_le_bytes());
    let pairs = |list: &[Attribute<'_>]| list.iter().map(|(_, pair)| pair.to_vec()).collect::<Vec<_>>();
    let mut parts: Vec<Vec<u8>> = vec![resource.to_vec()];
    parts.extend(pairs(&point.resource));
    parts.extend([point.scope_name.into(), scope.to_vec()]);
    parts.extend(pairs(&point.scope));
    parts.push(point.metric.into());
    parts.extend(pairs(&point.attributes));
    usage.add_point(identity(parts.iter().map(Vec::as_slice)), &groups);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of bytes; all lengths are below 128.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, content.len() as u8], content].concat()
    }

    fn pair(key: &str, value: &str) -> Vec<u8> {
        [field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat()
    }

    /// A gauge with a point for each device, of a resource in a namespace.
    fn request(namespace: &str, devices: &[&str]) -> Vec<u8> {
        let point = |device: &&str| {
            // The time is a fixed64.
            field(1, &[&[0x19, 1, 2, 3, 4, 5, 6, 7, 8][..], &field(7, &pair("device", device))].concat())
        };
        let gauge: Vec<u8> = devices.iter().flat_map(point).collect();
        let metric = [field(1, b"m"), field(5, &gauge)].concat();
        let scope = [field(1, &field(1, b"scope")), field(2, &metric)].concat();
        let resource = field(1, &pair(NAMESPACE, namespace));
        field(1, &[field(1, &resource), field(2, &scope)].concat())
    }

    #[test]
    fn points_are_billed_with_what_they_share() {
        let mut usage = Usage::default();
        usage.begin("node", "a", 86_400_000);
        let requests = [request("shop", &["a", "b"]), request("shop", &["b"]), request("x", &["b"])];
        for request in &requests {
            count(&mut usage, request).unwrap();
        }
        let sent: usize = requests.iter().map(Vec::len).sum();
        assert_eq!(usage.day(&usage.otlp.payloads, 1), (3.0, sent as f64));
        assert_eq!(usage.otlp.series.len(), 3);
        // `device` is 8 bytes with tag and length, its value 5, both 15; the point 9 + 15, 26; the metric's name 3;
        // the namespace's key 20, its value 4 more than its text.
        let (device, shared) = (15.0, |value: f64| 20.0 + value + 4.0 + 2.0);
        let of = |value| 26.0 + 3.0 + shared(value);
        assert_eq!(usage.day(&usage.otlp.total, 1), (4.0, 3.0 * of(4.0) + of(1.0)));
        for (kind, name, expected) in [
            (Kind::Label, "device", (4.0, 4.0 * device)),
            (Kind::Label, NAMESPACE, (4.0, 3.0 * shared(4.0) + shared(1.0))),
            (Kind::Namespace, "shop", (3.0, 3.0 * of(4.0))),
            (Kind::Metric, "m", (4.0, 3.0 * of(4.0) + of(1.0))),
        ] {
            let number = usage.name(name);
            let counts = usage.otlp.groups[kind as usize][&number].clone();
            assert_eq!(usage.day(&counts, 1), expected, "{kind:?} {name}");
        }
    }

    #[test]
    fn what_is_no_request_counts_nothing() {
        let mut usage = Usage::default();
        usage.begin("node", "a", 60_000);
        let whole = request("shop", &["a"]);
        assert_eq!(count(&mut usage, &whole[..whole.len() - 1]), Err(Malformed));
        assert_eq!(count(&mut usage, b"\xff\xff"), Err(Malformed));
        assert!(usage.otlp.total.is_empty() && usage.otlp.series.is_empty());
    }
}
