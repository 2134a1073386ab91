//! Signing in and out, and the choice of a language.

use super::{Place, frame, frame_with};
use crate::console::App;
use crate::console::visitor::{LANGUAGE_COOKIE, SESSION_COOKIE, User, Visitor, cookie, see};
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use noroshi_core::config::Role;
use serde::Deserialize;
use std::sync::Arc;

/// Where to go after it.
#[derive(Deserialize)]
pub(in crate::console) struct Way {
    #[serde(default)]
    to: String,
}

/// The form.
#[derive(Deserialize)]
pub(in crate::console) struct SignIn {
    name: String,
    password: String,
    #[serde(default)]
    to: String,
}

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(way): Query<Way>,
) -> Response {
    if app.accounts.is_new() {
        return see("/set-up");
    }
    if visitor.user.is_some() {
        return see(own_path(&way.to));
    }
    let title = visitor.pick("Sign in", "サインイン");
    frame(
        &visitor,
        Place::Elsewhere,
        title,
        &form(&visitor, "", &way.to, None),
    )
}

pub(in crate::console) async fn enter(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<SignIn>,
) -> Response {
    let title = visitor.pick("Sign in", "サインイン");
    let again = |status, text: &str| {
        let form = form(&visitor, &given.name, &given.to, Some(text));
        frame_with(status, &visitor, title, &form)
    };
    // Somebody may have typed a password here: only names that there are get into the trail.
    let known = app.accounts.user(&given.name).is_some();
    let trail = Visitor {
        user: known.then(|| User {
            name: given.name.clone(),
            role: Role::View,
        }),
        ..visitor.clone()
    };
    if let Err(shut) = app.door.knock(visitor.address, &given.name) {
        if shut.first {
            app.desk.audit(&trail, "sign-in", "locked out").await;
        }
        let (wait_s, text) = (shut.wait_s, shut.words(visitor.language));
        let mut response = again(StatusCode::TOO_MANY_REQUESTS, &text);
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(wait_s));
        return response;
    }
    let Some(user) = app
        .accounts
        .right(&given.name, given.password.clone())
        .await
    else {
        let text = visitor.pick(
            "Name or password is wrong.",
            "利用者名またはパスワードが違います。",
        );
        app.desk.audit(&trail, "sign-in", "refused").await;
        return again(StatusCode::FORBIDDEN, text);
    };
    app.desk.audit(&trail, "sign-in", "done").await;
    app.door.opened(visitor.address, &given.name);
    begin(
        &app,
        &visitor,
        &user.name,
        user.password.reveal(),
        &given.to,
    )
}

/// Begins a session and goes on to `to`.
pub(super) fn begin(app: &App, visitor: &Visitor, name: &str, hash: &str, to: &str) -> Response {
    let Ok(token) = app.sessions.begin(name, hash) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let secure = if visitor.tls { "; Secure" } else { "" };
    let cookie = format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    with_cookie(see(own_path(to)), &cookie)
}

pub(in crate::console) async fn leave(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(token) = cookie(&headers, SESSION_COOKIE) {
        app.sessions.end(&token);
    }
    let gone = format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookie(see("/sign-in"), &gone)
}

/// The form at the foot of every page.
#[derive(Deserialize)]
pub(in crate::console) struct Choice {
    language: String,
    #[serde(default)]
    to: String,
}

pub(in crate::console) async fn language(Form(choice): Form<Choice>) -> Response {
    let language = if choice.language == "ja" { "ja" } else { "en" };
    let cookie = format!("{LANGUAGE_COOKIE}={language}; Path=/; SameSite=Lax; Max-Age=31536000");
    with_cookie(see(own_path(&choice.to)), &cookie)
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// A path of ours, never another site. Browsers take a backslash for a slash and leave tabs and line ends out
/// (WHATWG URL, "basic URL parser").
fn own_path(to: &str) -> &str {
    let odd = |c: char| c == '\\' || c.is_control();
    let ours = to.starts_with('/') && !to.starts_with("//") && !to.contains(odd);
    if ours { to } else { "/" }
}

fn form(visitor: &Visitor, name: &str, to: &str, wrong: Option<&str>) -> Markup {
    html! {
        form.card method="post" action="/sign-in" {
            @if let Some(wrong) = wrong { p.bad role="alert" { (wrong) } }
            input type="hidden" name="to" value=(to);
            label { (visitor.pick("Name", "利用者名"))
                input name="name" value=(name) autocomplete="username" required autofocus[name.is_empty()];
            }
            label { (visitor.pick("Password", "パスワード"))
                input name="password" type="password" autocomplete="current-password" required
                    autofocus[!name.is_empty()];
            }
            button.primary type="submit" { (visitor.pick("Sign in", "サインイン")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_never_leads_elsewhere() {
        for (to, own) in [
            ("/alerts?x=1", "/alerts?x=1"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("/\t\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("", "/"),
            ("/a\r\nSet-Cookie: x=1", "/"),
        ] {
            assert_eq!(own_path(to), own);
        }
    }

    /// No script reads it, no other site's page has it sent, and what came over TLS never goes without.
    ///
    /// Rule: N21
    #[test]
    fn a_sessions_cookie_is_for_our_pages_alone() {
        let dir = tempfile::tempdir().unwrap();
        let home = noroshi_daemon::home::Home::at(dir.path());
        let app = App::new(home.clone(), crate::console::account::Accounts::new(home));
        for (tls, end) in [(false, "Strict"), (true, "Strict; Secure")] {
            let visitor = Visitor {
                language: noroshi_core::text::Language::En,
                user: None,
                address: std::net::Ipv4Addr::LOCALHOST.into(),
                path: "/".into(),
                tls,
                by_token: false,
            };
            let answer = begin(&app, &visitor, "anna", "hash", "/");
            let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
            let (_, attributes) = cookie.split_once("; ").unwrap();
            assert_eq!(attributes, format!("Path=/; HttpOnly; SameSite={end}"));
        }
    }
}
