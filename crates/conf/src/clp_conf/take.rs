//! The few ways in which settings are taken out of the tree.
//!
//! Each reports what is wrong and then answers `None`, as for a setting that is absent: the
//! caller goes on with its default, and the finding keeps the result from ever being used.

use crate::finding::{Findings, shown};
use crate::names::{is_name, is_one_line};
use crate::problem::Problem;
use crate::tree::Node;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;

impl Findings {
    /// The only element at `path` below `from`, such as `mail/smtp`; a second one is an error.
    pub(crate) fn at<'t>(&mut self, from: Node<'t>, path: &str) -> Option<Node<'t>> {
        path.split('/').try_fold(from, |node, name| {
            let mut found = node.all(name);
            let first = found.next()?;
            for more in found {
                self.error_silent(more, Problem::Repeated { line: first.line() });
            }
            Some(first)
        })
    }

    /// The element at `path`, if it has any text: `<timeout/>` is no setting.
    pub(crate) fn setting<'t>(&mut self, from: Node<'t>, path: &str) -> Option<Node<'t>> {
        self.at(from, path).filter(|node| !node.value().is_empty())
    }

    /// Like [`Findings::setting`], for one that must be given.
    pub(crate) fn required<'t>(&mut self, from: Node<'t>, path: &str) -> Option<Node<'t>> {
        match self.at(from, path) {
            Some(node) if node.value().is_empty() => {
                self.error(node, Problem::Missing);
                None
            }
            Some(node) => Some(node),
            None => {
                self.missing(from, path);
                None
            }
        }
    }

    /// A whole number in decimal digits.
    pub(crate) fn number(
        &mut self,
        from: Node<'_>,
        path: &str,
        bounds: RangeInclusive<u64>,
        unit: &'static str,
    ) -> Option<u64> {
        let node = self.setting(from, path)?;
        self.number_of(node, bounds, unit)
    }

    /// The number that is the text of `node`.
    pub(crate) fn number_of(
        &mut self,
        node: Node<'_>,
        bounds: RangeInclusive<u64>,
        unit: &'static str,
    ) -> Option<u64> {
        let number = digits(node.value()).filter(|number| bounds.contains(number));
        if number.is_none() {
            let (min, max) = (*bounds.start(), *bounds.end());
            self.error(node, Problem::NotNumber { min, max, unit });
        }
        number
    }

    /// `0` or `1`.
    pub(crate) fn flag(&mut self, from: Node<'_>, path: &str) -> Option<bool> {
        self.choice(from, path, &[("0", false), ("1", true)])
    }

    /// One of a few words, in any case.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        from: Node<'_>,
        path: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let node = self.setting(from, path)?;
        self.choice_of(node, choices)
    }

    /// The word that is the text of `node`.
    pub(crate) fn choice_of<T: Copy>(
        &mut self,
        node: Node<'_>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = choices
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(node.value()));
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.error(
                node,
                Problem::NotOneOf {
                    choices: words.join(", "),
                },
            );
        }
        found.map(|(_, value)| *value)
    }

    /// One line of text.
    pub(crate) fn line<'t>(
        &mut self,
        from: Node<'t>,
        path: &str,
        chars_max: usize,
    ) -> Option<&'t str> {
        let node = self.setting(from, path)?;
        if !is_one_line(node.value(), chars_max) {
            self.error(node, Problem::NotOneLine { chars_max });
            return None;
        }
        Some(node.value())
    }

    /// An absolute path.
    pub(crate) fn path(&mut self, from: Node<'_>, path: &str) -> Option<String> {
        const CHARS_MAX: usize = 1_024;
        let text = self.line(from, path, CHARS_MAX)?;
        if !text.starts_with('/') {
            let node = self.at(from, path)?;
            self.error(node, Problem::NotAbsolutePath);
            return None;
        }
        Some(text.to_string())
    }

    /// The elements called `name` below `parent` with their keys, each key once.
    pub(crate) fn keyed<'t>(&mut self, parent: Node<'t>, name: &str) -> Vec<(&'t str, Node<'t>)> {
        let mut kept: Vec<(&'t str, Node<'t>)> = Vec::new();
        let mut lines: HashMap<String, u32> = HashMap::new();
        for node in parent.all(name) {
            let Some(key) = node.key() else {
                self.error_silent(node, Problem::KeyMissing);
                continue;
            };
            // Host names do not distinguish case, so nothing named after them does.
            match lines.entry(key.to_ascii_lowercase()) {
                Entry::Occupied(first) => {
                    self.error_in(node, key, Problem::Repeated { line: *first.get() });
                }
                Entry::Vacant(place) => {
                    place.insert(node.line());
                    kept.push((key, node));
                }
            }
        }
        kept
    }

    /// Checks that `key`, the name of `node`, is usable as one.
    pub(crate) fn check_name(&mut self, node: Node<'_>, key: &str) {
        if !is_name(key) {
            self.error_in(node, key, Problem::NameBad);
        }
    }

    /// `rows` in the order of their `priority` elements, which each must have, none twice.
    pub(crate) fn by_priority<T>(&mut self, rows: Vec<(Node<'_>, T)>) -> Vec<T> {
        let mut taken: HashMap<u64, String> = HashMap::new();
        let mut order: Vec<u64> = Vec::new();
        for (node, _) in &rows {
            let priority = self.required(*node, "priority");
            let number = priority.and_then(|node| self.number_of(node, 0..=9_999, ""));
            order.push(number.unwrap_or(u64::MAX));
            let (Some(element), Some(number)) = (priority, number) else {
                continue;
            };
            match taken.entry(number) {
                Entry::Occupied(by) => {
                    self.error(
                        element,
                        Problem::PriorityTaken {
                            by: by.get().clone(),
                        },
                    );
                }
                Entry::Vacant(place) => {
                    place.insert(shown(node.key().unwrap_or(node.name())));
                }
            }
        }
        let mut numbered: Vec<_> = order.into_iter().zip(rows).collect();
        numbered.sort_by_key(|(number, _)| *number);
        numbered.into_iter().map(|(_, (_, row))| row).collect()
    }
}

/// A number in decimal digits alone: no sign, no space.
pub(crate) fn digits(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}
