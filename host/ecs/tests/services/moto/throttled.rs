//! Throttled requests: moto does not throttle, so a proxy in front of it does.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use insightd_ecs::services::ServiceWatch;

use super::{create_cluster, run_tasks, server, service, watch_of};
use crate::proxy::{Fault, Proxy};
use crate::{config, settings, until, without_retries};

/// Operation in the header of a request, in lower case.
const OPERATION: &str = "amazonec2containerservicev20141113.describetasks";

/// The response of a throttled request, in the protocol AWS JSON 1.1.
const THROTTLED: Fault =
    Fault::Status(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#, None);

#[tokio::test]
async fn throttled_rounds_are_repeated_until_the_services_are_known() {
    let Some(url) = server("INSIGHTD_TEST_AWS") else { return };
    create_cluster(&url).await;
    let arns = run_tasks(&url, "service:web", 3).await;
    let (_server, watch) = watch_of(&arns).await;
    let proxy = Proxy::start(&url, OPERATION).await;
    proxy.breaks(vec![THROTTLED; 3]);
    let services = ServiceWatch::start(settings(without_retries(config(&proxy.url()))), &watch);
    let status = || services.status().snapshot();
    until(|| status().errors == 1).await;
    let error = status().error.unwrap();
    assert!(error.contains("ECS throttles this account (ThrottlingException)"), "{error}");
    assert!(services.origins().is_empty());
    until(|| {
        watch.request();
        services.origins().len() == arns.len()
    })
    .await;
    assert!(arns.iter().all(|arn| service(&services, arn).as_deref() == Some("web")));
    until(|| status().error.is_none()).await;
    assert_eq!((status().errors, status().failures_in_a_row), (3, 0));
    assert_eq!(proxy.requests(), 4);
}

#[tokio::test]
async fn the_sdk_repeats_a_throttled_request_within_the_round() {
    let Some(url) = server("INSIGHTD_TEST_AWS") else { return };
    create_cluster(&url).await;
    let arns = run_tasks(&url, "service:web", 3).await;
    let (_server, watch) = watch_of(&arns).await;
    let proxy = Proxy::start(&url, OPERATION).await;
    proxy.breaks(vec![THROTTLED; 2]);
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = config(&proxy.url()).into_builder().retry_config(retries).build();
    let services = ServiceWatch::start(settings(config), &watch);
    until(|| services.origins().len() == arns.len()).await;
    let status = services.status().snapshot();
    assert_eq!((status.requests, status.errors, proxy.requests()), (1, 0, 3));
}
