//! Bytes of a clp.conf to text (rule M29).
//!
//! The XML declaration names one of five character sets, in the real product's spelling, which is
//! not always the registered one (`SJIS`, `ASCII`). [`decode`] reads the declaration, decodes the
//! whole file strictly and never replaces a byte: a wrong one ends in a [`Finding`] with its line
//! and with the character set that would have fitted, if there is one.

use crate::finding::Finding;
use crate::problem::Problem;
use encoding_rs::{DecoderResult, EUC_JP, Encoding, GBK, SHIFT_JIS, UTF_8};

/// Largest clp.conf in bytes; a larger one is refused before anything else is looked at. The
/// real ones seen have 1 to 8 kB. A check of 10 MB takes at most 200 ms (`cargo xtask bench check`).
pub const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How far the XML declaration is looked for, in bytes.
const DECLARATION_BYTES_MAX: usize = 256;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A character set that the real product writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// `UTF-8`, also where nothing is declared.
    Utf8,
    /// `EUC-JP`: Linux in Japanese.
    EucJp,
    /// `SJIS`: Windows in Japanese. Code page 932.
    ShiftJis,
    /// `GB2312`: Chinese. Read as its superset GBK.
    Gb2312,
    /// `ASCII`: English.
    Ascii,
}

/// A decoded file.
#[derive(Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text, without a byte order mark.
    pub text: String,
    /// What it was decoded from.
    pub charset: Charset,
    /// The file began with a UTF-8 byte order mark.
    pub bom: bool,
}

impl Charset {
    /// The character set of an `encoding=` value; `None` when it is not one of ours.
    pub fn from_label(label: &str) -> Option<Charset> {
        const LABELS: &[(&str, Charset)] = &[
            ("UTF-8", Charset::Utf8),
            ("UTF8", Charset::Utf8),
            ("EUC-JP", Charset::EucJp),
            ("EUCJP", Charset::EucJp),
            ("SJIS", Charset::ShiftJis),
            ("Shift_JIS", Charset::ShiftJis),
            ("Windows-31J", Charset::ShiftJis),
            ("CP932", Charset::ShiftJis),
            ("GB2312", Charset::Gb2312),
            ("GBK", Charset::Gb2312),
            ("ASCII", Charset::Ascii),
            ("US-ASCII", Charset::Ascii),
        ];
        LABELS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(label))
            .map(|(_, set)| *set)
    }

    /// The name that a clp.conf declares it by.
    pub fn name(self) -> &'static str {
        match self {
            Charset::Utf8 => "UTF-8",
            Charset::EucJp => "EUC-JP",
            Charset::ShiftJis => "SJIS",
            Charset::Gb2312 => "GB2312",
            Charset::Ascii => "ASCII",
        }
    }

    fn encoding(self) -> &'static Encoding {
        match self {
            Charset::Utf8 | Charset::Ascii => UTF_8,
            Charset::EucJp => EUC_JP,
            Charset::ShiftJis => SHIFT_JIS,
            Charset::Gb2312 => GBK,
        }
    }

    /// `text` in this character set.
    ///
    /// # Errors
    /// The first character that it lacks. Strict: what other readers of the declared name would
    /// not take, or what would come back as another character, counts as lacking.
    pub(crate) fn encode(self, text: &str) -> Result<Vec<u8>, char> {
        if matches!(self, Charset::Utf8) {
            return Ok(text.as_bytes().to_vec());
        }
        let mut bytes = Vec::with_capacity(text.len());
        for character in text.chars() {
            let start = bytes.len();
            let mut utf8 = [0; 4];
            let one: &str = character.encode_utf8(&mut utf8);
            if character.is_ascii() {
                bytes.push(one.as_bytes()[0]);
                continue;
            }
            if self == Charset::Ascii {
                return Err(character);
            }
            let (encoded, _, lost) = self.encoding().encode(one);
            bytes.extend_from_slice(&encoded);
            let whole = self.decode(&bytes[start..]).is_ok_and(|back| back == one);
            if lost || !whole || !self.is_standard(&bytes[start..]) {
                return Err(character);
            }
        }
        Ok(bytes)
    }

    /// Whether the bytes of one character are in the standard that the name stands for, without
    /// the additions that only some readers know: GBK's beyond GB 2312, NEC's and IBM's rows in
    /// EUC-JP. SJIS means code page 932, which has them.
    fn is_standard(self, bytes: &[u8]) -> bool {
        match (self, bytes) {
            (Charset::Gb2312, [lead, trail]) => {
                (0xA1..=0xF7).contains(lead) && (0xA1..=0xFE).contains(trail)
            }
            (Charset::Gb2312, _) => false,
            (Charset::EucJp, [lead, _]) => *lead != 0xAD && *lead < 0xF5,
            _ => true,
        }
    }

    /// Decodes strictly; on failure the offset of the first wrong byte.
    fn decode(self, bytes: &[u8]) -> Result<String, usize> {
        if self == Charset::Ascii
            && let Some(at) = bytes.iter().position(|byte| !byte.is_ascii())
        {
            return Err(at);
        }
        let mut decoder = self.encoding().new_decoder_without_bom_handling();
        let room = decoder
            .max_utf8_buffer_length_without_replacement(bytes.len())
            .unwrap_or(bytes.len().saturating_mul(3));
        let mut text = String::with_capacity(room);
        let (result, read) = decoder.decode_to_string_without_replacement(bytes, &mut text, true);
        match result {
            DecoderResult::InputEmpty => Ok(text),
            DecoderResult::Malformed(wrong, after) => {
                Err(read.saturating_sub(usize::from(wrong) + usize::from(after)))
            }
            // The room is what the decoder itself asked for.
            DecoderResult::OutputFull => Err(read),
        }
    }
}

impl Decoded {
    /// Where in the file's bytes the character at `text_offset` of [`Decoded::text`] stands, so
    /// that a change can be written back without touching any other byte. `bytes` is the file.
    pub fn byte_offset(&self, bytes: &[u8], text_offset: usize) -> usize {
        let start = if self.bom { BOM.len() } else { 0 };
        if matches!(self.charset, Charset::Utf8 | Charset::Ascii) {
            return start + text_offset;
        }
        let mut decoder = self.charset.encoding().new_decoder_without_bom_handling();
        let (mut at, mut written) = (start, 0);
        while written < text_offset && at < bytes.len() {
            let mut character = [0; 16];
            let (_, _, more) = decoder.decode_to_utf8_without_replacement(
                &bytes[at..at + 1],
                &mut character,
                false,
            );
            written += more;
            at += 1;
        }
        at
    }
}

/// Decodes a clp.conf by its declaration.
///
/// A byte order mark beats the declaration: only a text editor that saved as UTF-8 writes one.
///
/// # Errors
/// A file that is too large or empty, a declaration that names no character set of ours, and a
/// byte that the character set lacks.
pub fn decode(bytes: &[u8]) -> Result<Decoded, Finding> {
    if bytes.len() > FILE_BYTES_MAX {
        let value = format!("{} bytes", bytes.len());
        return Err(Finding::about_file(1, value, Problem::FileTooLarge));
    }
    if bytes.starts_with(b"\xFE\xFF") || bytes.starts_with(b"\xFF\xFE") {
        return Err(Finding::about_file(
            1,
            "UTF-16".into(),
            Problem::CharsetUnknown,
        ));
    }
    let bom = bytes.starts_with(BOM);
    let body = if bom { &bytes[BOM.len()..] } else { bytes };
    if body.trim_ascii().is_empty() {
        return Err(Finding::about_file(1, String::new(), Problem::FileEmpty));
    }
    let charset = match declared(body) {
        _ if bom => Charset::Utf8,
        None => Charset::Utf8,
        Some(label) => Charset::from_label(&label)
            .ok_or_else(|| Finding::about_file(1, label, Problem::CharsetUnknown))?,
    };
    match charset.decode(body) {
        Ok(text) => Ok(Decoded { text, charset, bom }),
        Err(at) => Err(wrong_byte(body, at, charset)),
    }
}

fn wrong_byte(body: &[u8], at: usize, charset: Charset) -> Finding {
    // In none of the five does 0x0A occur inside a character, so bytes count lines.
    let line = 1 + body.iter().take(at).filter(|byte| **byte == b'\n').count();
    let fits = [
        Charset::Utf8,
        Charset::EucJp,
        Charset::ShiftJis,
        Charset::Gb2312,
    ]
    .into_iter()
    .find(|other| *other != charset && other.decode(body).is_ok());
    let byte = body.get(at).copied().unwrap_or_default();
    Finding::about_file(
        line as u32,
        String::new(),
        Problem::WrongByte {
            charset,
            byte,
            fits,
        },
    )
}

/// The value of `encoding=` in the XML declaration, if there is one. All five character sets
/// agree on the bytes of a declaration.
fn declared(body: &[u8]) -> Option<String> {
    let head = body.trim_ascii_start();
    let head = &head[..head.len().min(DECLARATION_BYTES_MAX)];
    let head = String::from_utf8_lossy(head.strip_prefix(b"<?xml")?);
    let declaration = head.split_once("?>")?.0;
    let value = declaration
        .split_once("encoding")?
        .1
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(value[1..].split_once(quote)?.0.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<?xml version=\"1.0\"?>\n<名前>海岸の狼煙</名前>\n";

    fn declare(label: &str, charset: Charset) -> Vec<u8> {
        let text = TEXT.replace("\"1.0\"", &format!("\"1.0\" encoding='{label}'"));
        charset.encoding().encode(&text).0.into_owned()
    }

    /// Rule: M29
    #[test]
    fn every_declaration_is_read_in_any_case() {
        for (label, charset) in [
            ("EUC-JP", Charset::EucJp),
            ("euc-jp", Charset::EucJp),
            ("SJIS", Charset::ShiftJis),
            ("Sjis", Charset::ShiftJis),
            ("GB2312", Charset::Gb2312),
            ("utf-8", Charset::Utf8),
        ] {
            let decoded = decode(&declare(label, charset)).unwrap_or_else(|e| panic!("{e}"));
            assert!(decoded.text.contains("海岸の狼煙"), "{label}");
            assert_eq!(decoded.charset, charset);
        }
        let ascii = decode(b"<?xml version='1.0' encoding = \"ascii\"?><root/>");
        assert_eq!(ascii.map(|d| d.charset).ok(), Some(Charset::Ascii));
    }

    /// Rule: M29
    #[test]
    fn a_wrong_byte_is_told_with_its_line_and_what_would_fit() {
        let mut bytes = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<root>\n<a>".to_vec();
        bytes.extend_from_slice(&EUC_JP.encode("あ").0);
        bytes.extend_from_slice(b"</a></root>");
        let finding = decode(&bytes).err().expect("EUC-JP bytes are not UTF-8");
        assert_eq!(finding.line, 3);
        assert!(matches!(
            finding.problem,
            Problem::WrongByte {
                charset: Charset::Utf8,
                byte: 0xA4,
                fits: Some(Charset::EucJp)
            }
        ));
        let finding = decode("<?xml version='1.0' encoding='ASCII'?>\n\n<é/>".as_bytes()).err();
        let finding = finding.expect("not ASCII");
        assert_eq!(finding.line, 3);
        assert!(matches!(
            finding.problem,
            Problem::WrongByte {
                fits: Some(Charset::Utf8),
                ..
            }
        ));
    }

    /// Rule: M29
    #[test]
    fn a_byte_order_mark_is_tolerated_and_means_utf_8() {
        let mut bytes = BOM.to_vec();
        bytes.extend_from_slice(&declare("EUC-JP", Charset::Utf8));
        let decoded = decode(&bytes).unwrap_or_else(|e| panic!("{e}"));
        assert!(decoded.bom && decoded.text.starts_with("<?xml"));
        assert!(decoded.text.contains("狼煙"));
    }

    /// Rule: N17
    #[test]
    fn too_large_empty_and_foreign_files_are_refused_in_words() {
        let huge = vec![b' '; 100_000_000];
        assert!(matches!(
            decode(&huge).err().map(|f| f.problem),
            Some(Problem::FileTooLarge)
        ));
        for empty in [&b""[..], b" \r\n\t", BOM] {
            let problem = decode(empty).err().map(|f| f.problem);
            assert!(matches!(problem, Some(Problem::FileEmpty)), "{empty:?}");
        }
        for foreign in [
            &b"<?xml version='1.0' encoding='EBCDIC'?><a/>"[..],
            b"\xFF\xFE<\0",
        ] {
            let problem = decode(foreign).err().map(|f| f.problem);
            assert!(
                matches!(problem, Some(Problem::CharsetUnknown)),
                "{foreign:?}"
            );
        }
    }

    /// Rule: M29
    #[test]
    fn a_place_in_the_text_is_found_in_the_bytes() {
        for charset in [
            Charset::EucJp,
            Charset::ShiftJis,
            Charset::Gb2312,
            Charset::Utf8,
        ] {
            let bytes = declare(charset.name(), charset);
            let decoded = decode(&bytes).unwrap_or_else(|e| panic!("{e}"));
            for (at, _) in decoded.text.char_indices() {
                let raw = decoded.byte_offset(&bytes, at);
                let rest = charset.decode(&bytes[raw..]);
                assert_eq!(rest.as_deref(), Ok(&decoded.text[at..]), "{charset:?} {at}");
            }
        }
    }
}
