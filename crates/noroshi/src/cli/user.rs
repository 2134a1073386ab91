//! Options of `noroshi user`.

use clap::{Subcommand, ValueEnum};
use noroshi_core::config::Role;

/// Verbs of `user`.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Print a one-time link and code that make the first user of the console
    Link,
    /// List the users
    List {
        /// Print JSON, one object per user
        #[arg(long)]
        json: bool,
    },
    /// Add a user; the password is asked for, or read from standard input
    Add {
        /// Its name
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value_t = Grade::View)]
        role: Grade,
    },
    /// Give a user a new password, which ends its sessions and its API token
    Password {
        /// Its name
        name: String,
    },
    /// Give a user another role
    Role {
        /// Its name
        name: String,
        /// What it may do
        #[arg(value_enum)]
        role: Grade,
    },
    /// Make an API token for a user, in place of the one before, and print it
    Token {
        /// Its name
        name: String,
        /// Take the token away instead
        #[arg(long)]
        revoke: bool,
    },
    /// Remove a user, which ends its sessions
    Rm {
        /// Its name
        name: String,
    },
}

/// The roles.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Grade {
    View,
    Operate,
    Administer,
}

impl From<Grade> for Role {
    fn from(grade: Grade) -> Role {
        match grade {
            Grade::View => Role::View,
            Grade::Operate => Role::Operate,
            Grade::Administer => Role::Administer,
        }
    }
}
