//! `script`: a small program in the configuration changes the batch.
//!
//! The language is Rhai without objects, arrays and user-defined functions; `functions.rs` lists the callable functions,
//! docs/scripting.md explains them to operators. The program is parsed and checked when the stage is configured, and runs
//! once for the whole batch.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod arguments;
mod check;
mod engine;
mod entities;
mod facts;
mod functions;
mod memory;
mod message;
mod names;
mod texts;
mod values;
mod world;

use alloc::rc::Rc;
use alloc::string::{String, ToString};

use insights_sdk::{About, Batch, ConfigError, Settings, Transform};
use rhai::{AST, Engine};

use world::World;

/// The configured transform: a parsed and checked program.
pub struct Script {
    engine: Engine,
    program: AST,
    /// `true` if the program reads or writes state.
    remembers: bool,
    world: Rc<World>,
}

impl Transform for Script {
    const ABOUT: About = About::new("script", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&["*"])
        .writes(&["*"]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        let text = settings.string("program");
        if text.is_none() {
            settings.problem("program", "must be set to the text of the program");
        }
        let kinds = settings.strings("kinds").unwrap_or_default();
        let world = Rc::new(World::new(settings.flag("explain").unwrap_or(false)));
        let engine = engine::new(&world);
        let program = match engine::read(&engine, &text.unwrap_or_default(), &kinds) {
            Ok(program) => program,
            Err(problems) => {
                problems.into_iter().for_each(|problem| settings.problem("program", problem));
                AST::empty()
            }
        };
        Ok(Self { remembers: check::remembers(&program), engine, program, world })
    }

    fn process(&self, _: &Batch) -> Result<(), String> {
        Err("internal error: process called instead of process_owned".to_string())
    }

    fn process_owned(&self, batch: Batch) -> Result<Batch, String> {
        let batch = self.world.lend(batch, || engine::run(&self.engine, &self.program))?;
        if self.remembers {
            memory::forget_gone(&batch);
        }
        self.world.explain(&batch);
        Ok(batch)
    }
}

insights_sdk::export_transform!(Script);
