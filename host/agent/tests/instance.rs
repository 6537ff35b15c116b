//! `insightd run` on an EC2 instance: a small server stands in for instance metadata and the EC2 API.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const DOCUMENT: &str = r#"{"instanceId":"i-1234567890abcdef0","instanceType":"m5.large","region":"us-west-2",
"availabilityZone":"us-west-2b","accountId":"123456789012"}"#;

const TAGS: &str = "<DescribeTagsResponse><tagSet>\
    <item><resourceType>instance</resourceType><key>aws:autoscaling:groupName</key><value>eks-blue</value></item>\
    <item><resourceType>instance</resourceType><key>kubernetes.io/cluster/demo</key><value>owned</value></item>\
    </tagSet></DescribeTagsResponse>";

/// Kills the agent if a test fails halfway.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server that runs until the test ends. Returns its address.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // The thread ends when the client closes the connection.
            std::thread::spawn(move || respond(stream));
        }
    });
    url
}

fn respond(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().unwrap_or(0);
            }
        }
        reader.by_ref().take(length).read_to_end(&mut Vec::new())?;
        let (status, head, body) = match first.split(' ').collect::<Vec<_>>()[..] {
            ["PUT", "/latest/api/token", _] => {
                (200, "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", "token")
            }
            ["GET", "/latest/dynamic/instance-identity/document", _] => (200, "", DOCUMENT),
            ["POST", "/", _] => (200, "content-type: text/xml\r\n", TAGS),
            _ => (404, "", ""),
        };
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{head}\r\n{body}")?;
    }
}

#[test]
fn events_say_the_instance_once_it_is_known() {
    let url = serve();
    let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
    command.args(["run", "--interval", "500ms"]).stdout(Stdio::piped()).stderr(Stdio::null());
    for name in ["K8S_NODE_NAME", "HOST_NAME", "K8S_CLUSTER_NAME", "AWS_PROFILE", "HTTP_PROXY", "http_proxy"]
    {
        command.env_remove(name);
    }
    command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url).env("AWS_ENDPOINT_URL_EC2", &url);
    command.env("AWS_ACCESS_KEY_ID", "AKIATEST").env("AWS_SECRET_ACCESS_KEY", "secret");
    let mut agent = Agent(command.spawn().expect("the agent starts"));
    let stdout = BufReader::new(agent.0.stdout.take().expect("stdout is a pipe"));
    let start = Instant::now();
    for line in stdout.lines() {
        assert!(start.elapsed() < Duration::from_secs(30), "the instance never shows");
        let event: Value = serde_json::from_str(&line.expect("UTF-8")).expect("JSON");
        if event["Type"] != "Node" || event.get("ClusterName").is_none() {
            continue;
        }
        assert_eq!(event["ClusterName"], "demo");
        assert_eq!(event["InstanceId"], "i-1234567890abcdef0");
        assert_eq!(event["InstanceType"], "m5.large");
        assert_eq!(event["AutoScalingGroupName"], "eks-blue");
        return;
    }
    panic!("the agent ended");
}
