//! A clp.conf as a light tree of elements, in the words of its path notation.
//!
//! Every element has a name, at most one key (its `name` or `id` attribute), text and children;
//! that is all the real product ever writes. Lines are kept for findings, offsets into the
//! decoded text for writing back what was not understood. [`Node`] is the way to read it.

use std::fmt;
use std::ops::Range;

/// Deepest nesting of elements; real files have 7.
pub const DEPTH_MAX: usize = 32;

/// Most elements in one file; the largest real one seen has some 300.
pub const ELEMENTS_MAX: usize = 400_000;

/// Elements whose text is never shown.
const SECRETS: [&str; 5] = [
    "password",
    "passwd",
    "readcommunity",
    "writecommunity",
    "snmpcom",
];

/// Whether elements of this name hold a secret. Case does not count: a misspelt one is still one.
pub fn is_secret(name: &str) -> bool {
    SECRETS
        .iter()
        .any(|secret| secret.eq_ignore_ascii_case(name))
}

/// One element.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its `name` or `id` attribute.
    pub key: Option<String>,
    /// Its text, references resolved, spaces kept but for those between its children.
    pub text: String,
    /// The line of its start tag, from 1.
    pub line: u32,
    /// The whole element in the decoded text, tags included.
    pub span: Range<usize>,
    /// What stands between its tags; empty for `<x/>`.
    pub content: Range<usize>,
    /// Its parent, by place in [`Tree::elements`]; the root has none.
    pub parent: Option<usize>,
    /// Its children in the order of the file, likewise.
    pub children: Vec<usize>,
}

/// A whole file; the first element is the root, and every parent stands before its children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    pub(crate) elements: Vec<Element>,
}

/// One element of a [`Tree`], with its surroundings.
#[derive(Clone, Copy)]
pub struct Node<'t> {
    tree: &'t Tree,
    at: usize,
}

impl Tree {
    /// The outermost element.
    pub fn root(&self) -> Node<'_> {
        Node { tree: self, at: 0 }
    }

    /// The element at this place in [`Tree::elements`].
    pub(crate) fn node(&self, at: usize) -> Node<'_> {
        Node { tree: self, at }
    }

    /// Every element in the order of the start tags; the root is the first.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }
}

impl<'t> Node<'t> {
    /// Everything about this element.
    pub fn element(self) -> &'t Element {
        &self.tree.elements[self.at]
    }

    /// Its place in [`Tree::elements`].
    pub fn place(self) -> usize {
        self.at
    }

    /// Its name.
    pub fn name(self) -> &'t str {
        &self.element().name
    }

    /// Its `name` or `id` attribute, when it has one that is not empty.
    pub fn key(self) -> Option<&'t str> {
        self.element().key.as_deref().filter(|key| !key.is_empty())
    }

    /// Its text as it stands.
    pub fn raw(self) -> &'t str {
        &self.element().text
    }

    /// Its text without the space around it: `<comment> </comment>` is empty.
    pub fn value(self) -> &'t str {
        self.raw().trim_matches([' ', '\t', '\r', '\n'])
    }

    /// The line of its start tag.
    pub fn line(self) -> u32 {
        self.element().line
    }

    /// Its children in the order of the file.
    pub fn children(self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        self.element().children.iter().map(move |at| Node {
            tree: self.tree,
            at: *at,
        })
    }

    /// Its children of one name.
    pub fn all(self, name: &str) -> impl Iterator<Item = Node<'t>> + use<'t, '_> {
        self.children().filter(move |child| child.name() == name)
    }

    /// Where it stands, as the real product's tools write it: `/root/server@sv1/device@0/info`.
    /// Nothing below a secret is named: it is part of the secret.
    pub fn path(self) -> String {
        self.tree.path_of(self.at)
    }
}

impl Tree {
    pub(crate) fn path_of(&self, at: usize) -> String {
        let mut steps = Vec::new();
        let mut next = Some(at);
        while let Some(at) = next {
            let element = &self.elements[at];
            if is_secret(&element.name) {
                steps.clear();
            }
            steps.push(element);
            next = element.parent;
        }
        let mut path = String::new();
        for element in steps.iter().rev() {
            path.push('/');
            path.push_str(&crate::finding::shown(&element.name));
            if let Some(key) = element.key.as_deref().filter(|key| !key.is_empty()) {
                path.push('@');
                path.push_str(&crate::finding::shown(key));
            }
        }
        path
    }
}

/// Shows no text: it may be a secret, or stand inside one.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Element")
            .field("name", &self.name)
            .field("key", &self.key)
            .field("line", &self.line)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}
