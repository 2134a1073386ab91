//! `noroshi user`: the users of the console (rule N21).
//!
//! They stand in clp.conf, so a change is one edit of the running set that all living servers take or
//! none, as with `clpcfctrl --push`.

mod link;

use super::Context;
use super::clpcfctrl::push;
use super::config::prompt;
use crate::cli::user::{Grade, User};
use crate::console::account::{self, Accounts};
use crate::console::settings;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, padded, say};
use noroshi_conf::document::{Document, EditFault, ElementPath};
use noroshi_core::config::{ConsoleUser, Role};
use serde::Serialize;

const COMMAND: &str = "noroshi user";

pub(super) fn run(context: &mut Context, verb: User) -> Result<Exit, Failure> {
    match verb {
        User::Link => link::run(context),
        User::List { json } => list(context, json),
        User::Add { name, role } => add(context, &name, role),
        User::Password { name } => password(context, &name),
        User::Role { name, role } => role_of(context, &name, role),
        User::Rm { name } => remove(context, &name),
    }
}

fn list(context: &mut Context, json: bool) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Shown<'a> {
        name: &'a str,
        role: Role,
    }
    let users = users(context)?;
    for user in &users {
        if json {
            let (name, role) = (&*user.name, user.role);
            context.json_line(&Shown { name, role })?;
            continue;
        }
        let name = padded(&escaped(&user.name), 24);
        say!(context.out, "{name} {}", account::role_name(user.role))?;
    }
    if users.is_empty() && !json {
        let none = context.pick(
            "There is no user yet: noroshi user link, or noroshi user add.",
            "利用者はまだいません（noroshi user link または noroshi user add）。",
        );
        say!(context.out, "{none}")?;
    }
    Ok(Exit::Done)
}

fn add(context: &mut Context, name: &str, role: Grade) -> Result<Exit, Failure> {
    context.as_administrator()?;
    if let Some(fault) = account::name_fault(name, context.language) {
        return Err(context.failure(Exit::Usage, &fault));
    }
    if users(context)?.iter().any(|user| user.name == name) {
        let text = context.pick(
            format!("there is a user {name} already; \"noroshi user password\" and \"noroshi user role\" change it"),
            format!("利用者 {name} は既に登録されています。変更には noroshi user password, noroshi user role を使用してください"),
        );
        return Err(context.failure(Exit::Refused, &text));
    }
    let hash = hashed(context)?;
    let (role_path, password_path) = (path(name, "role"), path(name, "password"));
    let sealed = sealed(context, &password_path, &hash)?;
    let role = account::role_name(role.into());
    let number = edit(context, |document| {
        document.set(&role_path, role)?;
        document.set(&password_path, &sealed).map(drop)
    })?;
    done(context, number, name, ("was added", "を追加しました"))
}

fn password(context: &mut Context, name: &str) -> Result<Exit, Failure> {
    context.as_administrator()?;
    known(context, name)?;
    let hash = hashed(context)?;
    let path = path(name, "password");
    let sealed = sealed(context, &path, &hash)?;
    let number = edit(context, |document| document.set(&path, &sealed).map(drop))?;
    done(
        context,
        number,
        name,
        (
            "has a new password; its sessions have ended",
            "のパスワードを変更しました（サインイン中のものは終了します）",
        ),
    )
}

fn role_of(context: &mut Context, name: &str, role: Grade) -> Result<Exit, Failure> {
    context.as_administrator()?;
    let old = known(context, name)?.role;
    let role = Role::from(role);
    if old == Role::Administer && role != old {
        not_the_last(context, name)?;
    }
    let path = path(name, "role");
    let word = account::role_name(role);
    let number = edit(context, |document| document.set(&path, word).map(drop))?;
    done(
        context,
        number,
        name,
        ("has another role", "の権限を変更しました"),
    )
}

fn remove(context: &mut Context, name: &str) -> Result<Exit, Failure> {
    context.as_administrator()?;
    known(context, name)?;
    let path = user_path(name);
    let number = edit(context, |document| document.remove(&path).map(drop))?;
    done(context, number, name, ("was removed", "を削除しました"))
}

/// One who administers is left, so that nobody locks everybody out by a slip. Root can remove any.
fn not_the_last(context: &Context, name: &str) -> Result<(), Failure> {
    let users = users(context)?;
    let mut others = users.iter().filter(|user| user.name != name);
    if others.any(|user| user.role == Role::Administer) {
        return Ok(());
    }
    let text = context.pick(
        format!("{name} is the only one who administers; give somebody else that role first"),
        format!("管理者は {name} だけです。先に他の利用者を administer にしてください"),
    );
    Err(context.failure(Exit::Refused, &text))
}

/// The users as this server's clp.conf has them.
fn users(context: &Context) -> Result<Vec<ConsoleUser>, Failure> {
    let accounts = Accounts::new(context.home.clone());
    match accounts.settings() {
        Ok(settings) => Ok(settings.console.users.clone()),
        Err(error) => Err(context.failure(Exit::Failed, &error.text(context.language))),
    }
}

fn known(context: &Context, name: &str) -> Result<ConsoleUser, Failure> {
    let found = users(context)?.into_iter().find(|user| user.name == name);
    found.ok_or_else(|| {
        let text = context.pick(
            format!("there is no user {name}; \"noroshi user list\" shows them"),
            format!("利用者 {name} はいません。noroshi user list で確認できます"),
        );
        context.failure(Exit::NotFound, &text)
    })
}

/// Asks for the new password; its hash.
fn hashed(context: &Context) -> Result<String, Failure> {
    let given =
        prompt::secret(context.language).map_err(|error| prompt::refused(context, &error))?;
    if let Some(fault) = account::password_fault(&given, context.language) {
        return Err(context.failure(Exit::Refused, &fault));
    }
    account::hash(&given).map_err(|error| context.failure(Exit::Failed, &error))
}

fn sealed(context: &Context, path: &ElementPath, hash: &str) -> Result<String, Failure> {
    let sealed = context.home.seal_secret(&path.to_string(), hash);
    sealed.map_err(|error| context.failure(Exit::Failed, &error.to_string()))
}

/// Edits the running set and has all servers take it; its number.
fn edit(
    context: &mut Context,
    edit: impl FnOnce(&mut Document) -> Result<(), EditFault>,
) -> Result<u64, Failure> {
    let edited = settings::edited(&context.home, context.language, edit);
    let bundle = edited.map_err(|why| context.failure(Exit::Refused, &why.join("\n")))?;
    push(context, &bundle, COMMAND)
}

fn done(
    context: &mut Context,
    number: u64,
    name: &str,
    words: (&str, &str),
) -> Result<Exit, Failure> {
    let text = context.pick(
        format!("{name} {} (set {number})", words.0),
        format!("利用者 {name} {}（構成情報 {number}）", words.1),
    );
    say!(context.out, "{text}")?;
    Ok(Exit::Done)
}

fn user_path(name: &str) -> ElementPath {
    let path = format!("/root/noroshi/console/user@{name}");
    ElementPath::parse(&path).expect("a checked name is a key")
}

fn path(name: &str, leaf: &str) -> ElementPath {
    let path = format!("/root/noroshi/console/user@{name}/{leaf}");
    ElementPath::parse(&path).expect("a checked name is a key")
}
