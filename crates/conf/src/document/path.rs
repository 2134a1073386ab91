//! Paths into a clp.conf, in the notation of the real product's tools: `/root/server@sv1/device@0/info`.
//!
//! A step is the name of an element, with `@KEY` where elements of that name are told apart by a
//! `name` or `id`. Two additions of ours: a key with a slash stands in quotes, `ip@"10.0.0.0/24"`,
//! and `argument[2]` is the second of several alike (with a key in quotes: `server@"sv1"[2]`). What [`ElementPath`] prints, it reads.

use super::fault::EditFault;
use crate::names::is_invisible;
use crate::parse::is_xml_name;
use crate::tree::{DEPTH_MAX, Tree, is_secret};
use std::collections::HashMap;
use std::fmt;

/// Elements that the real product keys by `id`; all others by `name`.
const KEYED_BY_ID: [&str; 8] = [
    "device", "list", "hba", "grp", "servers", "netdev", "smtpsrv", "snmpsrv",
];

/// Longest key, in characters.
const KEY_CHARS_MAX: usize = 255;

/// The way to one element, from below `/root`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementPath {
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) key: Option<String>,
    /// Which of several alike, from 1.
    pub(crate) nth: Option<usize>,
}

impl ElementPath {
    /// Reads a path such as `/root/cluster/mail/address`.
    ///
    /// # Errors
    /// [`EditFault::NotPath`] with the step that is wrong.
    pub fn parse(text: &str) -> Result<ElementPath, EditFault> {
        let wrong = |step: &str| EditFault::NotPath { step: step.into() };
        let mut rest = text.strip_prefix("/root").ok_or_else(|| wrong(text))?;
        let mut steps = Vec::new();
        while let Some(more) = rest.strip_prefix('/') {
            let (step, after) = Step::parse(more).ok_or_else(|| wrong(more))?;
            steps.push(step);
            rest = after;
        }
        if !rest.is_empty() {
            return Err(wrong(rest));
        }
        if steps.len() >= DEPTH_MAX {
            return Err(wrong(text));
        }
        Ok(ElementPath { steps })
    }

    /// The path of the element at `at` in `tree`, with a number where others are alike.
    pub fn of(tree: &Tree, at: usize) -> ElementPath {
        let mut steps = Vec::new();
        let mut next = at;
        while let Some(parent) = tree.elements()[next].parent {
            let element = &tree.elements()[next];
            let key = element.key.clone().filter(|key| !key.is_empty());
            let mut alike = tree.elements()[parent].children.iter().filter(|other| {
                let other = &tree.elements()[**other];
                other.name == element.name
                    && other.key.as_deref().filter(|key| !key.is_empty()) == key.as_deref()
            });
            let place = alike.clone().position(|other| *other == next);
            let nth = match alike.nth(1) {
                Some(_) => place.map(|place| place + 1),
                None => None,
            };
            steps.push(Step {
                name: element.name.clone(),
                key,
                nth,
            });
            next = parent;
        }
        steps.reverse();
        ElementPath { steps }
    }

    /// The paths of all elements, as text, in the order of [`Tree::elements`]. One pass: many
    /// elements may stand beside each other.
    pub fn all(tree: &Tree) -> Vec<String> {
        let elements = tree.elements();
        let mut numbers = vec![None; elements.len()];
        for element in elements {
            let mut alike: HashMap<(&str, Option<&str>), Vec<usize>> = HashMap::new();
            for at in &element.children {
                let child = &elements[*at];
                let key = child.key.as_deref().filter(|key| !key.is_empty());
                alike.entry((&child.name, key)).or_default().push(*at);
            }
            for places in alike.into_values().filter(|places| places.len() > 1) {
                for (nth, at) in places.into_iter().enumerate() {
                    numbers[at] = Some(nth + 1);
                }
            }
        }
        let mut paths: Vec<String> = Vec::with_capacity(elements.len());
        for (element, nth) in elements.iter().zip(numbers) {
            let step = Step {
                name: element.name.clone(),
                key: element.key.clone().filter(|key| !key.is_empty()),
                nth,
            };
            // Parents stand before their children.
            let above = element.parent.map_or("", |parent| paths[parent].as_str());
            paths.push(format!("{above}/{step}"));
        }
        paths
    }

    /// The steps below the root.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it leads to a secret, or into one.
    pub fn is_secret(&self) -> bool {
        self.steps.iter().any(|step| is_secret(&step.name))
    }

    /// Whether it is `other` or leads below it.
    pub fn is_below(&self, other: &ElementPath) -> bool {
        self.steps.starts_with(&other.steps)
    }
}

impl Step {
    /// The first step of `text`, and what follows it.
    fn parse(text: &str) -> Option<(Step, &str)> {
        let end = text.find(['/', '@', '[']).unwrap_or(text.len());
        let (name, mut rest) = text.split_at(end);
        if !is_xml_name(name) {
            return None;
        }
        let mut key = None;
        if let Some(after) = rest.strip_prefix('@') {
            let (found, after) = match after.strip_prefix('"') {
                Some(quoted) => unquoted(quoted)?,
                None => {
                    let end = after.find('/').unwrap_or(after.len());
                    let (found, after) = after.split_at(end);
                    (found.to_string(), after)
                }
            };
            let fits = (1..=KEY_CHARS_MAX).contains(&found.chars().count());
            if !fits || found.chars().any(is_invisible) {
                return None;
            }
            key = Some(found);
            rest = after;
        }
        let mut nth = None;
        if let Some(after) = rest.strip_prefix('[') {
            let (number, after) = after.split_once(']')?;
            nth = Some(number.parse().ok().filter(|number| *number > 0)?);
            rest = after;
        }
        let step = Step {
            name: name.to_string(),
            key,
            nth,
        };
        (rest.is_empty() || rest.starts_with('/')).then_some((step, rest))
    }

    /// Whether it names an element with this name and key.
    pub(crate) fn names(&self, name: &str, key: Option<&str>) -> bool {
        let key = key.filter(|key| !key.is_empty());
        self.name == name && (self.key.is_none() || self.key.as_deref() == key)
    }

    /// The same, where the case of letters in the key does not count: host names have none.
    pub(crate) fn names_in_any_case(&self, name: &str, key: Option<&str>) -> bool {
        match (self.key.as_deref(), key) {
            (Some(one), Some(other)) => self.name == name && one.eq_ignore_ascii_case(other),
            _ => false,
        }
    }
}

/// The attribute that holds the key of an element `name` below `parent`, which itself stands
/// below `above`: the real product's rule.
pub(crate) fn key_attribute(above: Option<&str>, parent: &str, name: &str) -> &'static str {
    let message = parent == "messages" && name != "types";
    let command = above == Some("messages") && name == "cmd";
    if message || command || KEYED_BY_ID.contains(&name) {
        "id"
    } else {
        "name"
    }
}

/// The text up to the closing quote, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((key, &text[at + 1..])),
            '\\' => key.push(chars.next()?.1),
            c => key.push(c),
        }
    }
    None
}

impl fmt::Display for ElementPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/root")?;
        self.steps.iter().try_for_each(|step| write!(f, "/{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.key {
            Some(key) if self.nth.is_some() || key.contains(['/', '"', '\\']) => {
                f.write_str("@\"")?;
                for c in key.chars() {
                    if matches!(c, '"' | '\\') {
                        f.write_str("\\")?;
                    }
                    write!(f, "{c}")?;
                }
                f.write_str("\"")?;
            }
            Some(key) => write!(f, "@{key}")?,
            None => {}
        }
        match self.nth {
            Some(nth) => write!(f, "[{nth}]"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: M27
    #[test]
    fn paths_are_read_as_the_real_products_tools_write_them() {
        for text in [
            "/root",
            "/root/cluster/mail/address",
            "/root/server@sv1/device@20000/type",
            "/root/messages/nm@2/mail",
            "/root/webmgr/security/clientlist/ip@\"10.0.0.0/24\"",
            "/root/x@\"a\\\"b\\\\c\"/y",
            "/root/noroshi/lamp@sv1/argument[2]",
            "/root/server@\"sv1\"[2]/priority",
            "/root/server@a[1]",
            "/root/server@サーバ一/priority",
        ] {
            let path = ElementPath::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
            assert_eq!(path.to_string(), text);
        }
        for (text, step) in [
            ("", ""),
            ("root/cluster", "root/cluster"),
            ("/rooted", "ed"),
            ("/root/", ""),
            ("/root//name", "/name"),
            ("/root/1x", "1x"),
            ("/root/server@/x", "server@/x"),
            ("/root/a b", "a b"),
            ("/root/argument[0]", "argument[0]"),
            ("/root/argument[2", "argument[2"),
            ("/root/argument[2]x", "argument[2]x"),
            ("/root/ip@\"10.0.0.0", "ip@\"10.0.0.0"),
            ("/root/a@x\u{202e}", "a@x\u{202e}"),
        ] {
            assert_eq!(
                ElementPath::parse(text),
                Err(EditFault::NotPath { step: step.into() }),
                "{text}"
            );
        }
        assert!(ElementPath::parse(&format!("/root{}", "/a".repeat(40))).is_err());
    }

    /// Rule: M27
    #[test]
    fn the_paths_of_all_elements_are_those_of_each() {
        let text = "<root><a/><a/><s name='1'><x/></s><s name='1'/><s name='2/3'><a/></s></root>";
        let tree = crate::parse(text).unwrap_or_else(|finding| panic!("{finding}"));
        let paths = ElementPath::all(&tree);
        assert_eq!(paths[3], "/root/s@\"1\"[1]");
        for (at, path) in paths.iter().enumerate() {
            assert_eq!(*path, ElementPath::of(&tree, at).to_string());
        }
    }

    /// Rule: M11 M27
    #[test]
    fn keys_stand_in_the_attribute_that_the_real_product_uses() {
        for (above, parent, name, attribute) in [
            (None, "root", "server", "name"),
            (Some("root"), "server", "device", "id"),
            (Some("mail"), "smtp", "smtpsrv", "id"),
            (Some("root"), "messages", "nm", "id"),
            (Some("root"), "messages", "types", "name"),
            (Some("messages"), "nm", "cmd", "id"),
            (Some("root"), "noroshi", "lamp", "name"),
        ] {
            assert_eq!(key_attribute(above, parent, name), attribute, "{name}");
        }
    }
}
