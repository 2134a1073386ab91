//! What the check of a clp.conf found, ready to be shown (rule N17).
//!
//! Every check puts its findings into one list; nothing stops at the first. A finding
//! names line, path, value and problem with its remedy, in English and Japanese. The values of
//! secrets never get into one, whatever is wrong with them.

use crate::problem::Problem;
use crate::tree::{Node, is_secret};
use noroshi_core::text::Language;
use std::fmt;

/// Most findings that one check answers with; a last one says that there are more.
pub const FINDINGS_MAX: usize = 500;

/// Most findings that are kept until they can be sorted; what comes later is only counted.
const FINDINGS_KEPT_MAX: usize = 4 * FINDINGS_MAX;

/// Longest value that a finding shows, in characters; a longer one is cut with `…`.
const VALUE_CHARS_MAX: usize = 120;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken, but somebody should look.
    Warning,
}

/// One thing found in a clp.conf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the file is refused for it.
    pub severity: Severity,
    /// Line in the file, from 1.
    pub line: u32,
    /// The element, as the real product's tools write it: `/root/server@sv1/device@0/info`.
    /// Empty when the finding is about the file as a whole.
    pub path: String,
    /// What stands there, escaped and cut; empty when nothing does, and for secrets.
    pub value: String,
    /// What is wrong, and how to set it right.
    pub problem: Problem,
}

impl Finding {
    /// An error that is not about one element.
    pub(crate) fn about_file(line: u32, value: String, problem: Problem) -> Finding {
        let value = shown(&value);
        Finding {
            severity: Severity::Error,
            line,
            path: String::new(),
            value,
            problem,
        }
    }

    /// The problem and its remedy, in two sentences.
    pub fn text(&self, language: Language) -> String {
        let (problem, remedy) = self.problem.words(language);
        language.pick(
            format!("{problem}. {remedy}."),
            format!("{problem}。{remedy}。"),
        )
    }

    /// The whole finding in one line: `clp.conf:LINE: PATH = "VALUE": problem. Remedy.`
    pub fn one_line(&self, language: Language) -> String {
        let mut head = format!("clp.conf:{}: ", self.line);
        if self.severity == Severity::Warning {
            head.push_str(language.pick("warning: ", "警告: "));
        }
        head.push_str(&self.path);
        if !self.value.is_empty() {
            let sign = if self.path.is_empty() { "" } else { " = " };
            head.push_str(&format!("{sign}\"{}\"", self.value));
        }
        if !self.path.is_empty() || !self.value.is_empty() {
            head.push_str(": ");
        }
        head + &self.text(language)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.one_line(Language::En))
    }
}

impl std::error::Error for Finding {}

/// The findings of one check, as they come up.
#[derive(Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    errors: usize,
    /// Some were not kept.
    more: bool,
}

impl Findings {
    /// An error about the text of `node`.
    pub(crate) fn error(&mut self, node: Node<'_>, problem: Problem) {
        self.push(Severity::Error, node, node.value(), problem);
    }

    /// An error about one part of the text of `node`, such as one address of a list.
    pub(crate) fn error_in(&mut self, node: Node<'_>, part: &str, problem: Problem) {
        self.push(Severity::Error, node, part, problem);
    }

    /// A warning about the text of `node`.
    pub(crate) fn warn(&mut self, node: Node<'_>, problem: Problem) {
        self.push(Severity::Warning, node, node.value(), problem);
    }

    /// A warning about one part of the text of `node`.
    pub(crate) fn warn_in(&mut self, node: Node<'_>, part: &str, problem: Problem) {
        self.push(Severity::Warning, node, part, problem);
    }

    /// An error about a `node` that must not be shown, or has nothing worth showing.
    pub(crate) fn error_silent(&mut self, node: Node<'_>, problem: Problem) {
        self.push(Severity::Error, node, "", problem);
    }

    /// An error about an element that should stand at `path` below `parent` and does not; its
    /// line is that of the innermost element on the way.
    pub(crate) fn missing(&mut self, parent: Node<'_>, path: &str) {
        let innermost = path
            .split('/')
            .scan(parent, |node, name| {
                *node = node.all(name).next()?;
                Some(*node)
            })
            .last()
            .unwrap_or(parent);
        let path = format!("{}/{path}", parent.path());
        self.error_at(innermost.line(), path, Problem::Missing);
    }

    /// How many errors there are so far, to see whether a part of the file has any.
    pub(crate) fn error_count(&self) -> usize {
        self.errors
    }

    /// An error about an element that is not there.
    pub(crate) fn error_at(&mut self, line: u32, path: String, problem: Problem) {
        let (severity, value) = (Severity::Error, String::new());
        self.keep(severity, || Finding {
            severity,
            line,
            path,
            value,
            problem,
        });
    }

    fn push(&mut self, severity: Severity, node: Node<'_>, value: &str, problem: Problem) {
        self.keep(severity, || {
            let value = if is_secret(node.name()) {
                String::new()
            } else {
                shown(value)
            };
            Finding {
                severity,
                line: node.line(),
                path: node.path(),
                value,
                problem,
            }
        });
    }

    fn keep(&mut self, severity: Severity, finding: impl FnOnce() -> Finding) {
        self.errors += usize::from(severity == Severity::Error);
        if self.list.len() < FINDINGS_KEPT_MAX {
            self.list.push(finding());
        } else {
            self.more = true;
        }
    }

    /// All findings in the order of the file, each once, [`FINDINGS_MAX`] at most.
    pub(crate) fn into_sorted(mut self) -> Vec<Finding> {
        self.list.sort_by_key(|finding| finding.line);
        let mut kept: Vec<Finding> = Vec::with_capacity(self.list.len().min(FINDINGS_MAX));
        for finding in self.list {
            if kept
                .iter()
                .rev()
                .take_while(|k| k.line == finding.line)
                .any(|k| *k == finding)
            {
                continue;
            }
            if kept.len() == FINDINGS_MAX {
                self.more = true;
                break;
            }
            kept.push(finding);
        }
        if self.more {
            // An error, so that no error can hide behind the bound.
            let line = kept.last().map_or(1, |last| last.line);
            kept.push(Finding::about_file(
                line,
                String::new(),
                Problem::MoreFindings,
            ));
        }
        kept
    }
}

/// `text` fit for one line on a screen: control and invisible characters as `\u{…}`, and cut.
pub(crate) fn shown(text: &str) -> String {
    let mut line = String::new();
    for (at, c) in text.chars().enumerate() {
        match c {
            _ if at == VALUE_CHARS_MAX => {
                line.push('…');
                break;
            }
            c if crate::names::is_invisible(c) => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N17
    #[test]
    fn a_finding_is_one_line_with_line_path_value_problem_and_remedy() {
        let finding = Finding {
            severity: Severity::Error,
            line: 12,
            path: "/root/server@sv1/device@0/info".into(),
            value: shown("10.0.0.\n1\u{202e}"),
            problem: Problem::NotIpAddress,
        };
        assert_eq!(
            finding.to_string(),
            "clp.conf:12: /root/server@sv1/device@0/info = \"10.0.0.\\n1\\u{202e}\": \
             not an IP address. Give an IPv4 or IPv6 address, such as 192.168.0.1."
        );
        let ja = finding.one_line(Language::Ja);
        assert!(
            ja.starts_with("clp.conf:12: /root/server@sv1/device@0/info = "),
            "{ja}"
        );
        assert!(ja.ends_with('。') && ja.contains("IPアドレス"), "{ja}");
        assert_eq!(shown(&"a".repeat(500)).chars().count(), VALUE_CHARS_MAX + 1);
    }
}
