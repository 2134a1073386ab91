//! Mail text to people's text: RFC 2047 words, base64, quoted-printable, character sets.
//!
//! *Failure.* What cannot be decoded stays as it came; undecodable bytes become U+FFFD. Only the
//! forms that our mails can have are understood: one text part, UTF-8 or ISO-2022-JP.

use encoding_rs::Encoding;

/// A mail cut at its first empty line: header fields, unfolded, and the body's bytes.
pub(super) struct Parts<'a> {
    fields: Vec<(String, String)>,
    pub(super) body: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) fn new(raw: &'a [u8]) -> Self {
        let end = raw.windows(4).position(|window| window == b"\r\n\r\n");
        let (head, body) = match end {
            Some(end) => (&raw[..end], &raw[end + 4..]),
            None => (raw, &[][..]),
        };
        // RFC 5322 section 2.2.3: a line break before a blank is no end of a field.
        let head = String::from_utf8_lossy(head)
            .replace("\r\n ", " ")
            .replace("\r\n\t", "\t");
        let fields = head.split("\r\n").filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_string()))
        });
        Self {
            fields: fields.collect(),
            body,
        }
    }

    /// The first field of this name, in lower case.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        let encoding = self.field("content-transfer-encoding").unwrap_or("7bit");
        let bytes = match encoding.to_ascii_lowercase().as_str() {
            "base64" => decode_base64(self.body),
            "quoted-printable" => decode_quoted(self.body, false),
            _ => self.body.to_vec(),
        };
        decode_charset(self.charset().unwrap_or("utf-8"), &bytes)
    }

    /// The `charset` of Content-Type (RFC 2045 section 5.1).
    fn charset(&self) -> Option<&str> {
        let kind = self.field("content-type")?;
        kind.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is_it = name.trim().eq_ignore_ascii_case("charset");
            is_it.then(|| value.trim().trim_matches('"'))
        })
    }
}

/// A header text with its encoded words decoded (RFC 2047).
pub(super) fn decode_words(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        let Some((decoded, used)) = decode_word(from) else {
            out.push_str(before);
            out.push_str("=?");
            rest = &from[2..];
            after_word = false;
            continue;
        };
        // RFC 2047 section 6.2: blanks between two encoded words are not shown.
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        out.push_str(&decoded);
        rest = &from[used..];
        after_word = true;
    }
    out.push_str(rest);
    out
}

/// The encoded word at the start of `text`, and its length.
fn decode_word(text: &str) -> Option<(String, usize)> {
    let mut parts = text.strip_prefix("=?")?.splitn(3, '?');
    let (charset, method, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (payload, _) = rest.split_once("?=")?;
    let bytes = match method {
        "B" | "b" => decode_base64(payload.as_bytes()),
        "Q" | "q" => decode_quoted(payload.as_bytes(), true),
        _ => return None,
    };
    let used = 2 + charset.len() + 1 + method.len() + 1 + payload.len() + 2;
    Some((decode_charset(charset, &bytes), used))
}

fn decode_charset(label: &str, bytes: &[u8]) -> String {
    let encoding = Encoding::for_label(label.as_bytes()).unwrap_or(encoding_rs::UTF_8);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// RFC 4648 section 4; characters outside the alphabet are skipped, as RFC 2045 section 6.8 says.
fn decode_base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

/// RFC 2045 section 6.7; in header words `_` is a blank (RFC 2047 section 4.2).
fn decode_quoted(text: &[u8], word: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'_' if word => out.push(b' '),
            b'=' => match tail {
                [b'\r', b'\n', after @ ..] | [b'\n', after @ ..] => rest = after,
                [high, low, after @ ..] => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => {
                        out.push(high << 4 | low);
                        rest = after;
                    }
                    _ => out.push(byte),
                },
                _ => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: M2
    #[test]
    fn subjects_are_read_as_people_see_them() {
        let cases = [
            ("plain", "plain"),
            ("=?utf-8?B?44K144O844OQ?=", "サーバ"),
            ("=?UTF-8?q?a_=3D_b?= c", "a = b c"),
            ("x =?utf-8?B?44K1?= =?utf-8?B?44O8?= y", "x サー y"),
            ("=?ISO-2022-JP?B?GyRCJTUhPCVQGyhC?=", "サーバ"),
            ("a =? b", "a =? b"),
            ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ];
        for (text, expected) in cases {
            assert_eq!(decode_words(text), expected, "{text}");
        }
    }

    /// Rule: M2
    #[test]
    fn bodies_are_read_in_each_encoding() {
        let cases: [(&[u8], &str); 5] = [
            (b"Subject: x\r\n\r\nplain\r\n", "plain\r\n"),
            (
                b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\
                  \r\n44K1\r\n44O844OQ\r\n",
                "サーバ",
            ),
            (
                b"Content-Transfer-Encoding: quoted-printable\r\n\r\nserver=20=E3=82=B5=\r\n=3d.",
                "server サ=.",
            ),
            (
                b"Content-Type: text/plain;\r\n charset=\"ISO-2022-JP\"\r\n\r\n\
                  \x1b$B%5!<%P\x1b(B\r\n",
                "サーバ\r\n",
            ),
            (b"Content-Transfer-Encoding: 8bit\r\n\r\n\xe3\x82\xb5", "サ"),
        ];
        for (raw, expected) in cases {
            assert_eq!(Parts::new(raw).text(), expected);
        }
    }
}
