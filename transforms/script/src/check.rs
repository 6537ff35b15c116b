//! Static checks of a program.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;

use insights_sdk::{Unit, json};
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

use crate::functions::{self, Does, FUNCTIONS, Function};
use crate::message;
use crate::values::{published_name_problem, unit_problem};

/// Minimum length of the common prefix for suggesting a known name.
const LEAST_ALIKE: usize = 2;

/// Kinds of entities in batches, as listed in docs/raw-metrics.md.
const KINDS: [&str; 15] = [
    "cgroup",
    "cluster",
    "container",
    "disk",
    "filesystem",
    "instance",
    "interface",
    "metric",
    "namespace",
    "node",
    "pod",
    "service",
    "task",
    "volume",
    "workload",
];

/// Returns all problems, each with line and column. `kinds` are those of entities that other components make.
pub(crate) fn problems(program: &AST, kinds: &[String]) -> Vec<String> {
    let mut known: Vec<&str> = KINDS.into_iter().chain(kinds.iter().map(String::as_str)).collect();
    let calls = calls(program);
    for (call, _) in &calls {
        if does(call) == Some(Does::Add)
            && let Some(Expr::StringConstant(kind, _)) = call.args.first()
        {
            known.push(kind);
        }
    }
    let mut problems = Vec::new();
    for (call, at) in &calls {
        check_call(call, *at, &known, &mut problems);
    }
    problems
}

/// Returns true if a program reads or writes state.
pub(crate) fn remembers(program: &AST) -> bool {
    calls(program).iter().any(|(call, _)| matches!(does(call), Some(Does::Recall | Does::Remember)))
}

fn does(call: &FnCallExpr) -> Option<Does> {
    functions::find(&call.name).map(|function| function.does)
}

/// Returns all calls of a program, in the order of its text.
fn calls(program: &AST) -> Vec<(FnCallExpr, Position)> {
    let mut calls = Vec::new();
    program.walk(&mut |path: &[ASTNode<'_>]| {
        let last = path.last();
        if let Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) = last {
            calls.push(((**call).clone(), *at));
        }
        true
    });
    calls
}

fn check_call(call: &FnCallExpr, at: Position, kinds: &[&str], problems: &mut Vec<String>) {
    if call.op_token.is_some() || !call.name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return;
    }
    let Some(function) = functions::find(&call.name) else {
        problems.push(message::at(at, &unknown(&call.name)));
        return;
    };
    if !(function.least..=function.most).contains(&call.args.len()) {
        problems.push(message::at(at, &wrong_count(function, call.args.len())));
        return;
    }
    match function.does {
        Does::Publish => check_publish(call, problems),
        Does::All => check_kinds(&call.args, kinds, problems),
        Does::Find => check_kinds(call.args.get(..1).unwrap_or_default(), kinds, problems),
        Does::Children | Does::Parent => {
            check_kinds(call.args.get(1..).unwrap_or_default(), kinds, problems);
        }
        _ => (),
    }
}

/// Reports unknown kinds: at run time such a kind gives an empty list without any error.
fn check_kinds(arguments: &[Expr], kinds: &[&str], problems: &mut Vec<String>) {
    for argument in arguments {
        if let Expr::StringConstant(kind, at) = argument
            && !kinds.contains(&kind.as_str())
        {
            let meant = match nearest(kind, kinds.iter().copied()) {
                Some(nearest) => ["; did you mean ", nearest, "?"].concat(),
                None => String::new(),
            };
            let text = [
                "unknown kind of entity ",
                kind,
                meant.as_str(),
                " (kinds that other components create must be listed in `kinds`)",
            ];
            problems.push(message::at(*at, &text.concat()));
        }
    }
}

/// Returns the known name with the longest common prefix, the shortest of several.
pub(crate) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let alike =
        |known: &str| known.bytes().zip(name.bytes()).take_while(|(known, found)| known == found).count();
    known.max_by_key(|known| (alike(known), Reverse(known.len()))).filter(|known| alike(known) >= LEAST_ALIKE)
}

/// Checks names and units that are literals, as most are.
fn check_publish(call: &FnCallExpr, problems: &mut Vec<String>) {
    if let Some(Expr::StringConstant(name, at)) = call.args.get(1)
        && let Some(problem) = published_name_problem(name)
    {
        problems.push(message::at(*at, problem));
    }
    if let Some(Expr::StringConstant(unit, at)) = call.args.get(3)
        && Unit::parse(unit).is_none()
    {
        problems.push(message::at(*at, &unit_problem(unit)));
    }
}

/// Returns the error text for an unknown function, with a suggestion if a known name begins alike.
fn unknown(name: &str) -> String {
    match nearest(name, FUNCTIONS.iter().map(|function| function.name)) {
        Some(nearest) => ["unknown function ", name, "; did you mean ", nearest, "?"].concat(),
        None => ["unknown function ", name, "; see docs/scripting.md for all functions"].concat(),
    }
}

fn wrong_count(function: &Function, found: usize) -> String {
    let text = |count: usize| json::integer_text(count as u64);
    let takes = match (function.least, function.most) {
        (least, most) if least == most => text(least),
        (least, most) => [&text(least), " to ", &text(most)].concat(),
    };
    let noun = if function.most == 1 { " argument, found " } else { " arguments, found " };
    [function.name, " takes ", &takes, noun, &text(found)].concat()
}
