//! What can be said of a program before it runs.

use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::{Unit, json};
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position};

use crate::figures::{published_name_problem, unit_problem};
use crate::functions::{self, Does, FUNCTIONS, Function};
use crate::message;

/// So many letters in common make a known name worth mentioning.
const LEAST_ALIKE: usize = 2;

/// All problems, each with line and column.
pub(crate) fn problems(program: &AST) -> Vec<String> {
    let mut problems = Vec::new();
    program.walk(&mut |path: &[ASTNode<'_>]| {
        let found = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at))) => Some((call, at)),
            Some(ASTNode::Stmt(rhai::Stmt::FnCall(call, at))) => Some((call, at)),
            _ => None,
        };
        if let Some((call, at)) = found {
            check_call(call, *at, &mut problems);
        }
        true
    });
    problems
}

fn check_call(call: &FnCallExpr, at: Position, problems: &mut Vec<String>) {
    if call.op_token.is_some() || !call.name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return;
    }
    let Some(function) = functions::find(&call.name) else {
        problems.push(message::at(at, &unknown(&call.name)));
        return;
    };
    if !(function.least..=function.most).contains(&call.args.len()) {
        problems.push(message::at(at, &wrong_count(function, call.args.len())));
    } else if function.does == Does::Publish {
        check_publish(call, problems);
    }
}

/// Names and units are literals, most of the time.
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

/// Names the known function that begins alike.
fn unknown(name: &str) -> String {
    let alike =
        |known: &str| known.bytes().zip(name.bytes()).take_while(|(known, found)| known == found).count();
    let nearest = FUNCTIONS.iter().max_by_key(|function| alike(function.name));
    match nearest {
        Some(nearest) if alike(nearest.name) >= LEAST_ALIKE => {
            ["unknown function ", name, "; is ", nearest.name, " meant?"].concat()
        }
        _ => ["unknown function ", name, "; docs/scripting.md has all of them"].concat(),
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
