//! The loop of the screen: waits for keys, signals and news, and draws.

use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossterm::event;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::draw::{self, Look};
use super::model::{Flow, Key, Mode, Model, Update};
use super::source::live;
use super::source::recording::Recording;
use super::terminal::{self, Screen};
use super::view::View;
use crate::live::Agent;

/// Number of updates that wait. A batch has megabytes.
const WAITING: usize = 8;
/// Updates between two drawings, so that a flood of them does not stop the screen.
const BURST: usize = 64;
/// Maximum time between two drawings: the screen shows for how long nothing has come.
const REDRAW: Duration = Duration::from_secs(1);

/// The origin of the frames.
#[derive(Debug)]
pub(super) enum Source {
    /// An agent, and the pipeline to tap if not all.
    Live(Agent, Option<String>),
    /// A recording and its name.
    Recording(Box<Recording>, String),
}

/// Options of the command line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings<'a> {
    pub(super) view: Option<View>,
    pub(super) sort: Option<&'a str>,
    pub(super) interval: Duration,
}

/// An event that the loop waits for.
enum Event {
    Key(Key),
    Resized,
    /// The terminal is gone.
    Closed,
    /// A signal that ends the program.
    Signal(i32),
}

impl Settings<'_> {
    /// Creates the model.
    pub(super) fn model(&self, source: &Source) -> Model {
        let (mode, name) = match source {
            Source::Live(agent, _) => (Mode::Live, agent.name()),
            Source::Recording(_, name) => (Mode::Recording, name.clone()),
        };
        let mut model = Model::new(mode, &name, self.view.unwrap_or(View::Pods), 0);
        if let Some(sort) = self.sort {
            model.sort_by(sort);
        }
        model
    }
}

/// Shows the screen until the user quits. Returns 128 and its number after a signal.
///
/// # Errors
/// The terminal or a thread cannot be used.
pub(super) fn screen(source: Source, settings: &Settings<'_>, look: Look) -> anyhow::Result<ExitCode> {
    let mut model = settings.model(&source);
    let (updates, news) = sync_channel(WAITING);
    // Keys have a channel of their own: they never wait behind batches.
    let (events, keys) = sync_channel(BURST);
    let background = Background::start(source, settings.interval, updates, events.clone())?;
    let mut screen = Screen::open().context("cannot use the terminal")?;
    thread::spawn(move || read_keys(&events));
    let mut clock = Clock { started: Instant::now(), played: Instant::now(), interval: settings.interval };
    let ended = watch(&mut model, &mut screen, look, &keys, news, &mut clock);
    drop(screen);
    // Whoever waits for room in the channel goes on.
    drop(keys);
    background.stop();
    ended
}

struct Clock {
    started: Instant,
    played: Instant,
    interval: Duration,
}

impl Clock {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn watch(
    model: &mut Model,
    screen: &mut Screen,
    look: Look,
    keys: &Receiver<Event>,
    news: Receiver<Update>,
    clock: &mut Clock,
) -> anyhow::Result<ExitCode> {
    /// Maximum wait for a key before news are looked at.
    const POLL: Duration = Duration::from_millis(50);
    let mut news = Some(news);
    let mut drawn: Option<Instant> = None;
    loop {
        let mut is_new = drawn.is_none_or(|at| at.elapsed() >= REDRAW);
        for update in news.iter().flat_map(Receiver::try_iter).take(BURST).collect::<Vec<_>>() {
            is_new = true;
            if !model.apply(update, clock.now_ms()) {
                // The rest of the recording is not read.
                news = None;
                break;
            }
        }
        if clock.played.elapsed() >= clock.interval {
            clock.played = Instant::now();
            model.play();
            is_new = true;
        }
        if is_new {
            screen.draw(|frame| draw::draw(frame, model, look, clock.now_ms())).context("cannot draw")?;
            drawn = Some(Instant::now());
        }
        let mut event = keys.recv_timeout(POLL);
        loop {
            match event {
                Ok(Event::Key(key)) => {
                    if model.key(key) == Flow::Quit {
                        return Ok(ExitCode::SUCCESS);
                    }
                    drawn = None;
                }
                Ok(Event::Resized) => drawn = None,
                Ok(Event::Signal(number)) => {
                    return Ok(ExitCode::from(128 + u8::try_from(number).unwrap_or(0)));
                }
                Ok(Event::Closed) | Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::FAILURE),
                Err(RecvTimeoutError::Timeout) => break,
            }
            event = keys.try_recv().map_err(|_| RecvTimeoutError::Timeout);
        }
    }
}

/// Reads keys until the terminal or the receiver is gone.
fn read_keys(to: &SyncSender<Event>) {
    loop {
        let event = match event::read() {
            Ok(event::Event::Resize(..)) => Event::Resized,
            Ok(event) => match terminal::key(&event) {
                Some(key) => Event::Key(key),
                None => continue,
            },
            Err(_) => Event::Closed,
        };
        let is_last = matches!(event, Event::Closed);
        if to.send(event).is_err() || is_last {
            return;
        }
    }
}

/// The thread that follows the agent or reads the recording, and that waits for signals.
struct Background {
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Background {
    fn start(
        source: Source,
        interval: Duration,
        updates: SyncSender<Update>,
        events: SyncSender<Event>,
    ) -> anyhow::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let runtime = runtime()?;
        // Listens before the terminal is taken, so that a signal always restores it.
        let signals = runtime.block_on(async { listen() })?;
        let follow = match source {
            Source::Live(agent, pipeline) => Some((agent, pipeline, updates)),
            Source::Recording(recording, _) => {
                thread::spawn(move || recording.read(|update| updates.send(update).is_ok()));
                None
            }
        };
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let follow = async {
                    match follow {
                        Some((agent, pipeline, to)) => live::follow(agent, pipeline, interval, to).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = follow => {}
                    number = first(signals) => drop(events.send(Event::Signal(number))),
                    _ = stopped => {}
                }
            });
            // Does not wait for a resolver.
            runtime.shutdown_background();
        });
        Ok(Self { stop, thread })
    }

    /// Ends requests and the command of --exec.
    fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

type Signals = Vec<(i32, Signal)>;

fn listen() -> anyhow::Result<Signals> {
    let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()];
    let listen =
        |kind: SignalKind| Ok((kind.as_raw_value(), signal(kind).context("cannot listen for signals")?));
    kinds.into_iter().map(listen).collect()
}

/// Waits for the first signal.
async fn first(mut signals: Signals) -> i32 {
    std::future::poll_fn(|context| {
        let poll =
            |(number, signal): &mut (i32, Signal)| signal.poll_recv(context).is_ready().then_some(*number);
        signals.iter_mut().find_map(poll).map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Creates a runtime of one thread.
///
/// # Errors
/// The process has too many open files.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot create the runtime")
}
