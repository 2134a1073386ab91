//! Two clp.conf compared element by element, not line by line.
//!
//! *Use.* [`differences`]. Order, indentation and comments do not count. What stands below a secret is part
//! of it and is not named.

use crate::blackout::looks_secret;
use crate::document::{Document, ElementPath};
use crate::tree::Node;
use std::collections::HashMap;

/// An element that is not the same in both.
#[derive(Clone, Copy)]
pub struct Difference<'t> {
    /// In the one; `None` where only the other has it.
    pub one: Option<Node<'t>>,
    /// In the other.
    pub other: Option<Node<'t>>,
}

/// All differences with their paths: first those of the elements of `one`, in its order, then what only
/// `other` has.
pub fn differences<'t>(one: &'t Document, other: &'t Document) -> Vec<(String, Difference<'t>)> {
    let (ones, others) = (rows(one), rows(other));
    let in_one: HashMap<&str, Node<'t>> = by_path(&ones);
    let in_other: HashMap<&str, Node<'t>> = by_path(&others);
    let mut found = Vec::new();
    for (path, node) in &ones {
        let there = in_other.get(path.as_str()).copied();
        if there.is_none_or(|there| compared(there) != compared(*node)) {
            let (one, other) = (Some(*node), there);
            found.push((path.clone(), Difference { one, other }));
        }
    }
    for (path, node) in &others {
        if !in_one.contains_key(path.as_str()) {
            let (one, other) = (None, Some(*node));
            found.push((path.clone(), Difference { one, other }));
        }
    }
    found
}

/// The element and all below it, in the order of the file; nothing below a secret.
pub fn below(node: Node<'_>) -> Vec<Node<'_>> {
    let mut all = vec![node];
    if !looks_secret(node.name()) {
        all.extend(node.children().flat_map(below));
    }
    all
}

fn rows(document: &Document) -> Vec<(String, Node<'_>)> {
    let paths = ElementPath::all(document.tree());
    let nodes = below(document.tree().root()).into_iter();
    nodes
        .map(|node| (paths[node.place()].clone(), node))
        .collect()
}

fn by_path<'a, 't>(rows: &'a [(String, Node<'t>)]) -> HashMap<&'a str, Node<'t>> {
    rows.iter()
        .map(|(path, node)| (path.as_str(), *node))
        .collect()
}

/// Spaces around a secret belong to it.
fn compared(node: Node<'_>) -> &str {
    if looks_secret(node.name()) {
        node.raw()
    } else {
        node.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(inside: &str) -> Document {
        let text = format!("<root><cluster>{inside}</cluster></root>");
        Document::read(text.into_bytes()).unwrap()
    }

    /// Rule: M27
    #[test]
    fn differences_are_told_by_path_and_space_counts_in_secrets_only() {
        let one = document("<name>a</name><gone/><password>x</password><same> 1</same>");
        let other = document("<same>1</same><name>b</name><password>x </password><new>2</new>");
        let found = differences(&one, &other);
        let told: Vec<(&str, Option<&str>, Option<&str>)> = found
            .iter()
            .map(|(path, it)| {
                (
                    path.as_str(),
                    it.one.map(|node| node.value()),
                    it.other.map(|node| node.value()),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("/root/cluster/name", Some("a"), Some("b")),
                ("/root/cluster/gone", Some(""), None),
                ("/root/cluster/password", Some("x"), Some("x")),
                ("/root/cluster/new", None, Some("2")),
            ]
        );
        assert!(differences(&one, &one).is_empty());
    }
}
