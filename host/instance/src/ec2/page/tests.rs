//! Responses as in the EC2 API reference, and malformed ones.

use super::*;
use crate::ec2::rows::VolumeAttachment;
use crate::ec2::{Tag, Volume};

const TAGS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeTagsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>7a62c49f-347e-4fc4-9331-6e8eEXAMPLE</requestId>
    <tagSet>
        <item>
            <resourceId>i-1234567890abcdef0</resourceId>
            <resourceType>instance</resourceType>
            <key>webserver</key>
            <value/>
        </item>
        <item>
            <resourceId>i-1234567890abcdef0</resourceId>
            <resourceType>instance</resourceType>
            <key>kubernetes.io/cluster/demo</key>
            <value>owned</value>
        </item>
    </tagSet>
    <nextToken>eyJ2IjoiMiIsImMiOiI&#x2b;/=</nextToken>
</DescribeTagsResponse>
"#;

const VOLUMES: &str = r#"<DescribeVolumesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
   <requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>
   <volumeSet>
      <item>
         <volumeId>vol-1234567890abcdef0</volumeId>
         <size>80</size>
         <snapshotId/>
         <availabilityZone>us-east-1a</availabilityZone>
         <status>in-use</status>
         <createTime>2026-03-01T08:30:00.000Z</createTime>
         <attachmentSet>
            <item>
               <volumeId>vol-1234567890abcdef0</volumeId>
               <instanceId>i-1234567890abcdef0</instanceId>
               <device>/dev/sdh</device>
               <status>attached</status>
               <attachTime>2026-03-01T08:30:01.000Z</attachTime>
               <deleteOnTermination>false</deleteOnTermination>
            </item>
         </attachmentSet>
         <tagSet><item><key>volumeId</key><value>of a tag</value></item></tagSet>
         <volumeType>standard</volumeType>
         <encrypted>true</encrypted>
         <multiAttachEnabled>false</multiAttachEnabled>
      </item>
      <item>
         <volumeId>vol-0fedcba0987654321</volumeId>
         <availabilityZone>us-east-1a</availabilityZone>
         <status>available</status>
         <attachmentSet/>
      </item>
   </volumeSet>
</DescribeVolumesResponse>"#;

const REFUSAL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform &quot;this&quot; operation.</Message></Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"#;

fn tag(key: &str, value: &str) -> Tag {
    Tag { resource_id: Some("i-1234567890abcdef0".into()), key: key.into(), value: value.into() }
}

fn tags(set: &str) -> Result<Page<Tag>, PageError> {
    page(format!("<DescribeTagsResponse>{set}</DescribeTagsResponse>").as_bytes())
}

#[test]
fn a_page_of_tags() {
    let found = page::<Tag>(TAGS.as_bytes()).unwrap();
    assert_eq!(found.rows, [tag("webserver", ""), tag("kubernetes.io/cluster/demo", "owned")]);
    assert_eq!(found.next_token.as_deref(), Some("eyJ2IjoiMiIsImMiOiI+/="));
}

#[test]
fn a_page_of_volumes() {
    let found = page::<Volume>(VOLUMES.as_bytes()).unwrap();
    let attachment = VolumeAttachment {
        instance_id: Some("i-1234567890abcdef0".into()),
        device: Some("/dev/sdh".into()),
        state: Some("attached".into()),
    };
    let volume = |id: &str, attachments| Volume { id: id.into(), zone: "us-east-1a".into(), attachments };
    let expected =
        [volume("vol-1234567890abcdef0", vec![attachment]), volume("vol-0fedcba0987654321", vec![])];
    assert_eq!(found, Page { rows: expected.into(), next_token: None });
}

#[test]
fn an_empty_set_is_an_empty_page() {
    for set in
        ["", "<tagSet/>", "<tagSet></tagSet>", "<tagSet> </tagSet><nextToken/>", "<nextToken></nextToken>"]
    {
        assert_eq!(tags(set).unwrap(), Page { rows: vec![], next_token: None }, "{set}");
    }
}

#[test]
fn entities_are_decoded() {
    let set = "<tagSet><item><key>a&amp;b&lt;c&gt;&quot;&apos;</key><value>&#xe9;&#233; &#x1F600;é</value></item></tagSet>";
    let found = tags(set).unwrap();
    assert_eq!((found.rows[0].key.as_str(), found.rows[0].value.as_str()), ("a&b<c>\"'", "éé 😀é"));
}

#[test]
fn only_malformed_rows_are_skipped() {
    for strange in [
        "<item/>",
        "<item>text</item>",
        "<item><value>no key</value></item>",
        "<item><key>&bogus;</key></item>",
        "<item><key>&#xD800;</key></item>",
        "<item><key>a & b</key></item>",
        "<item><key><deeper>k</deeper></key></item>",
        "<item><resourceId><deeper/></resourceId><key>k</key></item>",
    ] {
        let good = |key: &str| format!("<item><key>{key}</key><!-- - --><new><er/>x</new></item>");
        let found = tags(&format!("<tagSet>{}{strange}{}</tagSet>", good("a"), good("b"))).unwrap();
        let keys: Vec<&str> = found.rows.iter().map(|tag| tag.key.as_str()).collect();
        assert_eq!(keys, ["a", "b"], "{strange}");
    }
    let body = VOLUMES.replace("<device>/dev/sdh</device>", "<device>&bogus;</device>");
    let found = page::<Volume>(body.as_bytes()).unwrap();
    assert_eq!(found.rows.len(), 1, "a volume whose attachments are not known");
}

#[test]
fn a_truncated_document_is_an_error() {
    for document in [TAGS.trim_end(), VOLUMES] {
        for end in 0..document.len() {
            let found = page::<Tag>(&document.as_bytes()[..end]);
            assert!(found.is_err(), "{found:?} from {end} bytes");
        }
    }
}

#[test]
fn other_documents_are_rejected() {
    let billion = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><DescribeTagsResponse>\
                   <tagSet><item><key>&b;</key></item></tagSet></DescribeTagsResponse>";
    assert_eq!(
        page::<Tag>(billion.as_bytes()).unwrap().rows,
        [],
        "entities of the document are not expanded"
    );
    let deep = "<a>".repeat(200_000) + &"</a>".repeat(200_000);
    for body in [
        "",
        "hello",
        "</a>",
        "<a></a></a>",
        "<html><head><title>503</title></head><body>Sorry.</body></html>",
        "<!DOCTYPE html><html><meta charset=utf-8><br></html>",
        "{\"tags\": []}",
        VOLUMES,
        REFUSAL,
        &deep,
    ] {
        assert!(page::<Tag>(body.as_bytes()).is_err(), "{}", body.chars().take(80).collect::<String>());
    }
    assert!(page::<Tag>(b"<DescribeTagsResponse>\xff\xfe</DescribeTagsResponse>").is_err());
    let error = page::<Tag>(b"<html></html>").unwrap_err().to_string();
    assert_eq!(error, "the response is a document `html` instead of `DescribeTagsResponse`");
}

#[test]
fn no_changed_byte_causes_a_panic() {
    for document in [TAGS, VOLUMES, REFUSAL] {
        for at in 0..document.len() {
            for byte in [b'<', b'/', b'&', 0xff] {
                let mut body = document.as_bytes().to_vec();
                body[at] = byte;
                let _ = (page::<Tag>(&body), page::<Volume>(&body), parse_error(&body));
            }
        }
    }
}

#[test]
fn errors_have_a_code_and_a_message() {
    let error = parse_error(REFUSAL.as_bytes());
    assert_eq!(error.code(), Some("UnauthorizedOperation"));
    assert_eq!(error.message(), Some("You are not authorized to perform \"this\" operation."));
    for body in
        ["", "Service Unavailable", "<html><body><code>x</code></body></html>", "<Response/>", "\u{0}"]
    {
        assert_eq!(parse_error(body.as_bytes()), ErrorMetadata::builder().build(), "{body}");
    }
    assert_eq!(parse_error(b"\xff"), ErrorMetadata::builder().build());
}
