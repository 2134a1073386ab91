//! One's own password and API token, for every role.

use super::users::{change, passwords};
use super::{Place, frame, refused};
use crate::console::App;
use crate::console::account;
use crate::console::page::set_up::faults;
use crate::console::page::sign_in::begin;
use crate::console::settings::Refusal;
use crate::console::token;
use crate::console::users::Change;
use crate::console::visitor::{Visitor, see};
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

const HERE: &str = "/account";

/// After a change.
#[derive(Deserialize)]
pub(in crate::console) struct Told {
    #[serde(default)]
    done: bool,
}

/// The form.
#[derive(Deserialize)]
pub(in crate::console) struct Given {
    old: String,
    password: String,
    again: String,
}

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(told): Query<Told>,
) -> Response {
    let user = app.accounts.user(visitor.name());
    let has_token = user.is_some_and(|user| user.token.is_some());
    let title = visitor.pick("Your account", "アカウント");
    let content = html! {
        @if told.done {
            p.good role="status" { (visitor.pick("Your password is changed on all servers. If you had an API token, it has ended.", "パスワードを全サーバで変更しました。API トークンは失効しました。")) }
        }
        h2 { (visitor.pick("Password", "パスワード")) }
        form.card method="post" action="/account" {
            p { (visitor.name()) }
            input.unseen name="name" value=(visitor.name()) autocomplete="username" readonly tabindex="-1" aria-hidden="true";
            label { (visitor.pick("Present password", "現在のパスワード"))
                input name="old" type="password" autocomplete="current-password" required;
            }
            (passwords(&visitor))
            button.primary type="submit" { (visitor.pick("Change", "変更")) }
        }
        (token_forms(&visitor, has_token))
    };
    frame(&visitor, Place::Account, title, &content)
}

pub(in crate::console) async fn password(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<Given>,
) -> Response {
    let name = visitor.name().to_string();
    if let Err(why) = proven(&app, &visitor, given.old).await {
        return refused(&visitor, &[why], HERE);
    }
    let why = faults(&visitor, &name, &given.password, &given.again);
    if !why.is_empty() {
        return refused(&visitor, &why, HERE);
    }
    let hash = match account::hash_of(&given.password).await {
        Ok(hash) => hash,
        Err(why) => return refused(&visitor, &[why], HERE),
    };
    match change(&app, &visitor, &name, Change::Password(hash.clone())).await {
        // All sessions of the old password have ended; this one goes on as a new one.
        Ok(_) => begin(&app, &visitor, &name, &hash, "/account?done=true"),
        Err(Refusal::Because(why)) => refused(&visitor, &why, HERE),
    }
}

/// Whoever finds an open page must not try passwords here, nor make what outlives the session.
///
/// # Errors
/// Why this is not the user's password, in words.
async fn proven(app: &App, visitor: &Visitor, password: String) -> Result<(), String> {
    let name = visitor.name();
    if let Err(shut) = app.door.knock(visitor.address, name) {
        if shut.first {
            app.desk.audit(visitor, "own-password", "locked out").await;
        }
        return Err(shut.words(visitor.language));
    }
    if app.accounts.right(name, password).await.is_none() {
        app.desk.audit(visitor, "own-password", "refused").await;
        let why = visitor.pick(
            "The present password is wrong.",
            "現在のパスワードが違います。",
        );
        return Err(why.into());
    }
    app.door.opened(visitor.address, name);
    Ok(())
}

/// The form of a new token.
#[derive(Deserialize)]
pub(in crate::console) struct Proof {
    old: String,
}

/// The token that the user has, and the forms for another one and for none.
fn token_forms(visitor: &Visitor, has: bool) -> Markup {
    html! {
        h2 { (visitor.pick("API token", "API トークン")) }
        form.card method="post" action="/account/token" {
            p { (visitor.pick(
                "A script that sends it may do what you may, on every server, until it is revoked or your password is changed.",
                "トークンを送信するスクリプトは、失効またはパスワードの変更まで、全サーバで本人と同じ操作ができます。",
            )) }
            p { b { (match has {
                true => visitor.pick("You have one; a new one takes its place.", "発行済みです。新しく作成すると、以前のものは失効します。"),
                false => visitor.pick("You have none.", "未発行です。"),
            }) } }
            label { (visitor.pick("Present password", "現在のパスワード"))
                input name="old" type="password" autocomplete="current-password" required;
            }
            button type="submit" { (visitor.pick("Make a token", "トークンを作成")) }
        }
        @if has {
            form method="post" action="/account/token/revoke" {
                button.danger type="submit" { (visitor.pick("Revoke the token", "トークンを失効させる")) }
            }
        }
    }
}

pub(in crate::console) async fn token(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(proof): Form<Proof>,
) -> Response {
    if let Err(why) = proven(&app, &visitor, proof.old).await {
        return refused(&visitor, &[why], HERE);
    }
    let made = match token::new() {
        Ok(made) => made,
        Err(error) => return refused(&visitor, &[error.to_string()], HERE),
    };
    let new = Change::Token(Some(made.digest));
    if let Err(Refusal::Because(why)) = change(&app, &visitor, visitor.name(), new).await {
        return refused(&visitor, &why, HERE);
    }
    let title = visitor.pick("Your API token", "API トークン");
    let content = html! {
        p.good role="status" { (visitor.pick(
            "This is shown once. Keep it where only your script reads it:",
            "表示は今回限りです。スクリプトだけが読める場所に保存してください。",
        )) }
        p { code { (made.text) } }
        p { a href=(HERE) { (visitor.pick("Back", "戻る")) } }
    };
    frame(&visitor, Place::Account, title, &content)
}

pub(in crate::console) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    match change(&app, &visitor, visitor.name(), Change::Token(None)).await {
        Ok(_) => see(HERE),
        Err(Refusal::Because(why)) => refused(&visitor, &why, HERE),
    }
}
