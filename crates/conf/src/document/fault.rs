//! Why a change to a clp.conf was not made, in words with a remedy.

use crate::charset::Charset;
use crate::finding::{Finding, shown};
use noroshi_core::text::Language;

/// Why a change was not made. The document is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditFault {
    /// No path; from here on it makes no sense.
    NotPath {
        /// The rest of the text.
        step: String,
    },
    /// Nothing stands there.
    NotThere,
    /// It stands there already.
    AlreadyThere {
        /// Its line.
        line: u32,
    },
    /// More than one element is meant.
    Several {
        /// Their lines.
        lines: Vec<u32>,
    },
    /// A value for an element that holds other elements.
    HoldsElements {
        /// Its line.
        line: u32,
    },
    /// An element below one that holds a value.
    HoldsValue {
        /// The line of the one with the value.
        line: u32,
    },
    /// The root can be neither set nor removed.
    Root,
    /// The file's character set lacks a character of the new text.
    CharsetLacks {
        /// The file's.
        charset: Charset,
        /// The character.
        character: char,
    },
    /// A control character, which XML cannot hold.
    Control {
        /// Its code point.
        code: u32,
    },
    /// With the change the file could not be read: too large, too deep.
    Unreadable(Box<Finding>),
    /// The changed file would not say what was asked for. A fault of this program.
    NotKept,
}

impl EditFault {
    /// What is wrong, and the remedy.
    pub fn text(&self, language: Language) -> String {
        let (en, ja) = self.words();
        language.pick(en, ja)
    }

    fn words(&self) -> (String, String) {
        match self {
            EditFault::NotPath { step } => {
                let step = shown(step);
                (
                    format!("not a path, from \"{step}\" on. Write it as /root/cluster/mail/address or /root/server@sv1/device@0/info."),
                    format!("パスとして解釈できません（\"{step}\" 以降）。/root/cluster/mail/address や /root/server@sv1/device@0/info のように指定してください。"),
                )
            }
            EditFault::NotThere => (
                "nothing stands there. \"noroshi config get\" with a shorter path shows what does.".into(),
                "その要素はありません。短いパスで noroshi config get を実行すると、存在する要素が表示されます。".into(),
            ),
            EditFault::AlreadyThere { line } => (
                format!("it stands there already, in line {line}. Change it with \"noroshi config set\"."),
                format!("既に存在します（{line} 行目）。変更には noroshi config set を使用してください。"),
            ),
            EditFault::Several { lines } => {
                let lines = lines.iter().take(10).map(u32::to_string);
                let lines = lines.collect::<Vec<_>>().join(", ");
                (
                    format!("more than one element is meant, in lines {lines}. Give the key, as in server@sv1, or a number, as in argument[2]."),
                    format!("複数の要素が該当します（{lines} 行目）。server@sv1 のようにキーを、または argument[2] のように番号を指定してください。"),
                )
            }
            EditFault::HoldsElements { line } => (
                format!("the element in line {line} holds other elements and no value. Name one of those."),
                format!("{line} 行目の要素は値ではなく他の要素を含みます。その中の要素を指定してください。"),
            ),
            EditFault::HoldsValue { line } => (
                format!("the element in line {line} holds a value, so nothing can stand below it. Correct the path."),
                format!("{line} 行目の要素は値を持つため、その下に要素を置けません。パスを確認してください。"),
            ),
            EditFault::Root => (
                "the root itself cannot be changed. Name an element below it.".into(),
                "最上位の要素は変更できません。その下の要素を指定してください。".into(),
            ),
            EditFault::CharsetLacks { charset, character } => {
                let (name, code) = (charset.name(), u32::from(*character));
                let character = character.escape_debug();
                (
                    format!("the file's character set {name} has no \"{character}\" (U+{code:04X}). Use other characters, or save the file as UTF-8 and declare that in its first line."),
                    format!("ファイルの文字コード {name} では \"{character}\"（U+{code:04X}）を表せません。別の文字を使うか、ファイルを UTF-8 で保存し直して先頭行にそう宣言してください。"),
                )
            }
            EditFault::Control { code } => (
                format!("control character U+{code:04X} in the value. Remove it."),
                format!("値に制御文字 U+{code:04X} が含まれています。取り除いてください。"),
            ),
            EditFault::Unreadable(finding) => {
                (finding.text(Language::En), finding.text(Language::Ja))
            }
            EditFault::NotKept => (
                "the changed file would not say what was asked for; this is a fault of noroshi. Change the file with a text editor.".into(),
                "変更後の内容が指定と一致しません（noroshi の不具合です）。テキストエディタで変更してください。".into(),
            ),
        }
    }
}

impl std::fmt::Display for EditFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text(Language::En))
    }
}

impl std::error::Error for EditFault {}
