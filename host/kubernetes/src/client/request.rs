//! Requests for single objects, whose responses are read as a whole.

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use kube::client::Body;
use serde::de::DeserializeOwned;

use super::Client;
use super::explain::into_cause;
use super::reflect::read_status;

/// Maximum bytes of a response. etcd does not store larger objects by default; without a limit, a proxy could fill the memory.
const MAX_RESPONSE_BYTES: usize = 2 << 20;

/// Time limit for the body of an error response.
const ERROR_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends a request and reads the response, of at most 2 MiB. Has no time limit.
///
/// # Errors
/// The status of the API server if it is not a success, else the error of the connection or the limit.
pub(crate) async fn send(client: &Client, request: Request<impl Into<Body>>) -> Result<Bytes, kube::Error> {
    let response = client.send(request.map(Into::into)).await?;
    if !response.status().is_success() {
        return Err(kube::Error::Api(read_status(response, ERROR_TIMEOUT).await.boxed()));
    }
    let body = Limited::new(response.into_body().map_err(into_cause), MAX_RESPONSE_BYTES).collect().await;
    Ok(body.map_err(kube::Error::Service)?.to_bytes())
}

/// Sends a request, as [`send`], and parses the object in the response.
///
/// # Errors
/// Those of [`send`], and if the response is another document.
pub(crate) async fn send_for_object<T: DeserializeOwned>(
    client: &Client,
    request: Request<impl Into<Body>>,
) -> Result<T, kube::Error> {
    let body = send(client, request).await?;
    serde_json::from_slice(&body).map_err(kube::Error::SerdeError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::explain;
    use crate::client::testing::{Response, Server};

    async fn get(response: Response) -> Result<serde_json::Value, kube::Error> {
        let server = Server::start(move |_, _| response.clone()).await;
        send_for_object(&server.client(), Request::get("/x").body(Body::empty()).unwrap()).await
    }

    #[tokio::test]
    async fn responses_are_bounded() {
        let object = |bytes: usize| format!("{:?}", "x".repeat(bytes));
        assert!(get(Response::ok().send(object(MAX_RESPONSE_BYTES - 2))).await.is_ok());
        let error = get(Response::ok().send(object(MAX_RESPONSE_BYTES))).await.unwrap_err();
        let text = explain(&error, "get", "x");
        assert!(text.contains("length limit exceeded"), "{text}");
    }

    #[tokio::test]
    async fn refusals_have_their_status_and_other_documents_are_errors() {
        let error = get(Response::status(409).send("{}")).await.unwrap_err();
        assert!(matches!(error, kube::Error::Api(status) if status.code == 409));
        let error = get(Response::ok().send("<html>")).await.unwrap_err();
        assert!(matches!(error, kube::Error::SerdeError(_)), "{error}");
    }
}
