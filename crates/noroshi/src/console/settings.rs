//! Changes of the cluster's settings: one edit of clp.conf, checked whole, then taken by all living
//! servers or by none (rule N17). As `noroshi config set` and `clpcfctrl --push` together.

use super::App;
use crate::command::config::saved_set::new_report;
use noroshi_conf::Severity;
use noroshi_conf::bundle::Bundle;
use noroshi_conf::document::{Document, EditFault};
use noroshi_conf::review::new_findings;
use noroshi_conf::set::CONF;
use noroshi_core::request::{Reply, Request};
use noroshi_core::text::Language;
use noroshi_daemon::home::Home;
use noroshi_daemon::sets;

/// Why a change was not made.
pub(super) enum Refusal {
    /// In words, a line each.
    Because(Vec<String>),
}

/// What became of a change.
pub(super) struct Changed {
    /// The set's number.
    pub(super) number: u64,
    /// Servers that take it when they return.
    pub(super) later: Vec<String>,
}

/// Makes one change and has it taken; `who` stands in the history.
///
/// # Errors
/// Why the settings are the old ones on every server.
pub(super) async fn change(
    app: &App,
    who: &str,
    language: Language,
    edit: impl FnOnce(&mut Document) -> Result<(), EditFault> + Send,
) -> Result<Changed, Refusal> {
    let because = |why: String| Refusal::Because(vec![why]);
    let bundle = edited(&app.home, language, edit).map_err(Refusal::Because)?;
    let by = who.to_string();
    let asked = app.desk.call(move |client| {
        let digest = match client.stage(&bundle.pack())? {
            Ok(digest) => digest,
            Err(why) => return Ok(Reply::Refused { why }),
        };
        client.change(Request::Push { digest, by })
    });
    match asked.await {
        Ok(Reply::Pushed { number, later, .. }) => Ok(Changed { number, later }),
        Ok(Reply::Refused { why }) => Err(because(why)),
        Ok(_) => Err(because(
            language
                .pick("an answer to something else", "別の要求への応答です")
                .into(),
        )),
        Err(trouble) => Err(because(trouble.to_string())),
    }
}

/// The running set with one edit, checked whole.
///
/// # Errors
/// Why the edit is none, in words.
pub(crate) fn edited(
    home: &Home,
    language: Language,
    edit: impl FnOnce(&mut Document) -> Result<(), EditFault>,
) -> Result<Bundle, Vec<String>> {
    let etc = home.etc();
    let (running, _) =
        sets::read_dir(&etc).map_err(|error| vec![format!("{}: {error}", etc.display())])?;
    let before = running.file(CONF).unwrap_or_default();
    let mut document = Document::read(before.to_vec()).map_err(|it| vec![it.one_line(language)])?;
    edit(&mut document).map_err(|fault| vec![fault.text(language)])?;
    let errors: Vec<String> = new_findings(before, document.bytes())
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.one_line(language))
        .collect();
    match errors.is_empty() {
        true => Ok(with_conf(&running, document.bytes().to_vec())),
        false => Err(errors),
    }
}

/// The set with another clp.conf, and a report that fits it.
fn with_conf(bundle: &Bundle, conf: Vec<u8>) -> Bundle {
    let mut new = Bundle::default();
    let mut conf = Some(conf);
    for (name, bytes) in bundle.files() {
        let bytes = match name {
            CONF => conf.take().unwrap_or_default(),
            _ => bytes.to_vec(),
        };
        // What came out of a bundle goes into one.
        let _ = new.add(name, bytes);
    }
    if let Some(conf) = conf {
        let _ = new.add(CONF, conf);
    }
    let report = new_report(new.parts());
    new.set_report(report.text().into_bytes());
    new
}
