//! The API for programs, `/api/v1` (rule N21): what the pages show and do, as JSON.
//!
//! *Use.* Routes stand in the console's one table and pass its gate; each handler calls the function that the
//! page's handler calls. What is shown has the form that the commands print with `--json`, what is done the form
//! of the command socket's answers. `assets/openapi.json` describes all of it; a test holds it to the table.
//!
//! *Failure.* Every error is `application/problem+json` (RFC 9457), [`problem`], in the language that the request
//! asks for. What is not understood is refused by its name, and nothing is done then.

pub(super) mod act;
pub(super) mod gate;
mod given;
pub(super) mod problem;
pub(super) mod read;

use super::App;
use super::deed::Undone;
use super::visitor::Visitor;
use crate::command::Context;
use crate::exit::{Exit, Failure};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use noroshi_daemon::control::Trouble;

/// Where all of it is.
pub(super) const PLACE: &str = "/api/";

/// A text that is JSON already.
fn json(text: impl Into<String>) -> Response {
    ([(CONTENT_TYPE, "application/json")], text.into()).into_response()
}

/// An answer as JSON.
fn shown(visitor: &Visitor, value: &impl serde::Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => json(text),
        Err(error) => problem::answer(
            visitor.language,
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
        ),
    }
}

/// Why something was not done.
fn not_done(app: &App, visitor: &Visitor, undone: Undone) -> Response {
    match undone {
        Undone::Refused(why) => problem::answer(visitor.language, StatusCode::CONFLICT, why),
        Undone::Trouble(error) => trouble(app, visitor, error),
    }
}

/// The daemon could not be asked, in the words of the commands; or did not answer, and then whether anything was
/// done is unknown.
fn trouble(app: &App, visitor: &Visitor, trouble: Trouble) -> Response {
    let context = Context::of_console(app.home.clone(), visitor.language);
    failed(visitor, &context.trouble(trouble))
}

fn failed(visitor: &Visitor, failure: &Failure) -> Response {
    let status = match failure.exit {
        Exit::Unclear => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    problem::answer(visitor.language, status, failure.text.clone())
}
