//! The text of an element: how a value is written, and how it is replaced.

use crate::tree::Node;
use std::ops::Range;

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Whether `node` has this value; `exact` where spaces around it belong to it.
pub(super) fn same(node: Node<'_>, value: &str, exact: bool) -> bool {
    if exact {
        node.raw() == value
    } else {
        node.value() == value.trim_matches(SPACES)
    }
}

/// `value` as text between tags, with the file's line end.
pub(super) fn escaped(value: &str, line_end: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '\n' => text.push_str(line_end),
            c => text.push(c),
        }
    }
    text
}

/// `value` as an attribute between double quotes.
pub(super) fn attribute(value: &str) -> String {
    escaped(value, "&#10;").replace('"', "&quot;")
}

/// What is to be replaced by what for the text in `content` to mean `value`. Comments stay, and so
/// do spaces around the value, unless they belong to it (`exact`).
pub(super) fn replaced(
    text: &str,
    content: Range<usize>,
    value: &str,
    line_end: &str,
    exact: bool,
) -> (Range<usize>, String) {
    let runs = runs(text, content.clone());
    let core = |run: &Range<usize>| -> Range<usize> {
        if exact {
            return run.clone();
        }
        let inside = &text[run.clone()];
        let start = run.start + (inside.len() - inside.trim_start_matches(SPACES).len());
        start.max(run.start)..(run.start + inside.trim_end_matches(SPACES).len()).max(start)
    };
    let cores: Vec<Range<usize>> = runs
        .iter()
        .map(core)
        .filter(|core| !core.is_empty())
        .collect();
    let (Some(first), Some(last)) = (cores.first(), cores.last()) else {
        // Nothing but spaces and comments: the first spaces make room.
        let at = runs
            .first()
            .cloned()
            .unwrap_or(content.start..content.start);
        return (at, escaped(value, line_end));
    };
    let mut with = written_like(&text[first.clone()], value, line_end);
    let mut end = first.end;
    for core in &cores[1..] {
        with.push_str(&text[end..core.start]);
        end = core.end;
    }
    (first.start..last.end, with)
}

/// The value in the form of the `old` text: a CDATA section stays one.
fn written_like(old: &str, value: &str, line_end: &str) -> String {
    let section = old
        .strip_prefix("<![CDATA[")
        .and_then(|inside| inside.strip_suffix("]]>"));
    match section {
        Some(inside) if !inside.contains("]]>") && !value.contains("]]>") && !value.is_empty() => {
            format!("<![CDATA[{}]]>", value.replace('\n', line_end))
        }
        _ => escaped(value, line_end),
    }
}

/// The pieces of `content` between comments and processing instructions, the empty ones too.
fn runs(text: &str, content: Range<usize>) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let (mut start, mut at) = (content.start, content.start);
    while at < content.end {
        let rest = &text[at..content.end];
        let (skipped, is_text) = if rest.starts_with("<!--") {
            (past(rest, "-->"), false)
        } else if rest.starts_with("<?") {
            (past(rest, "?>"), false)
        } else if rest.starts_with("<![CDATA[") {
            (past(rest, "]]>"), true)
        } else {
            // An element without others has no other markup; should it, the rest is passed.
            let next = rest.find('<').filter(|next| *next > 0);
            (next.unwrap_or(rest.len()), true)
        };
        if !is_text {
            runs.push(start..at);
            start = at + skipped;
        }
        at += skipped;
    }
    runs.push(start..content.end);
    runs
}

fn past(text: &str, end: &str) -> usize {
    // Well-formed text has the end; without it, all is passed.
    text.find(end).map_or(text.len(), |at| at + end.len())
}
