//! Evaluation of metrics by the formulas of the table.

use super::batch::{Entities, Entity};
use super::expression::{self, Argument, Expression, Test};
use super::table::Table;

/// Context for the evaluation of formulas.
pub(crate) struct Evaluator<'e> {
    pub(crate) table: &'e Table,
    pub(crate) entities: &'e Entities,
    /// Name patterns of the node's interfaces that carry traffic of pods.
    pub(crate) pod_side: &'e [String],
    /// `true` if names identify further bridges and tunnels.
    pub(crate) names_software: bool,
}

fn fits(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    })
}

/// Minimum nanoseconds between two readings that give a rate; closer ones have none.
const SHORTEST_SPAN_NS: u64 = 50_000;

impl Evaluator<'_> {
    /// Returns the value of `formula` for an event of type `kind` about `entity`, or `None` if any input is missing.
    pub(crate) fn value(&self, formula: &Expression, kind: &str, entity: &Entity) -> Option<f64> {
        match formula {
            Expression::Number(number) => Some(*number),
            Expression::Name(name) if name.contains('.') => {
                self.holder(name, entity)?.gauges.get(name).copied()
            }
            Expression::Name(name) => {
                let metric = self.table.metric(name, kind).unwrap_or_else(|| panic!("{kind} has no {name}"));
                self.value(&metric.expression, kind, entity)
            }
            Expression::Operation(left, operator, right) => {
                let (left, right) = (self.value(left, kind, entity)?, self.value(right, kind, entity)?);
                Some(match operator {
                    '+' => left + right,
                    '-' => left - right,
                    '*' => left * right,
                    _ => left / right,
                })
            }
            Expression::Call(function, arguments) => self.call(function, arguments, kind, entity),
        }
    }

    /// Returns the entity that has the raw name: the first part of the name identifies it.
    fn holder<'t>(&'t self, name: &str, entity: &'t Entity) -> Option<&'t Entity> {
        match name.split('.').next() {
            Some("node" | "kubelet" | "ecs") if entity.kind != "node" => self.entities.first("node"),
            _ => Some(entity),
        }
    }

    fn call(&self, function: &str, arguments: &[Argument], kind: &str, entity: &Entity) -> Option<f64> {
        let expression = |index: usize| match &arguments[index] {
            Argument::Expression(expression) => expression,
            other => panic!("{function}: {other:?} is not an expression"),
        };
        let value = |index: usize| self.value(expression(index), kind, entity);
        let name = |index: usize| match expression(index) {
            Expression::Name(name) => name.as_str(),
            other => panic!("{function}: {other:?} is not a name"),
        };
        let counter = |index: usize| entity.counters.get(name(index)).copied();
        match function {
            "rate" => rate(counter(0)?),
            "rate_of_sum" => {
                let ((current, previous), (other, other_previous)) = (counter(0)?, counter(1)?);
                let ((previous, elapsed), (other_previous, other_elapsed)) = (previous?, other_previous?);
                assert_eq!(elapsed, other_elapsed, "both are read from one file");
                rate((current + other, Some((previous + other_previous, elapsed))))
            }
            "delta" => grown(counter(0)?),
            "current" => Some(counter(0)?.0 as f64),
            "if_counted" => value(if counter(0).is_some() { 1 } else { 2 }),
            "at_least_0" => Some(value(0)?.max(0.0)),
            "from_0" => value(0).filter(|&value| value >= 0.0),
            "above_0" => value(0).filter(|&value| value > 0.0),
            "at_most" => {
                let found = value(0)?;
                Some(value(1).map_or(found, |most| found.min(most)))
            }
            "first" => value(0).or_else(|| value(1)),
            "given" => value(0).and_then(|_| value(1)),
            "if_said" => entity.attributes.get(name(0)).and_then(|_| value(1)),
            "either" => Some(if value(0)? + value(1)? > 0.0 { 1.0 } else { 0.0 }),
            "equal" => Some(if value(0)? == value(1)? { 1.0 } else { 0.0 }),
            "any_equal" => {
                let start = name(0).trim_end_matches('*');
                let found: Vec<f64> = entity
                    .gauges
                    .iter()
                    .filter(|(name, _)| name.starts_with(start))
                    .map(|(_, value)| *value)
                    .collect();
                let wanted = value(1)?;
                (!found.is_empty()).then(|| if found.contains(&wanted) { 1.0 } else { 0.0 })
            }
            "differs" => Some(if value(0).is_some_and(|found| Some(found) != value(1)) { 1.0 } else { 0.0 }),
            "is" | "where" => {
                let Argument::Condition(tests) = &arguments[0] else {
                    panic!("{function}: expected a condition")
                };
                match (self.holds(tests, entity), function) {
                    (true, "where") => value(1),
                    (false, "where") => None,
                    (holds, _) => Some(if holds { 1.0 } else { 0.0 }),
                }
            }
            "count" => Some(self.below(&arguments[0], entity).len() as f64),
            "sum" | "total" => {
                let of = |entity: &Entity| self.value(expression(1), kind, entity);
                let mut sum = (function == "total").then_some(0.0);
                for value in self.below(&arguments[0], entity).into_iter().filter_map(of) {
                    sum = Some(sum.map_or(value, |sum| sum + value));
                }
                sum
            }
            "effective_request" => self.effective("request", name(0), entity),
            "effective_limit" => self.effective("limit", name(0), entity),
            "reserved" => self.reserved(name(0), entity),
            "without_cache" => self.without_cache(value(0)?, entity),
            _ => panic!("unknown function {function}"),
        }
    }

    fn below<'t>(&'t self, argument: &Argument, entity: &'t Entity) -> Vec<&'t Entity> {
        let Argument::Selection(selection) = argument else { panic!("{argument:?} names no entities") };
        let along = |path: &Vec<String>| {
            let mut found = vec![entity];
            for kind in path {
                let children =
                    found.iter().flat_map(|entity| &entity.children).map(|&child| &self.entities.0[child]);
                found = children.filter(|child| child.kind == *kind).collect();
            }
            found
        };
        let found: Vec<&Entity> = selection.paths.iter().flat_map(along).collect();
        let all = found.clone();
        let leads_out = |entity: &Entity| {
            let tests = selection.tests.iter();
            tests.filter(|test| test.operator == "!~").all(|_| self.leads_out(entity, &all))
        };
        found.into_iter().filter(|entity| self.holds(&selection.tests, entity) && leads_out(entity)).collect()
    }

    /// Returns true for the one interface that is counted among those that the same bytes pass: the bond among a bond and
    /// its ports, the lower one among an interface and those over it, the ports among a bridge and its ports.
    fn leads_out(&self, entity: &Entity, all: &[&Entity]) -> bool {
        let said = |key: &str| entity.attributes.get(key).map(String::as_str);
        let named = |name: &str| all.iter().copied().find(|other| other.attributes["interface"] == name);
        let name = said("interface").expect("interfaces have names");
        let kind = said("interface.kind");
        let is_software = match kind {
            Some(kind) => self.table.software_kinds.iter().any(|software| software == kind),
            None => self.names_software && fits(&self.table.software, name),
        };
        let dotted = || name.rsplit_once('.').map(|(below, _)| below);
        let mut below = said("interface.over").or_else(dotted).into_iter().flat_map(|over| over.split(','));
        let is_above =
            kind != Some("bond") && kind != Some("hardware") && below.any(|name| named(name).is_some());
        let master = said("interface.master").and_then(named);
        let has_master = master.is_some_and(|master| {
            !fits(self.pod_side, &master.attributes["interface"]) && self.leads_out(master, all)
        });
        !is_software && !is_above && !has_master
    }

    fn holds(&self, tests: &[Test], entity: &Entity) -> bool {
        tests.iter().all(|test| {
            let holder = self.holder(&test.attribute, entity);
            let found = holder.and_then(|holder| holder.attributes.get(&test.attribute));
            let is_one = || found.is_some_and(|found| test.values.contains(found));
            match test.operator.as_str() {
                "" => found.is_some(),
                "=" => is_one(),
                "!=" => !is_one(),
                "~" => found.is_some_and(|found| test.values.iter().any(|value| found.contains(value))),
                "!~" => !found.is_some_and(|found| fits(self.pod_side, found)),
                operator => panic!("unknown operator {operator}"),
            }
        })
    }

    /// Returns the effective request or limit of a pod. A pod goes through phases: each init container beside the sidecars
    /// started before it, then all main containers beside all sidecars. It needs the maximum over the phases, plus the
    /// overhead of its sandbox.
    fn effective(&self, what: &str, resource: &str, pod: &Entity) -> Option<f64> {
        let unit = if resource == "cpu" { "cpu_millicores" } else { "memory_bytes" };
        let is_limit = what == "limit";
        let container = format!("container.{what}_{unit}");
        let mut phases: Vec<Vec<f64>> = Vec::new();
        let (mut sidecars, mut main) = (Vec::new(), Vec::new());
        let mut unlimited = false;
        let mut any_main = false;
        for &child in &pod.children {
            let child = &self.entities.0[child];
            let value = child.gauges.get(&container).copied().filter(|&value| !is_limit || value > 0.0);
            match child.attributes.get("container.kind").map(String::as_str) {
                Some("main") => {
                    any_main = true;
                    unlimited |= value.is_none();
                    main.extend(value);
                }
                Some("sidecar") => {
                    unlimited |= value.is_none();
                    sidecars.extend(value);
                }
                Some("init") => phases.push(sidecars.iter().copied().chain(value).collect()),
                _ => {}
            }
        }
        phases.push(main.iter().chain(&sidecars).copied().collect());
        let phases = phases.iter().filter(|phase| !phase.is_empty());
        let of_containers = phases.map(|phase| phase.iter().sum::<f64>()).reduce(f64::max);
        let of_containers = of_containers.filter(|_| !is_limit || (any_main && !unlimited));
        let whole = pod.gauges.get(&format!("pod.{what}_{unit}")).copied().or(of_containers);
        match (whole, pod.gauges.get(&format!("pod.overhead_{unit}"))) {
            (Some(whole), Some(overhead)) => Some(whole + overhead),
            (None, Some(overhead)) if !is_limit => Some(*overhead),
            (whole, _) => whole,
        }
    }
}

fn grown((current, previous): (u64, Option<(u64, u64)>)) -> Option<f64> {
    let (previous, elapsed) = previous?;
    let grown = current as f64 - previous as f64;
    (elapsed > SHORTEST_SPAN_NS && grown >= 0.0).then_some(grown)
}

fn rate(counter: (u64, Option<(u64, u64)>)) -> Option<f64> {
    Some(grown(counter)? / counter.1?.1 as f64)
}

/// Parses a formula of the table.
pub(crate) fn parse(formula: &str) -> Expression {
    expression::parse(formula).unwrap_or_else(|error| panic!("{error}"))
}
