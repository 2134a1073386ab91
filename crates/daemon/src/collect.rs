//! How much of a server is collected by `clplogcc` (rule M30).

use crate::home::Home;
use serde::{Deserialize, Serialize};
use std::process::Stdio;
use tokio::process::Command;

/// How much is collected, as `clplogcc -t` says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Logs, alert log, status, configuration, facts of the host.
    #[default]
    Type1,
    /// As type1, with the host's own syslog, its processes and counters.
    Type2,
    /// The service's own logs, alert log, status, configuration.
    Type3,
}

impl Scope {
    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Scope::Type1 => "type1",
            Scope::Type2 => "type2",
            Scope::Type3 => "type3",
        }
    }
}

/// The command that writes the archive of this server, which is called `server`, to its standard output:
/// this very program. It is killed when it is dropped.
pub fn command(home: &Home, server: &str, scope: Scope) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("noroshi");
    command.args(["clplogcc", "-l", "--to-stdout", "-t", scope.word()]);
    command.args(["--server", server]);
    if let Some(root) = home.root() {
        command.arg("--home").arg(root);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}
