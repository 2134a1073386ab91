//! Changes of the console's users, for the pages and for `noroshi user` alike.
//!
//! *Use.* [`refusal`] first, then [`edit`] gives what is to be done to clp.conf.

use super::account;
use crate::exit::Exit;
use noroshi_conf::document::{Document, EditFault, ElementPath};
use noroshi_core::config::{ConsoleUser, Role};
use noroshi_core::text::Language;
use noroshi_daemon::home::Home;
use serde::Serialize;
use tokio::task::spawn_blocking;

/// What is done to one user. A password comes as its hash.
pub(crate) enum Change {
    Add(Role, String),
    Password(String),
    Role(Role),
    /// A new API token, by its digest, instead of the one there may be; without one there is none any more.
    Token(Option<String>),
    Remove,
}

/// A user as programs are shown it.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    name: &'a str,
    role: Role,
    /// It has an API token.
    token: bool,
}

impl<'a> From<&'a ConsoleUser> for Shown<'a> {
    fn from(user: &'a ConsoleUser) -> Shown<'a> {
        Shown {
            name: &user.name,
            role: user.role,
            token: user.token.is_some(),
        }
    }
}

/// Why this cannot be done to the user `name`, and how a command ends then.
pub(crate) fn refusal(
    users: &[ConsoleUser],
    name: &str,
    change: &Change,
    language: Language,
) -> Option<(Exit, String)> {
    let known = users.iter().any(|user| user.name == name);
    let text = match change {
        Change::Add(..) => {
            if let Some(fault) = account::name_fault(name, language) {
                return Some((Exit::Usage, fault));
            }
            return known.then(|| (Exit::Refused, language.pick(
                format!("there is a user {name} already; \"noroshi user password\" and \"noroshi user role\" change it"),
                format!("利用者 {name} は既に登録されています。変更には noroshi user password, noroshi user role を使用してください"),
            )));
        }
        _ if !known => {
            let text = language.pick(
                format!("there is no user {name}; \"noroshi user list\" shows them"),
                format!("利用者 {name} はいません。noroshi user list で確認できます"),
            );
            return Some((Exit::NotFound, text));
        }
        Change::Role(Role::Administer)
        | Change::Password(_)
        | Change::Token(_)
        | Change::Remove => return None,
        Change::Role(_) => the_last(users, name, language),
    };
    text.map(|text| (Exit::Refused, text))
}

/// In words, when nobody administers without `name`, so that nobody locks everybody out by a slip.
pub(crate) fn the_last(users: &[ConsoleUser], name: &str, language: Language) -> Option<String> {
    let administers = |user: &&ConsoleUser| user.role == Role::Administer;
    let mut all = users.iter().filter(administers);
    let only = all.next().is_some_and(|user| user.name == name) && all.next().is_none();
    only.then(|| {
        language.pick(
            format!("{name} is the only one who administers; give somebody else that role first"),
            format!("管理者は {name} だけです。先に他の利用者を administer にしてください"),
        )
    })
}

/// What is to be done to clp.conf; the hash of a password is sealed under the cluster key.
///
/// # Errors
/// Why it cannot be written, in words.
pub(crate) fn edit(
    home: &Home,
    name: &str,
    change: &Change,
    language: Language,
) -> Result<impl FnOnce(&mut Document) -> Result<(), EditFault> + Send + use<>, String> {
    let user = format!("/root/noroshi/console/user@{name}");
    let path = |path: &str| ElementPath::parse(path).map_err(|fault| fault.text(language));
    let sealed = |hash: &str| {
        let path = path(&format!("{user}/password"))?;
        let sealed = home.seal_secret(&path.to_string(), hash);
        let sealed = sealed.map_err(|error| error.to_string())?;
        Ok::<_, String>((path, sealed))
    };
    let token_path = path(&format!("{user}/token"))?;
    let mut wanted = Vec::new();
    let mut gone = Vec::new();
    match change {
        Change::Add(grade, hash) => {
            wanted.push((path(&format!("{user}/role"))?, role_text(*grade)));
            wanted.push(sealed(hash)?);
        }
        // What whoever knew the old one may have made goes with it.
        Change::Password(hash) => {
            wanted.push(sealed(hash)?);
            gone.push(token_path);
        }
        Change::Role(grade) => wanted.push((path(&format!("{user}/role"))?, role_text(*grade))),
        Change::Token(Some(digest)) => wanted.push((token_path, digest.clone())),
        Change::Token(None) => gone.push(token_path),
        Change::Remove => gone.push(path(&user)?),
    }
    Ok(move |document: &mut Document| {
        for (path, text) in wanted {
            document.set(&path, &text)?;
        }
        for path in gone {
            if !document.get(&path).is_empty() {
                document.remove(&path)?;
            }
        }
        Ok(())
    })
}

fn role_text(role: Role) -> String {
    account::role_name(role).to_string()
}

/// As [`edit`], without holding anybody up while the disk with the cluster key hangs.
///
/// # Errors
/// As there.
pub(super) async fn edit_beside(
    home: &Home,
    name: &str,
    change: Change,
    language: Language,
) -> Result<impl FnOnce(&mut Document) -> Result<(), EditFault> + Send + use<>, String> {
    let (home, name) = (home.clone(), name.to_string());
    let made = spawn_blocking(move || edit(&home, &name, &change, language));
    made.await.unwrap_or_else(|error| Err(error.to_string()))
}
