//! Parser for formulas of the metric table.
//!
//! ```text
//! expression   term (("+" | "-") term)*
//! term         factor (("*" | "/") factor)*
//! factor       NUMBER | "(" expression ")" | NAME | NAME "(" argument ("," argument)* ")"
//! argument     expression | selection | condition
//! selection    path ("or" path)* ["[" condition "]"]
//! path         KIND ("/" KIND)*
//! condition    test ("and" test)*
//! test         ATTRIBUTE [("=" | "!=" | "~" | "!~") (STRING | LIST)]
//! ```
//!
//! Operations run from left to right, one at a time; their order determines the last digits.

use std::fmt;

/// A formula.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    Number(f64),
    /// A raw metric (with a dot) or another metric of the same event (without).
    Name(String),
    Operation(Box<Expression>, char, Box<Expression>),
    Call(String, Vec<Argument>),
}

/// An argument of a function.
#[derive(Clone, Debug)]
pub(crate) enum Argument {
    Expression(Expression),
    Selection(Selection),
    Condition(Vec<Test>),
}

/// Entities below the one that the formula is about.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// Kinds from level to level; the entities of the first path come first.
    pub(crate) paths: Vec<Vec<String>>,
    pub(crate) tests: Vec<Test>,
}

/// A test of an attribute.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) attribute: String,
    /// `=`, `!=`, `~` (contains), `!~` (matches none of a list), or empty (is present).
    pub(crate) operator: String,
    /// Alternative values.
    pub(crate) values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    Text(String),
    Sign(String),
}

/// Parses a formula.
pub(crate) fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let expression = parser.expression().map_err(|error| format!("{text}: {error}"))?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(format!("{text}: unexpected {token}")),
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(text) | Self::Sign(text) => f.write_str(text),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() || first.is_ascii_alphabetic() {
            let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let word = &rest[..length];
            match word.parse() {
                Ok(number) if first.is_ascii_digit() => tokens.push(Token::Number(number)),
                _ if rest[length..].starts_with('*') && word.ends_with('.') => {
                    tokens.push(Token::Name(format!("{word}*")));
                    rest = rest[length + 1..].trim_start();
                    continue;
                }
                _ => tokens.push(Token::Name(word.to_string())),
            }
            length
        } else if first == '"' {
            let length = rest[1..].find('"').ok_or_else(|| format!("{text}: unterminated string"))?;
            tokens.push(Token::Text(rest[1..=length].to_string()));
            length + 2
        } else {
            let length = if rest.starts_with("!=") || rest.starts_with("!~") { 2 } else { first.len_utf8() };
            tokens.push(Token::Sign(rest[..length].to_string()));
            length
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.peek().cloned().ok_or("unexpected end")?;
        self.at += 1;
        Ok(token)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if found == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(found)) if found == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("expected {sign}, found {:?}", self.peek())) }
    }

    fn expression(&mut self) -> Result<Expression, String> {
        self.chain(&['+', '-'], Self::term)
    }

    fn term(&mut self) -> Result<Expression, String> {
        self.chain(&['*', '/'], Self::factor)
    }

    fn chain(
        &mut self,
        operators: &[char],
        part: fn(&mut Self) -> Result<Expression, String>,
    ) -> Result<Expression, String> {
        let mut left = part(self)?;
        while let Some(&operator) = operators.iter().find(|operator| self.is_sign(&operator.to_string())) {
            self.at += 1;
            left = Expression::Operation(Box::new(left), operator, Box::new(part(self)?));
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Expression, String> {
        match self.next()? {
            Token::Number(number) => Ok(Expression::Number(number)),
            Token::Sign(sign) if sign == "(" => {
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Name(name) if self.take("(") => {
                let mut arguments = vec![self.argument(&name, 0)?];
                while self.take(",") {
                    arguments.push(self.argument(&name, arguments.len())?);
                }
                self.expect(")")?;
                Ok(Expression::Call(name, arguments))
            }
            Token::Name(name) => Ok(Expression::Name(name)),
            token => Err(format!("unexpected {token}")),
        }
    }

    fn argument(&mut self, function: &str, position: usize) -> Result<Argument, String> {
        match (function, position) {
            ("sum" | "total" | "count", 0) => self.selection().map(Argument::Selection),
            ("is" | "where", 0) => self.condition().map(Argument::Condition),
            _ => self.expression().map(Argument::Expression),
        }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Name(name) => Ok(name),
            token => Err(format!("expected a name, found {token}")),
        }
    }

    fn selection(&mut self) -> Result<Selection, String> {
        let mut paths = vec![self.path()?];
        while self.take_word("or") {
            paths.push(self.path()?);
        }
        let mut tests = Vec::new();
        if self.take("[") {
            tests = self.condition()?;
            self.expect("]")?;
        }
        Ok(Selection { paths, tests })
    }

    fn path(&mut self) -> Result<Vec<String>, String> {
        let mut path = vec![self.name()?];
        while self.take("/") {
            path.push(self.name()?);
        }
        Ok(path)
    }

    fn condition(&mut self) -> Result<Vec<Test>, String> {
        let mut tests = vec![self.test()?];
        while self.take_word("and") {
            tests.push(self.test()?);
        }
        Ok(tests)
    }

    fn test(&mut self) -> Result<Test, String> {
        let attribute = self.name()?;
        let operator = ["=", "!=", "~", "!~"].into_iter().find(|sign| self.take(sign)).unwrap_or("");
        let values = match operator {
            "" => Vec::new(),
            _ => match self.next()? {
                Token::Text(text) => text.split('|').map(String::from).collect(),
                Token::Name(list) => vec![list],
                token => return Err(format!("expected a string, found {token}")),
            },
        };
        Ok(Test { attribute, operator: operator.into(), values })
    }
}
