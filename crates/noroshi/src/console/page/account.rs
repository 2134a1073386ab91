//! One's own password, for every role.

use super::users::{change, passwords};
use super::{Place, frame, refused};
use crate::console::App;
use crate::console::account;
use crate::console::page::set_up::faults;
use crate::console::page::sign_in::begin;
use crate::console::settings::Refusal;
use crate::console::users::Change;
use crate::console::visitor::Visitor;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::response::Response;
use maud::html;
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
    Extension(visitor): Extension<Visitor>,
    Query(told): Query<Told>,
) -> Response {
    let title = visitor.pick("Your password", "パスワードの変更");
    let content = html! {
        @if told.done {
            p.good role="status" { (visitor.pick("Your password is changed on all servers.", "パスワードを全サーバで変更しました。")) }
        }
        form.card method="post" action="/account" {
            p { (visitor.name()) }
            input.unseen name="name" value=(visitor.name()) autocomplete="username" readonly tabindex="-1" aria-hidden="true";
            label { (visitor.pick("Present password", "現在のパスワード"))
                input name="old" type="password" autocomplete="current-password" required;
            }
            (passwords(&visitor))
            button.primary type="submit" { (visitor.pick("Change", "変更")) }
        }
    };
    frame(&visitor, Place::Account, title, &content)
}

pub(in crate::console) async fn password(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<Given>,
) -> Response {
    let name = visitor.name().to_string();
    // Whoever finds an open page must not try passwords here.
    if let Err(shut) = app.door.knock(visitor.address, &name) {
        if shut.first {
            app.desk.audit(&visitor, "own-password", "locked out").await;
        }
        return refused(&visitor, &[shut.words(visitor.language)], HERE);
    }
    if app.accounts.right(&name, given.old).await.is_none() {
        app.desk.audit(&visitor, "own-password", "refused").await;
        let why = visitor.pick(
            "The present password is wrong.",
            "現在のパスワードが違います。",
        );
        return refused(&visitor, &[why.into()], HERE);
    }
    app.door.opened(visitor.address, &name);
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
