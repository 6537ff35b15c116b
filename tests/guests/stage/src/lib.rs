//! A transform that misbehaves in many ways, of which its configuration selects one.
#![allow(clippy::all, missing_docs, unconditional_recursion, reason = "a test guest")]

use std::sync::Mutex;

use insights_sdk::guest::transform::exports::insights::transform::stage::{Batch, Description, Guest};
use insights_sdk::guest::transform::insights::transform::log::{Level, write};

struct Stage;

static HABIT: Mutex<String> = Mutex::new(String::new());

impl Guest for Stage {
    fn describe() -> Description {
        let text = String::from;
        Description {
            name: text("stage"),
            version: text("0.1.0"),
            config_schema: text("{}"),
            reads: vec![text("cpu.*")],
            writes: vec![text("*")],
        }
    }

    /// Accepts the habit itself, or `{"habit":"…"}` as in an agent's configuration file.
    fn configure(text: String) -> Result<(), String> {
        let habit =
            text.strip_prefix(r#"{"habit":""#).and_then(|rest| rest.strip_suffix(r#""}"#)).unwrap_or(&text);
        let habit = habit.to_owned();
        match &*habit {
            "refuse" => return Err("fruit: expected an apple, found a pear".to_owned()),
            "panic in configure" => panic!("no configuration is good enough"),
            "spin in configure" => spin(),
            _ => {}
        }
        *HABIT.lock().unwrap() = habit;
        Ok(())
    }

    fn process(batch: Batch) -> Result<Batch, String> {
        let habit = HABIT.lock().unwrap().clone();
        misbehave(&habit, batch)
    }
}

fn spin() -> ! {
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Repeats every entity `times` times, each time under the same id.
fn multiply(batch: &mut Batch, times: u32) {
    let count = batch.entities.kind.len() as u32;
    let at = |index: u32, copy: u32| if index == u32::MAX { index } else { index + copy * count };
    fn again<T: Clone>(column: &mut Vec<T>, rows: usize, copies: u32) {
        for _ in 1..copies {
            column.extend_from_within(..rows);
        }
    }
    let move_on = |column: &mut Vec<u32>, rows: usize| {
        for copy in 1..times {
            for row in 0..rows {
                column.push(at(column[row], copy));
            }
        }
    };
    let (entities, attributes) = (&mut batch.entities, &mut batch.attributes);
    let rows = entities.kind.len();
    again(&mut entities.kind, rows, times);
    again(&mut entities.id, rows, times);
    move_on(&mut entities.parent, rows);
    let rows = attributes.entity.len();
    move_on(&mut attributes.entity, rows);
    again(&mut attributes.key, rows, times);
    again(&mut attributes.value, rows, times);
    let gauges = &mut batch.gauges;
    let rows = gauges.entity.len();
    move_on(&mut gauges.entity, rows);
    again(&mut gauges.name, rows, times);
    again(&mut gauges.value, rows, times);
    let counters = &mut batch.counters;
    let rows = counters.entity.len();
    move_on(&mut counters.entity, rows);
    again(&mut counters.name, rows, times);
    again(&mut counters.current, rows, times);
    again(&mut counters.previous, rows, times);
    again(&mut counters.elapsed_ns, rows, times);
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 16]);
    recurse(depth + 1) + frame[3]
}

fn misbehave(habit: &str, mut batch: Batch) -> Result<Batch, String> {
    // `HABIT from TIME` behaves well until that time, in milliseconds since the Unix epoch: a component that passes every
    // probation and fails later.
    if let Some((habit, time)) = habit.split_once(" from ") {
        return if batch.time_unix_ms < time.parse().unwrap_or(0) {
            Ok(batch)
        } else {
            misbehave(habit, batch)
        };
    }
    match habit {
        "ten times" => multiply(&mut batch, 10),
        "spin" => spin(),
        "log and spin" => {
            write(Level::Warn, "now for ever");
            spin();
        }
        "allocate 4 GiB" => {
            let mut hoard = Vec::new();
            for _ in 0..4096 {
                hoard.push(vec![1_u8; 1 << 20]);
            }
            batch.interval_ms += hoard.len() as u64;
        }
        "allocate at once" => {
            let hoard = vec![1_u8; 1 << 30];
            batch.interval_ms += hoard.len() as u64;
        }
        "recurse" => batch.interval_ms = recurse(0),
        "panic" => panic!("the third pod from the left"),
        "fail" => return Err("no pods\nto be seen".to_owned()),
        "fail at length" => return Err("x".repeat(1 << 20)),
        "exit" => std::process::exit(3),
        "log" => write(Level::Warn, "one warning"),
        "log flood" => (0..100_000).for_each(|n| write(Level::Info, &format!("line {n}"))),
        "log at length" => write(Level::Info, &"x".repeat(1 << 20)),
        "log controls" => write(Level::Info, "a\u{1b}[2Jb\nforged line"),
        "print" => println!("printed {}", 1),
        "print flood" => (0..20_000).for_each(|n| println!("line {n}")),
        "print at length" => print!("{}", "x".repeat(1 << 20)),
        "clock" => return Err(format!("{:?}", std::time::SystemTime::now())),
        "instant" => return Err(format!("{:?}", std::time::Instant::now())),
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(3600)),
        "file" => {
            let found = std::fs::read_to_string("/etc/passwd").map_err(|error| format!("file: {error}"));
            return Err(found.unwrap_or_else(|error| error));
        }
        "environment" => {
            let seen = std::env::vars().count() + std::env::args().count();
            let input = std::io::read_to_string(std::io::stdin()).map_err(|error| error.to_string())?;
            return Err(format!("{seen} variables and arguments, {} bytes of input", input.len()));
        }
        "network" => {
            let connected = std::net::TcpStream::connect(("127.0.0.1", 80));
            return Err(format!("network: {connected:?}"));
        }
        "thread" => {
            let spawned = std::thread::Builder::new().spawn(|| 1);
            return Err(format!("thread: {}", spawned.is_ok()));
        }
        "time travel" => batch.time_unix_ms += 1,
        "another scope" => batch.scope_id.push('x'),
        "nothing" => {
            return Ok(Batch {
                scope: batch.scope,
                scope_id: batch.scope_id,
                time_unix_ms: batch.time_unix_ms,
                interval_ms: batch.interval_ms,
                ..empty()
            });
        }
        "more than allowed" => {
            let text = "x".repeat(6 << 20);
            batch.string_ends.push((batch.text.len() + text.len()) as u32);
            batch.text.push_str(&text);
        }
        "invalid UTF-8" => {
            let mut bytes = std::mem::take(&mut batch.text).into_bytes();
            bytes[0] = 0xff;
            // SAFETY: deliberately invalid; this is the attack under test.
            batch.text = unsafe { String::from_utf8_unchecked(bytes) };
        }
        "half a character" => {
            batch.text.push('ä');
            let end = batch.text.len() as u32;
            batch.string_ends.extend([end - 1, end]);
        }
        "ends that decrease" => batch.string_ends.swap(0, 1),
        "text without end" => batch.text.push_str("tail"),
        "child before parent" => batch.entities.parent[0] = 1,
        "NaN" => batch.gauges.value[0] = f64::NAN,
        "infinity" => batch.gauges.value[0] = f64::INFINITY,
        "negative infinity" => batch.gauges.value[0] = f64::NEG_INFINITY,
        _ => {
            if let Some((verb, stones)) = habit.split_once(" over ") {
                let start = |id: u32| if id == 0 { 0 } else { batch.string_ends[id as usize - 1] as usize };
                let string = |id: u32| &batch.text[start(id)..batch.string_ends[id as usize] as usize];
                let mut texts = batch.entities.id.iter().chain(&batch.attributes.value);
                if texts.any(|&id| stones.split(',').any(|stone| string(id) == stone)) {
                    match verb {
                        "spin" => spin(),
                        _ => panic!("tripped"),
                    }
                }
            } else if let Some(column) = habit.strip_prefix("index of ") {
                *column_of(&mut batch, column)?.last_mut().ok_or("empty column")? = 1 << 30;
            } else if let Some(column) = habit.strip_prefix("length of ") {
                column_of(&mut batch, column)?.pop();
            }
        }
    }
    Ok(batch)
}

fn empty() -> Batch {
    use insights_sdk::guest::transform::insights::transform::types::{
        Attributes, Counters, Entities, Gauges, Links,
    };
    Batch {
        scope: String::new(),
        scope_id: String::new(),
        time_unix_ms: 0,
        interval_ms: 0,
        text: String::new(),
        string_ends: vec![],
        entities: Entities { kind: vec![], id: vec![], parent: vec![] },
        attributes: Attributes { entity: vec![], key: vec![], value: vec![] },
        gauges: Gauges { entity: vec![], name: vec![], value: vec![] },
        counters: Counters {
            entity: vec![],
            name: vec![],
            current: vec![],
            previous: vec![],
            elapsed_ns: vec![],
        },
        links: Links { source: vec![], target: vec![], role: vec![] },
    }
}

fn column_of<'a>(batch: &'a mut Batch, column: &str) -> Result<&'a mut Vec<u32>, String> {
    Ok(match column {
        "string-ends" => &mut batch.string_ends,
        "entities.kind" => &mut batch.entities.kind,
        "entities.id" => &mut batch.entities.id,
        "entities.parent" => &mut batch.entities.parent,
        "attributes.entity" => &mut batch.attributes.entity,
        "attributes.key" => &mut batch.attributes.key,
        "attributes.value" => &mut batch.attributes.value,
        "gauges.entity" => &mut batch.gauges.entity,
        "gauges.name" => &mut batch.gauges.name,
        "counters.entity" => &mut batch.counters.entity,
        "counters.name" => &mut batch.counters.name,
        "links.source" => &mut batch.links.source,
        "links.target" => &mut batch.links.target,
        "links.role" => &mut batch.links.role,
        _ => return Err(format!("no column {column}")),
    })
}

insights_sdk::guest::transform::export_world_transform!(Stage with_types_in insights_sdk::guest::transform);
