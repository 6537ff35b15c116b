//! Removes the custom sections of a component. The Makefile builds this with `rustc` alone.
//!
//! Usage: `strip IN OUT`

use std::error::Error;

#[path = "../host/cli/src/transform/strip.rs"]
mod sections;

fn main() -> Result<(), Box<dyn Error>> {
    let [input, output] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: strip IN OUT")?;
    let stripped = sections::strip(&std::fs::read(input)?).ok_or("no WebAssembly")?;
    Ok(std::fs::write(output, stripped)?)
}
