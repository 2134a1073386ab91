//! The users (rule N21): list, add, new password, role, remove. Nobody removes or demotes the last who
//! administers.

use super::{Place, frame, refused};
use crate::console::App;
use crate::console::account::{self, role_name};
use crate::console::page::set_up::faults;
use crate::console::settings::{self, Changed, Refusal};
use crate::console::users::{self, Change};
use crate::console::visitor::{Visitor, see};
use axum::Extension;
use axum::extract::{Form, State};
use axum::response::Response;
use maud::{Markup, html};
use noroshi_core::config::{ConsoleUser, Role};
use serde::Deserialize;
use std::sync::Arc;

const ROLES: [Role; 3] = [Role::View, Role::Operate, Role::Administer];
const HERE: &str = "/users";

/// The form of a new user, and of a new password for one.
#[derive(Deserialize)]
pub(in crate::console) struct Given {
    name: String,
    #[serde(default)]
    role: Option<Role>,
    password: String,
    again: String,
}

/// The form of another role.
#[derive(Deserialize)]
pub(in crate::console) struct Graded {
    name: String,
    role: Role,
}

/// The form of a removal.
#[derive(Deserialize)]
pub(in crate::console) struct Named {
    name: String,
}

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let title = visitor.pick("Users", "利用者");
    let settings = match app.accounts.settings() {
        Ok(settings) => settings,
        Err(error) => return refused(&visitor, &[error.text(visitor.language)], HERE),
    };
    let content = html! {
        table.users {
            caption.unseen { (title) }
            thead { tr {
                th scope="col" { (visitor.pick("Name", "利用者名")) }
                th scope="col" { (visitor.pick("Role", "権限")) }
                th scope="col" { (visitor.pick("Change", "変更")) }
            } }
            tbody { @for user in &settings.console.users { (row(&visitor, user)) } }
        }
        h2 { (visitor.pick("New user", "利用者の追加")) }
        form.card method="post" action="/users/add" {
            label { (visitor.pick("Name", "利用者名")) input name="name" autocomplete="off" required; }
            label { (visitor.pick("Role", "権限")) (choice(&visitor, Role::View)) }
            (passwords(&visitor))
            button.primary type="submit" { (visitor.pick("Add", "追加")) }
        }
    };
    frame(&visitor, Place::Users, title, &content)
}

fn row(visitor: &Visitor, user: &ConsoleUser) -> Markup {
    let name = &user.name;
    html! {
        tr {
            th scope="row" { (name) @if visitor.name() == name { " " span.mark { (visitor.pick("you", "自分")) } } }
            td { (role_words(visitor, user.role)) }
            td {
                details {
                    summary { (visitor.pick("Role", "権限")) span.unseen { " " (name) } }
                    form method="post" action="/users/role" {
                        input type="hidden" name="name" value=(name);
                        label { (visitor.pick("Role", "権限")) (choice(visitor, user.role)) }
                        button type="submit" { (visitor.pick("Change the role", "権限を変更")) }
                    }
                }
                details {
                    summary { (visitor.pick("New password", "新しいパスワード")) span.unseen { " " (name) } }
                    form method="post" action="/users/password" {
                        input type="hidden" name="name" value=(name);
                        p { (visitor.pick("Its sessions and its API token end.", "サインイン中のものは終了し、API トークンは失効します。")) }
                        (passwords(visitor))
                        button type="submit" { (visitor.pick("Set the password", "パスワードを設定")) }
                    }
                }
                details {
                    summary { (visitor.pick("Remove", "削除")) span.unseen { " " (name) } }
                    form method="post" action="/users/remove" {
                        input type="hidden" name="name" value=(name);
                        p { (visitor.pick(format!("Remove {name} on all servers?"), format!("{name} を全サーバから削除しますか。"))) }
                        button.danger type="submit" { (visitor.pick("Remove", "削除する")) }
                    }
                }
            }
        }
    }
}

fn choice(visitor: &Visitor, now: Role) -> Markup {
    html! {
        select name="role" {
            @for role in ROLES {
                option value=(role_name(role)) selected[role == now] { (role_words(visitor, role)) }
            }
        }
    }
}

fn role_words(visitor: &Visitor, role: Role) -> &'static str {
    match role {
        Role::View => visitor.pick("view", "view（参照）"),
        Role::Operate => visitor.pick("operate", "operate（操作）"),
        Role::Administer => visitor.pick("administer", "administer（管理）"),
    }
}

/// The two fields of a new password.
pub(super) fn passwords(visitor: &Visitor) -> Markup {
    html! {
        label { (visitor.pick("New password (at least 8 characters)", "新しいパスワード（8 文字以上）"))
            input name="password" type="password" autocomplete="new-password" required;
        }
        label { (visitor.pick("New password again", "新しいパスワード（再入力）"))
            input name="again" type="password" autocomplete="new-password" required;
        }
    }
}

pub(in crate::console) async fn add(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<Given>,
) -> Response {
    let role = given.role.unwrap_or(Role::View);
    with_password(&app, &visitor, &given, |hash| Change::Add(role, hash)).await
}

pub(in crate::console) async fn password(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<Given>,
) -> Response {
    with_password(&app, &visitor, &given, Change::Password).await
}

pub(in crate::console) async fn role(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<Graded>,
) -> Response {
    answer(
        &visitor,
        change(&app, &visitor, &given.name, Change::Role(given.role)).await,
    )
}

pub(in crate::console) async fn remove(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<Named>,
) -> Response {
    answer(
        &visitor,
        change(&app, &visitor, &given.name, Change::Remove).await,
    )
}

async fn with_password(
    app: &App,
    visitor: &Visitor,
    given: &Given,
    what: impl FnOnce(String) -> Change,
) -> Response {
    let why = faults(visitor, &given.name, &given.password, &given.again);
    if !why.is_empty() {
        return refused(visitor, &why, HERE);
    }
    match account::hash_of(&given.password).await {
        Ok(hash) => answer(visitor, change(app, visitor, &given.name, what(hash)).await),
        Err(why) => refused(visitor, &[why], HERE),
    }
}

fn answer(visitor: &Visitor, changed: Result<Changed, Refusal>) -> Response {
    match changed {
        Ok(changed) if changed.later.is_empty() && changed.silent.is_empty() => see(HERE),
        Ok(changed) => {
            let title = visitor.pick(
                "Done, but not everywhere yet",
                "完了しました（未反映のサーバあり）",
            );
            let (number, later) = (changed.number, changed.later.join(", "));
            let content = html! {
                @if !later.is_empty() {
                    p.warn role="alert" { (visitor.pick(
                        format!("Set {number} is in force. Taken when they are back: {later}."),
                        format!("構成情報 {number} を反映しました。復帰時に反映するサーバ: {later}"),
                    )) }
                }
                @if let Some(doubt) = changed.doubt(visitor.language) { p.warn role="alert" { (doubt) } }
                p { a href=(HERE) { (visitor.pick("To the users", "利用者へ")) } }
            };
            frame(visitor, Place::Users, title, &content)
        }
        Err(Refusal::Because(why)) => refused(visitor, &why, HERE),
    }
}

/// Changes one user on all servers.
///
/// # Errors
/// Why nothing was changed.
pub(super) async fn change(
    app: &App,
    visitor: &Visitor,
    name: &str,
    change: Change,
) -> Result<Changed, Refusal> {
    let because = |why: String| Refusal::Because(vec![why]);
    // Of two who take each other's role away at once, the second is refused.
    let _turn = app.accounts.changing.lock().await;
    let language = visitor.language;
    app.accounts.look().await;
    let settings = app.accounts.settings();
    let settings = settings.map_err(|error| because(error.text(language)))?;
    let all = &settings.console.users;
    if let Some((_, why)) = users::refusal(all, name, &change, language) {
        return Err(because(why));
    }
    if matches!(change, Change::Remove)
        && let Some(why) = users::the_last(all, name, language)
    {
        return Err(because(why));
    }
    let edit = users::edit_beside(&app.home, name, change, language);
    let edit = edit.await.map_err(because)?;
    settings::change(app, &visitor.by(), language, edit).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::text::Language;
    use std::net::Ipv4Addr;

    /// A server that is away takes the change when it is back; one that agreed and is silent may not have it.
    ///
    /// Rule: N17 N21
    #[tokio::test]
    async fn servers_that_are_away_or_silent_are_named() {
        let shown = async |language, later: &[&str], silent: &[&str]| {
            let visitor = Visitor {
                language,
                user: None,
                address: Ipv4Addr::LOCALHOST.into(),
                path: HERE.into(),
                tls: false,
                by_token: false,
            };
            let names = |names: &[&str]| names.iter().map(|it| it.to_string()).collect();
            let changed = Changed {
                number: 7,
                later: names(later),
                silent: names(silent),
            };
            let response = answer(&visitor, Ok(changed));
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
            String::from_utf8(body.unwrap().to_vec()).unwrap()
        };
        let both = shown(Language::En, &["sv2"], &["sv3"]).await;
        assert!(both.contains("when they are back: sv2."), "{both}");
        assert!(both.contains("but sv3 agreed"), "{both}");
        let silent = shown(Language::Ja, &[], &["sv3"]).await;
        assert!(silent.contains("sv3 での反映を確認できません"), "{silent}");
        assert!(!silent.contains("復帰時"), "{silent}");
        assert_eq!(shown(Language::En, &[], &[]).await, "");
    }
}
