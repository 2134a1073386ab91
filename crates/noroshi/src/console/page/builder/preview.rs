//! From a form to the servers: preview of the difference, then applied to all at once or saved as a set
//! (rules M26 M27 N17).

use super::draft::{Draft, Posted};
use super::work::{Made, Outcome, aside, from_form, from_preview, lines};
use super::{Body, conflict, difference, download, no_form, page, tabs, warning_light};
use crate::command::config::restored::with_conf;
use crate::console::App;
use crate::console::page::{Place, frame, refused};
use crate::console::settings::{self, NotPut};
use crate::console::visitor::{Visitor, see};
use axum::Extension;
use axum::extract::{Form, State};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;

type Work = fn(&noroshi_daemon::home::Home, &Posted, noroshi_core::text::Language) -> Outcome;

/// A page's form was sent.
pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    body: Body,
) -> Response {
    answer(&app, &visitor, body, from_form).await
}

/// Somebody goes on from the settings that another one has put in force meanwhile.
pub(in crate::console) async fn again(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    body: Body,
) -> Response {
    answer(&app, &visitor, body, from_preview).await
}

async fn answer(app: &App, visitor: &Visitor, body: Body, work: Work) -> Response {
    match made(app, visitor, body, work).await {
        Ok(made) => preview(visitor, &made),
        Err(response) => *response,
    }
}

/// Back from the preview into the form.
pub(in crate::console) async fn edit(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    body: Body,
) -> Response {
    match made(&app, &visitor, body, from_preview).await {
        Ok(made) => {
            let Made {
                running,
                draft,
                faults,
                ..
            } = &*made;
            page(
                &visitor,
                running,
                &draft.sheet,
                &draft.changes,
                faults,
                "",
                None,
            )
        }
        Err(response) => *response,
    }
}

/// Applied to all servers.
pub(in crate::console) async fn apply(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    body: Body,
) -> Response {
    let made = match made(&app, &visitor, body, from_preview).await {
        Ok(made) => made,
        Err(response) => return *response,
    };
    let draft = made.draft.clone();
    let conf = made.after.bytes().to_vec();
    let base = Some(draft.base.clone());
    let by = who(&visitor);
    let put = settings::put(&app, &by, visitor.language, base, move |running| {
        Ok(with_conf(running, conf))
    });
    match put.await {
        Ok(changed) => in_force(&visitor, &changed),
        Err(NotPut::Moved) => conflict::show(&app, &visitor, draft).await,
        Err(NotPut::Because(why)) => refused(&visitor, &why, "/builder"),
    }
}

/// The answer to a change that is in force, and perhaps not heard of from everywhere.
pub(super) fn in_force(visitor: &Visitor, changed: &settings::Changed) -> Response {
    match changed.doubt(visitor.language) {
        Some(doubt) => refused(visitor, &[doubt], "/builder/history"),
        None => see(&format!("/builder/history?done={}", changed.number)),
    }
}

/// Saved as a set, for a medium.
pub(in crate::console) async fn save(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    body: Body,
) -> Response {
    let form = body.as_ref().ok();
    let form = form.and_then(|form| super::draft::value(&form.0, "as"));
    let form = form.unwrap_or_default().to_string();
    let made = match made(&app, &visitor, body, from_preview).await {
        Ok(made) => made,
        Err(response) => return *response,
    };
    let former = made.running.document.bytes().to_vec();
    let conf = made.after.bytes().to_vec();
    let set = aside(&app, move |home| {
        let running = settings::running(&home).map_err(|why| vec![why])?;
        Ok(with_conf(&running, conf))
    });
    match set.await.and_then(|set| set) {
        Ok(set) => {
            // It leaves with all that the settings hold.
            app.desk.audit(&visitor, "save-set", "begun").await;
            download::answer(&visitor, &set, &former, &form)
        }
        Err(why) => refused(&visitor, &why, "/builder"),
    }
}

/// Who changed it, for the history.
pub(super) fn who(visitor: &Visitor) -> String {
    format!("{} (console, {})", visitor.name(), visitor.address)
}

/// The draft, written and checked; else the page that says why not.
async fn made(
    app: &App,
    visitor: &Visitor,
    body: Body,
    work: Work,
) -> Result<Box<Made>, Box<Response>> {
    let posted = match body {
        Ok(Form(posted)) => posted,
        Err(rejection) => return Err(Box::new(no_form(visitor, &rejection))),
    };
    let language = visitor.language;
    let outcome = aside(app, move |home| work(&home, &posted, language)).await;
    let response = match outcome {
        Ok(Outcome::Made(made)) if made.faults.is_empty() => return Ok(made),
        Ok(Outcome::Made(made)) => {
            let Made {
                running,
                draft,
                faults,
                ..
            } = &*made;
            page(
                visitor,
                running,
                &draft.sheet,
                &draft.changes,
                faults,
                "",
                None,
            )
        }
        Ok(Outcome::Moved(both)) => conflict::page(app, visitor, both.0, both.1).await,
        Ok(Outcome::Refused(why)) | Err(why) => refused(visitor, &why, "/builder"),
    };
    Err(Box::new(response))
}

fn preview(visitor: &Visitor, made: &Made) -> Response {
    let pick = |en, ja| visitor.pick(en, ja);
    let lines = lines(&made.running.document, &made.after);
    let heads = (pick("Now", "現在"), pick("New", "変更後"));
    let servers = warning_light::servers(&made.running.document);
    let changed = made.after.bytes() != made.running.document.bytes();
    let content = html! {
        (tabs(visitor, &servers, Some(&made.draft.sheet)))
        @if changed {
            p { (pick("Nothing is changed yet. This would be:", "まだ変更していません。次のように変更します。")) }
            (difference::table(visitor, pick("Changes", "変更内容"), heads, &lines))
            @for warning in &made.warnings { p.warn { (warning) } }
            (choices(visitor, &made.draft))
        } @else {
            p { (pick("Nothing to change: the settings are these already.", "変更はありません。")) }
            p { a href="/builder" { (pick("To the Builder", "ビルダへ")) } }
        }
    };
    frame(
        visitor,
        Place::Builder,
        pick("Preview", "変更内容の確認"),
        &content,
    )
}

/// Hidden fields that carry a draft.
pub(super) fn carried(draft: &Draft) -> Markup {
    html! {
        input type="hidden" name="sheet" value=(draft.sheet.name());
        input type="hidden" name="base" value=(draft.base);
        input type="hidden" name="changes" value=(draft.json());
    }
}

fn choices(visitor: &Visitor, draft: &Draft) -> Markup {
    let pick = |en, ja| visitor.pick(en, ja);
    html! {
        form.actions method="post" action="/builder/apply" {
            (carried(draft))
            button.primary type="submit" { (pick("Apply to all servers", "全サーバへ適用する")) }
            button type="submit" formaction="/builder/edit" { (pick("Back to the form", "入力に戻る")) }
        }
        p.hint { (pick(
            "All living servers take it at once, without a restart, or none does. A server that is away takes it when it returns.",
            "稼働中の全サーバが再起動なしで同時に反映するか、どのサーバも反映しません。停止中のサーバは復帰時に反映します。",
        )) }
        details {
            summary { (pick("Save as a set instead", "適用せずに構成情報の一式として保存する")) }
            form.actions method="post" action="/builder/save" {
                (carried(draft))
                button type="submit" name="as" value="tar" { (pick("Archive (tar), for -l", "アーカイブ（tar）、-l 用")) }
                button type="submit" name="as" value="floppy" { (pick("Floppy image, for -w", "フロッピーイメージ、-w 用")) }
            }
            p { (pick(
                "The set holds clp.conf, clp.conf.rep, scripts/ and, as clp.conf.bak, the clp.conf of now. To deliver it later, copy the file to one server and run there, as root:",
                "一式には clp.conf、clp.conf.rep、scripts/ と、現在の clp.conf の写し clp.conf.bak が含まれます。後で配布するには、ファイルをいずれかのサーバへコピーし、root で次を実行します。",
            )) }
            pre { "clpcfctrl --push -l -d " (download::TAR) "\nclpcfctrl --push -w -d " (download::FLOPPY) }
            p { (pick(
                "The image can also be written onto a floppy or USB stick; then -d names its device. The archive can be unpacked onto any medium; then -x names the directory.",
                "イメージはフロッピーや USB メモリへ書き込めます。その場合は -d でデバイスを指定します。アーカイブは任意の媒体へ展開でき、その場合は -x でディレクトリを指定します。",
            )) }
        }
    }
}
