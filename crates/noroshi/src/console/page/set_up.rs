//! The first user: made by whoever has the code that `noroshi user link` prints on the server.
//!
//! The code's digest stands in a file of this server until it is used or [`CODE_AGE_MAX`] old.

use super::{Place, frame, frame_with};
use crate::console::account;
use crate::console::settings::{self, Refusal};
use crate::console::users::{self, Change};
use crate::console::visitor::{Visitor, see};
use crate::console::{App, setup_code};
use axum::Extension;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use noroshi_core::config::Role;
use serde::Deserialize;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// The form.
#[derive(Deserialize)]
pub(in crate::console) struct First {
    pub(in crate::console) code: String,
    pub(in crate::console) name: String,
    pub(in crate::console) password: String,
    pub(in crate::console) again: String,
}

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    if !app.accounts.is_new() {
        return see("/sign-in");
    }
    let title = title(&visitor);
    frame(
        &visitor,
        Place::Elsewhere,
        title,
        &form(&visitor, "", "", &[]),
    )
}

pub(in crate::console) async fn make(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<First>,
) -> Response {
    if !app.accounts.is_new() {
        return see("/sign-in");
    }
    let again = |status, why: &[String]| {
        // Whoever mistypes a password need not fetch a new link.
        let form = form(&visitor, &given.name, &given.code, why);
        frame_with(status, &visitor, title(&visitor), &form)
    };
    if let Err(shut) = app.door.knock(visitor.address, "set-up") {
        if shut.first {
            app.desk.audit(&visitor, "set-up", "locked out").await;
        }
        let text = shut.words(visitor.language);
        return again(StatusCode::TOO_MANY_REQUESTS, &[text]);
    }
    let why = faults(&visitor, &given.name, &given.password, &given.again);
    if !why.is_empty() {
        return again(StatusCode::UNPROCESSABLE_ENTITY, &why);
    }
    // One after another, and whoever waited looks again: two at once must not both use the code.
    let _turn = app.accounts.changing.lock().await;
    app.accounts.look().await;
    if !app.accounts.is_new() {
        return see("/sign-in");
    }
    let (home, code) = (app.home.clone(), given.code.clone());
    let right = spawn_blocking(move || setup_code::is(&home, &code)).await;
    if !right.unwrap_or(false) {
        let text = visitor.pick(
            "This is not the code, or it is too old. \"noroshi user link\" prints a new one on the server.",
            "コードが違うか、期限切れです。サーバ上で noroshi user link を実行してください。",
        );
        app.desk.audit(&visitor, "set-up", "refused").await;
        return again(StatusCode::FORBIDDEN, &[text.to_string()]);
    }
    app.door.opened(visitor.address, "set-up");
    match add_user(
        &app,
        &visitor,
        &given.name,
        Role::Administer,
        &given.password,
    )
    .await
    {
        Ok(hash) => {
            let home = app.home.clone();
            // A code that is not removed is of no use any more: there is a user.
            let _ = spawn_blocking(move || setup_code::used(&home)).await;
            super::sign_in::begin(&app, &visitor, &given.name, &hash, "/")
        }
        Err(Refusal::Because(why)) => again(StatusCode::UNPROCESSABLE_ENTITY, &why),
    }
}

/// Writes a user into the settings of all servers; the answer is its password's hash.
///
/// # Errors
/// Why it was not taken.
async fn add_user(
    app: &App,
    visitor: &Visitor,
    name: &str,
    role: Role,
    password: &str,
) -> Result<String, Refusal> {
    let because = |why: String| Refusal::Because(vec![why]);
    let hash = account::hash_of(password).await.map_err(because)?;
    let change = Change::Add(role, hash.clone());
    let edit = users::edit_beside(&app.home, name, change, visitor.language);
    let edit = edit.await.map_err(because)?;
    let who = format!("{name} (console, {})", visitor.address);
    settings::change(app, &who, visitor.language, edit).await?;
    Ok(hash)
}

/// All that is wrong with a new user's name and password.
pub(in crate::console) fn faults(
    visitor: &Visitor,
    name: &str,
    password: &str,
    again: &str,
) -> Vec<String> {
    let mut why: Vec<String> = account::name_fault(name, visitor.language)
        .into_iter()
        .chain(account::password_fault(password, visitor.language))
        .collect();
    if password != again {
        let differ = visitor.pick(
            "The two passwords differ.",
            "二つのパスワードが一致しません。",
        );
        why.push(differ.into());
    }
    why
}

fn title(visitor: &Visitor) -> &'static str {
    visitor.pick("The first user", "最初の利用者")
}

fn form(visitor: &Visitor, name: &str, code: &str, wrong: &[String]) -> Markup {
    html! {
        p { (visitor.pick(
            "Nobody can sign in yet. Run \"noroshi user link\" on this server as root and enter the code that it prints.",
            "まだ利用者がいません。このサーバ上で root として noroshi user link を実行し、表示されたコードを入力してください。",
        )) }
        form.card method="post" action="/set-up" {
            @if !wrong.is_empty() {
                div.bad role="alert" { @for line in wrong { p { (line) } } }
            }
            label { (visitor.pick("Code", "コード"))
                input name="code" value=(code) autocomplete="off" required data-from-fragment;
            }
            label { (visitor.pick("Name", "利用者名"))
                input name="name" value=(name) autocomplete="username" required;
            }
            label { (visitor.pick("Password (at least 8 characters)", "パスワード（8 文字以上）"))
                input name="password" type="password" autocomplete="new-password" required;
            }
            label { (visitor.pick("Password again", "パスワード（再入力）"))
                input name="again" type="password" autocomplete="new-password" required;
            }
            button.primary type="submit" { (visitor.pick("Begin", "開始")) }
        }
    }
}
