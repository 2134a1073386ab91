//! Changes of the cluster's settings: one edit of clp.conf, checked whole, then taken by all living
//! servers or by none (rule N17). As `noroshi config set` and `clpcfctrl --push` together.
//!
//! *Two at once.* A change names the clp.conf that it was made from, by its digest. It is compared when the
//! change is made and again just before the push; changes from this console go one after another. The push names the
//! set that was in force when that file was read, and the deciding server takes it on no other. So nobody's change
//! is taken back by somebody who has not seen it, on whichever server they made it.

use super::App;
use crate::command::config::restored::with_conf;
use noroshi_conf::Severity;
use noroshi_conf::bundle::{self, Bundle};
use noroshi_conf::document::{Document, EditFault};
use noroshi_conf::review::new_findings;
use noroshi_conf::set::CONF;
use noroshi_core::request::{Reply, Request};
use noroshi_core::text::Language;
use noroshi_daemon::control::Trouble;
use noroshi_daemon::home::Home;
use noroshi_daemon::sets;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// How often, and how far apart, it is looked whether a push was refused because of another one.
const OVERTAKEN_LOOKS: u32 = 20;
const OVERTAKEN_PAUSE: Duration = Duration::from_millis(50);

/// Why a change was not made.
pub(super) enum Refusal {
    /// In words, a line each.
    Because(Vec<String>),
}

/// Why a set was not put in force.
pub(super) enum NotPut {
    /// clp.conf is another one than the set was made from.
    Moved,
    /// In words, a line each.
    Because(Vec<String>),
}

/// What became of a change.
pub(super) struct Changed {
    /// The set's number.
    pub(super) number: u64,
    /// Servers that take it when they return.
    pub(super) later: Vec<String>,
    /// Servers at work that agreed and have not said that it is in force there.
    pub(super) silent: Vec<String>,
}

impl Changed {
    /// What is to be looked at where a server has not said that the set is in force there.
    pub(super) fn doubt(&self, language: Language) -> Option<String> {
        let (number, silent) = (self.number, self.silent.join(", "));
        (!silent.is_empty()).then(|| language.pick(
            format!("Set {number} is in force, but {silent} agreed and has not said that it is there. Look at the cluster's page."),
            format!("構成情報 {number} は有効ですが、{silent} での反映を確認できません。クラスタのページで確認してください。"),
        ))
    }
}

/// Makes one change and has it taken; `who` stands in the history.
///
/// # Errors
/// Why the settings are the old ones on every server.
pub(super) async fn change(
    app: &App,
    who: &str,
    language: Language,
    edit: impl FnOnce(&mut Document) -> Result<(), EditFault> + Send + 'static,
) -> Result<Changed, Refusal> {
    let put = put(app, who, language, None, move |running| {
        with_edit(running, language, edit)
    });
    put.await.map_err(|not| {
        Refusal::Because(match not {
            NotPut::Moved => vec![moved(language)],
            NotPut::Because(why) => why,
        })
    })
}

/// Has all living servers take the set that `make` makes of the running one, which it is given. With `base`,
/// the digest of the clp.conf that it was made from, only while that one is running.
///
/// # Errors
/// [`NotPut`]; the settings are the old ones on every server, or the words say that this is unknown.
pub(super) async fn put(
    app: &App,
    who: &str,
    language: Language,
    base: Option<String>,
    make: impl FnOnce(&Bundle) -> Result<Bundle, Vec<String>> + Send + 'static,
) -> Result<Changed, NotPut> {
    let because = |why: String| NotPut::Because(vec![why]);
    let _one = app.settings.lock().await;
    let home = app.home.clone();
    let made = spawn_blocking(move || {
        // Before the file: a set that is taken between the two makes the push too late, not the check too early.
        let in_force = sets::in_force(&home).digest;
        let running = running(&home).map_err(because)?;
        let now = bundle::digest(running.file(CONF).unwrap_or_default());
        if base.is_some_and(|base| base != now) {
            return Err(NotPut::Moved);
        }
        let packed = make(&running).map_err(NotPut::Because)?.pack();
        Ok((packed, now, in_force))
    });
    let made = made.await.map_err(|error| because(error.to_string()))?;
    let (packed, base, in_force) = made?;
    let (by, home) = (who.to_string(), app.home.clone());
    let former = in_force.clone();
    let asked = app.desk.call(move |client| {
        let digest = match client.stage(&packed)? {
            Ok(digest) => digest,
            Err(why) => return Ok(Some(Reply::Refused { why })),
        };
        let now = std::fs::read(home.conf()).map_err(Trouble::Io)?;
        if bundle::digest(&now) != base {
            return Ok(None);
        }
        let base = Some(in_force);
        client.change(Request::Push { digest, by, base }).map(Some)
    });
    match asked.await {
        Ok(None | Some(Reply::Overtaken { .. })) => Err(NotPut::Moved),
        Ok(Some(Reply::Pushed {
            number,
            later,
            silent,
            ..
        })) => Ok(Changed {
            number,
            later,
            silent,
        }),
        Ok(Some(Reply::Refused { why })) => match is_overtaken(app, former).await {
            true => Err(NotPut::Moved),
            false => Err(because(why)),
        },
        Ok(Some(_)) => Err(because(
            language
                .pick("an answer to something else", "別の要求への応答です")
                .into(),
        )),
        Err(trouble) => Err(because(trouble.to_string())),
    }
}

/// Whether another set than `former` comes into force in a moment: of two pushes at once one is refused because the
/// other is under way, and whoever made it wants to see that one.
async fn is_overtaken(app: &App, former: String) -> bool {
    for _ in 0..OVERTAKEN_LOOKS {
        let (home, former) = (app.home.clone(), former.clone());
        let look = spawn_blocking(move || sets::in_force(&home).digest != former);
        if look.await.unwrap_or(false) {
            return true;
        }
        tokio::time::sleep(OVERTAKEN_PAUSE).await;
    }
    false
}

/// The running set with one edit, checked whole.
///
/// # Errors
/// Why there is none, in words.
pub(crate) fn edited(
    home: &Home,
    language: Language,
    edit: impl FnOnce(&mut Document) -> Result<(), EditFault>,
) -> Result<Bundle, Vec<String>> {
    let running = running(home).map_err(|why| vec![why])?;
    with_edit(&running, language, edit)
}

fn with_edit(
    running: &Bundle,
    language: Language,
    edit: impl FnOnce(&mut Document) -> Result<(), EditFault>,
) -> Result<Bundle, Vec<String>> {
    let before = running.file(CONF).unwrap_or_default();
    let mut document = Document::read(before.to_vec()).map_err(|it| vec![it.one_line(language)])?;
    edit(&mut document).map_err(|fault| vec![fault.text(language)])?;
    let errors: Vec<String> = new_findings(before, document.bytes())
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.one_line(language))
        .collect();
    match errors.is_empty() {
        true => Ok(with_conf(running, document.bytes().to_vec())),
        false => Err(errors),
    }
}

/// The set that this server has in its place now. Waits for the disk.
///
/// # Errors
/// Why it cannot be read, for people.
pub(super) fn running(home: &Home) -> Result<Bundle, String> {
    let etc = home.etc();
    let read = sets::read_dir(&etc);
    let (bundle, _) = read.map_err(|error| format!("{}: {error}", etc.display()))?;
    Ok(bundle)
}

/// What is said where the change of the other cannot be shown.
fn moved(language: Language) -> String {
    let words = language.pick(
        "The settings were changed by somebody else meanwhile. Nothing was done; try again.",
        "その間に他から設定が変更されました。何も変更していません。再実行してください。",
    );
    words.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::account::Accounts;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc;

    const CONF_NOW: &[u8] = b"<root>now</root>";
    const PUSHED: &str =
        r#"{"answer":"pushed","number":7,"servers":[],"later":[],"silent":["sv2"]}"#;
    const OVERTAKEN: &str = r#"{"answer":"overtaken","number":6,"why":"x"}"#;

    fn app(home: &Home) -> App {
        App::new(home.clone(), Accounts::new(home.clone()))
    }

    /// A daemon that takes a set, while which somebody else changes clp.conf to `theirs`; what it was asked.
    /// The answer to its push is `reply`.
    fn daemon(home: &Home, theirs: &'static [u8], reply: &'static str) -> mpsc::Receiver<String> {
        // A set is staged in one piece and pushed once.
        let (say, asked) = mpsc::sync_channel(8);
        let listener = UnixListener::bind(home.socket()).unwrap();
        let conf = home.conf();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut to = stream.try_clone().unwrap();
            for line in BufReader::new(stream).lines() {
                let line = line.unwrap();
                let answer = if line.contains("stage-set") {
                    std::fs::write(&conf, theirs).unwrap();
                    format!(r#"{{"is":"staged","digest":"{}"}}"#, "0".repeat(64))
                } else {
                    format!(r#"{{"is":"reply","reply":{reply}}}"#)
                };
                say.send(line).unwrap();
                writeln!(to, "{answer}").unwrap();
            }
        });
        asked
    }

    async fn put_new(
        base: Option<&str>,
        theirs: &'static [u8],
        reply: &'static str,
    ) -> (Result<Changed, NotPut>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        home.prepare().unwrap();
        std::fs::create_dir_all(home.etc()).unwrap();
        std::fs::write(home.conf(), CONF_NOW).unwrap();
        let asked = daemon(&home, theirs, reply);
        let base = base.map(str::to_string);
        let app = app(&home);
        let put = put(&app, "me", Language::En, base, |running| {
            Ok(with_conf(running, b"<root>new</root>".to_vec()))
        });
        let done = put.await;
        (done, asked.try_iter().collect())
    }

    /// Rule: M32 N17
    #[tokio::test]
    async fn what_somebody_else_changed_just_before_the_push_is_not_overwritten() {
        let base = bundle::digest(CONF_NOW);
        let (done, asked) = put_new(Some(&base), CONF_NOW, PUSHED).await;
        let done = done.ok().unwrap();
        assert_eq!((done.number, asked.len()), (7, 2));
        // Where nothing was ever pushed the base is empty, which is not none: the daemon compares it.
        assert!(asked[1].contains(r#""base":"""#), "{}", asked[1]);
        assert!(done.doubt(Language::En).unwrap().contains("but sv2 agreed"));
        for base in [Some(base.as_str()), None] {
            let (done, asked) = put_new(base, b"<root>theirs</root>", PUSHED).await;
            assert!(matches!(done, Err(NotPut::Moved)));
            assert_eq!(asked.len(), 1, "staged, and never pushed");
        }
        let (done, asked) = put_new(Some(&bundle::digest(b"older")), CONF_NOW, PUSHED).await;
        assert!(matches!(done, Err(NotPut::Moved)));
        assert_eq!(asked.len(), 0);
        // What another server pushed was taken here between that look and the push.
        let (done, asked) = put_new(Some(&base), CONF_NOW, OVERTAKEN).await;
        assert!(matches!(done, Err(NotPut::Moved)));
        assert_eq!(asked.len(), 2);
    }
}
