//! How much of a server is collected by `clplogcc` (rule M30).

use serde::{Deserialize, Serialize};

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
