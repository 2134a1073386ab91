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
    NotOutYet,
    // Of licences only.
    UnknownProduct,
    NoLicence,
    WrongSignature,
    Expired,
    NotYetValid,
    AlreadyRegistered,
    OnOtherServer,
    TooFewServers,
    NoCluster,
    NotIssued,
    NothingRegistered,
    NotNeeded,
    NotEverywhere,
}

/// Every way to end, with its code and its meaning in both languages.
const TABLE: [(Exit, u8, &str, &str); 21] = [
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
    (
        Exit::NotOutYet,
        7,
        "ordered, but the warning light is not out yet; it is put out when it can be told",
        "指示しましたが、警告灯はまだ消えていません（制御できるようになった時点で消灯します）",
    ),
    (
        Exit::UnknownProduct,
        10,
        "unknown product",
        "不明な製品です",
    ),
    (
        Exit::NoLicence,
        11,
        "not a licence, or damaged; nothing was done",
        "ライセンスではないか、壊れています（何も実行していません）",
    ),
    (
        Exit::WrongSignature,
        12,
        "wrong signature, or signed by somebody unknown; nothing was done",
        "署名が正しくないか、署名者が不明です（何も実行していません）",
    ),
    (
        Exit::Expired,
        13,
        "the licence has expired; nothing was done",
        "ライセンスの有効期限が切れています（何も実行していません）",
    ),
    (
        Exit::NotYetValid,
        14,
        "registered, but the licence begins later",
        "登録しましたが、ライセンスの開始日はまだです",
    ),
    (
        Exit::AlreadyRegistered,
        15,
        "already registered; nothing was done",
        "既に登録されています（何も実行していません）",
    ),
    (
        Exit::OnOtherServer,
        16,
        "the key is registered on another server; nothing was done",
        "キーが別のサーバで登録されています（何も実行していません）",
    ),
    (
        Exit::TooFewServers,
        17,
        "registered, but the licences cover too few servers",
        "登録しましたが、ライセンスのサーバ数が不足しています",
    ),
    (
        Exit::NoCluster,
        18,
        "the cluster has not been created",
        "クラスタが作成されていません",
    ),
    (
        Exit::NotIssued,
        19,
        "no such serial number and key were issued; nothing was done",
        "そのシリアル番号とキーは発行されていません（何も実行していません）",
    ),
    (
        Exit::NothingRegistered,
        20,
        "no such licence is registered",
        "該当するライセンスは登録されていません",
    ),
    (
        Exit::NotNeeded,
        21,
        "this build needs no licence; nothing was done",
        "この版はライセンス不要です（何も実行していません）",
    ),
    (
        Exit::NotEverywhere,
        22,
        "done here, but not all servers were reached; the others take it when they return",
        "このサーバで実行しましたが、未反映のサーバがあります（復帰時に自動で反映されます）",
    ),
];

impl Exit {
    /// How a command ends that met this error at a file.
    pub(crate) fn of(kind: std::io::ErrorKind) -> Exit {
        match kind {
            std::io::ErrorKind::NotFound => Exit::NotFound,
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                Exit::Refused
            }
            _ => Exit::Failed,
        }
    }

    /// The way to end that has this exit code.
    pub(crate) fn with_code(code: i32) -> Option<Exit> {
        let row = TABLE.iter().find(|row| i32::from(row.1) == code);
        row.map(|row| row.0)
    }

    /// The process's exit code.
    pub(crate) fn code(self) -> u8 {
        // Every way stands in the table; a test sees to it.
        TABLE
            .iter()
            .find(|row| row.0 == self)
            .map_or(1, |row| row.1)
    }
}

/// The rows of the table: code and meaning; those of licences only where they can occur.
pub(crate) fn rows(language: Language, licences: bool) -> impl Iterator<Item = (u8, &'static str)> {
    let rows = TABLE.iter();
    rows.filter(move |row| licences || row.1 < LICENCES_FROM)
        .map(move |(_, code, en, ja)| (*code, language.pick(*en, *ja)))
}

/// The first of the codes that only commands about licences end with.
const LICENCES_FROM: u8 = 10;

/// The table for `--help`, with the codes of licences where they can occur.
pub(crate) fn table(language: Language, licences: bool) -> String {
    let mut text = String::from(language.pick("Exit codes:", "終了コード:"));
    for (code, meaning) in rows(language, licences) {
        text.push_str(&format!("\n  {code}  {meaning}"));
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
            (Exit::NotOutYet, 7),
            (Exit::UnknownProduct, 10),
            (Exit::NoLicence, 11),
            (Exit::WrongSignature, 12),
            (Exit::Expired, 13),
            (Exit::NotYetValid, 14),
            (Exit::AlreadyRegistered, 15),
            (Exit::OnOtherServer, 16),
            (Exit::TooFewServers, 17),
            (Exit::NoCluster, 18),
            (Exit::NotIssued, 19),
            (Exit::NothingRegistered, 20),
            (Exit::NotNeeded, 21),
            (Exit::NotEverywhere, 22),
        ];
        assert_eq!(codes.len(), TABLE.len());
        for (exit, code) in codes {
            assert_eq!(exit.code(), code);
            let of_licences = code >= LICENCES_FROM;
            for licences in [false, true] {
                let told = table(Language::En, licences).contains(&format!("\n  {code}  "));
                assert_eq!(told, licences || !of_licences, "{code}");
            }
        }
    }
}
