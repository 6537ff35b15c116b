use std::sync::{Arc, Mutex};

use super::*;

/// Records the calls that it gets, and fails the given one.
struct Notes(Arc<Mutex<Vec<String>>>, usize);

impl Notes {
    fn note(&mut self, what: String) -> Result<(), &'static str> {
        let mut notes = self.0.lock().unwrap();
        notes.push(what);
        if notes.len() == self.1 { Err("enough") } else { Ok(()) }
    }
}

impl TickHandler for Notes {
    type Error = &'static str;

    fn prime(&mut self) -> Result<(), Self::Error> {
        self.note("prime".into())
    }

    fn tick(&mut self, tick: Tick) -> Result<(), Self::Error> {
        self.note(format!("tick {}", tick.time_unix_ms % 100))
    }

    fn replay(&mut self, once: bool) -> Result<(), Self::Error> {
        self.note(format!("replay {once}"))
    }

    fn finish(&mut self) {
        let _ = self.note("finish".into());
    }
}

fn drive_notes(plan: Plan, fail_at: usize) -> (Vec<String>, Result<(), RunError<&'static str>>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let result = run(&create().unwrap(), Notes(notes.clone(), fail_at), plan);
    let notes = notes.lock().unwrap().clone();
    (notes, result)
}

#[test]
fn every_plan_ends_with_finish() {
    let (notes, result) = drive_notes(Plan::Replay { once: true }, 0);
    assert_eq!(notes, ["replay true", "finish"]);
    assert!(result.is_ok());
    let (notes, result) = drive_notes(Plan::Once(Duration::from_millis(1)), 0);
    assert!(result.is_ok());
    assert_eq!((notes.len(), &*notes[0], &*notes[2]), (3, "prime", "finish"));
    let (notes, result) = drive_notes(Plan::Once(Duration::from_secs(3600)), 1);
    assert_eq!(notes, ["prime", "finish"]);
    assert!(matches!(result, Err(RunError::Work("enough"))));
}

#[test]
fn ticks_carry_multiples_of_the_interval() {
    let (notes, result) = drive_notes(Plan::Every(Duration::from_millis(100).into()), 4);
    assert_eq!(notes, ["prime", "tick 0", "tick 0", "tick 0", "finish"]);
    assert!(matches!(result, Err(RunError::Work("enough"))));
}

struct Panics;

impl TickHandler for Panics {
    type Error = ();

    fn prime(&mut self) -> Result<(), ()> {
        panic!("on purpose")
    }

    fn tick(&mut self, _: Tick) -> Result<(), ()> {
        Ok(())
    }

    fn replay(&mut self, _: bool) -> Result<(), ()> {
        Ok(())
    }

    fn finish(&mut self) {}
}

#[test]
fn a_thread_that_is_gone_is_an_error_not_a_hang() {
    let result = run(&create().unwrap(), Panics, Plan::Every(Duration::from_secs(1).into()));
    assert!(matches!(result, Err(RunError::Gone)));
}

/// Requests a number from a task of the runtime before every tick, as the worker requests the kubelet's data.
struct Requests {
    handle: tokio::runtime::Handle,
    requests: tokio::sync::mpsc::Sender<oneshot::Sender<u32>>,
    responses: Arc<Mutex<Vec<u32>>>,
}

impl TickHandler for Requests {
    type Error = &'static str;

    fn prime(&mut self) -> Result<(), Self::Error> {
        let (sender, receiver) = oneshot::channel();
        let response = self.handle.block_on(async {
            self.requests.send(sender).await.map_err(|_| "nobody is asked")?;
            receiver.await.map_err(|_| "no response")
        })?;
        self.responses.lock().unwrap().push(response);
        Ok(())
    }

    fn tick(&mut self, _: Tick) -> Result<(), Self::Error> {
        self.prime()
    }

    fn replay(&mut self, _: bool) -> Result<(), Self::Error> {
        Ok(())
    }

    fn finish(&mut self) {}
}

#[test]
fn tasks_run_while_the_worker_waits_for_them() {
    let runtime = create().unwrap();
    let (requests, mut inbox) = tokio::sync::mpsc::channel::<oneshot::Sender<u32>>(1);
    runtime.spawn(async move {
        for number in 1.. {
            let Some(request) = inbox.recv().await else { break };
            tokio::task::yield_now().await;
            let _ = request.send(number);
        }
    });
    let responses = Arc::new(Mutex::new(Vec::new()));
    let asks = Requests { handle: runtime.handle().clone(), requests, responses: responses.clone() };
    run(&runtime, asks, Plan::Once(Duration::from_millis(1))).unwrap();
    assert_eq!(*responses.lock().unwrap(), [1, 2]);
}
