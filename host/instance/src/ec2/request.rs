//! Requests: forms of the EC2 query protocol.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use form_urlencoded::Serializer;

use super::Row;

/// Version of the API.
pub(super) const VERSION: &str = "2016-11-15";

/// Returns the form of a request for the first page, or for the page of `token`.
pub(super) fn form<T: Row>(filters: &[(&str, &str)], token: Option<&str>) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("Action", T::OPERATION).append_pair("Version", VERSION);
    form.append_pair("MaxResults", &T::PAGE_SIZE.to_string());
    for (number, (name, value)) in (1..).zip(filters) {
        form.append_pair(&format!("Filter.{number}.Name"), name);
        form.append_pair(&format!("Filter.{number}.Value.1"), value);
    }
    if let Some(token) = token {
        form.append_pair("NextToken", token);
    }
    form.finish()
}

/// Creates a request with a form as its body; the runtime adds endpoint and signature.
pub(super) fn serialize(form: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(form));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ec2::{Tag, Volume};

    #[test]
    fn forms_of_both_operations() {
        let filters = [("resource-type", "instance"), ("resource-id", "i-0123456789abcdef0")];
        assert_eq!(
            form::<Tag>(&filters, None),
            "Action=DescribeTags&Version=2016-11-15&MaxResults=1000&Filter.1.Name=resource-type&\
             Filter.1.Value.1=instance&Filter.2.Name=resource-id&Filter.2.Value.1=i-0123456789abcdef0"
        );
        assert_eq!(
            form::<Volume>(&[("attachment.instance-id", "i-1")], Some("t+/=&é")),
            "Action=DescribeVolumes&Version=2016-11-15&MaxResults=500&Filter.1.Name=attachment.instance-id&\
             Filter.1.Value.1=i-1&NextToken=t%2B%2F%3D%26%C3%A9"
        );
    }

    #[test]
    fn a_form_is_posted() {
        let request = serialize("Action=DescribeTags".into()).unwrap();
        assert_eq!((request.method(), request.uri()), ("POST", "/"));
        assert_eq!(request.headers().get("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(request.body().bytes(), Some(&b"Action=DescribeTags"[..]));
    }
}
