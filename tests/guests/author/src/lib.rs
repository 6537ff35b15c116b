//! A component by an author without knowledge of sandboxes: an ordinary crate with std, prints and a hash map.

use std::collections::HashMap;

use insights_sdk::prelude::*;

struct Author;

impl Transform for Author {
    const ABOUT: About = About::new("author", "1.0.0");

    fn configure(_: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        let mut kinds: HashMap<&str, u32> = HashMap::new();
        for entity in batch.entities() {
            *kinds.entry(entity.kind()).or_default() += 1;
        }
        println!("{} kinds", kinds.len());
        eprintln!("to standard error");
        for entity in batch.entities() {
            entity.set_gauge("same_kind", f64::from(kinds[entity.kind()]));
        }
        // Differs from batch to batch, not from run to run.
        let order: Vec<&str> = kinds.keys().copied().collect();
        if let Some(first) = batch.entities().first() {
            first.set_attribute("order", &order.join(","));
        }
        Ok(())
    }
}

insights_sdk::export_transform!(Author);
