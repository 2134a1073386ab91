//! A former set, made ready to be pushed again (rules M27 N17): as it was, but for the users of the console.
//!
//! They stay those of now. Settings go back when a change was wrong; a user who was taken out since then, or a
//! password that was changed because somebody knew it, must not come back with them, and whoever restores
//! must not lock himself out. For `noroshi config restore` and the console.

use super::saved_set::new_report;
use noroshi_conf::bundle::Bundle;
use noroshi_conf::document::{Document, EditFault, ElementPath};
use noroshi_conf::set::CONF;
use noroshi_core::text::Language;
use noroshi_daemon::home::Home;
use noroshi_daemon::sets;
use std::io;
use std::path::PathBuf;

const CONSOLE: &str = "/root/noroshi/console";
const OF_A_USER: [&str; 3] = ["role", "password", "token"];

/// Why a set cannot be pushed again.
pub(crate) enum NotRestored {
    /// It is not on this server's disk.
    NotKept { number: u64, kept: Vec<u64> },
    /// It cannot be read.
    Disk(PathBuf, io::Error),
    /// The users of now cannot be written into it.
    Users(EditFault),
}

impl NotRestored {
    /// For people.
    pub(crate) fn text(&self, language: Language) -> String {
        match self {
            NotRestored::NotKept { number, kept } => {
                let numbers: Vec<String> = kept.iter().map(u64::to_string).collect();
                let numbers = numbers.join(", ");
                language.pick(
                    format!("set {number} is not kept here; there are: {numbers}"),
                    format!(
                        "構成情報 {number} は保存されていません。保存されている番号: {numbers}"
                    ),
                )
            }
            NotRestored::Disk(path, error) => {
                let path = path.display();
                language.pick(
                    format!("cannot read: {path}: {error}"),
                    format!("読み込めません: {path}: {error}"),
                )
            }
            NotRestored::Users(fault) => {
                let why = fault.text(language);
                language.pick(
                    format!("the present users of the console cannot be kept: {why}"),
                    format!("コンソールの現在の利用者を引き継げません: {why}"),
                )
            }
        }
    }
}

/// The folder of a set that is kept.
///
/// # Errors
/// [`NotRestored::NotKept`].
pub(crate) fn kept(home: &Home, number: u64) -> Result<PathBuf, NotRestored> {
    let folder = sets::kept(home, number);
    if folder.is_dir() {
        return Ok(folder);
    }
    let sets = sets::history(home);
    let kept = sets.iter().map(|(label, _)| label.number).collect();
    Err(NotRestored::NotKept { number, kept })
}

/// The files of set `number`, with the users of the console that clp.conf has now. Waits for the disk.
///
/// # Errors
/// [`NotRestored`].
pub(crate) fn restored(home: &Home, number: u64) -> Result<Bundle, NotRestored> {
    let folder = kept(home, number)?;
    let read = sets::read_dir(&folder);
    let (bundle, _) = read.map_err(|error| NotRestored::Disk(folder, error))?;
    let former = bundle.file(CONF).unwrap_or_default();
    let conf = home.conf();
    let now = std::fs::read(&conf).map_err(|error| NotRestored::Disk(conf, error))?;
    let merged = with_users_of(former, &now).map_err(NotRestored::Users)?;
    if merged == former {
        return Ok(bundle);
    }
    Ok(with_conf(&bundle, merged))
}

/// The set with another clp.conf, and a report that fits it.
pub(crate) fn with_conf(bundle: &Bundle, conf: Vec<u8>) -> Bundle {
    let mut new = Bundle::default();
    for (name, bytes) in bundle.files().filter(|(name, _)| *name != CONF) {
        // What came out of a bundle goes into one.
        let _ = new.add(name, bytes.to_vec());
    }
    // The parser's bound on clp.conf keeps it within the bundle's, or the check of the set says so.
    let _ = new.add(CONF, conf);
    let report = new_report(new.parts());
    new.set_report(report.text().into_bytes());
    new
}

/// `former` with the users of `now`. A file of the two that is no clp.conf in form leaves `former` as it is:
/// the check of the set will say what is wrong with it.
fn with_users_of(former: &[u8], now: &[u8]) -> Result<Vec<u8>, EditFault> {
    let (Ok(mut document), Ok(now)) = (
        Document::read(former.to_vec()),
        Document::read(now.to_vec()),
    ) else {
        return Ok(former.to_vec());
    };
    let wanted = users(&now)?;
    if users(&document)? == wanted {
        return Ok(former.to_vec());
    }
    let first = ElementPath::parse(&format!("{CONSOLE}/user[1]"))?;
    while !document.get(&first).is_empty() {
        document.remove(&first)?;
    }
    for (user, values) in wanted {
        for (leaf, value) in OF_A_USER.iter().zip(values) {
            if let Some(value) = value {
                document.set(&ElementPath::parse(&format!("{user}/{leaf}"))?, &value)?;
            }
        }
    }
    Ok(document.bytes().to_vec())
}

/// The paths of all users, with the texts of [`OF_A_USER`].
#[expect(clippy::type_complexity, reason = "rows of one table, used here alone")]
fn users(document: &Document) -> Result<Vec<(String, [Option<String>; 3])>, EditFault> {
    let all = ElementPath::parse(&format!("{CONSOLE}/user"))?;
    let users = document.get(&all).into_iter().map(|node| {
        let text = |leaf: &str| node.all(leaf).next().map(|node| node.raw().to_string());
        (node.path(), OF_A_USER.map(text))
    });
    Ok(users.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(subject: &str, users: &[(&str, &str)]) -> Vec<u8> {
        let users: String = users
            .iter()
            .map(|(name, password)| {
                format!(
                    "<user name=\"{name}\"><role>view</role><password>{password}</password></user>"
                )
            })
            .collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"EUC-JP\"?>\r\n<root>\r\n<cluster><mail><subject>{subject}</subject>\
             </mail></cluster><!-- kept --><noroshi><console>{users}</console></noroshi></root>"
        )
        .into_bytes()
    }

    /// Rule: N17 N21
    #[test]
    fn a_restored_set_has_the_users_of_now() {
        let former = conf("old", &[("gone", "a"), ("kept", "leaked")]);
        let now = conf("new", &[("kept", "changed"), ("later", "c")]);
        let merged = String::from_utf8(with_users_of(&former, &now).unwrap()).unwrap();
        assert!(merged.contains("<subject>old</subject>"), "{merged}");
        assert!(merged.contains("<!-- kept -->"), "{merged}");
        for gone in ["gone", "leaked"] {
            assert!(!merged.contains(gone), "{merged}");
        }
        let document = Document::read(merged.clone().into_bytes()).unwrap();
        let same = Document::read(now).unwrap();
        assert_eq!(users(&document).unwrap(), users(&same).unwrap());
        assert!(merged.contains("changed") && merged.contains("later"));
    }

    /// Rule: N17 N21
    #[test]
    fn a_restored_set_has_the_tokens_of_now() {
        let former = conf("old", &[("one", "a</password><token>1f</token><password>")]);
        let former = String::from_utf8(former).unwrap();
        let former = former.replace("<password></password>", "").into_bytes();
        let now = conf("new", &[("one", "a")]);
        let merged = String::from_utf8(with_users_of(&former, &now).unwrap()).unwrap();
        assert!(
            !merged.contains("<token>"),
            "a revoked one is back: {merged}"
        );
        let merged = String::from_utf8(with_users_of(&now, &former).unwrap()).unwrap();
        assert!(merged.contains("<token>1f</token>"), "{merged}");
    }

    /// Rule: M29 N17
    #[test]
    fn a_set_with_the_same_users_is_restored_byte_for_byte() {
        let former = conf("old", &[("one", "a")]);
        let now = conf("new", &[("one", "a")]);
        assert_eq!(with_users_of(&former, &now).unwrap(), former);
        assert_eq!(with_users_of(b"no xml", &now).unwrap(), b"no xml");
    }
}
