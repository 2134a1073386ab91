//! The pages, written on the server: complete and usable without a script.
//!
//! [`frame`] is around each of them. Everything that is not our own word goes through `maud`, which
//! escapes it. Parts that change while a page is open have an id and are written by one function, for the
//! page and for [`news`] alike.

pub(super) mod about;
pub(super) mod account;
pub(super) mod alert;
pub(super) mod alert_filter;
pub(super) mod alerts;
pub(super) mod asset;
pub(super) mod audit;
pub(super) mod builder;
pub(super) mod cluster;
pub(super) mod conversation;
pub(super) mod export;
pub(super) mod figures;
pub(super) mod gathering;
pub(super) mod licence;
pub(super) mod logs;
pub(super) mod news;
pub(super) mod set_up;
pub(super) mod sign_in;
pub(super) mod test;
pub(super) mod users;
pub(super) mod words;

use super::deed::Undone;
use super::visitor::Visitor;
use crate::print::escaped_lines;
use axum::Extension;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use noroshi_core::config::Role;
use noroshi_core::text::Language;
use noroshi_daemon::control::Trouble;

/// A page's place in the navigation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Cluster,
    Alerts,
    Licence,
    Logs,
    Test,
    Users,
    Audit,
    Account,
    About,
    /// For administrators.
    Builder,
    /// None of them.
    Elsewhere,
}

/// The navigation: place, path, who may, words.
#[rustfmt::skip]
const PLACES: &[(Place, &str, Role, &str, &str)] = &[
    (Place::Cluster, "/", Role::View, "Cluster", "クラスタ"),
    (Place::Alerts, "/alerts", Role::View, "Alerts", "アラート"),
    (Place::Licence, "/licence", Role::Administer, "Licence", "ライセンス"),
    (Place::Logs, "/logs", Role::Operate, "Logs", "ログ採取"),
    (Place::Test, "/test", Role::Operate, "Test", "テスト"),
    (Place::Users, "/users", Role::Administer, "Users", "利用者"),
    (Place::Audit, "/audit", Role::Administer, "Audit trail", "監査記録"),
    (Place::About, "/about", Role::View, "About", "製品情報"),
    (Place::Builder, "/builder", Role::Administer, "Builder", "ビルダ"),
];

/// A whole page around `content`.
pub(super) fn frame(visitor: &Visitor, place: Place, title: &str, content: &Markup) -> Response {
    let head = html! {};
    Html(document(visitor, place, title, &head, content).into_string()).into_response()
}

/// As [`frame`], loaded again by itself where no script runs: for what goes on meanwhile.
pub(super) fn frame_that_reloads(
    visitor: &Visitor,
    place: Place,
    title: &str,
    content: &Markup,
) -> Response {
    let head = html! { noscript { meta http-equiv="refresh" content="3"; } };
    Html(document(visitor, place, title, &head, content).into_string()).into_response()
}

/// As [`frame`], with another status than 200.
pub(super) fn frame_with(
    status: StatusCode,
    visitor: &Visitor,
    title: &str,
    content: &Markup,
) -> Response {
    (status, frame(visitor, Place::Elsewhere, title, content)).into_response()
}

fn document(
    visitor: &Visitor,
    place: Place,
    title: &str,
    head: &Markup,
    content: &Markup,
) -> Markup {
    let language = visitor.pick("en", "ja");
    html! {
        (DOCTYPE)
        html lang=(language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " - noroshi" }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/console.css";
                script src="/console.js" defer {}
                (head)
            }
            body {
                a.skip href="#content" { (visitor.pick("Skip to the content", "本文へ")) }
                header { (banner(visitor, place)) }
                main #content tabindex="-1" {
                    h1 { (title) }
                    (content)
                }
                footer { (choice_of_language(visitor)) }
            }
        }
    }
}

fn banner(visitor: &Visitor, place: Place) -> Markup {
    html! {
        a.brand href="/" { "noroshi" }
        @if let Some(user) = &visitor.user {
            nav aria-label=(visitor.pick("Pages", "ページ")) {
                ul {
                    @for (other, path, _, en, ja) in PLACES.iter().filter(|place| visitor.may(place.2)) {
                        li {
                            a href=(path) aria-current=[(*other == place).then_some("page")] {
                                (visitor.pick(*en, *ja))
                            }
                        }
                    }
                }
            }
            form.sign-out method="post" action="/sign-out" {
                a.user href="/account" aria-current=[(place == Place::Account).then_some("page")] { (user.name) }
                button type="submit" { (visitor.pick("Sign out", "サインアウト")) }
            }
        }
    }
}

fn choice_of_language(visitor: &Visitor) -> Markup {
    html! {
        form method="post" action="/language" {
            input type="hidden" name="to" value=(visitor.path);
            @for (value, name) in [("en", "English"), ("ja", "日本語")] {
                @let chosen = (value == "en") == (visitor.language == Language::En);
                button type="submit" name="language" value=(value) lang=(value)
                    aria-pressed=(chosen) { (name) }
            }
        }
    }
}

/// Shown by the script while a live page hears nothing: nobody is to take an old picture for the present one.
pub(super) fn lost(visitor: &Visitor) -> Markup {
    html! {
        p.bad #lost role="alert" hidden { (visitor.pick(
            "No connection to this server. What stands here may be out of date.",
            "このサーバに接続できません。表示内容は最新でない可能性があります。",
        )) }
    }
}

/// The daemon did not answer; the page says so and what helps.
pub(super) fn trouble(visitor: &Visitor, place: Place, trouble: &Trouble) -> Response {
    let title = visitor.pick(
        "The alert service does not answer",
        "アラートサービスが応答しません",
    );
    let content = html! {
        p.bad role="alert" { (escaped_lines(&trouble.to_string())) }
        p { (visitor.pick(
            "Load this page again in a moment. On the server, \"noroshi status\" tells more.",
            "しばらくしてから再読み込みしてください。サーバ上では noroshi status で確認できます。",
        )) }
    };
    let page = frame(visitor, place, title, &content);
    (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
}

/// A form was not taken, and why; the visitor's own words in it steer nothing.
pub(super) fn refused(visitor: &Visitor, why: &[String], back: &str) -> Response {
    let title = visitor.pick("Not done", "実行できませんでした");
    let content = html! {
        div.bad role="alert" { @for line in why { p { (escaped_lines(line)) } } }
        p { a href=(back) { (visitor.pick("Back", "戻る")) } }
    };
    frame_with(StatusCode::UNPROCESSABLE_ENTITY, visitor, title, &content)
}

/// Something was not done, and why.
pub(super) fn not_done(visitor: &Visitor, undone: Undone, back: &str) -> Response {
    let why = match undone {
        Undone::Refused(why) => why,
        Undone::Trouble(trouble) => trouble.to_string(),
    };
    refused(visitor, &[why], back)
}

/// A signed-in user whose role does not suffice.
pub(super) fn forbidden(visitor: &Visitor) -> Response {
    let title = visitor.pick("Not permitted", "権限がありません");
    let content = html! {
        p { (visitor.pick(
            "Your role does not suffice for this page. Ask an administrator of the console.",
            "このページに必要な権限がありません。コンソールの管理者に依頼してください。",
        )) }
    };
    frame_with(StatusCode::FORBIDDEN, visitor, title, &content)
}

/// A form or a query that no page of ours sends. What was wrong with it is not said back.
pub(super) fn not_understood(visitor: &Visitor, status: StatusCode) -> Response {
    let title = visitor.pick("Not understood", "解釈できない要求です");
    let content = html! {
        p { (visitor.pick(
            "Something in this request is missing or is no value of its field. Go back and fill the form in again.",
            "必要な項目がないか、項目の値が正しくありません。戻って入力し直してください。",
        )) }
    };
    frame_with(status, visitor, title, &content)
}

/// A form that was not read to its end; nothing was done with what had come.
pub(super) fn not_read(visitor: &Visitor, status: StatusCode) -> Response {
    let title = visitor.pick("Not done", "実行できませんでした");
    let words = match status {
        StatusCode::PAYLOAD_TOO_LARGE => visitor.pick(
            "The form is too large: 256 kB at most, 16 kB before you have signed in. Nothing was changed.",
            "フォームが大きすぎます（256 kB まで、サインイン前は 16 kB まで）。何も変更していません。",
        ),
        _ => visitor.pick(
            "The form did not come in time. Nothing was changed; send it again.",
            "フォームの受信が時間内に完了しませんでした。何も変更していません。もう一度送信してください。",
        ),
    };
    frame_with(
        status,
        visitor,
        title,
        &html! { p.bad role="alert" { (words) } },
    )
}

/// No such page.
pub(super) async fn missing(Extension(visitor): Extension<Visitor>) -> Response {
    let title = visitor.pick("No such page", "ページがありません");
    let content = html! { p { a href="/" { (visitor.pick("To the cluster", "クラスタへ")) } } };
    frame_with(StatusCode::NOT_FOUND, &visitor, title, &content)
}
