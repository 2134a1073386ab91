//! The licences (rules M22 M23): what is registered, register a file or a key, remove. As `clplcnsc` does it,
//! by the same code.
//!
//! A licence file is a text of at most 4 kB, so it is given as one: pasted, or put there by the script
//! from a chosen file.

use super::{Place, frame, refused, trouble};
use crate::command::Context;
use crate::command::clplcnsc::{dialogue, list, register, remove};
use crate::command::licence::{day_words, kind_words};
use crate::console::App;
use crate::console::visitor::{Visitor, see};
use crate::exit::{Exit, Failure};
use axum::Extension;
use axum::extract::{Form, State};
use axum::response::Response;
use maud::{Markup, html};
use noroshi_conf::licence::Evidence;
use noroshi_core::licence::{Registration, Serial, State as Judged};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

const HERE: &str = "/licence";

/// The form of a licence file.
#[derive(Deserialize)]
pub(in crate::console) struct Text {
    text: String,
}

/// The form of a sheet: the three questions of the manual.
#[derive(Deserialize)]
pub(in crate::console) struct Sheet {
    version: String,
    serial: String,
    key: String,
}

/// The form of a removal.
#[derive(Deserialize)]
pub(in crate::console) struct Removal {
    serial: String,
}

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let title = visitor.pick("Licence", "ライセンス");
    let asker = visitor.clone();
    let looked = at_register(&app, &visitor, move |context| {
        let found = list::Found::on_this_server(context)?;
        Ok(part(&asker, &found))
    });
    match looked.await {
        Ok(content) => frame(&visitor, Place::Licence, title, &content),
        Err(failure) => refused(&visitor, &lines(&failure), "/"),
    }
}

fn part(visitor: &Visitor, found: &list::Found) -> Markup {
    let needed = found.state != Judged::NotNeeded;
    html! {
        p { (visitor.pick("Alert Service (ALRT10): ", "アラートサービス（ALRT10）: ")) b { (list::words(found.state, visitor.language)) } }
        @if !found.licences().is_empty() {
            table.licences {
                caption.unseen { (visitor.pick("Registered licences", "登録済みライセンス")) }
                thead { tr {
                    th scope="col" { (visitor.pick("Serial number", "シリアル番号")) }
                    th scope="col" { (visitor.pick("Kind", "種類")) }
                    th scope="col" { (visitor.pick("Servers", "サーバ数")) }
                    th scope="col" { (visitor.pick("Valid from", "開始日")) }
                    th scope="col" { (visitor.pick("Valid until", "有効期限")) }
                    th scope="col" { (visitor.pick("Registered on", "登録サーバ")) }
                    th scope="col" { (visitor.pick("State", "状態")) }
                    th scope="col" { (visitor.pick("Remove", "削除")) }
                } }
                tbody { @for one in found.licences() { (row(visitor, found, one)) } }
            }
        }
        @if needed { (forms(visitor)) }
    }
}

fn row(visitor: &Visitor, found: &list::Found, one: &Registration) -> Markup {
    let licence = &one.licence;
    let serial = licence.serial.as_str();
    html! {
        tr {
            th scope="row" { (serial) }
            td { (kind_words(licence.kind, visitor.language)) }
            td { (licence.servers) }
            td { (day_words(licence.from)) }
            td { (day_words(licence.until)) }
            td { (one.by.join(", ")) }
            td {
                (found.words_of(one, visitor.language))
                @if let Some(note) = list::note(one, visitor.language) { p.warn { (note) } }
            }
            td { details {
                summary { (visitor.pick("Remove", "削除")) span.unseen { " " (serial) } }
                form method="post" action="/licence/remove" {
                    input type="hidden" name="serial" value=(serial);
                    p { (visitor.pick(
                        format!("Remove {serial} from all servers?"),
                        format!("{serial} を全サーバから削除しますか。"),
                    )) }
                    button.danger type="submit" { (visitor.pick("Remove", "削除する")) }
                }
            } }
        }
    }
}

fn forms(visitor: &Visitor) -> Markup {
    html! {
        h2 { (visitor.pick("Register a licence file", "ライセンスファイルの登録")) }
        form.card method="post" action="/licence/file" {
            label hidden { (visitor.pick("File", "ファイル"))
                input type="file" data-into="licence-text";
            }
            label { (visitor.pick("Text of the file", "ファイルの内容"))
                textarea #licence-text name="text" rows="8" spellcheck="false" autocomplete="off" required {}
            }
            button.primary type="submit" { (visitor.pick("Register", "登録")) }
        }
        h2 { (visitor.pick("Register a licence sheet", "ライセンスシートの登録")) }
        form.card method="post" action="/licence/key" {
            label { (visitor.pick("License version", "ライセンスの種類"))
                select name="version" {
                    option value="1" { (visitor.pick("Product version", "製品版")) }
                    option value="2" { (visitor.pick("Trial version", "試用版")) }
                }
            }
            label { (visitor.pick("Serial number (for example XXX0000000)", "シリアル番号（例: XXX0000000）"))
                input name="serial" autocomplete="off" spellcheck="false" required;
            }
            label { (visitor.pick("License key (XXXXXXXX-XXXXXXXX-XXXXXXXX-XXXXXXXX)", "ライセンスキー（XXXXXXXX-XXXXXXXX-XXXXXXXX-XXXXXXXX）"))
                input name="key" autocomplete="off" spellcheck="false" required;
            }
            button.primary type="submit" { (visitor.pick("Register", "登録")) }
        }
    }
}

pub(in crate::console) async fn file(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<Text>,
) -> Response {
    // Forms end lines as the network does, and people leave the last end out.
    let mut text = given.text.replace("\r\n", "\n");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    registered(&app, &visitor, move |context| {
        let evidence = register::evidence(context, Path::new(SHOWN), text.as_bytes())?;
        Ok((SHOWN.to_owned(), evidence))
    })
    .await
}

/// What a licence from the form is called in messages.
const SHOWN: &str = "licence";

pub(in crate::console) async fn key(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<Sheet>,
) -> Response {
    registered(&app, &visitor, move |context| {
        let said =
            |words: (&str, &str)| context.failure(Exit::Usage, context.pick(words.0, words.1));
        let serial = dialogue::read_serial(&given.serial).map_err(said)?;
        let key = dialogue::read_key(&given.key).map_err(said)?;
        let keys = dialogue::issued(context)?;
        let issued = dialogue::of_list(context, keys, given.version == "2", serial, &key)?;
        let shown = context.home.licence_keys().display().to_string();
        Ok((shown, Evidence::Key(issued)))
    })
    .await
}

/// Registers what `read` finds: for this server, which the daemon names.
async fn registered(
    app: &App,
    visitor: &Visitor,
    read: impl FnOnce(&Context) -> Result<(String, Evidence), Failure> + Send + 'static,
) -> Response {
    let own = match app.desk.status().await {
        Ok(status) => status.server,
        Err(error) => return trouble(visitor, Place::Licence, &error),
    };
    let done = at_register(app, visitor, move |context| {
        let ground = register::ground_of(context, &own)?;
        let (shown, evidence) = read(context)?;
        let serial = evidence.licence().serial;
        let remark = register::register(context, &ground, &shown, evidence)?;
        Ok((serial, remark))
    });
    changed(app, visitor, "licence-register", done.await).await
}

pub(in crate::console) async fn take_out(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(given): Form<Removal>,
) -> Response {
    let done = at_register(&app, &visitor, move |context| {
        let words =
            |words: (&str, &str)| context.failure(Exit::Usage, context.pick(words.0, words.1));
        let serial = dialogue::read_serial(&given.serial).map_err(words)?;
        let remark = remove::take_out(context, Some(serial))?;
        Ok((serial, remark))
    });
    changed(&app, &visitor, "licence-remove", done.await).await
}

/// Writes it down and shows the register again; what there is to be said all the same comes first.
async fn changed(
    app: &App,
    visitor: &Visitor,
    what: &str,
    done: Result<(Serial, Option<Failure>), Failure>,
) -> Response {
    let (serial, remark) = match done {
        Ok(done) => done,
        Err(failure) => {
            app.desk.audit(visitor, what, "refused").await;
            return refused(visitor, &lines(&failure), HERE);
        }
    };
    let what = format!("{what} serial={:?}", serial.as_str());
    app.desk.audit(visitor, &what, "done").await;
    let Some(remark) = remark else {
        return see(HERE);
    };
    let title = visitor.pick("Done, but note", "完了しました（注意あり）");
    let content = html! {
        div.warn role="alert" { @for line in lines(&remark) { p { (line) } } }
        p { a href=(HERE) { (visitor.pick("To the licences", "ライセンスへ")) } }
    };
    frame(visitor, Place::Licence, title, &content)
}

/// Reads or changes the register where nobody waits for the disk.
pub(in crate::console) async fn at_register<T: Send + 'static>(
    app: &App,
    visitor: &Visitor,
    what: impl FnOnce(&Context) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (home, language) = (app.home.clone(), visitor.language);
    let called = tokio::task::spawn_blocking(move || what(&Context::of_console(home, language)));
    called
        .await
        .unwrap_or_else(|error| Err(Failure::new(Exit::Failed, error.to_string())))
}

fn lines(failure: &Failure) -> Vec<String> {
    failure.text.lines().map(str::to_owned).collect()
}
