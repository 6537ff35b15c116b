//! A formatter that misbehaves in many ways, of which its configuration selects one.
#![allow(clippy::all, missing_docs, reason = "a test guest")]

use std::sync::Mutex;

use insights_sdk::guest::formatter::exports::insights::transform::format::{
    Batch, Description, Guest, Limits, Payloads,
};
use insights_sdk::guest::transform::insights::transform::state;

struct Format;

/// Increments the stored counter and returns it.
fn count() -> Result<u64, String> {
    let before = state::get("n").map_or(0, |value| u64::from_le_bytes(value.try_into().unwrap()));
    state::set("n", &(before + 1).to_le_bytes())?;
    Ok(before + 1)
}

/// Uses CPU time: about ten milliseconds for twenty million rounds.
fn work(rounds: u64) {
    let mut n = 0_u64;
    for _ in 0..rounds {
        n = std::hint::black_box(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

static HABIT: Mutex<String> = Mutex::new(String::new());

impl Guest for Format {
    fn describe() -> Description {
        let text = String::from;
        Description {
            name: text("format"),
            version: text("0.1.0"),
            config_schema: text("{}"),
            reads: vec![],
            writes: vec![],
        }
    }

    /// Accepts the habit itself, or `{"habit":"…"}` as in an agent's configuration file.
    fn configure(text: String) -> Result<(), String> {
        let habit =
            text.strip_prefix(r#"{"habit":""#).and_then(|rest| rest.strip_suffix(r#""}"#)).unwrap_or(&text);
        let habit = habit.to_owned();
        *HABIT.lock().unwrap() = habit;
        Ok(())
    }

    /// Returns one event `SCOPE-ID/ID` for each entity that is not a descriptor, with the number of descriptors in the
    /// slice.
    fn format(batch: Batch, limits: Limits) -> Result<Payloads, String> {
        let habit = HABIT.lock().unwrap().clone();
        let string = |id: u32| {
            let start = if id == 0 { 0 } else { batch.string_ends[id as usize - 1] };
            &batch.text[start as usize..batch.string_ends[id as usize] as usize]
        };
        let kinds = batch.entities.kind.iter().map(|&kind| string(kind));
        let metrics = kinds.filter(|&kind| kind == "metric").count();
        let mut payloads = Payloads {
            content_type: "text/plain".to_owned(),
            routes: vec![],
            route: vec![],
            time_unix_ms: vec![],
            ends: vec![],
            body: vec![],
        };
        for (&kind, &id) in batch.entities.kind.iter().zip(&batch.entities.id) {
            if string(kind) != "metric" {
                let event = format!("{}/{} {metrics}", batch.scope_id, string(id));
                let group = format!("/group/{}", string(kind));
                push(&mut payloads, &group, batch.time_unix_ms, event.as_bytes());
            }
        }
        match &*habit {
            "count slices" => _ = count()?,
            "fail at the third slice" => {
                if count()? == 3 {
                    return Err("three is enough".to_owned());
                }
            }
            "panic" => panic!("on purpose"),
            "work" => work(20_000_000),
            "spin" => loop {
                work(1_000_000);
            },
            "a million routes" => {
                payloads.routes =
                    (0..1_000_000).map(|n| vec![("log_group".to_owned(), format!("/g/{n}"))]).collect();
            }
            "a million empty routes" => payloads.routes = vec![vec![]; 1_000_000],
            "a route for each event" => {
                for n in 0..1000 {
                    push(&mut payloads, &format!("/g/{n}"), 1, b"event");
                }
            }
            "a long route" => payloads.routes[0][0].1 = "x".repeat(5000),
            "a route of many keys" => {
                payloads.routes[0] = (0..100).map(|n| (format!("k{n}"), "v".to_owned())).collect();
            }
            "no such route" => payloads.route[0] = 1 << 30,
            "ends that decrease" => payloads.ends.swap(0, 1),
            "ends beyond the body" => *payloads.ends.last_mut().unwrap() += 1,
            "an empty event" => push(&mut payloads, "/g", 1, b""),
            "an event too large" => {
                let event = vec![b'x'; limits.max_event_bytes as usize + 1];
                push(&mut payloads, "/g", 1, &event);
            }
            "column lengths" => payloads.time_unix_ms.truncate(1),
            "many bytes" => {
                let event = vec![b'x'; 100 << 10];
                for _ in 0..120 {
                    push(&mut payloads, "/g", 1, &event);
                }
            }
            "another content type" => {
                payloads.content_type = format!("text/{}", batch.entities.kind.len());
            }
            _ => {}
        }
        Ok(payloads)
    }
}

fn push(payloads: &mut Payloads, group: &str, time: u64, event: &[u8]) {
    let route = vec![("log_group".to_owned(), group.to_owned())];
    let index = match payloads.routes.iter().position(|known| *known == route) {
        Some(index) => index,
        None => {
            payloads.routes.push(route);
            payloads.routes.len() - 1
        }
    };
    payloads.route.push(index as u32);
    payloads.time_unix_ms.push(time);
    payloads.body.extend_from_slice(event);
    payloads.ends.push(payloads.body.len() as u32);
}

insights_sdk::guest::formatter::export_world_formatter!(Format with_types_in insights_sdk::guest::formatter);
