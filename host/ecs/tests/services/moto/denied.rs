//! Requests of an IAM user without the permission, to a moto server that enforces IAM.
//!
//! The server is a separate one, because it then enforces IAM for every service: tests/aws/iam.py.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use insightd_ecs::EcsWatch;
use insightd_ecs::services::{ServiceSettings, ServiceWatch};

use super::{create_cluster, post, run_tasks, server, service, signature, watch_of};
use crate::{config, settings, until};

/// Number of polls of the ECS agent during which nothing may happen.
const POLLS: u64 = 4;

thread_local! {
    /// Lines that this thread has logged. The runtime of a test has one thread.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Log;

impl Log {
    /// Logs to [`LOG`], in every thread: with a subscriber of one thread alone, another one can disable the lines of both.
    fn init() {
        let subscriber = tracing_subscriber::fmt().with_writer(|| Self).with_ansi(false).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    }

    /// Returns the number of lines that contain a text.
    fn count(part: &str) -> usize {
        let text = String::from_utf8(LOG.take()).unwrap();
        let count = text.lines().filter(|line| line.contains(part)).count();
        LOG.set(text.into_bytes());
        count
    }
}

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Calls an action of IAM.
async fn iam(url: &str, action: &str, parameters: &[(&str, &str)]) -> String {
    let mut form = format!("Action={action}&Version=2010-05-08");
    for (name, value) in parameters {
        let hex = |byte| format!("%{byte:02X}");
        form.push_str(&format!("&{name}={}", value.bytes().map(hex).collect::<String>()));
    }
    let head = format!("{}content-type: application/x-www-form-urlencoded\r\n", signature("iam"));
    post(url, "/", &head, &form).await
}

/// Lets moto enforce IAM, or stops it from doing so.
async fn enforce_iam(url: &str, is_enforced: bool) {
    let requests_before = if is_enforced { "0" } else { "inf" };
    post(url, "/moto-api/reset-auth", "content-type: text/plain\r\n", requests_before).await;
}

/// Creates a user whose only policy allows one action, and returns a configuration with the user's credentials.
async fn create_user(url: &str, name: &str, action: &str) -> SdkConfig {
    iam(url, "CreateUser", &[("UserName", name)]).await;
    allow(url, name, action).await;
    let created = iam(url, "CreateAccessKey", &[("UserName", name)]).await;
    let text = |element: &str| {
        let (_, rest) = created.split_once(&format!("<{element}>")).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    let credentials = Credentials::new(text("AccessKeyId"), text("SecretAccessKey"), None, None, "test");
    let provider = SharedCredentialsProvider::new(credentials);
    config(url).into_builder().credentials_provider(provider).build()
}

/// Adds a policy that allows the action. moto knows no resources of ECS.
async fn allow(url: &str, user: &str, action: &str) {
    let document = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}]}}"#
    );
    let name = action.replace(':', "-");
    let parameters = [("UserName", user), ("PolicyName", &name), ("PolicyDocument", &document)];
    iam(url, "PutUserPolicy", &parameters).await;
}

/// Waits for polls of the ECS agent, each of which has a list with unknown tasks. A poll has two requests.
async fn poll(watch: &EcsWatch, polls: u64) {
    for _ in 0..polls {
        let before = watch.status().snapshot().requests;
        watch.request();
        until(|| watch.status().snapshot().requests >= before + 2).await;
    }
}

#[tokio::test]
async fn without_the_permission_there_is_one_request_and_one_line_until_it_is_granted() {
    let Some(url) = server("INSIGHTD_TEST_AWS_IAM") else { return };
    Log::init();
    let denied = create_user(&url, "denied", "logs:PutLogEvents").await;
    let allowed = create_user(&url, "allowed", "ecs:DescribeTasks").await;
    create_cluster(&url).await;
    let arns = run_tasks(&url, "service:web", 3).await;
    let (_server, watch) = watch_of(&arns).await;
    enforce_iam(&url, true).await;

    let services = ServiceWatch::start(settings(denied.clone()), &watch);
    until(|| services.status().snapshot().errors == 1).await;
    poll(&watch, POLLS).await;
    let status = services.status().snapshot();
    assert_eq!((status.requests, status.errors), (1, 1));
    let error = status.error.unwrap();
    assert!(error.contains("grant `ecs:DescribeTasks`") && error.contains("user/denied"), "{error}");
    assert!(services.origins().is_empty(), "no task has a service");
    assert_eq!(Log::count("request failed"), 1);
    drop(services);

    // The emulator enforces policies, and does not deny everything.
    let services = ServiceWatch::start(settings(allowed), &watch);
    until(|| services.origins().len() == arns.len()).await;
    assert_eq!(services.status().snapshot().errors, 0);
    drop(services);

    // As after the denied interval: denied again, which is not logged again, and then not any more.
    let denied_interval = Duration::from_millis(1);
    let services = ServiceWatch::start(ServiceSettings { denied_interval, ..settings(denied) }, &watch);
    until(|| {
        watch.request();
        services.status().snapshot().errors >= 3
    })
    .await;
    assert_eq!(Log::count("request failed"), 2, "once for each client");
    enforce_iam(&url, false).await;
    allow(&url, "denied", "ecs:DescribeTasks").await;
    enforce_iam(&url, true).await;
    until(|| {
        watch.request();
        services.origins().len() == arns.len()
    })
    .await;
    assert!(arns.iter().all(|arn| service(&services, arn).as_deref() == Some("web")));
    until(|| services.status().snapshot().error.is_none()).await;
    assert_eq!(Log::count("requests succeed again"), 1);
}
