//! ISO-2022-JP (RFC 1468) for receivers that read nothing else.
//!
//! Every line ends in ASCII, so a line cut off or folded by somebody on the way harms only itself.
//! A character that the set lacks becomes a readable substitute, at worst `?`: the notice must
//! arrive, and the whole text stands in the alert view.

use encoding_rs::{EncoderResult, ISO_2022_JP};

/// Longest body line in octets, escapes included (RFC 2045 section 6.7 keeps to the same).
pub(super) const LINE_OCTETS_MAX: usize = 76;
/// Octets of an escape sequence between ASCII and Japanese.
const ESCAPE_OCTETS: usize = 3;

/// `text` in ISO-2022-JP, back in ASCII at its end.
pub(super) fn encode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2 * ESCAPE_OCTETS);
    let mut rest = text;
    let mut encoder = ISO_2022_JP.new_encoder();
    loop {
        let room = encoder
            .max_buffer_length_from_utf8_without_replacement(rest.len())
            .unwrap_or(rest.len().saturating_mul(4));
        let start = out.len();
        out.resize(start + room, 0);
        let (result, read, written) =
            encoder.encode_from_utf8_without_replacement(rest, &mut out[start..], true);
        out.truncate(start + written);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return out,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(c) => {
                // The encoder asks for the substitute to be in ASCII and has gone back to it.
                out.extend_from_slice(substitute(c).as_bytes());
            }
        }
    }
}

/// What stands for a character that the set lacks.
fn substitute(c: char) -> &'static str {
    match c {
        '–' | '‑' | '‐' | '−' => "-",
        '—' => "--",
        '•' | '·' => "*",
        '\u{a0}' | '\u{2002}'..='\u{200a}' | '\u{202f}' => " ",
        '€' => "EUR",
        '©' => "(C)",
        '®' => "(R)",
        '™' => "(TM)",
        '«' | '»' | '„' => "\"",
        '‚' => "'",
        'ß' => "ss",
        'à'..='å' => "a",
        'À'..='Å' => "A",
        'è'..='ë' => "e",
        'È'..='Ë' => "E",
        'ì'..='ï' => "i",
        'ò'..='ö' | 'ø' => "o",
        'Ò'..='Ö' | 'Ø' => "O",
        'ù'..='ü' => "u",
        'Ù'..='Ü' => "U",
        'ç' => "c",
        'Ç' => "C",
        'ñ' => "n",
        'Ñ' => "N",
        '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => "",
        _ => "?",
    }
}

/// Cuts one line of text into pieces of at most `octets_max` octets when encoded; pieces after the
/// first begin with a space, so that no text can pass for a line of ours.
pub(super) fn wrap(line: &str, octets_max: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for c in line.chars() {
        piece.push(c);
        if encode(&piece).len() <= octets_max {
            continue;
        }
        piece.pop();
        let tail = break_at_space(&mut piece);
        pieces.push(std::mem::replace(&mut piece, format!(" {tail}{c}")));
    }
    pieces.push(piece);
    pieces
}

/// Cuts `text` into pieces of at most `octets_max` octets when encoded; nothing is added or lost.
pub(super) fn split(text: &str, octets_max: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        let last = pieces.len() - 1;
        pieces[last].push(c);
        if encode(&pieces[last]).len() > octets_max {
            pieces[last].pop();
            pieces.push(c.to_string());
        }
    }
    pieces
}

/// Takes the unfinished last word off `piece`, if there is a space late enough to break at.
fn break_at_space(piece: &mut String) -> String {
    let is_word_end = |c: char| c == ' ' || !c.is_ascii();
    match piece.char_indices().rev().find(|(_, c)| is_word_end(*c)) {
        Some((at, c)) if at > piece.len() / 2 => {
            let tail = piece.split_off(at + c.len_utf8());
            piece.truncate(piece.trim_end().len());
            tail
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N10
    #[test]
    fn lines_end_in_ascii_and_keep_their_length() {
        let text = "サーバ sv2 がダウンしました。".repeat(20) + &"x".repeat(200);
        let pieces = wrap(&text, LINE_OCTETS_MAX);
        assert!(pieces.len() > 5);
        for piece in &pieces {
            let octets = encode(piece);
            assert!(octets.len() <= LINE_OCTETS_MAX, "{}", octets.len());
            assert!(octets.is_ascii());
            let last_escape = octets.windows(3).rfind(|three| three[0] == 0x1b);
            assert!(
                last_escape.is_none_or(|escape| escape == b"\x1b(B"),
                "{octets:?}"
            );
        }
        let joined: String = pieces.join("\n").replace("\n ", "");
        assert_eq!(joined.replace(' ', ""), text.replace(' ', ""));
    }

    /// Rule: N10
    #[test]
    fn what_the_set_lacks_is_substituted_readably() {
        let octets = encode("é–😀한ｱ①あ");
        let (text, _) = ISO_2022_JP.decode_without_bom_handling(&octets);
        assert_eq!(text, "e-??ア①あ");
        assert_eq!(encode("plain ~\\ text"), b"plain ~\\ text");
        assert_eq!(encode(""), b"");
    }

    /// Rule: N10
    #[test]
    fn an_escape_in_the_text_cannot_switch_sets() {
        let octets = encode("a\u{1b}$Bb\u{e}c\u{f}");
        assert!(
            !octets
                .iter()
                .any(|octet| matches!(octet, 0x1b | 0x0e | 0x0f)),
            "{octets:?}"
        );
    }
}
