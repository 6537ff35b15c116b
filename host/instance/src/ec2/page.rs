//! Responses: pages of rows, and error documents.

use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

/// A row of a response, and the operation that lists such rows.
pub(crate) trait Row: Sized + std::fmt::Debug + Send + Sync + 'static {
    /// Name of the operation.
    const OPERATION: &'static str;
    /// IAM permission that the operation needs.
    const PERMISSION: &'static str;
    /// Name of the element that holds the rows.
    const SET: &'static str;
    /// Noun for the rows in messages.
    const NOUN: &'static str;
    /// `MaxResults` of a request.
    const PAGE_SIZE: usize;

    /// Reads a row; returns `None` if it lacks a required field.
    fn read(item: &mut ScopedDecoder<'_, '_>) -> Result<Option<Self>, XmlDecodeError>;
}

/// A page of rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    /// Token of the next page, unless this is the last one.
    pub(super) next_token: Option<String>,
}

/// A successful response that is not a page.
#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error("the response is not a complete XML document")]
    Incomplete,
    #[error("the response is a document `{found}` instead of `{expected}`")]
    OtherDocument { found: String, expected: String },
    #[error("cannot parse the response")]
    Xml(#[from] XmlDecodeError),
}

/// Reads a response of any status.
pub(super) fn deserialize<T: Row>(
    response: &HttpResponse,
) -> Result<Page<T>, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(parse_error(body)));
    }
    page(body).map_err(|error| OrchestratorError::response(error.into()))
}

/// Reads a page. Ignores unknown elements and skips unreadable rows. Rejects a document that ends early: the decoder treats
/// the end of its input as the end of every open element.
fn page<T: Row>(body: &[u8]) -> Result<Page<T>, PageError> {
    if !is_complete(body)? {
        return Err(PageError::Incomplete);
    }
    let mut document = Document::try_from(body)?;
    let mut root = document.root_element()?;
    let expected = format!("{}Response", T::OPERATION);
    if !root.start_el().matches(&expected) {
        return Err(PageError::OtherDocument { found: root.start_el().local().to_owned(), expected });
    }
    let (mut rows, mut next_token, mut skipped) = (Vec::new(), None, 0);
    while let Some(mut element) = root.next_tag() {
        if element.start_el().matches(T::SET) {
            while let Some(mut item) = element.next_tag() {
                match T::read(&mut item) {
                    Ok(Some(row)) => rows.push(row),
                    _ => skipped += 1,
                }
            }
        } else if element.start_el().matches("nextToken") {
            next_token = Some(try_data(&mut element)?.into_owned()).filter(|token| !token.is_empty());
        }
    }
    if skipped > 0 {
        tracing::warn!(operation = T::OPERATION, skipped, "skipped malformed rows of an EC2 API response");
    }
    Ok(Page { rows, next_token })
}

/// Returns false if elements are open at the end. Each token carries the number of elements around it.
fn is_complete(body: &[u8]) -> Result<bool, XmlDecodeError> {
    let mut depth = None;
    for token in Document::try_from(body)? {
        depth = Some(token?.1);
    }
    Ok(depth == Some(0))
}

/// Reads code and message of an error document, if present.
fn parse_error(body: &[u8]) -> ErrorMetadata {
    let mut error = ErrorMetadata::builder();
    let Ok(mut document) = Document::try_from(body) else { return error.build() };
    while let Some(start) = document.next_start_element() {
        let (is_code, is_message) = (start.matches("Code"), start.matches("Message"));
        if !is_code && !is_message {
            continue;
        }
        match try_data(&mut document.scoped_to(start)) {
            Ok(text) if is_code => error = error.code(text),
            Ok(text) => error = error.message(text),
            Err(_) => {}
        }
    }
    error.build()
}

#[cfg(test)]
mod tests;
