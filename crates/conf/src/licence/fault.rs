//! What is wrong with a licence text, with its remedy in both languages.

use crate::finding::shown;
use noroshi_core::text::Language;

/// Why a text was refused. Nothing of it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1.
    pub line: u32,
    /// What stands there, escaped and cut; empty when nothing does, and for secrets.
    pub value: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a licence text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// More bytes than such a text can have.
    TooLarge {
        /// Most bytes.
        max: usize,
    },
    /// Not UTF-8.
    NotText,
    /// The first line is not the version line of what was expected.
    NotThis {
        /// That line.
        expected: &'static str,
    },
    /// The version line has a number that we do not know.
    Newer,
    /// A line that must stand here does not.
    Expected {
        /// The line's name.
        field: &'static str,
    },
    /// Something follows the end, or a line has more than it should.
    Surplus,
    /// No product of ours.
    Product,
    /// No kind of licence.
    Kind,
    /// No serial number.
    Serial,
    /// No number of servers.
    Servers,
    /// No day of the calendar.
    Date,
    /// The last day is missing for a kind that ends, or given for one that does not.
    Until,
    /// The last day is before the first.
    Order,
    /// No digest of a key.
    Digest,
    /// No name of a signer.
    Signer,
    /// No signature in base64.
    Signature,
    /// No key from a sheet.
    Key,
    /// It stands here for the second time.
    Repeated,
    /// More of a kind than there may be.
    TooMany {
        /// How many there may be.
        max: usize,
    },
    /// No Ed25519 key in PEM.
    Pem,
    /// No point in time.
    Time,
    /// No removal, or no number of removals.
    Revision,
    /// A name with blanks or control characters, or none.
    Name,
}

impl Fault {
    pub(super) fn new(line: u32, value: &str, problem: Problem) -> Fault {
        Fault {
            line,
            value: shown(value),
            problem,
        }
    }

    /// The whole fault in one line: `FILE:LINE: "VALUE": problem. Remedy.`
    pub fn one_line(&self, file: &str, language: Language) -> String {
        let (problem, remedy) = self.problem.words(language);
        let value = match self.value.as_str() {
            "" => String::new(),
            value => format!("\"{value}\": "),
        };
        let stop = language.pick(". ", "。");
        let end = language.pick(".", "。");
        format!(
            "{}:{}: {value}{problem}{stop}{remedy}{end}",
            shown(file),
            self.line
        )
    }
}

impl Problem {
    /// What is wrong, and how to set it right.
    fn words(&self, language: Language) -> (String, String) {
        let (problem, remedy): (&str, &str) = match (self, language) {
            (Problem::TooLarge { max }, _) => {
                return language.pick(
                    (
                        format!("larger than {max} bytes"),
                        "This is another file; give the one that you were sent".into(),
                    ),
                    (
                        format!("{max} バイトを超えています"),
                        "別のファイルです。配布されたファイルを指定してください".into(),
                    ),
                );
            }
            (Problem::NotThis { expected }, _) => {
                return language.pick(
                    (format!("the first line is not \"{expected}\""), "This is another file, or its beginning is missing; give the one that you were sent, whole".into()),
                    (format!("最初の行が \"{expected}\" ではありません"), "別のファイルか、先頭が欠けています。配布されたファイルをそのまま指定してください".into()),
                );
            }
            (Problem::Expected { field }, _) => {
                return language.pick(
                    (
                        format!("here the line \"{field}: ...\" should stand"),
                        COPY_EN.into(),
                    ),
                    (
                        format!("ここには \"{field}: ...\" の行が必要です"),
                        COPY_JA.into(),
                    ),
                );
            }
            (Problem::TooMany { max }, _) => {
                return language.pick(
                    (
                        format!("more than {max}"),
                        "Take away those that are no longer needed".into(),
                    ),
                    (
                        format!("{max} 件を超えています"),
                        "不要なものを除いてください".into(),
                    ),
                );
            }
            (problem, Language::En) => problem.english(),
            (problem, Language::Ja) => problem.japanese(),
        };
        (problem.into(), remedy.into())
    }

    fn english(&self) -> (&'static str, &'static str) {
        match self {
            Problem::NotText => (
                "not text in UTF-8",
                "This is another file, or it was damaged on its way; copy it again",
            ),
            Problem::Newer => ("a form of a newer release", "Update noroshi"),
            Problem::Surplus => ("there is more than should stand here", COPY_EN),
            Problem::Product => (
                "unknown product",
                "This licence is for another product; give one for ALRT10",
            ),
            Problem::Kind => ("no kind of licence", "It must be product, trial or term"),
            Problem::Serial => (
                "no serial number",
                "It has three capital letters and seven digits, such as AAA0000001",
            ),
            Problem::Servers => ("no number of servers", "It must be 1 to 9999"),
            Problem::Date => (
                "no day of the calendar",
                "Write it as 2026-12-31, or - where there is none",
            ),
            Problem::Until => (
                "a last day where there must be none, or none where there must be one",
                "A trial and a term have a last day, a product licence has none",
            ),
            Problem::Order => (
                "the last day is before the first",
                "Let it be the same day or a later one",
            ),
            Problem::Digest => ("no digest of a key", COPY_EN),
            Problem::Signer => ("no name of a signer", COPY_EN),
            Problem::Signature => ("no signature", COPY_EN),
            Problem::Key => (
                "no licence key",
                "Copy it from the sheet: four groups of eight characters; letter case matters",
            ),
            Problem::Repeated => (
                "it stands here for the second time",
                "Take one of the two away",
            ),
            Problem::Pem => (
                "no Ed25519 key in PEM",
                "Make one with \"noroshi licence signer new\", or copy the file again",
            ),
            Problem::Time => ("no time in UTC", "Write it as 2026-12-31T23:59:59.000Z"),
            Problem::Revision => ("no removal, or no number of removals", COPY_EN),
            Problem::Name => ("no server name", COPY_EN),
            Problem::TooLarge { .. }
            | Problem::NotThis { .. }
            | Problem::Expected { .. }
            | Problem::TooMany { .. } => ("", ""),
        }
    }

    fn japanese(&self) -> (&'static str, &'static str) {
        match self {
            Problem::NotText => (
                "UTF-8 のテキストではありません",
                "別のファイルか、途中で壊れています。もう一度コピーしてください",
            ),
            Problem::Newer => ("新しい版の形式です", "noroshi を更新してください"),
            Problem::Surplus => ("余分な記述があります", COPY_JA),
            Problem::Product => (
                "不明な製品です",
                "別の製品のライセンスです。ALRT10 のライセンスを指定してください",
            ),
            Problem::Kind => (
                "ライセンスの種類ではありません",
                "product, trial, term のいずれかです",
            ),
            Problem::Serial => (
                "シリアル番号ではありません",
                "AAA0000001 のような英大文字 3 字と数字 7 桁です",
            ),
            Problem::Servers => ("サーバ数ではありません", "1 から 9999 までです"),
            Problem::Date => (
                "暦にある日付ではありません",
                "2026-12-31 の形式で、ない場合は - と記述してください",
            ),
            Problem::Until => (
                "最終日の有無が種類と合いません",
                "試用版と期間限定版には最終日があり、製品版にはありません",
            ),
            Problem::Order => ("最終日が開始日より前です", "開始日以降の日付にしてください"),
            Problem::Digest => ("キーのダイジェストではありません", COPY_JA),
            Problem::Signer => ("署名者の名前ではありません", COPY_JA),
            Problem::Signature => ("署名ではありません", COPY_JA),
            Problem::Key => (
                "ライセンスキーではありません",
                "シートのとおり 8 文字ずつ 4 組で入力してください。大文字と小文字を区別します",
            ),
            Problem::Repeated => ("同じものが 2 回あります", "どちらかを除いてください"),
            Problem::Pem => (
                "PEM 形式の Ed25519 鍵ではありません",
                "noroshi licence signer new で作成するか、もう一度コピーしてください",
            ),
            Problem::Time => (
                "UTC の時刻ではありません",
                "2026-12-31T23:59:59.000Z の形式で記述してください",
            ),
            Problem::Revision => ("削除の記録ではありません", COPY_JA),
            Problem::Name => ("サーバ名ではありません", COPY_JA),
            Problem::TooLarge { .. }
            | Problem::NotThis { .. }
            | Problem::Expected { .. }
            | Problem::TooMany { .. } => ("", ""),
        }
    }
}

const COPY_EN: &str = "The text was changed or cut; copy it again, whole";
const COPY_JA: &str = "テキストが変更されたか、欠けています。もう一度全体をコピーしてください";
