//! A clp.conf without its secrets, for whoever is shown it (rules M33 N18).
//!
//! *Use.* [`black_out`] with the bytes of the file; all else stays as it stands, in its charset, also in
//! a file that [`crate::read`] refuses, since a faulty one is what one wants to look at. Black are: the
//! texts of elements, and values of attributes, whose names look like a secret's; all below such an
//! element; arguments of programs; texts that hold a sealed secret, sign-in words of an address or a
//! word like "password"; comments, which may keep a former setting.
//!
//! *Failure.* Where tags do not fit together nothing is certain: nothing of the file is shown then.

use crate::names::nearest;
use crate::tree::is_secret;

/// Stands in the place of what is not shown.
pub const BLACK: &str = "***";

/// Deepest nesting that is looked into.
const DEPTH_MAX: usize = 64;
/// Parts of names that make them a secret's. Rather one word too many than one too few.
const SECRET_PARTS: [&str; 8] = [
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "credential",
    "token",
    "communit",
    "snmpcom",
];
/// Names that are misspelt; `nearest` says how much.
const SECRET_WORDS: [&str; 4] = ["password", "passwd", "readcommunity", "writecommunity"];
/// Ends of names that make them a secret's.
const SECRET_ENDS: [&str; 4] = ["pass", "pw", "key", "argument"];

/// The file with every secret blacked out; `None` when its markup cannot be followed.
pub fn black_out(file: &[u8]) -> Option<Vec<u8>> {
    // An escape or NUL means a charset in which "<" may be half a character.
    if file.contains(&0) || file.contains(&0x1b) {
        return None;
    }
    let mut reader = Reader {
        out: Vec::with_capacity(file.len()),
        open: Vec::new(),
    };
    let mut rest = file;
    while !rest.is_empty() {
        rest = reader.next(rest)?;
    }
    reader.open.is_empty().then_some(reader.out)
}

struct Reader<'a> {
    out: Vec<u8>,
    /// The open elements, and whether each one's text is a secret.
    open: Vec<(&'a [u8], bool)>,
}

impl<'a> Reader<'a> {
    /// Takes one piece of markup or text; what is left comes back.
    fn next(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(comment) = rest.strip_prefix(b"<!--") {
            let (_, rest) = split_at(comment, b"-->")?;
            self.write(&[b"<!-- ", BLACK.as_bytes(), b" -->"]);
            Some(rest)
        } else if let Some(text) = rest.strip_prefix(b"<![CDATA[") {
            let (text, rest) = split_at(text, b"]]>")?;
            self.write(&[b"<![CDATA["]);
            self.text(text);
            self.write(&[b"]]>"]);
            Some(rest)
        } else if let Some(instruction) = rest.strip_prefix(b"<?") {
            let (instruction, rest) = split_at(instruction, b"?>")?;
            let shown = if instruction.starts_with(b"xml ") {
                instruction
            } else {
                b"noroshi ***"
            };
            self.write(&[b"<?", shown, b"?>"]);
            Some(rest)
        } else if rest.starts_with(b"<!") {
            // A document type may define anything.
            None
        } else if let Some(tag) = rest.strip_prefix(b"</") {
            let (name, rest) = split_at(tag, b">")?;
            let (open, _) = self.open.pop()?;
            self.write(&[b"</", name, b">"]);
            (name.trim_ascii() == open).then_some(rest)
        } else if let Some(tag) = rest.strip_prefix(b"<") {
            self.tag(tag)
        } else {
            let end = rest.iter().position(|byte| *byte == b'<');
            let (text, rest) = rest.split_at(end.unwrap_or(rest.len()));
            self.text(text);
            Some(rest)
        }
    }

    /// A start tag, after its `<`.
    fn tag(&mut self, tag: &'a [u8]) -> Option<&'a [u8]> {
        let end = tag
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))?;
        let (name, mut rest) = tag.split_at(end);
        if name.is_empty() || name.contains(&b'<') || self.open.len() >= DEPTH_MAX {
            return None;
        }
        let mut secret = self.inside() || is_secret_name(name);
        self.write(&[b"<", name]);
        loop {
            if let Some(rest) = rest.strip_prefix(b"/>") {
                self.write(&[b"/>"]);
                return Some(rest);
            }
            if let Some(rest) = rest.strip_prefix(b">") {
                self.write(&[b">"]);
                self.open.push((name, secret));
                return Some(rest);
            }
            let (first, after) = rest.split_first()?;
            if first.is_ascii_whitespace() {
                self.write(&[&[*first]]);
                rest = after;
                continue;
            }
            let (attribute, after) = split_at(rest, b"=")?;
            if attribute.iter().any(|byte| b"<>\"'/".contains(byte)) {
                return None;
            }
            let (space, after) = after.split_at(after.len() - after.trim_ascii_start().len());
            let (quote, after) = after.split_first()?;
            if !matches!(quote, b'"' | b'\'') {
                return None;
            }
            let (value, after) = split_at(after, &[*quote])?;
            // `<item name="password">` says of its text what a name would.
            secret |= contains_secret_word(value) || value.to_ascii_lowercase().ends_with(b"pass");
            let shown = if self.inside() || is_secret_name(attribute.trim_ascii()) || is_told(value)
            {
                BLACK.as_bytes()
            } else {
                value
            };
            self.write(&[attribute, b"=", space, &[*quote], shown, &[*quote]]);
            rest = after;
        }
    }

    fn inside(&self) -> bool {
        self.open.last().is_some_and(|(_, secret)| *secret)
    }

    fn text(&mut self, text: &[u8]) {
        if text.trim_ascii().is_empty() {
            self.write(&[text]);
        } else if self.inside() || is_told(text) || contains_secret_word(text) {
            self.write(&[BLACK.as_bytes()]);
        } else {
            self.write(&[text]);
        }
    }

    fn write(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.out.extend_from_slice(part);
        }
    }
}

/// What stands before `end`, and what after it.
fn split_at<'a>(bytes: &'a [u8], end: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(end.len()).position(|part| part == end)?;
    Some((&bytes[..at], &bytes[at + end.len()..]))
}

/// Whether what bears this name is a secret.
pub fn is_secret_name(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    looks_secret(&name) || SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

/// Whether an element of this name is not to be shown to whoever looks at settings: a secret, another
/// product's, or a misspelt one, in which a password stands all the same. What only ends like a secret's
/// name, such as arguments of programs, is shown: it is edited every day.
pub fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_secret(&name)
        || SECRET_PARTS.iter().any(|part| name.contains(part))
        || nearest(&name, SECRET_WORDS).is_some()
}

/// A secret that its own form gives away: sealed, given to a program by its name, or the sign-in words
/// of an address.
fn is_told(text: &[u8]) -> bool {
    if contains_secret_word(text) && text.iter().any(|byte| b"=: ".contains(byte)) {
        return true;
    }
    let text = String::from_utf8_lossy(text);
    let has_user = |(_, rest): (&str, &str)| {
        let address = rest.split([' ', '/', '\t', '\n', '\r']).next();
        address.is_some_and(|address| address.contains('@'))
    };
    text.contains(crate::sealed::PREFIX) || text.split_once("://").is_some_and(has_user)
}

/// `--password=hunter2` in a command line that a setting holds, or a key such as `name="password"`.
fn contains_secret_word(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    SECRET_PARTS.iter().any(|part| text.contains(part))
}

/// A line of words such as mount options, without the values whose names look like a secret's.
pub fn black_out_options(line: &str) -> String {
    let ends = |c: char| matches!(c, ',' | ' ' | ';');
    let words = line.split_inclusive(ends).map(|word| {
        let bare = word.trim_end_matches(ends);
        match bare.split_once('=') {
            Some((name, _)) if is_secret_name(name.as_bytes()) => {
                format!("{name}={BLACK}{}", &word[bare.len()..])
            }
            _ => word.to_owned(),
        }
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(file: &str) -> String {
        String::from_utf8(black_out(file.as_bytes()).expect("its markup fits")).unwrap()
    }

    /// Rule: M33 N18
    #[test]
    fn a_misspelt_name_of_a_secret_is_one_and_other_settings_are_not() {
        for name in [
            "pasword",
            "PassWrod",
            "passwort",
            "passwd2",
            "rootpwd",
            "readcomunity",
        ] {
            assert!(looks_secret(name), "{name}");
        }
        let others = [
            "address",
            "port",
            "path",
            "priority",
            "subject",
            "pid",
            "parameters",
            "argument",
            "word",
            "program",
            "username",
            "interval",
            "server",
            "comment",
        ];
        for name in others {
            assert!(!looks_secret(name), "{name}");
        }
    }

    /// Rule: M33 N18
    #[test]
    fn no_kind_of_secret_stays() {
        let file = "<?xml version=\"1.0\"?><?run hunter0?>\n<root><!-- hunter1 -->\
            <a><password>hunter2</password><PassWord> hunter3 </PassWord></a>\
            <smtp><auth><passwd>hunter4</passwd></auth></smtp>\
            <readcommunity>hunter5</readcommunity><snmpcom><![CDATA[hunter6]]></snmpcom>\
            <encryptpwd><deep>hunter7</deep><x y=\"hunter8\"/></encryptpwd>\
            <item name=\"userpass\">hunter9</item><lamp password='hunter10'/><x y='--pwd hunter16'/>\
            <argument>hunter11</argument><path>run --password=hunter12</path>\
            <url>https://me:hunter13@example.com/x</url><v>sealed:1:hunter14</v>\
            <apikey>hunter15</apikey></root>";
        let shown = shown(file);
        assert!(!shown.contains("hunter"), "{shown}");
        assert_eq!(shown.matches(BLACK).count(), 17, "{shown}");
    }

    /// Rule: M33
    #[test]
    fn a_mount_tells_no_password() {
        let line = "//nas/x /mnt cifs rw,password=hunter2,user=me,pw=hunter3 0 0";
        let black = "//nas/x /mnt cifs rw,password=***,user=me,pw=*** 0 0";
        assert_eq!(black_out_options(line), black);
    }

    #[test]
    fn all_else_stays_byte_for_byte() {
        for file in [
            "<root a = 'b>c'>\r\n\t<name>狼煙</name><x/>text &amp; more<y></y>\n</root>\n",
            "<root><info>10.0.0.1</info><address>ops@example.com</address></root>",
        ] {
            assert_eq!(shown(file), file);
        }
        let japanese = b"<root><name>\xb1\xd9</name><password>\xb1\xd9</password></root>";
        let black = b"<root><name>\xb1\xd9</name><password>***</password></root>";
        assert_eq!(black_out(japanese).as_deref(), Some(&black[..]));
    }

    /// Rule: M33 N18
    #[test]
    fn what_cannot_be_followed_is_not_shown() {
        for file in [
            "<root><password>x</root>",
            "<root>",
            "<root><!-- x</root>",
            "<!DOCTYPE x><root/>",
            "<root password=hunter2/>",
            "<root><a<b>x</b></root>",
            "</root>",
            "<r>\u{1b}$B</r>",
        ] {
            assert_eq!(black_out(file.as_bytes()), None, "{file}");
        }
    }
}
