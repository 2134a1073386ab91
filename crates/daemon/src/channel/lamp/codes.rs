//! The numbers `nn` of messages 6 and 7 (rule M13): the one place that gives them out.
//!
//! *Use.* [`CODES`], [`meaning`] and [`table`] say what each number means. The numbers are put into
//! results by `trouble.rs`.
//!
//! *Failure.* None: every trouble has a number, and a test there holds the table to that.

use noroshi_core::text::Language;

/// Which message a number stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// 6: `The execution result of warning light command was abnormal.(nn)`: it answered.
    Abnormal,
    /// 7: `Failed to execute warning light command.(nn)`: it could not be asked.
    Failed,
}

/// One number and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The `nn`.
    pub number: u8,
    /// The message it stands in.
    pub message: Message,
    /// What it means, in English.
    pub en: &'static str,
    /// The same in Japanese.
    pub ja: &'static str,
}

/// The lamp shows something else than it was told; `core` finds that out from a read-back.
pub const SHOWS_OTHER: u8 = 5;

/// Every number. Numbers are never given a new meaning: operators keep lists of them.
pub const CODES: [Code; 17] = [
    abnormal(
        1,
        "The warning light refused the command.",
        "警告灯がコマンドを拒否しました。",
    ),
    abnormal(
        2,
        "The warning light answered something that its protocol does not know.",
        "警告灯の応答がプロトコルに合いません。",
    ),
    abnormal(
        3,
        "The warning light broke off in the middle of its answer.",
        "警告灯の応答が途中で切れました。",
    ),
    abnormal(
        4,
        "The warning light closed the connection without answering.",
        "警告灯が応答せずに接続を閉じました。",
    ),
    abnormal(
        SHOWS_OTHER,
        "The warning light shows something else than it was told.",
        "警告灯の表示が指示と異なります。",
    ),
    abnormal(
        6,
        "The program set for the warning light ended with an exit status other than 0.",
        "警告灯に設定されたプログラムが 0 以外の終了ステータスで終了しました。",
    ),
    abnormal(
        7,
        "The program set for the warning light was ended by a signal.",
        "警告灯に設定されたプログラムがシグナルで終了しました。",
    ),
    failed(
        21,
        "The warning light refused the connection.",
        "警告灯が接続を拒否しました。",
    ),
    failed(
        22,
        "No connection to the warning light came about in time.",
        "時間内に警告灯へ接続できませんでした。",
    ),
    failed(
        23,
        "The warning light did not answer in time.",
        "時間内に警告灯の応答がありませんでした。",
    ),
    failed(
        24,
        "No reserved port (512 to 1023) was free for rsh.",
        "rsh に使う予約ポート (512～1023) に空きがありません。",
    ),
    failed(
        25,
        "No permission to use a reserved port for rsh (CAP_NET_BIND_SERVICE is missing).",
        "rsh に使う予約ポートの権限 (CAP_NET_BIND_SERVICE) がありません。",
    ),
    failed(
        26,
        "The network or host of the warning light cannot be reached.",
        "警告灯のネットワークまたはホストに到達できません。",
    ),
    failed(
        27,
        "The program set for the warning light cannot be run.",
        "警告灯に設定されたプログラムを実行できません。",
    ),
    failed(
        28,
        "The settings of the warning light cannot be carried by its protocol.",
        "警告灯の設定値をプロトコルで送れません。",
    ),
    failed(
        29,
        "The operating system of this server refused what the command needs.",
        "このサーバの OS がコマンドに必要な操作を拒否しました。",
    ),
    failed(
        30,
        "An earlier command for the warning light has not ended.",
        "警告灯への前のコマンドが終わっていません。",
    ),
];

/// What a number means; `None` for one that was never given out.
pub fn meaning(number: u8, language: Language) -> Option<&'static str> {
    let code = CODES.iter().find(|code| code.number == number)?;
    Some(language.pick(code.en, code.ja))
}

/// The table of all numbers as Markdown, for the manual.
pub fn table(language: Language) -> String {
    let mut text = String::from(language.pick(
        "| message | nn | meaning |\n|---|---|---|\n",
        "| メッセージ | nn | 意味 |\n|---|---|---|\n",
    ));
    for code in &CODES {
        let message = match code.message {
            Message::Abnormal => 6,
            Message::Failed => 7,
        };
        let meaning = language.pick(code.en, code.ja);
        text.push_str(&format!("| {message} | {} | {meaning} |\n", code.number));
    }
    text
}

const fn abnormal(number: u8, en: &'static str, ja: &'static str) -> Code {
    Code {
        number,
        message: Message::Abnormal,
        en,
        ja,
    }
}

const fn failed(number: u8, en: &'static str, ja: &'static str) -> Code {
    Code {
        number,
        message: Message::Failed,
        en,
        ja,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: M13
    #[test]
    fn the_table_has_a_line_for_each_number_in_both_languages() {
        assert_eq!(table(Language::En).lines().count(), CODES.len() + 2);
        assert!(table(Language::Ja).contains("| 7 | 21 | 警告灯が接続を拒否しました。 |"));
        assert_eq!(meaning(99, Language::En), None);
    }
}
