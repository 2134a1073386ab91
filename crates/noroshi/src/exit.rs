//! How a command ends: the table of exit codes, and failures in words.

use noroshi_core::text::Language;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    NotRunning,
    Refused,
    NotFound,
    Unclear,
}

/// Every way to end, with its code and its meaning in both languages.
const TABLE: [(Exit, u8, &str, &str); 7] = [
    (Exit::Done, 0, "done", "正常終了"),
    (Exit::Failed, 1, "failed", "失敗"),
    (
        Exit::Usage,
        2,
        "wrong usage; nothing was done",
        "引数の誤り（何も実行していません）",
    ),
    (
        Exit::NotRunning,
        3,
        "the alert service is not running",
        "アラートサービスが起動していません",
    ),
    (
        Exit::Refused,
        4,
        "not permitted, or refused",
        "権限がない、または拒否されました",
    ),
    (
        Exit::NotFound,
        5,
        "no such server, file or setting",
        "サーバ、ファイルまたは設定が見つかりません",
    ),
    (
        Exit::Unclear,
        6,
        "no proper answer in time; whether it was done is unknown",
        "時間内に正しい応答がありません（実行されたかどうかは不明です）",
    ),
];

impl Exit {
    /// The process's exit code.
    pub(crate) fn code(self) -> u8 {
        // Every way stands in the table; a test sees to it.
        TABLE
            .iter()
            .find(|row| row.0 == self)
            .map_or(1, |row| row.1)
    }
}

/// The table for `--help`.
pub(crate) fn table(language: Language) -> String {
    let mut text = String::from(language.pick("Exit codes:", "終了コード:"));
    for (_, code, en, ja) in TABLE {
        text.push_str(&format!("\n  {code}  {}", language.pick(en, ja)));
    }
    text
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How it ends.
    pub(crate) exit: Exit,
    /// What, why, and the remedy; empty when there is nobody to tell.
    pub(crate) text: String,
}

impl Failure {
    /// A failure that is told.
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Failure {
        Failure {
            exit,
            text: text.into(),
        }
    }

    /// The reader of our output went away: no failure, and nobody is told.
    pub(crate) fn nobody_listens() -> Failure {
        Failure::new(Exit::Done, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes are an interface for scripts: do not edit.
    ///
    /// Rule: N20
    #[test]
    fn exit_codes_are_pinned() {
        let codes = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::NotRunning, 3),
            (Exit::Refused, 4),
            (Exit::NotFound, 5),
            (Exit::Unclear, 6),
        ];
        assert_eq!(codes.len(), TABLE.len());
        for (exit, code) in codes {
            assert_eq!(exit.code(), code);
            assert!(table(Language::En).contains(&format!("\n  {code}  ")));
        }
    }
}
