//! Responses that no real service gives: endless, huge, garbage. Each costs one request and a bounded amount of memory, and
//! the block is sent again.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use insightd_aws::logs::{BodyBuilder, Destination, Logs, LogsSettings};
use insightd_aws::sdk::load;
use insightd_aws::settings::AwsSettings;
use insightd_delivery::{Reply, Transport};

/// Starts a server that responds to every request with this function, and counts the bytes that it managed to send.
fn server(respond: impl Fn(&mut TcpStream, &AtomicU64) + Send + Sync + 'static) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sent, respond) = (Arc::new(AtomicU64::new(0)), Arc::new(respond));
    let count = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, respond, count) = (stream.unwrap(), Arc::clone(&respond), Arc::clone(&count));
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 64 << 10]);
                respond(&mut stream, &count);
            });
        }
    });
    (url, sent)
}

fn endless(head: &'static str) -> impl Fn(&mut TcpStream, &AtomicU64) {
    move |stream, count| {
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(&[b' '; 8192]).is_ok() {
            count.fetch_add(8192, Ordering::Relaxed);
        }
    }
}

async fn send(url: &str) -> Reply {
    let settings = AwsSettings {
        region: Some("eu-central-1".into()),
        endpoint_url: Some(url.into()),
        timeout: Duration::from_secs(60),
        ..AwsSettings::default()
    };
    let config = load(&settings).await.unwrap().into_builder();
    let credentials = aws_credential_types::Credentials::new("AKID", "secret", None, None, "test");
    let provider = aws_credential_types::provider::SharedCredentialsProvider::new(credentials);
    let config = config.credentials_provider(provider).build();
    let destination = Destination { group: "g".into(), stream: "s".into() };
    let body = BodyBuilder::new(&destination, 1, "{}").finish();
    Logs::new(&config, LogsSettings::default()).send(&destination.key(), 1, body.gzip).await
}

/// Asserts that the block will be retried and that the error text is short.
fn assert_tried_again(reply: &Reply) {
    let Reply::Retry { error, .. } = reply else { panic!("{reply:?}") };
    assert!(error.len() < 1000, "{error}");
}

#[tokio::test]
async fn endless_responses_are_not_read_to_the_end() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.1\r\n\r\n{\"__type\":\"InvalidParameterException\",\"message\":\"",
    ] {
        let (url, sent) = server(endless(head));
        assert_tried_again(&send(&url).await);
        let sent = sent.load(Ordering::Relaxed);
        // The bound plus the socket buffers of both sides.
        assert!(sent < 40 << 20, "{sent} bytes of an endless response were taken");
    }
}

#[tokio::test]
async fn requests_with_garbage_responses_are_retried() {
    let garbage: [&'static [u8]; 5] = [
        b"\xff\xfe\x00\x01 what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n\xff\xfe\xfd\xfc\x1b[2J{",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 999 \r\ncontent-length: 2\r\n\r\n{}",
    ];
    for response in garbage {
        let (url, _) = server(move |stream, _| {
            let _ = stream.write_all(response);
        });
        assert_tried_again(&send(&url).await);
    }
}
