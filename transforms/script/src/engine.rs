//! The interpreter: its language subset, its functions and its limits.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::any::TypeId;

use rhai::{AST, Dynamic, Engine, EvalAltResult, FLOAT, ImmutableString, Position, Scope, Token};

use crate::arguments::{Arguments, List, Names, number_text};
use crate::functions::{Does, FUNCTIONS, MOST};
use crate::world::World;
use crate::{check, entities, facts, memory, message, names, texts, values};

/// Maximum steps of one run; a step takes some hundred nanoseconds. It is reached before the sandbox's limit of CPU time,
/// which reports no line.
const MOST_STEPS: u64 = 2_000_000;
/// Maximum nesting of blocks and brackets; a pair of brackets counts as two levels, a loop as three.
const MOST_LEVELS: usize = 64;
/// Maximum bytes of a text.
const LONGEST_TEXT: usize = 65_536;
/// Maximum number of variables at a time.
const MOST_VARIABLES: usize = 64;
/// Maximum bytes of a program: the interpreter keeps lines and columns in 16 bits.
const LONGEST_PROGRAM: usize = 65_535;

/// Symbols of the language that are disabled.
const WITHOUT: [&str; 9] =
    ["eval", "print", "debug", "type_of", "is_def_var", "loop", "while", "do", "until"];

/// Builds an interpreter whose functions work on the batch of `world`.
pub(crate) fn new(world: &Rc<World>) -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_max_operations(MOST_STEPS);
    engine.set_max_expr_depths(MOST_LEVELS);
    engine.set_max_string_size(LONGEST_TEXT);
    engine.set_max_variables(MOST_VARIABLES);
    engine.set_strict_variables(true);
    for symbol in WITHOUT {
        engine.disable_symbol(symbol);
    }
    #[expect(deprecated, reason = "the attribute says that it may change; the version is exact")]
    engine.on_parse_token(|token, _, _| match token {
        // All numbers are decimal: 1 / 3 is a third.
        Token::IntegerConstant(value) => {
            Token::FloatConstant((((value as FLOAT).into()), Default::default()).into())
        }
        token => token,
    });
    engine.register_iterator::<List>();
    engine.register_iterator::<Names>();
    register_functions(&mut engine, world);
    register_operators(&mut engine);
    engine
}

fn register_functions(engine: &mut Engine, world: &Rc<World>) {
    let any = [TypeId::of::<Dynamic>(); MOST];
    for function in FUNCTIONS {
        for count in function.least..=function.most {
            let (world, does) = (Rc::clone(world), function.does);
            engine.register_raw_fn(function.name, &any[..count], move |_, values: &mut [&mut Dynamic]| {
                call(&world, does, &Arguments::new(values)).map_err(|problem| {
                    let text = [function.name, ": ", &problem].concat();
                    EvalAltResult::ErrorRuntime(text.into(), Position::NONE).into()
                })
            });
        }
    }
}

fn call(world: &World, does: Does, given: &Arguments<'_, '_>) -> Result<Dynamic, String> {
    let about_batch = world.with(|batch| {
        world.note(|| names::requested(does, batch, given));
        entities::call(does, batch, given)
            .or_else(|| facts::call(does, batch, given))
            .or_else(|| values::call(does, batch, given))
            .or_else(|| names::call(does, batch, given))
            .or_else(|| memory::call(does, batch, given))
    });
    about_batch.flatten().unwrap_or_else(|| texts::call(does, given))
}

/// Registers operators: an absent operand makes the result absent, and `+` of a text and a number joins their texts.
fn register_operators(engine: &mut Engine) {
    let (absent, float, text) = (TypeId::of::<()>(), TypeId::of::<FLOAT>(), TypeId::of::<ImmutableString>());
    for operator in ["+", "-", "*", "/", "%"] {
        for pair in [[absent, float], [float, absent], [absent, absent]] {
            engine.register_raw_fn(operator, pair, |_, _: &mut [&mut Dynamic]| Ok(Dynamic::UNIT));
        }
    }
    engine.register_raw_fn("-", [absent], |_, _: &mut [&mut Dynamic]| Ok(Dynamic::UNIT));
    for pair in [[text, float], [float, text]] {
        engine.register_raw_fn("+", pair, |_, values: &mut [&mut Dynamic]| {
            let parts = values.iter().map(|value| match value.as_float() {
                Ok(number) => number_text(number),
                Err(_) => {
                    value.as_immutable_string_ref().map(|text| text.as_str().into()).unwrap_or_default()
                }
            });
            Ok(Dynamic::from(parts.collect::<String>()))
        });
    }
}

fn scope() -> Scope<'static> {
    let mut scope = Scope::new();
    scope.push_constant("absent", ());
    scope
}

/// Parses and checks a program. `kinds` are those of entities that other components make.
///
/// # Errors
/// All problems found, each with line and column.
pub(crate) fn read(engine: &Engine, text: &str, kinds: &[String]) -> Result<AST, Vec<String>> {
    if text.len() > LONGEST_PROGRAM {
        let longest = number_text(LONGEST_PROGRAM as FLOAT);
        return Err(vec![["the program is longer than ", &longest, " bytes"].concat()]);
    }
    let program =
        engine.compile_with_scope(&scope(), text).map_err(|error| vec![message::of_parsing(&error, text)])?;
    let problems = check::problems(&program, kinds);
    if problems.is_empty() { Ok(program) } else { Err(problems) }
}

/// Runs a program.
///
/// # Errors
/// The error text, with line and column.
pub(crate) fn run(engine: &Engine, program: &AST) -> Result<(), String> {
    let ran = engine.run_ast_with_scope(&mut scope(), program);
    ran.map_err(|error| message::of_running(&error))
}
