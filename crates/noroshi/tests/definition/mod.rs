//! The definition of all commands, as the executable tells it.

#![allow(dead_code, reason = "each test file uses its part")]

use crate::common::run_in;
use serde::Deserialize;
use std::path::Path;

/// One command: its words, what it takes, how it may end.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Command {
    #[serde(rename = "command")]
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) one_of: Vec<Vec<String>>,
    pub(crate) has_commands: bool,
    pub(crate) exit_codes: Vec<i32>,
}

/// One option, or one argument without a name.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Argument {
    pub(crate) id: String,
    pub(crate) short: Option<char>,
    pub(crate) long: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) values_min: usize,
    pub(crate) values_max: Option<usize>,
    pub(crate) one_of: Vec<String>,
    pub(crate) required: bool,
    pub(crate) conflicts: Vec<String>,
}

/// All commands.
pub(crate) fn commands() -> Vec<Command> {
    let told = run_in(Path::new("/nonexistent"), &["commands", "--json"]);
    assert_eq!((told.code, &*told.err), (0, ""));
    let lines = told.out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

impl Command {
    /// Its words after the executable's name: `config set`, `clpcl`.
    pub(crate) fn words(&self) -> Vec<String> {
        let words = self.name.split(' ').map(str::to_owned);
        words.filter(|word| word != "noroshi").collect()
    }

    /// Words that are accepted, with as little as possible in them.
    pub(crate) fn least(&self) -> Vec<String> {
        let mut words = self.words();
        let first_of = self.one_of.iter().filter_map(|group| group.first());
        let chosen: Vec<&String> = first_of.collect();
        for argument in &self.arguments {
            if argument.required || chosen.contains(&&argument.id) {
                words.extend(argument.filled());
            }
        }
        words
    }

    pub(crate) fn argument(&self, id: &str) -> &Argument {
        self.arguments.iter().find(|other| other.id == id).unwrap()
    }
}

impl Argument {
    pub(crate) fn is_positional(&self) -> bool {
        self.short.is_none() && self.long.is_none()
    }

    /// The option itself: `-h`, `--json`.
    pub(crate) fn option(&self) -> Option<String> {
        let long = self.long.as_ref().map(|long| format!("--{long}"));
        long.or_else(|| self.short.map(|short| format!("-{short}")))
    }

    /// With values that its command accepts.
    pub(crate) fn filled(&self) -> Vec<String> {
        let mut words: Vec<String> = self.option().into_iter().collect();
        if self.value.is_some() {
            for _ in 0..self.values_min.max(usize::from(self.is_positional())) {
                words.push(self.accepted());
            }
        }
        words
    }

    fn accepted(&self) -> String {
        if let Some(first) = self.one_of.first() {
            return first.clone();
        }
        let value = match self.value.as_deref().unwrap_or_default() {
            "N" | "EVENT" | "ID" | "MS" | "PORT" => "1",
            "DATE" => "2026-12-31",
            "SERIAL" => "AAA0000001",
            "SEVERITY" | "LEVEL" => "INFO",
            "PRODUCT-ID" => "ALRT10",
            value if value.starts_with("PATH") => "/root/cluster/name",
            _ => "nothing",
        };
        value.into()
    }
}
