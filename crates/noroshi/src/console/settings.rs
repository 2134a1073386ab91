//! Changes of the cluster's settings: one edit of clp.conf, checked whole, then taken by all living
//! servers or by none (rule N17). As `noroshi config set` and `clpcfctrl --push` together.

use super::App;
use crate::command::config::saved_set::new_report;
use noroshi_conf::Severity;
use noroshi_conf::document::{Document, EditFault};
use noroshi_conf::review::new_findings;
use noroshi_conf::set::CONF;
use noroshi_core::request::{Reply, Request};
use noroshi_core::text::Language;
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
    let etc = app.home.etc();
    let shown = etc.display().to_string();
    let (bundle, _) = sets::read_dir(&etc).map_err(|error| because(format!("{shown}: {error}")))?;
    let before = bundle.file(CONF).unwrap_or_default().to_vec();
    let mut document =
        Document::read(before.clone()).map_err(|finding| because(finding.one_line(language)))?;
    edit(&mut document).map_err(|fault| because(fault.text(language)))?;
    let findings = new_findings(&before, document.bytes());
    let errors: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.one_line(language))
        .collect();
    if !errors.is_empty() {
        return Err(Refusal::Because(errors));
    }
    let bundle = with_conf(&bundle, document.bytes().to_vec());
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

/// The set with another clp.conf, and a report that fits it.
fn with_conf(bundle: &noroshi_conf::bundle::Bundle, conf: Vec<u8>) -> noroshi_conf::bundle::Bundle {
    let mut new = noroshi_conf::bundle::Bundle::default();
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
