//! Metric directives of an event.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use insights_sdk::json::integer_text;
use insights_sdk::{Unit, log};

use crate::declaration::{Declarations, Set};
use crate::keys::Keys;
use crate::limits;
use crate::options::{Options, Rollup};
use crate::order::sorted;
use crate::origin::Origin;
use crate::text::{write_string, write_strings};

/// Metrics with the same declarations, hence the same dimension sets.
struct Group {
    sets: Vec<Set>,
    /// Key number and unit, in the order of the names.
    metrics: Vec<(u32, Unit)>,
}

/// Input for the directives of one event.
pub(crate) struct Request<'r> {
    pub(crate) namespace: &'r str,
    /// Names of the attributes that can be dimensions, in byte order.
    pub(crate) dimensions: &'r [&'r str],
    /// Bit set of the declarations that do not apply; empty if all apply.
    pub(crate) excluded: &'r [u32],
    pub(crate) origin: Origin,
    /// Key numbers of the gauges, in the order of their names.
    pub(crate) gauges: &'r [u32],
}

/// Appends the directives as `[…]` and returns the key numbers of the metrics in them; appends nothing if there are none.
pub(crate) fn write(
    request: &Request<'_>,
    keys: &mut Keys<'_>,
    options: &Options,
    out: &mut Vec<u8>,
) -> Vec<u32> {
    let mut groups = groups(request, keys, options);
    groups.retain(|group| !group.sets.is_empty());
    let mut first = true;
    for group in &groups {
        for metrics in group.metrics.chunks(limits::DIRECTIVE_METRICS) {
            out.push(if first { b'[' } else { b',' });
            first = false;
            write_directive(request.namespace, &group.sets, metrics, keys, options, out);
        }
    }
    if !first {
        out.push(b']');
    }
    groups.into_iter().flat_map(|group| group.metrics).map(|(key, _)| key).collect()
}

/// Returns the groups in the order of their declarations.
fn groups(request: &Request<'_>, keys: &mut Keys<'_>, options: &Options) -> Vec<Group> {
    let mut groups: Vec<(Vec<u32>, Group)> = Vec::new();
    let holds = |declaration: &u32| {
        let word = request.excluded.get(*declaration as usize / 32).copied().unwrap_or(0);
        word >> (declaration % 32) & 1 == 0 && options.declarations.is_for(*declaration, request.origin)
    };
    for &gauge in request.gauges {
        if !limits::is_metric_name(keys.key(gauge).text) {
            continue;
        }
        let (declarations, unit) = keys.metric(gauge);
        let declarations: Vec<u32> = declarations.iter().copied().filter(holds).collect();
        if !declarations.is_empty() || options.declarations.is_empty() {
            let known = groups.iter().position(|(known, _)| *known == declarations);
            let at = known.unwrap_or_else(|| {
                let mut sets = sets(&declarations, &options.declarations, request.dimensions);
                roll_up(&mut sets, options.rollup);
                take_away(&mut sets, &declarations, &options.declarations);
                groups.push((declarations, Group { sets, metrics: Vec::new() }));
                groups.len() - 1
            });
            groups[at].1.metrics.push((gauge, unit));
        }
    }
    let groups = sorted(groups, &|(left, _), (right, _)| left.cmp(right));
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Returns the distinct dimension sets of the declarations whose attributes the event has.
fn sets(declarations: &[u32], all: &Declarations, dimensions: &[&str]) -> Vec<Set> {
    if all.is_empty() {
        if dimensions.len() > limits::SET_KEYS {
            let found = integer_text(dimensions.len() as u64);
            let most = integer_text(limits::SET_KEYS as u64);
            log::warn(
                &[
                    "an event has no metrics: it has ",
                    &found,
                    " dimensions, CloudWatch accepts at most ",
                    &most,
                ]
                .concat(),
            );
            return Vec::new();
        }
        return alloc::vec![dimensions.iter().map(|name| owned(name)).collect()];
    }
    let mut sets: Vec<Set> = Vec::new();
    for &declaration in declarations {
        for set in all.sets(declaration) {
            if !all.takes_away(declaration)
                && set.iter().all(|key| dimensions.binary_search(&&**key).is_ok())
                && !sets.contains(set)
            {
                sets.push(set.clone());
            }
        }
    }
    sets
}

fn take_away(sets: &mut Vec<Set>, declarations: &[u32], all: &Declarations) {
    for &declaration in declarations {
        if all.takes_away(declaration) {
            sets.retain(|set| !all.sets(declaration).contains(set));
        }
    }
}

fn owned(name: &str) -> Cow<'static, str> {
    Cow::Owned(name.into())
}

fn roll_up(sets: &mut Vec<Set>, rollup: Rollup) {
    if rollup == Rollup::None {
        return;
    }
    let singles = sorted(sets.iter().flatten().cloned().collect(), &Ord::cmp);
    let zero = (rollup == Rollup::ZeroAndSingle && !singles.is_empty()).then(Vec::new);
    for set in zero.into_iter().chain(singles.into_iter().map(|name| alloc::vec![name])) {
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
}

fn write_directive(
    namespace: &str,
    sets: &[Set],
    metrics: &[(u32, Unit)],
    keys: &Keys<'_>,
    options: &Options,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"Namespace\":");
    write_string(out, namespace);
    out.extend_from_slice(b",\"Dimensions\":");
    for (at, set) in sets.iter().enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        write_strings(out, set.iter().map(|key| &**key));
    }
    out.extend_from_slice(b"],\"Metrics\":");
    for (at, &(key, unit)) in metrics.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"[{\"Name\":" } else { b",{\"Name\":" });
        write_string(out, keys.key(key).text);
        if unit != Unit::None {
            out.extend_from_slice(b",\"Unit\":");
            write_string(out, unit.as_str());
        }
        if options.high_resolution {
            out.extend_from_slice(b",\"StorageResolution\":1");
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}
