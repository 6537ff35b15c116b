//! A transform that misuses its state in many ways, of which its configuration selects one.
#![allow(clippy::all, missing_docs, reason = "a test guest")]

use std::sync::Mutex;

use insights_sdk::guest::transform::exports::insights::transform::stage::{Batch, Description, Guest};
use insights_sdk::guest::transform::insights::transform::state;

struct Hoard;

static HABIT: Mutex<String> = Mutex::new(String::new());

impl Guest for Hoard {
    fn describe() -> Description {
        let name = match state::set("described", b"1") {
            Ok(()) => "state in describe",
            Err(_) => "hoard",
        };
        Description {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            config_schema: "{}".to_owned(),
            reads: vec![],
            writes: vec![],
        }
    }

    /// Accepts the habit itself, or `{"habit":"…"}` as in an agent's configuration file.
    fn configure(text: String) -> Result<(), String> {
        let habit =
            text.strip_prefix(r#"{"habit":""#).and_then(|rest| rest.strip_suffix(r#""}"#)).unwrap_or(&text);
        if habit == "write in configure" {
            state::set("configured", b"1")?;
        }
        *HABIT.lock().unwrap() = habit.to_owned();
        Ok(())
    }

    fn process(batch: Batch) -> Result<Batch, String> {
        let habit = HABIT.lock().unwrap().clone();
        hoard(&habit)?;
        Ok(batch)
    }
}

/// Increments the stored counter.
fn count() -> Result<(), String> {
    let before = state::get("n").map_or(0, |value| u64::from_le_bytes(value.try_into().unwrap()));
    state::set("n", &(before + 1).to_le_bytes())?;
    let after = state::get("n");
    assert_eq!(after, Some((before + 1).to_le_bytes().to_vec()), "its own write");
    Ok(())
}

/// Calls `set` until it is refused; returns the refusal.
fn until_refused(mut set: impl FnMut(u32) -> Result<(), String>) -> Result<(), String> {
    (0..u32::MAX).try_for_each(|n| set(n))
}

fn hoard(habit: &str) -> Result<(), String> {
    match habit {
        "count" => count()?,
        "count and panic" => {
            count()?;
            panic!("in the midst of it");
        }
        "count and fail" => {
            count()?;
            return Err("after it wrote".to_owned());
        }
        "count and spin" => {
            count()?;
            while std::hint::black_box(true) {}
        }
        "forget" => {
            for key in state::keys("") {
                state::delete(&key);
            }
        }
        "many keys" => until_refused(|n| state::set(&n.to_string(), b""))?,
        "many keys, quietly" => _ = until_refused(|n| state::set(&n.to_string(), b"")),
        "many values" => until_refused(|n| state::set(&n.to_string(), &[1; 60_000]))?,
        "many values, quietly" => _ = until_refused(|n| state::set(&n.to_string(), &[1; 60_000])),
        "huge value" => state::set("k", &vec![1; 1 << 20])?,
        "huge key" => state::set(&"k".repeat(1 << 20), b"1")?,
        "colossal value" => state::set("k", &vec![1; 8 << 20])?,
        "huge key to read" => {
            let key = "k".repeat(1 << 20);
            assert_eq!((state::get(&key), state::keys(&key).len()), (None, 0));
            state::delete(&key);
        }
        "many calls" => loop {
            _ = state::set("k", &[1; 60_000]);
            _ = state::set("l", &[1; 60_000]);
            state::delete("k");
        },
        "many refusals" => loop {
            _ = state::set("k", &[1; 70_000]);
        },
        "list for ever" => {
            _ = until_refused(|n| state::set(&n.to_string(), b""));
            loop {
                std::hint::black_box(state::keys(""));
            }
        }
        "list and keep" => {
            (0..512).try_for_each(|n| state::set(&format!("{n:01000}"), b""))?;
            let mut hoard = Vec::new();
            loop {
                hoard.push(state::keys(""));
            }
        }
        _ => {}
    }
    Ok(())
}

insights_sdk::guest::transform::export_world_transform!(Hoard with_types_in insights_sdk::guest::transform);
