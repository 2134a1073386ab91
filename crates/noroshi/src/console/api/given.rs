//! What a request says, understood whole or refused by name: its query and its body.

use super::problem;
use crate::console::App;
use crate::console::visitor::Visitor;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use noroshi_core::text::Language;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::{Map, Value};
use std::sync::Arc;

/// For what takes no parameters.
pub(in crate::console) struct NoQuery;

/// A body of JSON, an object with the members of `T`. One that has none of its own may be left out.
pub(in crate::console) struct Body<T>(pub(in crate::console) T);

/// Why a request is not understood: the status of the refusal, and its detail.
pub(super) struct Wrong(pub(super) StatusCode, pub(super) String);

impl Wrong {
    /// The refusal.
    pub(super) fn answer(self, language: Language) -> Response {
        problem::answer(language, self.0, self.1)
    }
}

/// Names and values of a query, each name once and among `known`.
///
/// # Errors
/// What is wrong, with its name.
pub(super) fn query(
    uri: &Uri,
    known: &[&str],
    language: Language,
) -> Result<Vec<(String, String)>, Wrong> {
    let bad = |detail: String| Wrong(StatusCode::BAD_REQUEST, detail);
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(pairs) = pairs.map_err(|error| bad(error.body_text()))?;
    for (at, (name, value)) in pairs.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let known = known.join(", ");
            return Err(bad(language.pick(
                format!("{name}: no such parameter. There are: {known}"),
                format!("{name}: そのようなパラメータはありません。使用できるもの: {known}"),
            )));
        }
        if pairs[..at].iter().any(|(other, _)| other == name) {
            return Err(bad(language.pick(
                format!("{name}: given more than once"),
                format!("{name}: 複数回指定されています"),
            )));
        }
        if value.is_empty() {
            return Err(bad(language.pick(
                format!("{name}: empty; leave it out instead"),
                format!("{name}: 値がありません。不要なら指定しないでください"),
            )));
        }
    }
    Ok(pairs)
}

fn language_of(extensions: &axum::http::Extensions) -> Language {
    let visitor = extensions.get::<Visitor>();
    visitor.map_or(Language::En, |visitor| visitor.language)
}

impl FromRequestParts<Arc<App>> for NoQuery {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<NoQuery, Response> {
        let language = language_of(&parts.extensions);
        let read = query(&parts.uri, &[], language);
        read.map(|_| NoQuery)
            .map_err(|wrong| wrong.answer(language))
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Body<T>, Response> {
        let language = language_of(request.extensions());
        query(request.uri(), &[], language).map_err(|wrong| wrong.answer(language))?;
        let is_json = is_json(request.headers());
        let bytes = Bytes::from_request(request, app).await.map_err(|error| {
            let detail = language.pick(
                format!("The body cannot be read: {}", error.body_text()),
                format!("本文を読み取れません: {}", error.body_text()),
            );
            problem::answer(language, error.status(), detail)
        })?;
        if !is_json && !bytes.is_empty() {
            let detail = language.pick(
                "The body is to be JSON: Content-Type: application/json",
                "本文は JSON にしてください（Content-Type: application/json）",
            );
            return Err(problem::answer(
                language,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                detail,
            ));
        }
        let read = body(&bytes, language);
        read.map(Body).map_err(|wrong| wrong.answer(language))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn body<T: DeserializeOwned>(bytes: &[u8], language: Language) -> Result<T, Wrong> {
    let wrong = |status, error: serde_json::Error| {
        let detail = language.pick(
            format!("The body is not accepted: {error}"),
            format!("本文を受け付けられません: {error}"),
        );
        Wrong(status, detail)
    };
    let members: Map<String, Value> = match bytes.is_empty() {
        true => Map::new(),
        // Not as `T` at once: an array would do for it too.
        false => serde_json::from_slice(bytes).map_err(|error| {
            let status = match error.classify() {
                Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::BAD_REQUEST,
            };
            wrong(status, error)
        })?,
    };
    serde_json::from_value(Value::Object(members))
        .map_err(|error| wrong(StatusCode::UNPROCESSABLE_ENTITY, error))
}
