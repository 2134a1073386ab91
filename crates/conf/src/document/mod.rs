//! A clp.conf that can be changed without touching anything else in it (rule M29).
//!
//! *Use.* [`Document::read`] takes the bytes of a file, [`Document::get`] finds elements by their
//! [`ElementPath`], [`Document::set`], [`Document::add`] and [`Document::remove`] change one
//! place, [`Document::bytes`] is the file as it stands. Whether the changed file is a good one is
//! for [`review`](crate::review) to say.
//!
//! A change is a splice of the file's own bytes: unknown elements, comments, order, indentation,
//! line ends, quotes and whatever else stands there are never written anew. What is inserted takes
//! on the character set, line end and indentation of its surroundings.
//!
//! *Failure.* A change that cannot be made ends in an [`EditFault`], and the document is as it
//! was. Each change is read back before it counts.

mod fault;
mod layout;
mod path;
mod value;

pub use fault::EditFault;
pub use path::ElementPath;

use crate::charset::{self, Decoded};
use crate::finding::Finding;
use crate::parse;
use crate::tree::{Node, Tree, is_secret};
use layout::Layout;
use path::Step;
use std::ops::Range;

/// A clp.conf with its bytes, text and tree.
#[derive(Clone)]
pub struct Document {
    bytes: Vec<u8>,
    decoded: Decoded,
    tree: Tree,
}

/// One change, in bytes of the file before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was replaced.
    pub at: Range<usize>,
    /// How many bytes stand there now.
    pub bytes: usize,
}

/// A change to the decoded text.
struct Splice {
    at: Range<usize>,
    with: String,
}

/// What a path leads to.
enum Found {
    One(usize),
    Several(Vec<usize>),
    /// The innermost element on the way, and how many steps led to it.
    Missing(usize, usize),
}

impl Document {
    /// Takes the bytes of a file. Only its form is checked here.
    ///
    /// # Errors
    /// Where it is no clp.conf in form: see [`charset::decode`] and [`parse()`].
    pub fn read(bytes: Vec<u8>) -> Result<Document, Finding> {
        let decoded = charset::decode(&bytes)?;
        let tree = parse(&decoded.text)?;
        Ok(Document {
            bytes,
            decoded,
            tree,
        })
    }

    /// The file as it stands.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its elements.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Every element that `path` names, in the order of the file. A step without a key names all
    /// elements of that name.
    pub fn get(&self, path: &ElementPath) -> Vec<Node<'_>> {
        let mut found = vec![0];
        for step in path.steps() {
            found = found
                .into_iter()
                .flat_map(|at| self.matches(at, step))
                .collect();
        }
        found.into_iter().map(|at| self.tree.node(at)).collect()
    }

    /// Gives the element at `path` this value, and makes it, with what is missing above it, if it
    /// is not there. `None` when it has the value already.
    ///
    /// # Errors
    /// See [`EditFault`]; nothing is changed then.
    pub fn set(&mut self, path: &ElementPath, value: &str) -> Result<Option<Change>, EditFault> {
        let value = normal(value)?;
        let splice = match self.find(path)? {
            Found::Several(all) => return Err(self.several(&all)),
            Found::One(at) => match self.new_value(at, &value)? {
                Some(splice) => splice,
                None => return Ok(None),
            },
            Found::Missing(parent, steps) => {
                self.insertion(parent, &path.steps()[steps..], &value)?
            }
        };
        let changed = self.spliced(splice)?;
        changed.0.holds(path, &value)?;
        Ok(Some(self.take(changed)))
    }

    /// Adds an element at `path`, with `value` or empty, after those of the same name. One with a
    /// key must be new; without a key there may be several.
    ///
    /// # Errors
    /// See [`EditFault`]; nothing is changed then.
    pub fn add(&mut self, path: &ElementPath, value: &str) -> Result<Change, EditFault> {
        let value = normal(value)?;
        let Some((last, above)) = path.steps().split_last() else {
            return Err(EditFault::Root);
        };
        if last.nth.is_some() {
            return Err(EditFault::NotThere);
        }
        let (parent, steps) = match self.find_steps(above)? {
            Found::Several(all) => return Err(self.several(&all)),
            Found::Missing(parent, steps) => (parent, steps),
            Found::One(parent) => {
                let there = self.matches(parent, last);
                if let (Some(_), Some(first)) = (&last.key, there.first()) {
                    let line = self.tree.elements()[*first].line;
                    return Err(EditFault::AlreadyThere { line });
                }
                (parent, above.len())
            }
        };
        let count = self.get(path).len();
        let splice = self.insertion(parent, &path.steps()[steps..], &value)?;
        let changed = self.spliced(splice)?;
        if changed.0.get(path).len() != count + 1 {
            return Err(EditFault::NotKept);
        }
        Ok(self.take(changed))
    }

    /// Removes the element at `path` with all that stands in it, and its line if nothing else
    /// stands there.
    ///
    /// # Errors
    /// See [`EditFault`]; nothing is changed then.
    pub fn remove(&mut self, path: &ElementPath) -> Result<Change, EditFault> {
        let at = match self.find(path)? {
            Found::One(at) => at,
            Found::Several(all) => return Err(self.several(&all)),
            Found::Missing(..) => return Err(EditFault::NotThere),
        };
        let count = self.get(path).len();
        let splice = Splice {
            at: layout::whole_lines(&self.decoded.text, &self.tree.elements()[at].span),
            with: String::new(),
        };
        let changed = self.spliced(splice)?;
        if changed.0.get(path).len() + 1 != count.max(1) {
            // `argument[1]` is the former `argument[2]` now.
            let numbered = path.steps().last().is_some_and(|step| step.nth.is_some());
            if !numbered {
                return Err(EditFault::NotKept);
            }
        }
        Ok(self.take(changed))
    }

    /// The children of `parent` that `step` names. A key in other letters' case counts where none
    /// is exact; an element without a key is preferred where the step has none.
    fn matches(&self, parent: usize, step: &Step) -> Vec<usize> {
        let children = &self.tree.elements()[parent].children;
        let among = |fits: &dyn Fn(&str, Option<&str>) -> bool| -> Vec<usize> {
            let all = children.iter().copied();
            all.filter(|at| {
                let element = &self.tree.elements()[*at];
                fits(&element.name, element.key.as_deref())
            })
            .collect()
        };
        let mut found = among(&|name, key| step.names(name, key));
        if found.is_empty() {
            found = among(&|name, key| step.names_in_any_case(name, key));
        }
        match step.nth {
            Some(nth) => found.into_iter().skip(nth - 1).take(1).collect(),
            None => found,
        }
    }

    /// The one element that can be changed.
    fn find(&self, path: &ElementPath) -> Result<Found, EditFault> {
        if path.steps().is_empty() {
            return Err(EditFault::Root);
        }
        self.find_steps(path.steps())
    }

    fn find_steps(&self, steps: &[Step]) -> Result<Found, EditFault> {
        let mut at = 0;
        for (passed, step) in steps.iter().enumerate() {
            let found = self.matches(at, step);
            at = match found[..] {
                [one] => one,
                [] => return Ok(Found::Missing(at, passed)),
                _ => return Ok(Found::Several(found)),
            };
        }
        Ok(Found::One(at))
    }

    fn several(&self, all: &[usize]) -> EditFault {
        let lines = all.iter().map(|at| self.tree.elements()[*at].line);
        EditFault::Several {
            lines: lines.collect(),
        }
    }

    /// The splice that gives the element at `at` a value; `None` if it has it.
    fn new_value(&self, at: usize, value: &str) -> Result<Option<Splice>, EditFault> {
        let element = &self.tree.elements()[at];
        if !element.children.is_empty() {
            return Err(EditFault::HoldsElements { line: element.line });
        }
        let exact = is_secret(&element.name);
        if value::same(self.tree.node(at), value, exact) {
            return Ok(None);
        }
        let text = &self.decoded.text;
        if element.content.start == element.span.end {
            let body = value::escaped(value, layout::line_end(text));
            return Ok(Some(layout::opened(text, element, &body)));
        }
        let line_end = layout::line_end(text);
        let (at, with) = value::replaced(text, element.content.clone(), value, line_end, exact);
        Ok(Some(Splice { at, with }))
    }

    /// The splice that makes `steps` below the element at `parent`, the last one with `value`.
    fn insertion(&self, parent: usize, steps: &[Step], value: &str) -> Result<Splice, EditFault> {
        if steps.iter().any(|step| step.nth.is_some()) {
            return Err(EditFault::NotThere);
        }
        let element = &self.tree.elements()[parent];
        if element.children.is_empty() && !self.tree.node(parent).value().is_empty() {
            return Err(EditFault::HoldsValue { line: element.line });
        }
        // There is at least one: what is missing.
        let first = steps.first().ok_or(EditFault::Root)?;
        let layout = Layout::below(&self.decoded.text, &self.tree, parent, &first.name);
        let names = self.names_above(parent);
        let body = layout.rendered(&names, steps, value);
        Ok(layout.placed(&self.decoded.text, element, &body))
    }

    /// The names of the element at `at` and of those around it, outermost first.
    fn names_above(&self, at: usize) -> Vec<&str> {
        let mut names = Vec::new();
        let mut next = Some(at);
        while let Some(at) = next {
            names.push(self.tree.elements()[at].name.as_str());
            next = self.tree.elements()[at].parent;
        }
        names.reverse();
        names
    }

    /// The document with this splice in its bytes.
    fn spliced(&self, splice: Splice) -> Result<(Document, Change), EditFault> {
        let charset = self.decoded.charset;
        let new = charset
            .encode(&splice.with)
            .map_err(|character| EditFault::CharsetLacks { charset, character })?;
        let start = self.decoded.byte_offset(&self.bytes, splice.at.start);
        let end = self.decoded.byte_offset(&self.bytes, splice.at.end);
        let change = Change {
            at: start..end,
            bytes: new.len(),
        };
        let bytes = [&self.bytes[..start], &new, &self.bytes[end..]].concat();
        let document =
            Document::read(bytes).map_err(|finding| EditFault::Unreadable(Box::new(finding)))?;
        let (old, text) = (&self.decoded.text, &document.decoded.text);
        let kept = text.len() + splice.at.len() == old.len() + splice.with.len()
            && text.starts_with(&old[..splice.at.start])
            && text[splice.at.start..].starts_with(&splice.with)
            && text.ends_with(&old[splice.at.end..]);
        if !kept {
            return Err(EditFault::NotKept);
        }
        Ok((document, change))
    }

    /// Whether the element at `path` has `value` now.
    fn holds(&self, path: &ElementPath, value: &str) -> Result<(), EditFault> {
        match self.get(path)[..] {
            [node] if value::same(node, value, is_secret(node.name())) => Ok(()),
            _ => Err(EditFault::NotKept),
        }
    }

    fn take(&mut self, (changed, change): (Document, Change)) -> Change {
        *self = changed;
        change
    }
}

/// Shows no text: it may hold secrets.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.bytes.len())
            .field("charset", &self.decoded.charset)
            .finish_non_exhaustive()
    }
}

/// `value` with line feeds as line ends.
fn normal(value: &str) -> Result<String, EditFault> {
    let value = value.replace("\r\n", "\n");
    let forbidden = |c: &char| {
        (*c < ' ' && !matches!(c, '\t' | '\n')) || matches!(c, '\u{7f}' | '\u{fffe}' | '\u{ffff}')
    };
    match value.chars().find(forbidden) {
        Some(c) => Err(EditFault::Control { code: c.into() }),
        None => Ok(value),
    }
}
