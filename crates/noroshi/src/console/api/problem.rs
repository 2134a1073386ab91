//! Errors as programs read them: `application/problem+json` (RFC 9457).
//!
//! The status is the kind of problem, so there is no `type` but the default; `title` says the status in words,
//! `detail` what is the matter here.

use axum::body::Body;
use axum::http::header::{CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use noroshi_core::text::Language;
use serde_json::json;

/// Its media type.
const MIME: &str = "application/problem+json";

/// Each status that the API answers an error with, in words.
const TITLES: &[(u16, &str, &str)] = &[
    (400, "Bad request", "要求が正しくありません"),
    (401, "Not signed in", "認証されていません"),
    (403, "Not permitted", "権限がありません"),
    (404, "Not found", "見つかりません"),
    (405, "Method not allowed", "使用できないメソッドです"),
    (409, "Refused", "実行できません"),
    (408, "Body did not come in time", "本文が時間内に届きません"),
    (411, "Length missing", "長さの指定がありません"),
    (413, "Body too large", "本文が大きすぎます"),
    (415, "Not JSON", "JSON ではありません"),
    (421, "Meant for another host", "他のホスト宛ての要求です"),
    (422, "Field not accepted", "項目を受け付けられません"),
    (429, "Too many failed attempts", "失敗が続いています"),
    (500, "Internal error", "内部エラー"),
    (
        503,
        "The alert service does not answer",
        "アラートサービスが応答しません",
    ),
    (504, "No answer in time", "時間内に応答がありません"),
];

/// The answer with this status; `detail` is in `language` already.
pub(in crate::console) fn answer(
    language: Language,
    status: StatusCode,
    detail: impl Into<String>,
) -> Response {
    let title = TITLES.iter().find(|row| row.0 == status.as_u16());
    let title = title.map_or(status.canonical_reason().unwrap_or("-"), |row| {
        language.pick(row.1, row.2)
    });
    let detail: String = detail.into();
    let body = json!({ "title": title, "status": status.as_u16(), "detail": detail });
    let head = [
        (CONTENT_TYPE, MIME),
        (CONTENT_LANGUAGE, language.pick("en", "ja")),
    ];
    (status, head, body.to_string()).into_response()
}

/// What the libraries answer with an error of their own, such as an unknown path or method, in our form; all
/// else as it is.
pub(in crate::console) fn in_form(language: Language, mut response: Response) -> Response {
    let status = response.status();
    let is_ours = response.headers().get(CONTENT_TYPE) == Some(&HeaderValue::from_static(MIME));
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let detail = match status {
        StatusCode::NOT_FOUND => language.pick(
            "There is nothing at this path; /api/v1/openapi.json lists what there is.",
            "このパスはありません。/api/v1/openapi.json に一覧があります。",
        ),
        StatusCode::METHOD_NOT_ALLOWED => language.pick(
            "This path does not take this method; see Allow.",
            "このパスでは使用できないメソッドです。Allow を参照してください。",
        ),
        StatusCode::GATEWAY_TIMEOUT => language.pick(
            "This took too long. Whether anything was done is unknown.",
            "時間がかかりすぎました。実行されたかどうかは不明です。",
        ),
        _ => status.canonical_reason().unwrap_or("-"),
    };
    let ours = answer(language, status, detail).into_parts();
    response.headers_mut().remove(CONTENT_LENGTH);
    for (name, value) in &ours.0.headers {
        response.headers_mut().insert(name, value.clone());
    }
    *response.body_mut() = Body::new(ours.1);
    response
}
