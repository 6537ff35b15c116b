//! Signatures of requests.

use std::future::Future;
use std::pin::Pin;

use http::{HeaderName, HeaderValue, Uri};

/// A request without a signature: a POST of `body`.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'r> {
    /// Address of the request.
    pub uri: &'r Uri,
    /// Headers that the signature covers, `host` among them.
    pub headers: &'r [(&'r str, &'r str)],
    /// Body, compressed as it is sent.
    pub body: &'r [u8],
}

/// A signature.
#[derive(Debug)]
pub struct Signature {
    /// Headers to add to the request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Revision of what it was made with: credentials and clock.
    pub revision: u64,
}

/// The result of signing.
pub type SignFuture<'r> = Pin<Box<dyn Future<Output = Result<Signature, SignError>> + Send + 'r>>;

/// A request that cannot be signed, for example without credentials. Holds the error text.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign the request: {0}")]
pub struct SignError(pub String);

/// Signs requests.
pub trait Signer: std::fmt::Debug + Send + Sync + 'static {
    /// Returns the signature of a request.
    fn sign<'r>(&'r self, request: Unsigned<'r>) -> SignFuture<'r>;

    /// Called when the server rejected a request (401 or 403) whose signature had this `revision`, with the header `Date` of the response.
    /// Returns true if the next signature will have another one: the clocks differ, or the credentials are renewed.
    fn rejected(&self, revision: u64, server_date: Option<&str>) -> bool;
}
