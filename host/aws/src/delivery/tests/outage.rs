use super::*;

const GROUP: &[u8] = b"group\0stream";

#[tokio::test(start_paused = true)]
async fn what_is_put_is_delivered_once() {
    let agent = Agent::start(2, 1);
    for number in 0..50 {
        agent.put(GROUP, &number.to_string());
    }
    agent.end_tick();
    agent.wait_until_empty(Duration::from_secs(10)).await;
    {
        let script = agent.script();
        assert_eq!((script.taken.len(), script.taken.values().sum::<u32>()), (50, 50));
        assert_eq!(script.most_under_way, 2);
    }
    let counts = agent.outbox.counts();
    assert_eq!((counts.accepted_requests, counts.accepted_events, counts.failed_requests), (50, 50, 0));
    agent.end().await;
}

/// Two hours of outage with one block per minute: all arrive once, the block of the tick before the backlog, with few requests.
#[tokio::test(start_paused = true)]
async fn two_hours_of_outage_lose_nothing() {
    let agent = Agent::start(2, 2);
    let back = Instant::now() + Duration::from_secs(7200);
    agent.script().away_until = Some(back);
    for minute in 0..125 {
        agent.put(GROUP, &minute.to_string());
        agent.end_tick();
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    agent.wait_until_empty(Duration::from_secs(120)).await;
    let (taken, requests) = {
        let script = agent.script();
        (script.taken.clone(), script.requests.clone())
    };
    assert_eq!((taken.len(), taken.values().sum::<u32>()), (125, 125));
    let meanwhile = requests.iter().filter(|(time, ..)| *time < back).count();
    // At the longest backoff, waits are 30 s on average.
    assert!((120..400).contains(&meanwhile), "{meanwhile} requests in two hours");
    let then: Vec<&str> = requests
        .iter()
        .filter(|(time, ..)| *time >= back)
        .map(|(_, _, body)| std::str::from_utf8(body).unwrap())
        .collect();
    let position = |body: &str| then.iter().position(|other| *other == body);
    let oldest = position("0").unwrap();
    assert!(oldest <= 2, "the tick's own block goes first, then the oldest: {:?}", &then[..4]);
    assert!(then[0].parse::<u32>().unwrap() >= 119, "{:?}", &then[..4]);
    println!("2 h: 125 blocks produced, 125 accepted, 0 twice, 0 lost; {meanwhile} requests meanwhile");
    let outbox = agent.end().await;
    assert_eq!(outbox.stats().lost.total().events, 0);
}

#[tokio::test(start_paused = true)]
async fn one_destination_in_trouble_holds_up_no_other() {
    let agent = Agent::start(2, 3);
    let error = "logs:PutLogEvents is not allowed".to_owned();
    let refusal = Reply::NotNow { trouble: Trouble::Refused, only_destination: true, error };
    agent.script().refuses.insert(b"secret\0s".to_vec(), refusal);
    for number in 0..20 {
        agent.put(b"secret\0s", &format!("s{number}"));
        agent.put(GROUP, &number.to_string());
    }
    agent.end_tick();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(agent.script().taken.len(), 20);
    let asked = agent.script().requests.iter().filter(|(_, key, _)| key == b"secret\0s").count();
    assert!((2..=10).contains(&asked), "{asked} requests that are refused in a minute");
    assert!(agent.outbox.status().snapshot().error.unwrap().contains("not allowed"));
    agent.script().refuses.clear();
    agent.wait_until_empty(Duration::from_secs(400)).await;
    assert_eq!(agent.script().taken.len(), 40);
    agent.end().await;
}

/// Of two requests in flight to one destination, the first fails and the second succeeds: the others are not delayed.
#[tokio::test(start_paused = true)]
async fn a_destination_that_works_again_is_not_waited_for() {
    let agent = Agent::start(2, 7);
    (0..4).for_each(|number| agent.put(GROUP, &number.to_string()));
    agent.wait_until_empty(Duration::from_secs(5)).await;
    let error = "refused".to_owned();
    agent.script().replies.push_back(Reply::NotNow {
        trouble: Trouble::Refused,
        only_destination: true,
        error,
    });
    (4..50).for_each(|number| agent.put(GROUP, &number.to_string()));
    agent.wait_until_empty(Duration::from_secs(5)).await;
    assert_eq!(agent.script().taken.len(), 50);
    agent.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_service_will_never_take_is_counted_and_the_rest_goes_on() {
    let agent = Agent::start(1, 4);
    agent.script().replies.push_back(Reply::Impossible("InvalidParameterException".into()));
    let thrown_away = Rejected { too_old: 1, ..Rejected::default() };
    agent.script().replies.push_back(Reply::Accepted(thrown_away));
    (0..3).for_each(|number| agent.put(GROUP, &number.to_string()));
    agent.wait_until_empty(Duration::from_secs(5)).await;
    let counts = agent.outbox.counts();
    assert_eq!((counts.impossible_events, counts.too_old_events, counts.accepted_events), (1, 1, 1));
    agent.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_created_and_still_missing_is_not_created_for_ever() {
    let agent = Agent::start(1, 5);
    agent.script().refuses.insert(GROUP.to_vec(), Reply::Created);
    agent.put(GROUP, "a");
    tokio::time::sleep(Duration::from_secs(600)).await;
    let asked = agent.script().requests.len();
    assert!((4..200).contains(&asked), "{asked}");
    assert!(agent.outbox.status().snapshot().error.unwrap().contains("still missing"));
    agent.script().refuses.clear();
    agent.wait_until_empty(Duration::from_secs(120)).await;
    agent.end().await;
}

/// One group stays missing however often it is created, while others accept their events.
#[tokio::test(start_paused = true)]
async fn creations_are_counted_for_each_destination() {
    let agent = Agent::start(2, 8);
    agent.script().refuses.insert(b"missing\0s".to_vec(), Reply::Created);
    for number in 0..500 {
        agent.put(GROUP, &number.to_string());
        if number % 50 == 0 {
            agent.put(b"missing\0s", &format!("m{number}"));
        }
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(agent.script().taken.len(), 500);
    let asked = agent.script().requests.iter().filter(|(_, key, _)| key == b"missing\0s").count();
    // Four times at first, then after waits of up to 1, 2, 4 ... 60 s.
    assert!((5..60).contains(&asked), "{asked} requests to a group that is missing");
    assert!(agent.outbox.status().snapshot().errors > 0, "it is said");
    agent.end().await;
}

/// Of two requests in flight, the first is throttled with `Retry-After` and the second is accepted.
#[tokio::test(start_paused = true)]
async fn a_throttled_service_is_left_alone_whatever_else_succeeds() {
    let agent = Agent::start(2, 9);
    (0..4).for_each(|number| agent.put(GROUP, &number.to_string()));
    agent.wait_until_empty(Duration::from_secs(5)).await;
    let before = agent.script().requests.len();
    let trouble = Trouble::Throttled(Some(Duration::from_secs(60)));
    let reply = Reply::NotNow { trouble, only_destination: false, error: "throttled".to_owned() };
    agent.script().replies.push_back(reply);
    (4..20).for_each(|number| agent.put(GROUP, &number.to_string()));
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(agent.script().requests.len() - before, 2, "the two that were under way together");
    agent.wait_until_empty(Duration::from_secs(30)).await;
    assert_eq!(agent.script().taken.len(), 20);
    agent.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_what_is_under_way_and_leaves_the_rest() {
    let agent = Agent::start(2, 6);
    agent.script().away_until = Some(Instant::now() + Duration::from_secs(3600));
    agent.put(GROUP, "a");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let outbox = agent.end().await;
    assert_eq!(outbox.stats().pending.blocks, 1);
}
