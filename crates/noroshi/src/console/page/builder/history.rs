//! The last sets with number, who, when and what each changed; any of them can be put in force again, as a new
//! number (rules N17 M27). As `noroshi config history` and `restore`.

use super::work::{Line, aside, lines, running};
use super::{Body, Link, difference, draft, no_form, preview, tabs, warning_light};
use crate::command::config::restored::restored;
use crate::console::App;
use crate::console::page::{Place, frame, frame_with, refused, words};
use crate::console::settings::{self, NotPut};
use crate::console::visitor::Visitor;
use crate::print::escaped_lines;
use axum::Extension;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use noroshi_conf::bundle::{Bundle, digest, is_digest};
use noroshi_conf::document::Document;
use noroshi_conf::set::{CONF, REPORT};
use noroshi_core::set::SetLabel;
use noroshi_daemon::home::Home;
use noroshi_daemon::sets;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One kept set, compared with the one before.
struct Kept {
    label: SetLabel,
    in_force: bool,
    /// `None` for the oldest, and where one of the two cannot be read.
    changed: Option<Compared>,
}

/// What one set has other than another.
struct Compared {
    lines: Vec<Line>,
    /// Scripts that differ, by name.
    scripts: Vec<String>,
}

pub(in crate::console) async fn list(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    asked: Link,
) -> Response {
    let language = visitor.language;
    let read = aside(&app, move |home| {
        let servers = running(&home, language).map(|it| warning_light::servers(&it.document));
        (kept(&home), servers.unwrap_or_default())
    });
    let (sets, servers) = match read.await {
        Ok(read) => read,
        Err(why) => return refused(&visitor, &why, "/builder"),
    };
    let done = asked
        .ok()
        .and_then(|asked| asked.0.done.parse::<u64>().ok());
    let pick = |en, ja| visitor.pick(en, ja);
    let content = html! {
        (tabs(&visitor, &servers, None))
        @if let Some(number) = done { (news(&app, &visitor, number).await) }
        @if sets.is_empty() {
            p { (pick("No set was pushed yet.", "まだ配布された構成情報はありません。")) }
        } @else {
            ul.sets { @for set in sets.iter().rev() { li { (entry(&visitor, set)) } } }
        }
    };
    frame(
        &visitor,
        Place::Builder,
        pick("History of the settings", "構成情報の履歴"),
        &content,
    )
}

/// What became of a push, by the servers' own word.
async fn news(app: &App, visitor: &Visitor, number: u64) -> Markup {
    let status = app.desk.status().await;
    let servers = status.map_or_else(|_| Vec::new(), |status| status.servers);
    let later = servers.iter().filter(|server| server.set != Some(number));
    let later: Vec<&str> = later.map(|server| server.name.as_str()).collect();
    html! {
        p.good role="status" {
            (visitor.pick("Set ", "構成情報 ")) (number) (visitor.pick(" was put in force.", " を適用しました。"))
        }
        @if !later.is_empty() {
            p.warn {
                (visitor.pick(
                    "Not in force yet on these servers; taken there when they are back: ",
                    "次のサーバではまだ有効になっていません（復帰時に反映します）: ",
                ))
                (later.join(", "))
            }
        }
    }
}

fn entry(visitor: &Visitor, set: &Kept) -> Markup {
    let pick = |en, ja| visitor.pick(en, ja);
    let (label, number) = (&set.label, set.label.number);
    let (at, machine) = words::time(label.at);
    html! {
        article.set {
            h2 {
                (pick("Set ", "構成情報 ")) (number) " "
                @if set.in_force { span.mark { (pick("in force", "有効")) } }
            }
            p.facts {
                time datetime=(machine) { (at) }
                (pick(", by ", "、実行者: ")) b { (label.by) }
                (pick(" on ", "、サーバ: ")) b { (label.server) }
            }
            @match &set.changed {
                Some(compared) => details {
                    summary { (pick("Difference to the one before: ", "前の構成情報との相違点: "))
                        (compared.lines.len() + compared.scripts.len()) }
                    (told(visitor, compared, (pick("Before", "変更前"), pick("In this set", "この構成情報"))))
                },
                None => p.hint { (pick("There is none before it to compare with.", "比較できる以前の構成情報がありません。")) },
            }
            @if !set.in_force {
                p { a.button href=(format!("/builder/set?number={number}")) {
                    (pick("Restore…", "復元…"))
                    span.unseen { " " (number) }
                } }
            }
        }
    }
}

fn told(visitor: &Visitor, compared: &Compared, heads: (&str, &str)) -> Markup {
    html! {
        (difference::table(visitor, visitor.pick("Difference", "相違点"), heads, &compared.lines))
        @if !compared.scripts.is_empty() {
            p { (visitor.pick("Scripts that differ: ", "相違のあるスクリプト: ")) (compared.scripts.join(", ")) }
        }
    }
}

/// One set beside the running one, with the question whether to restore it.
pub(in crate::console) async fn look(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    asked: Link,
) -> Response {
    let number = asked.ok().and_then(|asked| asked.0.number.parse().ok());
    let number = number.unwrap_or(0);
    let language = visitor.language;
    let read = aside(&app, move |home| -> Result<_, Vec<String>> {
        let set = restored(&home, number).map_err(|not| vec![not.text(language)])?;
        let now = settings::running(&home).map_err(|why| vec![why])?;
        let base = digest(now.file(CONF).unwrap_or_default());
        Ok((compared(&now, &set), base))
    });
    let pick = |en, ja| visitor.pick(en, ja);
    let title = visitor.pick(
        format!("Restore set {number}"),
        format!("構成情報 {number} の復元"),
    );
    let (compared, base) = match read.await.and_then(|read| read) {
        Ok(read) => read,
        Err(why) => {
            let content = html! {
                div.bad role="alert" { @for line in &why { p { (escaped_lines(line)) } } }
                p { a href="/builder/history" { (pick("To the history", "履歴へ")) } }
            };
            return frame_with(StatusCode::NOT_FOUND, &visitor, &title, &content);
        }
    };
    let content = html! {
        p { (pick(
            "Nothing is changed yet. The set would be put in force on all servers, as a new number. The users of the console stay those of now.",
            "まだ変更していません。この構成情報を新しい番号として全サーバで有効にします。コンソールの利用者は現在のままです。",
        )) }
        @match &compared {
            Some(compared) => (told(&visitor, compared, (pick("Now", "現在"), pick("Restored", "復元後")))),
            None => p.warn { (pick("The two cannot be compared.", "比較できません。")) },
        }
        form.actions method="post" action="/builder/restore" {
            input type="hidden" name="number" value=(number);
            input type="hidden" name="base" value=(base);
            button.primary type="submit" { (pick("Restore on all servers", "全サーバで復元する")) }
            a.button href="/builder/history" { (pick("Back", "戻る")) }
        }
    };
    frame(&visitor, Place::Builder, &title, &content)
}

pub(in crate::console) async fn restore(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    body: Body,
) -> Response {
    let posted = match body {
        Ok(Form(posted)) => posted,
        Err(rejection) => return no_form(&visitor, &rejection),
    };
    let number: Option<u64> = draft::value(&posted, "number").and_then(|text| text.parse().ok());
    let base = draft::value(&posted, "base").filter(|base| is_digest(base));
    let (Some(number), Some(base)) = (number, base) else {
        let why = visitor.pick(
            "The form is incomplete: number or base is missing. Load the page again.",
            "フォームに number または base がありません。ページを再読み込みしてください。",
        );
        return refused(&visitor, &[why.to_string()], "/builder/history");
    };
    let (home, language) = (app.home.clone(), visitor.language);
    let who = format!("{}: restore {number}", preview::who(&visitor));
    let put = settings::put(&app, &who, language, Some(base.to_string()), move |_| {
        restored(&home, number).map_err(|not| vec![not.text(language)])
    });
    match put.await {
        Ok(changed) => preview::in_force(&visitor, &changed),
        Err(NotPut::Moved) => {
            let why = visitor.pick(
                "The settings were changed by somebody else meanwhile; the history shows it. Nothing was restored.",
                "その間に他から設定が変更されました（履歴に表示されます）。復元していません。",
            );
            refused(&visitor, &[why.to_string()], "/builder/history")
        }
        Err(NotPut::Because(why)) => refused(&visitor, &why, "/builder/history"),
    }
}

/// All kept sets, oldest first. Two of them are in memory at a time.
fn kept(home: &Home) -> Vec<Kept> {
    let mut before: Option<Bundle> = None;
    let mut all = Vec::new();
    for (label, in_force) in sets::history(home) {
        let read = sets::read_dir(&sets::kept(home, label.number));
        let bundle = read.ok().map(|(bundle, _)| bundle);
        let both = before.as_ref().zip(bundle.as_ref());
        let changed = both.and_then(|(before, bundle)| compared(before, bundle));
        all.push(Kept {
            label,
            in_force,
            changed,
        });
        before = bundle;
    }
    all
}

fn compared(before: &Bundle, after: &Bundle) -> Option<Compared> {
    let read = |set: &Bundle| Document::read(set.file(CONF)?.to_vec()).ok();
    let (one, other) = (read(before)?, read(after)?);
    let names: BTreeSet<&str> = before
        .files()
        .chain(after.files())
        .map(|(name, _)| name)
        .collect();
    let scripts = names
        .into_iter()
        .filter(|name| *name != CONF && *name != REPORT);
    let scripts = scripts.filter(|name| before.file(name) != after.file(name));
    Some(Compared {
        lines: lines(&one, &other),
        scripts: scripts.map(str::to_string).collect(),
    })
}
