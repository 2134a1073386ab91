//! `noroshi user`: the users of the console (rule N21).
//!
//! They stand in clp.conf, so a change is one edit of the running set that all living servers take or
//! none, as with `clpcfctrl --push`.

mod link;
mod token;

use super::Context;
use super::clpcfctrl::push;
use super::config::prompt;
use crate::cli::user::{Grade, User};
use crate::console::account::{self, Accounts, SettingsError};
use crate::console::settings;
use crate::console::users::{self, Change, Shown};
use crate::exit::{Exit, Failure};
use crate::print::{escaped, padded, say};
use noroshi_core::config::ConsoleUser;

const COMMAND: &str = "noroshi user";

pub(super) fn run(context: &mut Context, verb: User) -> Result<Exit, Failure> {
    match verb {
        User::Link => link::run(context),
        User::List { json } => list(context, json),
        User::Add { name, role } => add(context, &name, role),
        User::Password { name } => password(context, &name),
        User::Role { name, role } => role_of(context, &name, role),
        User::Token { name, revoke } => token::run(context, &name, revoke),
        User::Rm { name } => remove(context, &name),
    }
}

fn list(context: &mut Context, json: bool) -> Result<Exit, Failure> {
    let users = users(context)?;
    for user in &users {
        if json {
            context.json_line(&Shown::from(user))?;
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
    let change = |hash| Change::Add(role.into(), hash);
    allowed(context, name, &change(String::new()))?;
    let hash = hashed(context)?;
    let words = ("was added", "を追加しました");
    done(context, name, &change(hash), words)
}

fn password(context: &mut Context, name: &str) -> Result<Exit, Failure> {
    allowed(context, name, &Change::Password(String::new()))?;
    let hash = hashed(context)?;
    let words = (
        "has a new password; its sessions and its API token have ended",
        "のパスワードを変更しました（サインイン中のものは終了し、API トークンは失効します）",
    );
    done(context, name, &Change::Password(hash), words)
}

fn role_of(context: &mut Context, name: &str, role: Grade) -> Result<Exit, Failure> {
    let change = Change::Role(role.into());
    allowed(context, name, &change)?;
    let words = ("has another role", "の権限を変更しました");
    done(context, name, &change, words)
}

/// Root can remove any, also the last who administers.
fn remove(context: &mut Context, name: &str) -> Result<Exit, Failure> {
    allowed(context, name, &Change::Remove)?;
    let words = ("was removed", "を削除しました");
    done(context, name, &Change::Remove, words)
}

/// Before anything is asked.
fn allowed(context: &Context, name: &str, change: &Change) -> Result<(), Failure> {
    context.as_administrator()?;
    match users::refusal(&users(context)?, name, change, context.language) {
        Some((exit, why)) => Err(context.failure(exit, &why)),
        None => Ok(()),
    }
}

/// The users as this server's clp.conf has them.
fn users(context: &Context) -> Result<Vec<ConsoleUser>, Failure> {
    let accounts = Accounts::new(context.home.clone());
    match accounts.settings() {
        Ok(settings) => Ok(settings.console.users.clone()),
        Err(error) => Err(no_settings(context, &error)),
    }
}

fn no_settings(context: &Context, error: &SettingsError) -> Failure {
    let what = ("cannot read", "読み込めません");
    match error {
        SettingsError::Unreadable(path, error) => context.about_file(path, what, error),
        SettingsError::Faulty(_) => context.failure(Exit::Failed, &error.text(context.language)),
    }
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

/// Makes the change and says so.
fn done(
    context: &mut Context,
    name: &str,
    change: &Change,
    words: (&str, &str),
) -> Result<Exit, Failure> {
    let text = changed(context, name, change, words)?;
    say!(context.out, "{text}")?;
    Ok(Exit::Done)
}

/// Edits the running set and has all servers take it; the answer says so.
fn changed(
    context: &mut Context,
    name: &str,
    change: &Change,
    words: (&str, &str),
) -> Result<String, Failure> {
    let edit = users::edit(&context.home, name, change, context.language);
    let edit = edit.map_err(|why| context.failure(Exit::Failed, &why))?;
    let edited = settings::edited(&context.home, context.language, edit);
    let bundle = edited.map_err(|why| context.failure(Exit::Refused, &why.join("\n")))?;
    let number = push(context, &bundle, COMMAND)?;
    Ok(context.pick(
        format!("{name} {} (set {number})", words.0),
        format!("利用者 {name} {}（構成情報 {number}）", words.1),
    ))
}
