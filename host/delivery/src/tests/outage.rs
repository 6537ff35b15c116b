use super::*;

const GROUP: &[u8] = b"group\0stream";

#[tokio::test(start_paused = true)]
async fn every_block_is_delivered_once() {
    let agent = Agent::start(2, 1);
    for number in 0..50 {
        agent.put(GROUP, &number.to_string());
    }
    agent.end_tick();
    agent.wait_until_empty(Duration::from_secs(10)).await;
    {
        let script = agent.script();
        assert_eq!((script.accepted.len(), script.accepted.values().sum::<u32>()), (50, 50));
        assert_eq!(script.max_in_flight, 2);
    }
    let counts = agent.queue.counts();
    assert_eq!((counts.accepted_requests, counts.accepted_events, counts.failed_requests), (50, 50, 0));
    agent.end().await;
}

/// Two hours of outage with one block per minute: all arrive once, the block of the tick before the backlog, with few requests.
#[tokio::test(start_paused = true)]
async fn two_hours_of_outage_lose_nothing() {
    let agent = Agent::start(2, 2);
    let outage_end = Instant::now() + Duration::from_secs(7200);
    agent.script().outage_until = Some(outage_end);
    for minute in 0..125 {
        agent.put(GROUP, &minute.to_string());
        agent.end_tick();
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    agent.wait_until_empty(Duration::from_secs(120)).await;
    let (accepted, requests) = {
        let script = agent.script();
        (script.accepted.clone(), script.requests.clone())
    };
    assert_eq!((accepted.len(), accepted.values().sum::<u32>()), (125, 125));
    let during_outage = requests.iter().filter(|(time, ..)| *time < outage_end).count();
    // At the longest backoff, waits are 30 s on average.
    assert!((120..400).contains(&during_outage), "{during_outage} requests in two hours");
    let after_outage: Vec<&str> = requests
        .iter()
        .filter(|(time, ..)| *time >= outage_end)
        .map(|(_, _, body)| std::str::from_utf8(body).unwrap())
        .collect();
    let position = |body: &str| after_outage.iter().position(|other| *other == body);
    let oldest = position("0").unwrap();
    assert!(oldest <= 2, "the tick's own block goes first, then the oldest: {:?}", &after_outage[..4]);
    assert!(after_outage[0].parse::<u32>().unwrap() >= 119, "{:?}", &after_outage[..4]);
    println!("2 h: 125 blocks produced, 125 accepted, 0 twice, 0 lost; {during_outage} requests meanwhile");
    let queue = agent.end().await;
    assert_eq!(queue.stats().lost.total().events, 0);
}

#[tokio::test(start_paused = true)]
async fn a_failing_destination_does_not_delay_others() {
    let agent = Agent::start(2, 3);
    let error = "logs:PutLogEvents is not allowed".to_owned();
    let refusal = Reply::Retry { retry_class: RetryClass::Refused, only_destination: true, error };
    agent.script().permanent_replies.insert(b"secret\0s".to_vec(), refusal);
    for number in 0..20 {
        agent.put(b"secret\0s", &format!("s{number}"));
        agent.put(GROUP, &number.to_string());
    }
    agent.end_tick();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(agent.script().accepted.len(), 20);
    let attempts = agent.script().requests.iter().filter(|(_, key, _)| key == b"secret\0s").count();
    assert!((2..=10).contains(&attempts), "{attempts} refused requests in a minute");
    assert!(agent.queue.status().snapshot().error.unwrap().contains("not allowed"));
    agent.script().permanent_replies.clear();
    agent.wait_until_empty(Duration::from_secs(400)).await;
    assert_eq!(agent.script().accepted.len(), 40);
    agent.end().await;
}

/// Of two requests in flight to one destination, the first fails and the second succeeds: the others are not delayed.
#[tokio::test(start_paused = true)]
async fn a_recovered_destination_is_used_at_once() {
    let agent = Agent::start(2, 7);
    (0..4).for_each(|number| agent.put(GROUP, &number.to_string()));
    agent.wait_until_empty(Duration::from_secs(5)).await;
    let error = "refused".to_owned();
    agent.script().replies.push_back(Reply::Retry {
        retry_class: RetryClass::Refused,
        only_destination: true,
        error,
    });
    (4..50).for_each(|number| agent.put(GROUP, &number.to_string()));
    agent.wait_until_empty(Duration::from_secs(5)).await;
    assert_eq!(agent.script().accepted.len(), 50);
    agent.end().await;
}

#[tokio::test(start_paused = true)]
async fn undeliverable_blocks_are_counted_and_the_rest_is_delivered() {
    let agent = Agent::start(1, 4);
    agent.script().replies.push_back(Reply::Undeliverable("InvalidParameterException".into()));
    let rejected = RejectedEvents { too_old: 1, ..RejectedEvents::default() };
    agent.script().replies.push_back(Reply::Accepted(rejected));
    (0..3).for_each(|number| agent.put(GROUP, &number.to_string()));
    agent.wait_until_empty(Duration::from_secs(5)).await;
    let counts = agent.queue.counts();
    assert_eq!((counts.undeliverable_events, counts.too_old_events, counts.accepted_events), (1, 1, 1));
    agent.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_stays_missing_is_not_created_forever() {
    let agent = Agent::start(1, 5);
    agent.script().permanent_replies.insert(GROUP.to_vec(), Reply::Created);
    agent.put(GROUP, "a");
    tokio::time::sleep(Duration::from_secs(600)).await;
    let attempts = agent.script().requests.len();
    assert!((4..200).contains(&attempts), "{attempts}");
    assert!(agent.queue.status().snapshot().error.unwrap().contains("still missing"));
    agent.script().permanent_replies.clear();
    agent.wait_until_empty(Duration::from_secs(120)).await;
    agent.end().await;
}

/// One group stays missing however often it is created, while others accept their events.
#[tokio::test(start_paused = true)]
async fn creations_are_counted_for_each_destination() {
    let agent = Agent::start(2, 8);
    agent.script().permanent_replies.insert(b"missing\0s".to_vec(), Reply::Created);
    for number in 0..500 {
        agent.put(GROUP, &number.to_string());
        if number % 50 == 0 {
            agent.put(b"missing\0s", &format!("m{number}"));
        }
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(agent.script().accepted.len(), 500);
    let attempts = agent.script().requests.iter().filter(|(_, key, _)| key == b"missing\0s").count();
    // Four times at first, then after waits of up to 1, 2, 4 ... 60 s.
    assert!((5..60).contains(&attempts), "{attempts} requests to a group that is missing");
    assert!(agent.queue.status().snapshot().errors > 0, "the failure is reported");
    agent.end().await;
}

/// Of two requests in flight, the first is throttled with `Retry-After` and the second is accepted.
#[tokio::test(start_paused = true)]
async fn a_throttling_service_gets_no_requests_until_retry_after() {
    let agent = Agent::start(2, 9);
    (0..4).for_each(|number| agent.put(GROUP, &number.to_string()));
    agent.wait_until_empty(Duration::from_secs(5)).await;
    let before = agent.script().requests.len();
    let retry_class = RetryClass::Throttled(Some(Duration::from_secs(60)));
    let reply = Reply::Retry { retry_class, only_destination: false, error: "throttled".to_owned() };
    agent.script().replies.push_back(reply);
    (4..20).for_each(|number| agent.put(GROUP, &number.to_string()));
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(agent.script().requests.len() - before, 2, "the two that were in flight together");
    agent.wait_until_empty(Duration::from_secs(30)).await;
    assert_eq!(agent.script().accepted.len(), 20);
    agent.end().await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_requests_in_flight_and_keeps_the_rest() {
    let agent = Agent::start(2, 6);
    agent.script().outage_until = Some(Instant::now() + Duration::from_secs(3600));
    agent.put(GROUP, "a");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let queue = agent.end().await;
    assert_eq!(queue.stats().pending.blocks, 1);
}

/// An owner that goes away without a word ends the task as well, during an outage, too.
#[tokio::test(start_paused = true)]
async fn a_dropped_sender_ends_the_task() {
    let Agent { queue, service, stop, task, _directory } = Agent::start(2, 9);
    service.0.lock().unwrap().outage_until = Some(Instant::now() + Duration::from_secs(3600));
    let body = b"a".to_vec();
    queue.put(Block { events: 1, time_unix_ms: START_MS, key: GROUP.to_vec(), body }).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(stop);
    task.await.unwrap();
    assert_eq!(queue.stats().pending.blocks, 1);
}
