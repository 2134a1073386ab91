//! Text to [`Tree`].
//!
//! quick-xml finds the tags; nesting, names and references are checked here, so that every fault
//! has a line, a path and words of ours. References are resolved one by one: the five of XML and
//! character numbers, nothing that could grow. The first fault of form ends the reading; faults
//! of content are left to `clp_conf`, which finds them all.

use crate::finding::{Finding, Severity, shown};
use crate::problem::Problem;
use crate::tree::{DEPTH_MAX, ELEMENTS_MAX, Element, Tree, is_secret};
use quick_xml::XmlVersion;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

/// Parses the text of a clp.conf.
///
/// # Errors
/// The first place where the text is not XML as a clp.conf has it. No tree remains.
pub fn parse(text: &str) -> Result<Tree, Finding> {
    let mut builder = Builder {
        text,
        lines: LineCounter::default(),
        tree: Tree {
            elements: Vec::with_capacity(elements_likely(text)),
        },
        open: Vec::new(),
        closed: false,
    };
    builder.check_characters()?;
    if !text.trim_ascii_start().starts_with('<') {
        return Err(builder.fault(0, Problem::NotXml));
    }
    let mut reader = Reader::from_str(text);
    // Names are checked by the builder, which knows the line that the open element began in.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    loop {
        let start = reader.buffer_position() as usize;
        match reader.read_event() {
            Ok(Event::Eof) => return builder.finish(),
            Ok(event) => builder.take(&event, start..reader.buffer_position() as usize)?,
            Err(error) => return Err(builder.not_well_formed(reader.error_position(), &error)),
        }
    }
}

/// Room for the elements of `text`, so that a large tree is not moved about while it grows: most
/// have two tags. Bounded by the length, whatever the text is.
fn elements_likely(text: &str) -> usize {
    let tags = text.bytes().filter(|byte| *byte == b'<').count();
    (tags / 2 + 1).min(ELEMENTS_MAX)
}

struct Builder<'a> {
    text: &'a str,
    lines: LineCounter,
    tree: Tree,
    /// The open elements, outermost first.
    open: Vec<usize>,
    /// The root was closed.
    closed: bool,
}

impl Builder<'_> {
    fn take(&mut self, event: &Event<'_>, span: std::ops::Range<usize>) -> Result<(), Finding> {
        match event {
            Event::Start(tag) => self.begin(tag, &span, false),
            Event::Empty(tag) => self.begin(tag, &span, true),
            Event::End(tag) => self.end(tag.name().into_inner(), &span),
            Event::Text(text) => self.add_text(&text.borrow().into_inner(), span.start),
            Event::CData(text) => self.add_text(&text.borrow().into_inner(), span.start),
            Event::GeneralRef(reference) => match resolve(reference) {
                Some(c) => self.add_text(c.encode_utf8(&mut [0; 4]), span.start),
                None => Err(self.fault(span.start, Problem::EntityUnknown)),
            },
            Event::DocType(_) => Err(self.fault(span.start, Problem::Doctype)),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn begin(
        &mut self,
        tag: &BytesStart<'_>,
        span: &std::ops::Range<usize>,
        empty: bool,
    ) -> Result<(), Finding> {
        let name = tag.name().into_inner();
        if self.closed {
            return Err(self.fault(span.start, Problem::AfterRoot));
        }
        if !is_xml_name(name) {
            return Err(self.fault(span.start, Problem::Malformed));
        }
        if self.open.is_empty() && name != "root" {
            let line = self.lines.at(self.text, span.start);
            return Err(Finding::about_file(
                line,
                name.to_string(),
                Problem::RootWrong,
            ));
        }
        if self.open.len() == DEPTH_MAX {
            return Err(self.fault(span.start, Problem::TooDeep));
        }
        if self.tree.elements.len() == ELEMENTS_MAX {
            return Err(self.fault(span.start, Problem::TooManyElements));
        }
        let key = self.key_of(tag, span.start)?;
        let at = self.tree.elements.len();
        let parent = self.open.last().copied();
        self.tree.elements.push(Element {
            name: name.to_string(),
            key,
            text: String::new(),
            line: self.lines.at(self.text, span.start),
            span: span.clone(),
            content: span.end..span.end,
            parent,
            children: Vec::new(),
        });
        if let Some(parent) = parent {
            self.tree.elements[parent].children.push(at);
        }
        if !empty {
            self.open.push(at);
        } else if parent.is_none() {
            self.closed = true;
        }
        Ok(())
    }

    /// The `name` attribute, or the `id`.
    fn key_of(&mut self, tag: &BytesStart<'_>, start: usize) -> Result<Option<String>, Finding> {
        let (mut name, mut id) = (None, None);
        if tag.attributes_raw().is_empty() {
            return Ok(None);
        }
        for attribute in tag.attributes() {
            let Ok(attribute) = attribute else {
                return Err(self.fault(start, Problem::Malformed));
            };
            let Ok(value) = attribute.normalized_value(XmlVersion::Explicit1_0) else {
                return Err(self.fault(start, Problem::EntityUnknown));
            };
            match attribute.key.into_inner() {
                "name" => name = Some(value.into_owned()),
                "id" => id = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(name.or(id))
    }

    fn end(&mut self, name: &str, span: &std::ops::Range<usize>) -> Result<(), Finding> {
        let Some(at) = self.open.last().copied() else {
            return Err(self.fault(span.start, Problem::EndTagStray));
        };
        if self.tree.elements[at].name != name {
            return Err(self.mismatch(at, span.start));
        }
        let element = &mut self.tree.elements[at];
        element.content.end = span.start;
        element.span.end = span.end;
        self.open.pop();
        self.closed = self.open.is_empty();
        Ok(())
    }

    fn mismatch(&mut self, at: usize, offset: usize) -> Finding {
        if self
            .open
            .iter()
            .any(|open| is_secret(&self.tree.elements[*open].name))
        {
            // The tag may be part of the secret: say where, not what.
            return self.fault(offset, Problem::Malformed);
        }
        let element = &self.tree.elements[at];
        let problem = Problem::EndTagMismatch {
            open: shown(&element.name),
            line: element.line,
        };
        self.fault(offset, problem)
    }

    fn add_text(&mut self, text: &str, start: usize) -> Result<(), Finding> {
        match self.open.last() {
            // Indentation between elements is nobody's value.
            Some(at)
                if !self.tree.elements[*at].children.is_empty() && text.trim_ascii().is_empty() =>
            {
                Ok(())
            }
            Some(at) => {
                // Line ends are one line feed (XML 1.0, section 2.11).
                let to = &mut self.tree.elements[*at].text;
                if text.contains('\r') {
                    to.push_str(&text.replace("\r\n", "\n"));
                } else {
                    to.push_str(text);
                }
                Ok(())
            }
            None if text.trim_ascii().is_empty() => Ok(()),
            None => {
                let start = start + (text.len() - text.trim_ascii_start().len());
                let problem = if self.closed {
                    Problem::AfterRoot
                } else {
                    Problem::NotXml
                };
                Err(self.fault(start, problem))
            }
        }
    }

    fn finish(mut self) -> Result<Tree, Finding> {
        if let Some(at) = self.open.last().copied() {
            let path = self.tree.path_of(at);
            let line = self.tree.elements[at].line;
            return Err(error_at(line, path, Problem::CutOff));
        }
        if self.tree.elements.is_empty() {
            return Err(self.fault(0, Problem::RootWrong));
        }
        Ok(self.tree)
    }

    fn not_well_formed(&mut self, offset: u64, error: &Error) -> Finding {
        let problem = match error {
            Error::Syntax(SyntaxError::UnclosedDoctype) => Problem::Doctype,
            // quick-xml calls a tag, comment or quote open only at the end of the text.
            Error::Syntax(SyntaxError::InvalidBangMarkup) => Problem::Malformed,
            Error::Syntax(_) => Problem::CutOff,
            Error::IllFormed(IllFormedError::MissingDoctypeName) => Problem::Doctype,
            _ => Problem::Malformed,
        };
        self.fault(offset as usize, problem)
    }

    /// An error at `offset`, inside the innermost open element.
    fn fault(&mut self, offset: usize, problem: Problem) -> Finding {
        let path = self
            .open
            .last()
            .map_or_else(String::new, |at| self.tree.path_of(*at));
        error_at(self.lines.at(self.text, offset), path, problem)
    }

    /// XML 1.0, section 2.2: no control characters but tab and line ends.
    fn check_characters(&mut self) -> Result<(), Finding> {
        let bytes = self.text.as_bytes();
        // U+FFFE and U+FFFF begin with EF BF.
        let forbidden = |at: usize| match bytes[at] {
            b'\t' | b'\n' | b'\r' => false,
            0..b' ' => true,
            0xEF => matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])),
            _ => false,
        };
        // By blocks first, without a branch for each byte: nearly all have nothing of it.
        let suspect = |block: &[u8]| {
            let odd = |byte: u8| {
                (byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r') | (byte == 0xEF)
            };
            block.iter().fold(false, |any, byte| any | odd(*byte))
        };
        let blocks = bytes.chunks(64).enumerate();
        let first = blocks
            .filter(|(_, block)| suspect(block))
            .flat_map(|(at, block)| 64 * at..64 * at + block.len())
            .find(|at| forbidden(*at));
        match first {
            Some(at) => {
                let c = self.text[at..].chars().next().unwrap_or_default();
                let line = LineCounter::default().at(self.text, at);
                Err(error_at(
                    line,
                    String::new(),
                    Problem::ControlCharacter { code: c.into() },
                ))
            }
            None => Ok(()),
        }
    }
}

fn error_at(line: u32, path: String, problem: Problem) -> Finding {
    Finding {
        severity: Severity::Error,
        line,
        path,
        value: String::new(),
        problem,
    }
}

/// The character of `&amp;`, `&#38;` and the like.
fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if reference.is_char_ref() {
        return reference.resolve_char_ref().ok().flatten();
    }
    match &*reference.borrow().into_inner() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

pub(crate) fn is_xml_name(name: &str) -> bool {
    if let [first, rest @ ..] = name.as_bytes()
        && name.is_ascii()
    {
        return (first.is_ascii_alphabetic() || *first == b'_')
            && rest
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(byte));
    }
    let starts_well = name
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '_');
    starts_well
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.:".contains(c))
}

/// Counts lines forwards, so that a whole file costs one pass.
#[derive(Default)]
struct LineCounter {
    offset: usize,
    breaks: u32,
}

impl LineCounter {
    fn at(&mut self, text: &str, offset: usize) -> u32 {
        if offset < self.offset {
            *self = LineCounter::default();
        }
        let passed = text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.breaks += passed.iter().filter(|byte| **byte == b'\n').count() as u32;
        self.offset = offset;
        self.breaks + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Finding {
        parse(text).map(|_| ()).expect_err(text)
    }

    /// Rule: M29
    #[test]
    fn names_keys_text_lines_and_places_are_kept() {
        let text = "<?xml version='1.0'?>\r\n<root>\n <server name=\"sv1\">\n  \
                    <device id='0'><info>a &amp; &#x62;<![CDATA[<c>]]></info></device>\n \
                    <comment/></server>\n</root>\n";
        let tree = parse(text).unwrap_or_else(|e| panic!("{e}"));
        let server = tree.root().children().next().expect("one server");
        let device = server.children().next().expect("one device");
        let info = device.children().next().expect("one info");
        assert_eq!((server.line(), info.line()), (3, 4));
        assert_eq!(info.path(), "/root/server@sv1/device@0/info");
        assert_eq!(info.value(), "a & b<c>");
        let element = info.element();
        assert_eq!(
            &text[element.content.clone()],
            "a &amp; &#x62;<![CDATA[<c>]]>"
        );
        assert!(text[element.span.clone()].starts_with("<info>"));
        assert!(text[element.span.clone()].ends_with("</info>"));
        let comment = server.children().nth(1).expect("one comment").element();
        assert_eq!(&text[comment.span.clone()], "<comment/>");
        assert!(text[comment.content.clone()].is_empty());
    }

    /// Rule: N17
    #[test]
    fn every_fault_of_form_has_its_words_and_line() {
        use Problem as P;
        let deep = "<root>".to_string() + &"<a>".repeat(40);
        for (text, line, problem) in [
            ("hello", 1, P::NotXml),
            ("{\"a\": 1}", 1, P::NotXml),
            ("<root>\n<a>\n<b>x</b>", 2, P::CutOff),
            ("<root>\n<a>x</a", 2, P::CutOff),
            ("<root>\n<!-- x", 2, P::CutOff),
            (
                "<root>\n<a>x</b>\n</root>",
                2,
                P::EndTagMismatch {
                    open: "a".into(),
                    line: 2,
                },
            ),
            ("<root/>\n</root>", 2, P::EndTagStray),
            ("<root></root>\n<root/>", 2, P::AfterRoot),
            ("<root/>\nmore", 2, P::AfterRoot),
            ("<html/>", 1, P::RootWrong),
            ("<!-- nothing -->", 1, P::RootWrong),
            ("<root>\n<a>R&D</a></root>", 2, P::Malformed),
            ("<root>\n<a>&nbsp;</a></root>", 2, P::EntityUnknown),
            ("<root>\n<a>&#0;</a></root>", 2, P::EntityUnknown),
            ("<root>\n<a b=c/></root>", 2, P::Malformed),
            ("<root>\n<a name='&x;'/></root>", 2, P::EntityUnknown),
            ("<root>\n<1/></root>", 2, P::Malformed),
            ("<root>\n\u{1}</root>", 2, P::ControlCharacter { code: 1 }),
            (
                "<!DOCTYPE root [<!ENTITY a 'aaa'>]>\n<root>&a;</root>",
                1,
                P::Doctype,
            ),
            ("\n<!DOCTYPE root [<!ENTITY a 'aaa'", 2, P::Doctype),
            (&deep, 1, P::TooDeep),
        ] {
            let finding = refused(text);
            assert_eq!((finding.line, finding.problem), (line, problem), "{text}");
        }
        let many = "<root>".to_string() + &"<a/>".repeat(ELEMENTS_MAX + 1) + "</root>";
        assert_eq!(refused(&many).problem, P::TooManyElements);
    }

    /// Rule: N18
    #[test]
    fn a_fault_inside_a_secret_shows_none_of_it() {
        for text in [
            "<root><password>ab<hunter2>c</password></root>",
            "<root><password>ab<hunter2>c",
            "<root><password>ab&hunter2;c</password></root>",
            "<root><password>ab<hunter2<</password></root>",
        ] {
            let finding = refused(text);
            assert!(
                !format!("{finding} {finding:?}").contains("hunter2"),
                "{finding:?}"
            );
            assert_eq!(finding.path, "/root/password", "{text}");
        }
        let tree = parse("<root><password>hunter2</password></root>").expect("well formed");
        assert!(!format!("{tree:?}").contains("hunter2"));
    }
}
