//! Who asks, of the API: a token instead of a session, and refusals as problems.

use super::problem;
use crate::console::App;
use crate::console::token::{Shown, shown};
use crate::console::visitor::{User, Visitor};
use axum::http::header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

/// What is asked for (RFC 6750 section 3).
const CHALLENGE: &str = r#"Bearer realm="noroshi""#;
/// The same to a token that is nobody's.
const WRONG: &str = r#"Bearer realm="noroshi", error="invalid_token""#;

/// Makes `visitor` the user whose token the request has; without any token the session's user stays.
///
/// # Errors
/// The refusal of a token that is nobody's; such tries are bounded as wrong passwords are.
pub(in crate::console) async fn with_token(
    app: &App,
    visitor: &mut Visitor,
    headers: &HeaderMap,
) -> Result<(), Response> {
    let user = match shown(&app.accounts, headers) {
        Shown::Nothing => return Ok(()),
        Shown::Of(user) => Some(user),
        Shown::Wrong => None,
    };
    visitor.by_token = true;
    visitor.user = user.map(|user| User {
        name: user.name,
        role: user.role,
    });
    if visitor.user.is_some() {
        return Ok(());
    }
    if let Err(shut) = app.door.wrong_token(visitor.address) {
        if shut.first {
            app.desk.audit(visitor, "api-token", "locked out").await;
        }
        let text = shut.words(visitor.language);
        let refusal = problem::answer(visitor.language, StatusCode::TOO_MANY_REQUESTS, text);
        return Err(with(refusal, RETRY_AFTER, shut.wait_s.into()));
    }
    app.desk.audit(visitor, "api-token", "refused").await;
    let text = visitor.pick(
        "This is no API token of a user; it may have been revoked. \"noroshi user token\" makes a new one.",
        "利用者の API トークンではありません（失効した可能性があります）。noroshi user token で作成できます。",
    );
    let refusal = problem::answer(visitor.language, StatusCode::UNAUTHORIZED, text);
    Err(with(
        refusal,
        WWW_AUTHENTICATE,
        HeaderValue::from_static(WRONG),
    ))
}

/// The refusal of whoever may not; `known` says whether somebody is signed in at all.
pub(in crate::console) fn refusal(visitor: &Visitor, known: bool) -> Response {
    if known {
        let text = visitor.pick(
            "Your role does not suffice for this. Ask an administrator of the console.",
            "必要な権限がありません。コンソールの管理者に依頼してください。",
        );
        return problem::answer(visitor.language, StatusCode::FORBIDDEN, text);
    }
    let text = visitor.pick(
        "Send an API token, \"Authorization: Bearer ...\"; \"noroshi user token\" makes one.",
        "API トークンを \"Authorization: Bearer ...\" として送信してください。noroshi user token で作成できます。",
    );
    let refusal = problem::answer(visitor.language, StatusCode::UNAUTHORIZED, text);
    with(
        refusal,
        WWW_AUTHENTICATE,
        HeaderValue::from_static(CHALLENGE),
    )
}

fn with(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}
