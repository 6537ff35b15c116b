//! Access to the emulator of the service, shared by the tests that need it.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::Client;
use insightd_aws::logs::Destination;
use insightd_aws::sdk::load;
use insightd_aws::settings::AwsSettings;

/// Returns the emulator's address, or `None` with a message if there is none.
pub(crate) fn emulator() -> Option<String> {
    let url = std::env::var("INSIGHTD_TEST_AWS").ok();
    if url.is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: INSIGHTD_TEST_AWS is not set; `make test-aws` starts an emulator and sets it"
        );
    }
    url
}

pub(crate) async fn config(url: &str, timeout: Duration) -> aws_config::SdkConfig {
    let settings = AwsSettings {
        region: Some("eu-central-1".into()),
        endpoint_url: Some(url.into()),
        timeout,
        ..AwsSettings::default()
    };
    load(&settings).await.unwrap()
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Returns time and message of all events that the service has stored.
pub(crate) async fn stored_events(client: &Client, destination: &Destination) -> Vec<(i64, String)> {
    let (mut events, mut token) = (Vec::new(), None);
    loop {
        let request = client.get_log_events().start_from_head(true);
        let request = request.log_group_name(&destination.group).log_stream_name(&destination.stream);
        let page = request.set_next_token(token.clone()).send().await.unwrap();
        let found = page.events();
        events.extend(found.iter().map(|e| (e.timestamp().unwrap(), e.message().unwrap().to_owned())));
        if found.is_empty() {
            return events;
        }
        token = page.next_forward_token().map(str::to_owned);
    }
}
