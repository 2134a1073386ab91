//! The words in Japanese.

use super::{pair, unit_of};
use crate::charset::FILE_BYTES_MAX;
use crate::finding::FINDINGS_MAX;
use crate::names::NAME_CHARS_MAX;
use crate::problem::{HostFileTrouble, Problem};
use crate::tree::{DEPTH_MAX, ELEMENTS_MAX};

pub(super) fn japanese(problem: &Problem) -> (String, String) {
    use Problem as P;
    match problem {
        P::FileTooLarge => pair(
            format!("ファイルが {FILE_BYTES_MAX} バイトを超えています"),
            "clp.conf であることを確認してください",
        ),
        P::FileEmpty => pair(
            "ファイルが空です",
            "構成情報を保存し直すか、clp.conf.bak から戻してください",
        ),
        P::CharsetUnknown => pair(
            "宣言された文字コードは clp.conf では使えません",
            "UTF-8、EUC-JP、SJIS、GB2312、ASCII のいずれかで保存し、先頭行に宣言してください",
        ),
        P::WrongByte {
            charset,
            byte,
            fits,
        } => pair(
            format!(
                "バイト 0x{byte:02X} は {} の文字ではありません",
                charset.name()
            ),
            match fits {
                Some(fits) => format!(
                    "{0} としては正しく読めます。先頭行に encoding=\"{0}\" と宣言するか、{1} で保存し直してください",
                    fits.name(),
                    charset.name()
                ),
                None => format!("{} で保存し直してください", charset.name()),
            },
        ),
        P::ControlCharacter { code } => pair(
            format!("制御文字 U+{code:04X} があります"),
            "削除してください",
        ),
        P::NotXml => pair(
            "XML ではありません",
            "clp.conf であることを確認してください。先頭は <?xml または <root> です",
        ),
        P::Malformed => pair(
            "XML の書式に誤りがあります",
            "この行と前の行で <、>、引用符、; の不足を確認し、& は &amp;、< は &lt; と書いてください",
        ),
        P::CutOff => pair(
            "この要素が閉じる前にファイルが終わっています",
            "ファイルが途中で切れています。保存またはコピーをやり直してください",
        ),
        P::EndTagMismatch { open, line } => pair(
            format!("{line} 行目の <{open}> が開いている所にこの終了タグがあります"),
            format!("先に <{open}> を閉じるか、名前を直してください"),
        ),
        P::EndTagStray => pair(
            "この終了タグに対応する開始タグがありません",
            "削除するか、開始タグを追加してください",
        ),
        P::Doctype => pair("clp.conf に DOCTYPE は書けません", "削除してください"),
        P::EntityUnknown => pair(
            "文字に対応しない参照です",
            "&amp; &lt; &gt; &quot; &apos; と文字番号だけを使ってください",
        ),
        P::RootWrong => pair(
            "最も外側の要素が <root> ではありません",
            "clp.conf であることを確認してください",
        ),
        P::AfterRoot => pair(
            "<root> の終わりより後に記述があります",
            "</root> より後を削除してください",
        ),
        P::TooDeep => pair(
            format!("要素の入れ子が {DEPTH_MAX} 段を超えています"),
            "clp.conf であることを確認してください",
        ),
        P::TooManyElements => pair(
            format!("要素が {ELEMENTS_MAX} 個を超えています"),
            "clp.conf であることを確認してください",
        ),
        P::MoreFindings => pair(
            format!("指摘が {FINDINGS_MAX} 件を超えたため、残りは表示していません"),
            "修正してからもう一度確認してください",
        ),
        P::Missing => pair("必須の項目がありません", "この要素を追加してください"),
        P::KeyMissing => pair(
            "要素に name も id もありません",
            "属性 name=\"…\" または id=\"…\" を付けてください",
        ),
        P::Repeated { line } => pair(
            format!("{line} 行目にも同じものがあります"),
            "どちらか一方にしてください",
        ),
        P::NotNumber { min, max, unit } => pair(
            "範囲内の整数ではありません",
            format!(
                "{min} から {max}{} までの数を指定してください",
                unit_of(unit)
            ),
        ),
        P::NotOneOf { choices } => pair(
            "使えない値です",
            format!("次のいずれかを指定してください: {choices}"),
        ),
        P::NotOneLine { chars_max } => pair(
            "制御文字または改行があるか、長すぎます",
            format!("{chars_max} 文字以内の 1 行で指定してください"),
        ),
        P::NotAbsolutePath => pair("絶対パスではありません", "/ で始まるパスを指定してください"),
        P::NotHost => pair(
            "ホスト名でも IP アドレスでもありません",
            "mail.example.com のような名前または IP アドレスを、ポート番号なしで指定してください",
        ),
        P::NameBad => pair(
            "使えない名前です",
            format!(
                "空白、制御文字、/ を含まず、- や . で始まらない 1 から {NAME_CHARS_MAX} 文字で指定してください"
            ),
        ),
        P::UnknownSetting { nearest } => pair(
            "このような設定はありません",
            match nearest {
                Some(nearest) => {
                    format!("{nearest} の間違いではありませんか。修正または削除してください")
                }
                None => "削除してください".to_string(),
            },
        ),
        P::NearMiss { nearest } => pair(
            "このような要素はありません（読み飛ばします）",
            format!("{nearest} の誤りではありませんか。名前を訂正してください"),
        ),
        P::NotOnThisHost { why } => pair(
            match why {
                HostFileTrouble::Missing => "このホストにファイルがありません".to_string(),
                HostFileTrouble::NotAFile => "このホストではファイルではありません".to_string(),
                HostFileTrouble::NotExecutable => "実行権限がありません".to_string(),
                HostFileTrouble::Hidden(error) => {
                    format!("ファイルを確認できません: {error}")
                }
            },
            "パスを訂正するか、全サーバにファイルを配置してください",
        ),
        P::TooMany { max } => pair("数が多すぎます", format!("{max} 個以内にしてください")),
        P::ServerUnknown { nearest } => pair(
            "この名前のサーバはありません",
            match nearest {
                Some(nearest) => {
                    format!("{nearest} の間違いではありませんか。修正または削除してください")
                }
                None => "名前を直すか、サーバを追加してください".to_string(),
            },
        ),
        P::NoServer => pair(
            "サーバがありません",
            "<server name=\"…\"> を 1 つ以上追加してください",
        ),
        P::PriorityTaken { by } => pair(
            format!("{by} が同じ優先順位です"),
            "0、1、2 と重複しない優先順位を指定してください",
        ),
        P::NotIpAddress => pair(
            "IPアドレスではありません",
            "192.168.0.1 のような IPv4 または IPv6 アドレスを指定してください",
        ),
        P::AddressTaken { by } => pair(
            format!("サーバ {by} と同じアドレスです"),
            "サーバごとに異なるアドレスを指定してください",
        ),
        P::DeviceNotLan => pair(
            "インタコネクトで使うデバイスですが、種類が lan ではありません",
            "種類を lan にするか、インタコネクトに別のデバイスを指定してください",
        ),
        P::DeviceNowhere => pair(
            "この id でアドレスを持つ lan デバイスがどのサーバにもありません",
            "各サーバにデバイスを追加するか、id を直してください",
        ),
        P::NoInterconnect => pair(
            "サーバが複数ありますが、インタコネクトがありません",
            "/root/heartbeat に lankhb または lanhb を、各サーバにその lan デバイスを追加してください",
        ),
        P::NoSharedInterconnect { other } => pair(
            format!(
                "サーバ {other} と共通のインタコネクトがなく、互いにダウンと判定してしまいます"
            ),
            "同じインタコネクトのアドレスを両方に指定してください",
        ),
        P::HeartbeatKindIgnored => pair(
            "この種類のハートビートは使いません。ハートビートは lankhb と lanhb で送ります",
            "対処は不要です",
        ),
        P::LanDevicesTaken => pair(
            "LAN ハートビートの設定がないため、サーバの lan デバイスをインタコネクトとして使います",
            "選択するには /root/heartbeat に lankhb を追加してください",
        ),
        P::TimeoutTooShort { min_ms } => pair(
            "ハートビートタイムアウトが短すぎ、1 回の欠落でダウンと誤判定するおそれがあります",
            format!(
                "{min_ms} ms（ハートビート間隔の 3 倍）以上を指定するか、削除して既定値を使ってください"
            ),
        ),
        P::StallTooShort { min_ms } => pair(
            "無応答タイムアウトがハートビートタイムアウトより短くなっています",
            format!("{min_ms} ms 以上を指定するか、削除して既定値を使ってください"),
        ),
        P::NotMailAddress => pair(
            "メールアドレスではありません",
            "空白を含まない ASCII の user@domain を 254 文字以内で指定し、複数の場合はカンマで区切ってください",
        ),
        P::RecipientRepeated => pair(
            "宛先が重複しています。メールは 1 通だけ送ります",
            "どちらか一方を削除してください",
        ),
        P::PortTaken => pair(
            "サーバ間の通信に使用するポートです",
            "コンソールには /root/noroshi/port と異なるポートを指定してください",
        ),
        P::PasswordNotHashed => pair(
            "パスワードのハッシュではありません",
            "利用者を削除し、noroshi user add で追加し直してください",
        ),
        P::TokenNotDigest => pair(
            "API トークンの SHA-256 ではありません",
            "noroshi user token で作り直すか、--revoke で失効させてください",
        ),
        P::ShortNotRecipient => pair(
            "短文形式の対象が宛先にありません",
            "/root/cluster/mail/address に追加するか、アドレスを直してください",
        ),
        P::NoSmtpServer => pair(
            "SMTP で送る設定ですが、SMTP サーバがありません",
            "/root/cluster/mail/smtp/smtpsrv@0 を追加するか、sendtype を MAIL にしてください",
        ),
        P::SmtpServerUnknown => pair(
            "この id の SMTP サーバはありません",
            "/root/cluster/mail/smtp の smtpsrv の id を指定してください",
        ),
        P::PasswordSealed => pair(
            "このパスワードは他製品だけが読める形で暗号化されているため、このサーバでは認証を行いません",
            "同じ番号 N の /root/noroshi/mail/smtpsrv@N/password にパスワードを指定してください",
        ),
        P::SecretNotOpened { ja, .. } => pair(
            format!("暗号化された秘密を復号できません: {ja}"),
            "このクラスタのサーバ上で noroshi config set-secret により設定し直してください",
        ),
        P::PasswordInClear => pair(
            "パスワードが暗号化されずにネットワークを流れます",
            "tls を starttls または tls にしてください",
        ),
        P::NotVerified => pair(
            "メールサーバの証明書を確認しない設定です",
            "verify を 1 にし、独自の認証局は cafile に指定してください",
        ),
        P::LampWithoutAddress => pair(
            "警告灯のアドレスがありません",
            "警告灯の IP アドレスを指定するか、警告灯がないサーバでは device@20000 を削除してください",
        ),
        P::LampDiffers { other } => pair(
            format!("サーバ {other} と同じ警告灯のアドレスですが、種類や設定が異なります"),
            "両方のサーバで同じ種類と設定にするか、異なるアドレスを指定してください",
        ),
        P::RshUserBad => pair(
            "rsh で使えるユーザ名ではありません",
            "空白を含まない ASCII 文字を 1 から 16 文字で指定してください",
        ),
        P::DeviceSecretBad => pair(
            "装置のコマンドで送れない文字があります",
            "空白を含まない ASCII の印字可能文字を 64 文字以内で指定してください",
        ),
        P::NotForLampType { lamp_type } => pair(
            format!("種類 {lamp_type} の警告灯では使わない設定です"),
            "削除するか、種類を直してください",
        ),
        P::EventBad => pair(
            "イベント ID ではありません",
            "<nm id=\"2\"> のように番号を指定してください",
        ),
        P::MessagesOff => pair(
            "/root/cluster/messages/use が 1 でないため、以下の通報先の変更は無効です",
            "1 にするか、変更を削除してください",
        ),
        P::RecordsFew => pair(
            "アラートの保存件数が既定の 10000 件より少なくなっています",
            "ディスクが極端に小さい場合を除き、10000 以上を指定してください",
        ),
    }
}
