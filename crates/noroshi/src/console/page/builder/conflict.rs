//! Two administrators at once: the second one sees the first one's change and can go on from it. Nothing is
//! overwritten that nobody has looked at (rule M32).

use super::draft::{Change, Draft};
use super::work::{Line, Running, aside, lines, running};
use super::{difference, preview, tabs, unreadable, warning_light};
use crate::console::App;
use crate::console::page::{Place, frame, words};
use crate::console::visitor::Visitor;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use noroshi_conf::bundle::digest;
use noroshi_conf::document::Document;
use noroshi_conf::set::CONF;
use noroshi_core::set::SetLabel;
use noroshi_daemon::home::Home;
use noroshi_daemon::sets;

/// What is known of the other's change.
struct Theirs {
    /// The set in force, if the running clp.conf is its one.
    label: Option<SetLabel>,
    /// From what this draft was made from to what is running; `None` when the former is not kept.
    lines: Option<Vec<Line>>,
}

/// The page for a draft that came too late for the push.
pub(super) async fn show(app: &App, visitor: &Visitor, draft: Draft) -> Response {
    let language = visitor.language;
    let read = aside(app, move |home| running(&home, language)).await;
    match read.and_then(|running| running) {
        Ok(running) => page(app, visitor, draft, running).await,
        Err(why) => unreadable(visitor, &why),
    }
}

/// The page.
pub(super) async fn page(app: &App, visitor: &Visitor, draft: Draft, running: Running) -> Response {
    let asked = aside(app, move |home| {
        let theirs = theirs(&home, &draft.base, &running);
        (draft, running, theirs)
    });
    let (draft, running, theirs) = match asked.await {
        Ok(all) => all,
        Err(why) => return unreadable(visitor, &why),
    };
    let pick = |en, ja| visitor.pick(en, ja);
    let servers = warning_light::servers(&running.document);
    let content = html! {
        (tabs(visitor, &servers, Some(&draft.sheet)))
        div.warn role="alert" {
            p { (pick(
                "The settings were changed by somebody else since you opened the form. Nothing of yours was applied.",
                "フォームを開いた後に、他から設定が変更されました。あなたの変更は適用していません。",
            )) }
            (whose(visitor, &theirs))
        }
        @match &theirs.lines {
            Some(lines) => (difference::table(visitor, pick("The other change", "他からの変更"),
                (pick("Before", "変更前"), pick("Now", "現在")), lines)),
            None => p { (pick(
                "What it changed cannot be told: the settings that your form was made from are not kept on this server.",
                "フォームの元になった設定がこのサーバに保存されていないため、変更内容は表示できません。",
            )) },
        }
        (yours(visitor, &draft, &running))
        form.actions method="post" action="/builder/again" {
            (preview::carried(&draft.onto(&running.document, &running.base)))
            button.primary type="submit" { (pick("Go on from the new settings", "新しい設定を元に続ける")) }
            a.button href="/builder" { (pick("Give my changes up", "自分の変更を破棄する")) }
        }
    };
    let title = pick("Changed by somebody else", "他からの変更との競合");
    let page = frame(visitor, Place::Builder, title, &content);
    (StatusCode::CONFLICT, page).into_response()
}

fn whose(visitor: &Visitor, theirs: &Theirs) -> Markup {
    html! {
        @match &theirs.label {
            Some(label) => p {
                (visitor.pick("Set ", "構成情報 ")) b { (label.number) }
                (visitor.pick(", by ", "、実行者: ")) b { (label.by) }
                (visitor.pick(" on ", "、サーバ: ")) b { (label.server) }
                (visitor.pick(", ", "、")) (words::time(label.at).0)
            },
            None => p { (visitor.pick(
                "The file was changed on this server, not by a push.",
                "配布ではなく、このサーバ上でファイルが変更されました。",
            )) },
        }
    }
}

/// Each change of the draft beside what stands there now.
fn yours(visitor: &Visitor, draft: &Draft, running: &Running) -> Markup {
    let pick = |en, ja| visitor.pick(en, ja);
    let rows = draft.changes.iter().map(|change| match change {
        Change::Value { path, was, now } => {
            let there = super::field::shown(&running.document, path);
            let both = there != *was && there != *now;
            (path, difference::cut(&there), difference::cut(now), both)
        }
        Change::Secret { path, sealed } => {
            let now = match sealed {
                Some(_) => pick("(secret, changed)", "（秘密、変更あり）"),
                None => pick("(removed)", "（削除）"),
            };
            let there = pick("(secret)", "（秘密）");
            (path, there.to_string(), now.to_string(), false)
        }
        Change::Without { path } => {
            let now = pick("(removed)", "（削除）");
            (path, "…".to_string(), now.to_string(), false)
        }
    });
    html! {
        table.difference {
            caption { (pick("Your changes", "あなたの変更")) }
            thead { tr {
                th scope="col" { (pick("Setting", "設定")) }
                th scope="col" { (pick("Now", "現在")) }
                th scope="col" { (pick("Yours", "あなたの値")) }
            } }
            tbody { @for (path, there, now, both) in rows {
                tr {
                    th scope="row" { (path)
                        @if both { " " span.mark.bad { (pick("changed by both", "双方が変更")) } }
                    }
                    td { (difference::column(pick("Now", "現在"))) (there) }
                    td { (difference::column(pick("Yours", "あなたの値"))) ins { (now) } }
                }
            } }
        }
    }
}

/// Waits for the disk.
fn theirs(home: &Home, base: &str, running: &Running) -> Theirs {
    let kept = sets::history(home);
    let in_force = kept.iter().find(|(_, in_force)| *in_force);
    let of_set = |number: u64| std::fs::read(sets::kept(home, number).join(CONF)).ok();
    let label = in_force
        .map(|(label, _)| label.clone())
        .filter(|label| of_set(label.number).is_some_and(|bytes| digest(&bytes) == running.base));
    let former = home.conf().with_file_name(format!("{CONF}.bak"));
    let mut places = kept
        .iter()
        .rev()
        .filter_map(|(label, _)| of_set(label.number));
    let bytes = places.find(|bytes| digest(bytes) == base).or_else(|| {
        std::fs::read(former)
            .ok()
            .filter(|bytes| digest(bytes) == base)
    });
    let before = bytes.and_then(|bytes| Document::read(bytes).ok());
    Theirs {
        label,
        lines: before.map(|before| lines(&before, &running.document)),
    }
}
