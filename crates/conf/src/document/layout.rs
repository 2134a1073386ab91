//! Where a new element goes, and how it is laid out: as its surroundings are.
//!
//! After the last element of its name, or else after the last one; on a line of its own if that one
//! has one, with its indentation and line end.

use super::path::{Step, key_attribute};
use super::{Splice, value};
use crate::tree::{Element, Tree};
use std::ops::Range;

/// Indentation where a file gives no example.
const UNIT: &str = "  ";

/// How and where a new element is written.
pub(super) struct Layout {
    place: Place,
    /// Line end, indentation of the new element and what one more step adds; `None` within a line.
    lines: Option<Lines>,
    /// For values of several lines.
    line_end: String,
}

struct Lines {
    end: String,
    indent: String,
    unit: String,
}

enum Place {
    /// After another element, at this offset.
    After(usize),
    /// Inside an element without others.
    Inside {
        /// Indentation of that element's own line.
        indent: String,
    },
}

impl Layout {
    /// The layout for an element `name` below the one at `parent`.
    pub(super) fn below(text: &str, tree: &Tree, parent: usize, name: &str) -> Layout {
        let elements = tree.elements();
        let element = &elements[parent];
        let line_end = self::line_end(text).to_string();
        let children = || element.children.iter().map(|at| &elements[*at]);
        let alike = children().rfind(|child| child.name == name);
        if let Some(anchor) = alike.or_else(|| children().next_back()) {
            let lines = own_line(text, anchor.span.start).and_then(|line| {
                Some(Lines {
                    end: line.end?.to_string(),
                    indent: line.indent.to_string(),
                    unit: unit(text, tree),
                })
            });
            let at = match lines {
                Some(_) => past_comments(text, anchor.span.end),
                None => anchor.span.end,
            };
            return Layout {
                place: Place::After(at),
                lines,
                line_end,
            };
        }
        let own = own_line(text, element.span.start).filter(|_| text.contains('\n'));
        let indent = own.map_or("", |line| line.indent);
        let unit = unit(text, tree);
        let lines = own.map(|line| Lines {
            end: line.end.unwrap_or(&line_end).to_string(),
            indent: format!("{indent}{unit}"),
            unit,
        });
        Layout {
            place: Place::Inside {
                indent: indent.to_string(),
            },
            lines,
            line_end,
        }
    }

    /// The text of `steps`, each inside the one before, the last with `value`. `above` names the
    /// elements around.
    pub(super) fn rendered(&self, above: &[&str], steps: &[Step], value: &str) -> String {
        let mut names: Vec<&str> = above.to_vec();
        let mut text = String::new();
        let mut ends: Vec<String> = Vec::new();
        for (depth, step) in steps.iter().enumerate() {
            if depth > 0 {
                text.push_str(&self.break_at(depth));
            }
            text.push('<');
            text.push_str(&step.name);
            if let Some(key) = &step.key {
                let parent = names.last().copied().unwrap_or_default();
                let above = names.len().checked_sub(2).map(|at| names[at]);
                let attribute = key_attribute(above, parent, &step.name);
                text.push_str(&format!(" {attribute}=\"{}\"", value::attribute(key)));
            }
            if depth + 1 < steps.len() {
                text.push('>');
                ends.push(format!("{}</{}>", self.break_at(depth), step.name));
            } else if value.is_empty() {
                text.push_str("/>");
            } else {
                let value = value::escaped(value, &self.line_end);
                text.push_str(&format!(">{value}</{}>", step.name));
            }
            names.push(&step.name);
        }
        text.extend(ends.into_iter().rev());
        text
    }

    /// The line break before an element `depth` steps inside the new one; nothing within a line.
    fn break_at(&self, depth: usize) -> String {
        self.lines.as_ref().map_or_else(String::new, |lines| {
            format!("{}{}{}", lines.end, lines.indent, lines.unit.repeat(depth))
        })
    }

    /// The splice that puts `body` in its place below `parent`.
    pub(super) fn placed(&self, text: &str, parent: &Element, body: &str) -> Splice {
        let before = self.break_at(0);
        let indent = match &self.place {
            Place::After(at) => {
                return Splice {
                    at: *at..*at,
                    with: before + body,
                };
            }
            Place::Inside { indent } => indent,
        };
        let after = self
            .lines
            .as_ref()
            .map_or_else(String::new, |lines| format!("{}{indent}", lines.end));
        let inside = format!("{before}{body}{after}");
        if parent.content.start == parent.span.end {
            return opened(text, parent, &inside);
        }
        // What stands there is spaces and comments; the spaces at the end make room.
        let content = &text[parent.content.clone()];
        let start = parent.content.start + content.trim_end_matches([' ', '\t', '\r', '\n']).len();
        Splice {
            at: start..parent.content.end,
            with: inside,
        }
    }
}

/// The splice that makes `<x/>` to `<x>body</x>`.
pub(super) fn opened(text: &str, element: &Element, body: &str) -> Splice {
    let tag = &text[element.span.clone()];
    let tag = tag.strip_suffix("/>").unwrap_or(tag).trim_end();
    Splice {
        at: element.span.start + tag.len()..element.span.end,
        with: format!(">{body}</{}>", element.name),
    }
}

/// The line end of the file: its first one, or a line feed.
pub(super) fn line_end(text: &str) -> &str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// `span` with the line that it has to itself, if it has one: from the line end before it.
pub(super) fn whole_lines(text: &str, span: &Range<usize>) -> Range<usize> {
    let rest = text[span.end..].trim_start_matches([' ', '\t']);
    let ends = rest.is_empty() || rest.starts_with('\n') || rest.starts_with("\r\n");
    match own_line(text, span.start) {
        Some(Line {
            indent,
            end: Some(end),
        }) if ends => span.start - indent.len() - end.len()..text.len() - rest.len(),
        _ => span.clone(),
    }
}

/// What stands before something that begins its line.
#[derive(Clone, Copy)]
struct Line<'t> {
    indent: &'t str,
    /// The line end before; `None` at the beginning of the text.
    end: Option<&'t str>,
}

/// The line that `start` begins, if nothing but spaces stands before it.
fn own_line(text: &str, start: usize) -> Option<Line<'_>> {
    let before = &text[..start];
    let above = before.trim_end_matches([' ', '\t']);
    let end = if above.ends_with("\r\n") {
        Some("\r\n")
    } else if above.ends_with('\n') {
        Some("\n")
    } else if above.is_empty() {
        None
    } else {
        return None;
    };
    Some(Line {
        indent: &before[above.len()..],
        end,
    })
}

/// What one step of nesting adds to the indentation: the first example in the file.
fn unit(text: &str, tree: &Tree) -> String {
    let elements = tree.elements();
    let examples = elements.iter().filter_map(|element| {
        let outer = own_line(text, elements[element.parent?].span.start)?;
        let inner = own_line(text, element.span.start)?;
        inner.indent.strip_prefix(outer.indent)
    });
    examples.into_iter().next().unwrap_or(UNIT).to_string()
}

/// Past comments that follow on the same line and end it: they are about what stands before them.
fn past_comments(text: &str, at: usize) -> usize {
    let mut end = at;
    loop {
        let rest = text[end..].trim_start_matches([' ', '\t']);
        let start = text.len() - rest.len();
        let comment = rest
            .strip_prefix("<!--")
            .and_then(|inside| inside.find("-->"));
        match comment {
            Some(length) if !rest[..length + 7].contains('\n') => end = start + length + 7,
            _ if rest.starts_with('\n') || rest.starts_with("\r\n") => return end,
            _ => return at,
        }
    }
}
