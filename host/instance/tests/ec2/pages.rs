//! Tests of paginated responses of the EC2 API, and of its errors.

use insightd_instance::tags::ClusterName;
use insightd_instance::{Client, Ec2Error, tags, volumes};
use insightd_upstream::UpstreamStatus;

use crate::server::{Request, Response, Server};

const INSTANCE: &str = "i-1234567890abcdef0";

/// Returns a parameter of a query request.
fn parameter<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Returns a page of `pages`, with the items that `item` returns for its number.
fn page(
    request: &Request,
    action: &str,
    set: &str,
    pages: usize,
    item: impl Fn(usize) -> String,
) -> Response {
    assert_eq!(parameter(request, "Action"), Some(action));
    let number: usize = parameter(request, "NextToken").map_or(0, |token| token.parse().unwrap());
    let next =
        if number + 1 < pages { format!("<nextToken>{}</nextToken>", number + 1) } else { String::new() };
    let item = item(number);
    let body = format!(
        "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <{set}>{item}</{set}>{next}</{action}Response>"
    );
    Response::Reply(200, "content-type: text/xml\r\n", body)
}

pub(crate) fn tag(key: &str, value: &str) -> String {
    format!(
        "<item><resourceId>{INSTANCE}</resourceId><resourceType>instance</resourceType><key>{key}</key>\
         <value>{value}</value></item>"
    )
}

pub(crate) fn tag_page(request: &Request) -> Response {
    page(request, "DescribeTags", "tagSet", 3, |number| match number {
        0 => tag("Name", "worker"),
        1 => tag("aws:autoscaling:groupName", "eks-blue"),
        _ => tag("kubernetes.io/cluster/demo", "owned"),
    })
}

fn volume(device: &str, id: &str) -> String {
    format!(
        "<item><volumeId>{id}</volumeId><availabilityZone>us-west-2b</availabilityZone><attachmentSet><item>\
         <volumeId>{id}</volumeId><instanceId>{INSTANCE}</instanceId><device>{device}</device><status>attached</status>\
         </item><item><volumeId>{id}</volumeId><instanceId>i-other</instanceId><device>/dev/other</device>\
         <status>attached</status></item></attachmentSet></item>"
    )
}

pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Response {
    let body = format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>r</RequestID></Response>"
    );
    Response::Reply(status, "content-type: text/xml\r\n", body)
}

fn client(server: &Server) -> Client {
    Client::new(&crate::config(&server.url)).unwrap()
}

#[tokio::test]
async fn all_pages_of_tags_are_read() {
    let server = Server::start(tag_page).await;
    let status = UpstreamStatus::new("ec2");
    let found = tags::describe(&client(&server), INSTANCE, &status).await.unwrap();
    assert_eq!(found.autoscaling_group.as_deref(), Some("eks-blue"));
    assert_eq!(found.cluster, ClusterName::One("demo".into()));
    let requests = server.requests();
    assert_eq!((requests.len(), status.snapshot().requests), (3, 3));
    let body = &requests[0].body;
    assert!(
        body.contains("Filter.1.Name=resource-type") && body.contains("Filter.1.Value.1=instance"),
        "{body}"
    );
    assert!(body.contains("Filter.2.Name=resource-id") && body.contains(INSTANCE), "{body}");
}

#[tokio::test]
async fn a_partial_response_is_an_error() {
    let server = Server::start(|request| match parameter(request, "NextToken") {
        Some("2") => refusal(503, "RequestLimitExceeded", "Request limit exceeded."),
        _ => tag_page(request),
    })
    .await;
    let error = tags::describe(&client(&server), INSTANCE, &UpstreamStatus::new("ec2")).await.unwrap_err();
    assert!(matches!(error, Ec2Error::Throttled { .. }), "{error}");
}

#[tokio::test]
async fn the_number_of_pages_is_bounded() {
    let server = Server::start(|request| {
        page(request, "DescribeTags", "tagSet", usize::MAX, |number| tag("Name", &number.to_string()))
    })
    .await;
    let error = tags::describe(&client(&server), INSTANCE, &UpstreamStatus::new("ec2")).await.unwrap_err();
    assert!(error.to_string().contains("more than 20 pages"), "{error}");
    assert!(server.requests().len() <= 21);
}

#[tokio::test]
async fn all_pages_of_volumes_are_read_for_this_instance_only() {
    let server = Server::start(|request| {
        page(request, "DescribeVolumes", "volumeSet", 2, |number| match number {
            0 => volume("/dev/xvdba", "vol-0ba"),
            _ => volume("/dev/xvdb", "vol-0b"),
        })
    })
    .await;
    let found = volumes::describe(&client(&server), INSTANCE, &UpstreamStatus::new("ec2")).await.unwrap();
    let found: Vec<_> =
        found.iter().map(|a| (a.device.as_str(), a.zone.as_str(), a.volume_id.as_str())).collect();
    assert_eq!(found, [("/dev/xvdb", "us-west-2b", "vol-0b"), ("/dev/xvdba", "us-west-2b", "vol-0ba")]);
    assert!(server.requests()[0].body.contains("attachment.instance-id"));
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let message = "You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/r/i is not authorized \
                   to perform: ec2:DescribeTags. Encoded authorization failure message: abc";
    let server = Server::start(move |_| refusal(403, "UnauthorizedOperation", message)).await;
    let error = tags::describe(&client(&server), INSTANCE, &UpstreamStatus::new("ec2")).await.unwrap_err();
    assert!(error.is_denied(), "{error:?}");
    assert!(error.to_string().contains("grant `ec2:DescribeTags`"), "{error}");
    let error = volumes::describe(&client(&server), INSTANCE, &UpstreamStatus::new("ec2")).await.unwrap_err();
    assert!(error.to_string().contains("grant `ec2:DescribeVolumes`"), "{error}");
}

#[tokio::test]
async fn an_unreachable_api_names_the_vpc_endpoint() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&crate::config(&url)).unwrap();
    let error = tags::describe(&client, INSTANCE, &UpstreamStatus::new("ec2")).await.unwrap_err();
    assert!(error.to_string().contains("com.amazonaws.REGION.ec2"), "{error}");
}
