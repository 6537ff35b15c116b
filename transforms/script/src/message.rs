//! Error messages in plain words, with line and column.

use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::json;
use rhai::{EvalAltResult, LexError, ParseError, ParseErrorType, Position};

/// Returns a message prefixed with its position.
pub(crate) fn at(place: Position, text: &str) -> String {
    let number = |number: Option<usize>| json::integer_text(number.unwrap_or(1) as u64);
    match place.line() {
        Some(line) => {
            ["line ", &number(Some(line)), ", column ", &number(place.position()), ": ", text].concat()
        }
        None => text.into(),
    }
}

/// Returns the message for a parse error of `text`.
pub(crate) fn of_parsing(error: &ParseError, text: &str) -> String {
    let place = error.position();
    match is_field(place, text) {
        true => {
            at(place, "entities have no fields; use a function, such as attribute(pod, \"pod.namespace\")")
        }
        false => at(place, &parsing(error.err_type())),
    }
}

/// Returns true if the position is at the dot of an expression such as `pod.namespace`, or right after it.
fn is_field(place: Position, text: &str) -> bool {
    let line = place.line().and_then(|line| text.lines().nth(line - 1));
    let column = place.position().map(|column| column.saturating_sub(1));
    let Some((line, column)) = line.zip(column) else { return false };
    let signs: Vec<char> = line.chars().collect();
    let is_name = |sign: Option<&char>| sign.is_some_and(|sign| sign.is_ascii_alphabetic() || *sign == '_');
    [column, column.wrapping_sub(1)].into_iter().any(|dot| {
        let before = dot.checked_sub(1).and_then(|before| signs.get(before));
        let before = before.is_some_and(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | ')'));
        signs.get(dot) == Some(&'.') && before && is_name(signs.get(dot + 1))
    })
}

fn parsing(error: &ParseErrorType) -> String {
    use ParseErrorType as Kind;
    match error {
        Kind::UnexpectedEOF => "unexpected end of the program".into(),
        Kind::BadInput(error) => lexing(error),
        Kind::UnknownOperator(operator) => ["unknown operator ", operator].concat(),
        Kind::MissingToken(token, why) => ["missing `", token, "` ", why].concat(),
        Kind::MissingSymbol(why) => why.clone(),
        Kind::DuplicatedVariable(name) => ["duplicate name ", name].concat(),
        Kind::WrongSwitchDefaultCase => "the case _ must be the last one and have no condition".into(),
        Kind::PropertyExpected | Kind::VariableExpected => "expected a name".into(),
        Kind::ForbiddenVariable(name) => [name, " cannot be the name of a variable"].concat(),
        Kind::Reserved(word) => [word, " is not part of this language"].concat(),
        Kind::MismatchedType(expected, found) => {
            ["expected ", plain(expected), ", found ", plain(found)].concat()
        }
        Kind::ExprExpected(what) => ["expected ", what].concat(),
        Kind::AssignmentToConstant(name) => [name, " cannot be changed"].concat(),
        Kind::AssignmentToInvalidLHS(_) => "cannot assign to this expression; use == to compare".into(),
        Kind::VariableExists(name) => ["the variable ", name, " already exists"].concat(),
        Kind::VariableUndefined(name) => {
            ["unknown variable ", name, "; texts must be in double quotes"].concat()
        }
        Kind::ExprTooDeep => "blocks or brackets are nested too deeply".into(),
        Kind::LiteralTooLarge(..) => "the text is too long".into(),
        Kind::LoopBreak => "break and continue are only allowed in loops".into(),
        _ => "this is not part of this language".into(),
    }
}

fn lexing(error: &LexError) -> String {
    match error {
        LexError::UnterminatedString => "unterminated text: expected a double quote".into(),
        LexError::StringTooLong(_) => "the text is too long".into(),
        LexError::MalformedEscapeSequence(found) => {
            ["unknown escape sequence ", found, "; expected one such as \\n or \\\""].concat()
        }
        LexError::MalformedNumber(found) => ["invalid number ", found].concat(),
        LexError::MalformedChar(_) => "texts must be in double quotes".into(),
        LexError::MalformedIdentifier(found) => ["invalid name ", found].concat(),
        LexError::UnexpectedInput(found) | LexError::ImproperSymbol(found, _) => {
            [found, " is not part of this language"].concat()
        }
        _ => "this is not part of this language".into(),
    }
}

/// Returns the message for a run-time error.
pub(crate) fn of_running(error: &EvalAltResult) -> String {
    at(error.position(), &running(error))
}

fn running(error: &EvalAltResult) -> String {
    use EvalAltResult as Kind;
    match error {
        Kind::ErrorRuntime(text, _) => text
            .as_immutable_string_ref()
            .map(|text| text.as_str().into())
            .unwrap_or_else(|_| "the program threw an error".into()),
        Kind::ErrorParsing(error, _) => parsing(error),
        Kind::ErrorFunctionNotFound(signature, _) => no_function(signature),
        Kind::ErrorMismatchDataType(expected, found, _)
        | Kind::ErrorMismatchOutputType(expected, found, _) => {
            ["expected ", plain(expected), ", found ", plain(found)].concat()
        }
        Kind::ErrorFor(_) => "for needs a list, such as all(\"pod\") or gauges(pod)".into(),
        Kind::ErrorArithmetic(text, _) => text.clone(),
        Kind::ErrorTooManyOperations(_) => "the program takes too many steps".into(),
        Kind::ErrorTooManyVariables(_) => "too many variables".into(),
        Kind::ErrorStackOverflow(_) => "blocks or brackets are nested too deeply".into(),
        Kind::ErrorDataTooLarge(..) => "a text is longer than 65536 bytes".into(),
        Kind::ErrorVariableNotFound(name, _) => ["unknown variable ", name].concat(),
        Kind::ErrorAssignmentToConstant(name, _) => [name, " cannot be changed"].concat(),
        _ => "the program stopped".into(),
    }
}

/// Returns the message for an operator applied to unsupported types. The interpreter reports them as `* (&str | …, f64)`.
fn no_function(signature: &str) -> String {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let types: Vec<_> = types.trim_end_matches(')').split(", ").map(plain).collect();
    [name, " does not work on ", &types.join(" and ")].concat()
}

/// Returns the plain name of one of the interpreter's types.
fn plain(name: &str) -> &str {
    match name {
        "()" => "absent",
        "bool" => "true or false",
        "f64" | "float" => "a number",
        "i64" => "an entity",
        "char" => "a text",
        name if name.contains("str") || name.contains("Str") => "a text",
        name if name.contains("Names") => "a list of names",
        name if name.contains("List") => "a list of entities",
        name => name,
    }
}
