//! Rounds over several nodes.

use super::*;

/// Starts a server for metrics only.
async fn metrics(mut respond: impl FnMut(&str) -> Response + Send + 'static) -> Server {
    Server::start(move |_, request| respond(&scraped(request).unwrap())).await
}

async fn round(
    scraper: &mut Scraper,
    nodes: &[Arc<str>],
) -> Vec<(Arc<str>, Result<NodeReading, ScrapeError>)> {
    scraper.round(nodes.to_vec(), Instant::now()).await
}

/// Returns the nodes that were read, and those with an error, by name.
fn outcome(results: Vec<(Arc<str>, Result<NodeReading, ScrapeError>)>) -> (Vec<String>, Vec<String>) {
    let (read, failed): (Vec<_>, Vec<_>) = results.into_iter().partition(|(_, result)| result.is_ok());
    let names = |results: Vec<(Arc<str>, _)>| {
        let mut names: Vec<String> = results.into_iter().map(|(name, _)| name.to_string()).collect();
        names.sort();
        names
    };
    (names(read), names(failed))
}

#[tokio::test]
async fn a_dead_node_costs_only_itself_and_is_last_in_the_next_round() {
    let server = metrics(|node| if node == "dead" { Response::ok().hang() } else { rows() }).await;
    let settings = FargateSettings { deadline: Duration::from_secs(3), concurrency: 2, ..settings() };
    let mut scraper = Scraper::new(server.client(), &settings);
    let nodes = names(&["a", "b", "c", "d", "dead"]);
    let (read, failed) = outcome(round(&mut scraper, &nodes).await);
    assert_eq!((read.len(), failed), (4, vec!["dead".to_owned()]));
    let totals = scraper.counters().totals();
    assert_eq!((totals.scraped, totals.failed, totals.late), (4, 0, 1));
    assert_eq!(scraper.status().snapshot().errors, 0, "the source works");
    tokio::select! {
        _ = round(&mut scraper, &nodes) => {}
        () = until(|| server.paths().len() == 10) => {}
    }
    let paths = server.paths();
    assert!(paths[9].contains("/dead/"), "{paths:?}");
}

#[tokio::test]
async fn failing_nodes_wait_for_the_others_and_take_turns() {
    let server = metrics(|node| if node.starts_with("good") { rows() } else { Response::status(503) }).await;
    let settings = FargateSettings { concurrency: 1, ..settings() };
    let mut scraper = Scraper::new(server.client(), &settings);
    let nodes = names(&["bad-1", "bad-2", "good-1", "good-2"]);
    for _ in 0..2 {
        let (read, failed) = outcome(round(&mut scraper, &nodes).await);
        assert_eq!(
            (read, failed),
            (vec!["good-1".into(), "good-2".into()], vec!["bad-1".into(), "bad-2".into()])
        );
    }
    let second: Vec<bool> = server.paths()[4..].iter().map(|path| path.contains("good")).collect();
    assert_eq!(second, [true, true, false, false]);
    let totals = scraper.counters().totals();
    assert_eq!((totals.rounds, totals.scraped, totals.failed, totals.late), (2, 4, 4, 0));
}

#[tokio::test]
async fn a_node_that_failed_once_is_tried_before_those_that_failed_often() {
    let mut asked = 0;
    let server = metrics(move |node| {
        asked += 1;
        // The last round but one.
        let is_blip = node == "z" && (8..12).contains(&asked);
        if node == "z" && !is_blip { rows() } else { Response::status(503) }
    })
    .await;
    let settings = FargateSettings { concurrency: 1, ..settings() };
    let mut scraper = Scraper::new(server.client(), &settings);
    for _ in 0..4 {
        round(&mut scraper, &names(&["a", "b", "c", "z"])).await;
    }
    let paths = server.paths();
    let order: Vec<bool> = paths[12..].iter().map(|path| path.contains("/z/")).collect();
    assert_eq!(order, [true, false, false, false], "{paths:?}");
}

#[tokio::test]
async fn requests_are_bounded_by_the_concurrency() {
    let nodes: Vec<String> = (0..20).map(|index| format!("n{index}")).collect();
    let nodes: Vec<Arc<str>> = nodes.iter().map(|name| name.as_str().into()).collect();
    let (open, most) = (Arc::new(Mutex::new(0_usize)), Arc::new(Mutex::new(0_usize)));
    let (opened, highest) = (Arc::clone(&open), Arc::clone(&most));
    // No node responds: each request keeps its place until the deadline.
    let server = metrics(move |_| {
        let mut open = opened.lock().unwrap();
        *open += 1;
        let mut most = highest.lock().unwrap();
        *most = (*most).max(*open);
        Response::ok().hang()
    })
    .await;
    let deadline = Duration::from_secs(30);
    let settings = FargateSettings { concurrency: 3, deadline, ..settings() };
    let mut scraper = Scraper::new(server.client(), &settings);
    tokio::select! {
        _ = round(&mut scraper, &nodes) => panic!("no node responds"),
        () = async {
            until(|| *open.lock().unwrap() == 3).await;
            // Time for requests that should not be sent.
            tokio::time::sleep(Duration::from_millis(50)).await;
        } => {}
    }
    assert_eq!(*most.lock().unwrap(), 3);
}

#[tokio::test]
async fn a_round_ends_before_the_next_tick() {
    let server = metrics(|_| Response::ok().hang()).await;
    let interval = Duration::from_millis(600);
    let settings = FargateSettings { interval, concurrency: 1, ..settings() };
    assert_eq!(settings.effective_deadline(), Duration::from_millis(400), "two thirds of the interval");
    let mut scraper = Scraper::new(server.client(), &settings);
    // The first node takes 400 ms, the second the rest, and there is none for the others.
    let results = round(&mut scraper, &names(&["a", "b", "c", "d"])).await;
    assert_eq!(results.len(), 4);
    let without_turn = results.iter().filter(|(_, result)| matches!(result, Err(ScrapeError::NoTurn { .. })));
    assert!(without_turn.count() >= 2);
    let totals = scraper.counters().totals();
    assert_eq!((totals.late, totals.failed), (4, 0));
    let error = scraper.status().snapshot().error.unwrap_or_default();
    assert!(error.contains("no complete response within 0.4 s"), "no node was read: {error}");
}

#[tokio::test]
async fn the_shown_error_does_not_depend_on_the_order_of_the_results() {
    let late = |name: &str| {
        let (node, path) = (name.to_owned(), String::new());
        (name.into(), Err(ScrapeError::Late { node, path, deadline: Duration::from_secs(40) }))
    };
    let no_turn = |name: &str| {
        let (node, path) = (name.to_owned(), String::new());
        (name.into(), Err(ScrapeError::NoTurn { node, path }))
    };
    for results in [[late("c"), no_turn("a"), late("b")], [late("b"), late("c"), no_turn("a")]] {
        let mut scraper = Scraper::new(metrics(|_| rows()).await.client(), &settings());
        scraper.record(&results);
        let error = scraper.status().snapshot().error.unwrap();
        assert!(error.starts_with("node b: ") && error.contains("within 40 s"), "{error}");
    }
}

#[tokio::test]
async fn nodes_have_fixed_turns_within_the_jitter() {
    let server = metrics(|_| rows()).await;
    let settings = FargateSettings { concurrency: 1, jitter: Duration::from_millis(100), ..settings() };
    let mut scraper = Scraper::new(server.client(), &settings);
    let nodes = names(&["a", "b", "c", "d", "e", "f"]);
    for _ in 0..2 {
        assert_eq!(outcome(round(&mut scraper, &nodes).await).0.len(), 6);
    }
    let paths = server.paths();
    assert_eq!(paths[..6], paths[6..]);
}

#[tokio::test]
async fn a_round_without_nodes_is_a_success() {
    let server = metrics(|_| rows()).await;
    let mut scraper = Scraper::new(server.client(), &settings());
    assert!(round(&mut scraper, &[]).await.is_empty());
    assert!(scraper.status().snapshot().last_success.is_some());
}
