//! The body of a request, read whole after it is known who sends it: within [`BODY_WAIT`] and
//! [`FORM_BYTES_MAX`], of a stranger much less.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use std::time::Duration;

/// Largest form in bytes.
pub(super) const FORM_BYTES_MAX: usize = 256 * 1024;
/// Largest form of somebody who is not signed in: a name and a password.
const STRANGERS_FORM_BYTES_MAX: usize = 16 * 1024;
/// How long a form may take to come.
pub(super) const BODY_WAIT: Duration = Duration::from_secs(20);

/// A request with its body read; or why it is none.
pub(super) async fn read_whole(request: Request, is_known: bool) -> Result<Request, StatusCode> {
    let bytes_max = match is_known {
        true => FORM_BYTES_MAX,
        false => STRANGERS_FORM_BYTES_MAX,
    };
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(BODY_WAIT, to_bytes(body, bytes_max)).await;
    match read {
        Ok(Ok(bytes)) => Ok(Request::from_parts(head, Body::from(bytes))),
        // It was too large, or its end did not come.
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}
