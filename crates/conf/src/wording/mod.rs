//! The words of every [`Problem`]: what is wrong, and the remedy, in English and Japanese.
//!
//! No final stop: [`Finding::text`](crate::Finding::text) sets it.

mod en;
mod ja;

use crate::problem::Problem;
use noroshi_core::text::Language;

impl Problem {
    /// The problem and its remedy.
    pub fn words(&self, language: Language) -> (String, String) {
        match language {
            Language::En => en::english(self),
            Language::Ja => ja::japanese(self),
        }
    }
}

fn pair(problem: impl Into<String>, remedy: impl Into<String>) -> (String, String) {
    (problem.into(), remedy.into())
}

fn unit_of(unit: &str) -> String {
    if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charset::Charset;

    /// Rule: N17
    #[test]
    fn a_wrong_byte_comes_with_a_remedy_in_both_languages() {
        let problem = Problem::WrongByte {
            charset: Charset::Utf8,
            byte: 0xb4,
            fits: Some(Charset::EucJp),
        };
        let (en, remedy) = problem.words(Language::En);
        assert_eq!(en, "byte 0xB4 makes no character in UTF-8");
        assert!(remedy.contains("declare encoding=\"EUC-JP\""), "{remedy}");
        let (ja, remedy) = problem.words(Language::Ja);
        assert!(
            ja.contains("0xB4") && remedy.contains("EUC-JP"),
            "{ja} {remedy}"
        );
    }
}
