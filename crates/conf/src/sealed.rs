//! Secrets that stand sealed in a clp.conf (rule N18).
//!
//! A secret of ours may stand there as one word that begins with [`PREFIX`]; `noroshi config
//! set-secret` writes it. How it is sealed is not known here: whoever has the cluster key hands in an
//! [`Opener`]. A plain secret is taken as it stands, as before.

use crate::finding::{Finding, Severity};
use crate::problem::Problem;
use crate::tree::{Tree, is_secret};

/// What every sealed secret begins with.
pub const PREFIX: &str = "sealed:";

/// Stands for a secret that was not opened, so that the checks of its form pass.
pub(crate) const UNOPENED: &str = "sealed";

/// Opens a sealed secret, from its path and text.
pub type Opener<'a> = dyn FnMut(&str, &str) -> Opened + 'a;

/// What became of a sealed secret.
pub enum Opened {
    /// The secret.
    Secret(String),
    /// There is no key at hand, and none is needed: the file is only looked at.
    LeftAlone,
    /// It cannot be opened, and why, in English and Japanese.
    Failed(String, String),
}

/// Whether the text of a secret is a sealed one.
pub fn is_sealed(text: &str) -> bool {
    text.trim_start().starts_with(PREFIX)
}

/// The opener of whoever only looks.
pub fn left_alone(_path: &str, _text: &str) -> Opened {
    Opened::LeftAlone
}

/// Puts the opened secrets into the tree; the findings are those that could not be opened.
pub(crate) fn open_all(tree: &mut Tree, open: &mut Opener<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for at in 0..tree.elements.len() {
        let element = &tree.elements[at];
        if !is_sealed(&element.text) || !is_secret(&element.name) {
            continue;
        }
        let (path, line) = (tree.path_of(at), element.line);
        let text = match open(&path, element.text.trim()) {
            Opened::Secret(secret) => secret,
            Opened::LeftAlone => UNOPENED.to_string(),
            Opened::Failed(en, ja) => {
                findings.push(Finding {
                    severity: Severity::Error,
                    line,
                    path,
                    value: String::new(),
                    problem: Problem::SecretNotOpened { en, ja },
                });
                UNOPENED.to_string()
            }
        };
        tree.elements[at].text = text;
    }
    findings
}
