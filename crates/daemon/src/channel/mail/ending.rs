//! How a test mail failed, in plain words with a remedy: what an installer reads on the first day.
//!
//! What a failure means for a real notice is decided in [`trouble`](crate::channel::trouble) alone; this
//! only explains. Enhanced status codes (RFC 3463) say more than a reply's three digits, so they are
//! looked at where a server gives them.

use crate::channel::trouble::{Failure, Trouble, Verb};
use noroshi_core::text::Language;
use rustls::{CertificateError, Error as TlsError};
use serde::{Deserialize, Serialize};
use std::io;

/// Sorts of failures. A release may add some; one that is not known is read as [`Ending::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The name service does not know the mail server's name, or does not answer.
    UnknownName,
    /// No way leads to the address.
    NoRoute,
    /// The host is there and nothing listens at the port.
    ConnectionRefused,
    /// No answer in time.
    NoAnswer,
    /// The connection broke.
    Closed,
    /// The certificate comes from nobody whom we trust.
    NotTrusted,
    /// The certificate is for other names.
    WrongName,
    /// The certificate is not valid at this time.
    Expired,
    /// TLS came about in no other way.
    TlsFailed,
    /// The server offers no STARTTLS.
    NoStarttls,
    /// It does not take our user name and password.
    SignInRefused,
    /// It offers no way to sign in that we have or may use.
    SignInUnfit,
    /// It wants a sign-in and none is set.
    SignInNeeded,
    /// It does not take our sender address.
    SenderRefused,
    /// It does not know the recipient.
    NoSuchUser,
    /// It does not pass mails on for us.
    RelayDenied,
    /// It wants us to come again later.
    Greylisted,
    /// The mailbox is full.
    MailboxFull,
    /// It does not take the message.
    MessageRefused,
    /// It cannot take mails at the moment.
    ServerBusy,
    /// What answers is no mail server.
    NotSmtp,
    /// The recipient's address cannot be used.
    BadAddress,
    /// The program failed.
    Program,
    /// The message was handed over and the last reply is missing.
    MaybeTaken,
    /// The test's time was over.
    TimeOver,
    /// Something else.
    #[serde(other)]
    Other,
}

impl Ending {
    /// What sort of failure `trouble` is; `hint` is what the place that it comes from knows.
    pub(super) fn of(trouble: &Trouble, hint: Option<Ending>) -> Ending {
        match (&trouble.failure, trouble.verb) {
            (Failure::Replied { code, text }, verb) => of_reply(*code, text, verb),
            (Failure::Unfit(_), Verb::StartTls) => Ending::NoStarttls,
            (Failure::Unfit(_), Verb::Auth) => Ending::SignInUnfit,
            (Failure::Unfit(_), Verb::Tls) => Ending::TlsFailed,
            (Failure::Unfit(_), _) => Ending::BadAddress,
            (Failure::Garbled(_), Verb::Auth) => Ending::SignInUnfit,
            (_, Verb::Message) => Ending::MaybeTaken,
            (Failure::Garbled(_), _) => Ending::NotSmtp,
            (_, Verb::Resolve) => Ending::UnknownName,
            (Failure::Silent(_), _) => Ending::NoAnswer,
            (Failure::Lost(_), Verb::Connect) => hint.unwrap_or(Ending::ConnectionRefused),
            (Failure::Lost(_), Verb::Tls) => hint.unwrap_or(Ending::TlsFailed),
            (Failure::Lost(_), _) => Ending::Closed,
        }
    }

    /// Of a connection that did not come about.
    pub(super) fn of_connect(error: &io::Error) -> Ending {
        match error.kind() {
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Ending::NoRoute,
            io::ErrorKind::TimedOut => Ending::NoAnswer,
            io::ErrorKind::ConnectionRefused => Ending::ConnectionRefused,
            _ => Ending::Other,
        }
    }

    /// Of a TLS handshake.
    pub(super) fn of_tls(error: &io::Error) -> Ending {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        let Some(cause) = cause else {
            return Ending::TlsFailed;
        };
        match cause {
            TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Ending::WrongName,
            TlsError::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => Ending::Expired,
            TlsError::InvalidCertificate(_) => Ending::NotTrusted,
            _ => Ending::TlsFailed,
        }
    }

    /// What it means.
    pub fn meaning(self, language: Language) -> &'static str {
        let (en, ja) = self.words().0;
        language.pick(en, ja)
    }

    /// What helps.
    pub fn remedy(self, language: Language) -> &'static str {
        let (en, ja) = self.words().1;
        language.pick(en, ja)
    }

    #[rustfmt::skip]
    fn words(self) -> ((&'static str, &'static str), (&'static str, &'static str)) {
        match self {
            Ending::UnknownName => (
                ("The mail server's name cannot be resolved.", "メールサーバの名前を解決できません。"),
                ("Check the name for slips, and this server's name service (/etc/resolv.conf); an IP address needs none.", "名前の誤りと、このサーバの名前解決 (/etc/resolv.conf) を確認してください。IP アドレスなら名前解決は不要です。"),
            ),
            Ending::NoRoute => (
                ("No route leads to the mail server.", "メールサーバへの経路がありません。"),
                ("Check the address, this server's gateway and its network cables.", "アドレス、このサーバのゲートウェイ、ネットワーク接続を確認してください。"),
            ),
            Ending::ConnectionRefused => (
                ("Nothing listens at that address and port.", "そのアドレスとポートで待ち受けているものがありません。"),
                ("Check the port (25, 587 with STARTTLS, 465 with TLS), that the mail server runs, and that no firewall refuses.", "ポート番号（25、STARTTLS は 587、TLS は 465）、メールサーバの稼働、ファイアウォールの拒否を確認してください。"),
            ),
            Ending::NoAnswer => (
                ("No answer came in time.", "時間内に応答がありません。"),
                ("Check that a firewall on the way lets this server through to this port, and that the mail server is up. A server that expects TLS at once (port 465) waits silently when we do too.", "途中のファイアウォールがこのポートへの通信を許可しているか、メールサーバが稼働しているかを確認してください。接続時から TLS を使うサーバ（ポート 465）は、平文で接続すると応答しません。"),
            ),
            Ending::Closed => (
                ("The mail server broke the connection off.", "メールサーバが接続を切断しました。"),
                ("Look at its log: it may not admit this server's address, or want TLS at this port.", "メールサーバのログを確認してください。このサーバのアドレスを許可していないか、このポートで TLS が必要な可能性があります。"),
            ),
            Ending::NotTrusted => (
                ("The mail server's certificate comes from an authority that is not trusted here.", "メールサーバの証明書の発行元を信頼していません。"),
                ("Name the authority's file (PEM) in the SMTP server's settings, on all servers of the cluster.", "SMTP サーバの設定で、認証局のファイル (PEM) を全サーバに指定してください。"),
            ),
            Ending::WrongName => (
                ("The mail server's certificate is for other names than the one in the settings.", "メールサーバの証明書の名前が、設定の名前と異なります。"),
                ("Give the SMTP server by a name that the certificate shown here is for.", "ここに表示された証明書の名前で SMTP サーバを指定してください。"),
            ),
            Ending::Expired => (
                ("The mail server's certificate is not valid at this time.", "メールサーバの証明書の有効期間外です。"),
                ("Check this server's clock; otherwise the mail server needs a new certificate.", "このサーバの時計を確認してください。正しければ、メールサーバの証明書の更新が必要です。"),
            ),
            Ending::TlsFailed => (
                ("TLS with the mail server does not come about.", "メールサーバとの TLS が成立しません。"),
                ("Check that port and encryption belong together (587 STARTTLS, 465 TLS), the file of authorities, and that the mail server knows TLS 1.2 or newer.", "ポートと暗号化の組み合わせ（587 は STARTTLS、465 は TLS）、認証局のファイル、メールサーバの TLS 1.2 以降への対応を確認してください。"),
            ),
            Ending::NoStarttls => (
                ("The mail server does not offer STARTTLS; nothing is sent in plain text.", "メールサーバが STARTTLS に対応していません。平文では送信しません。"),
                ("Switch STARTTLS on at the mail server, use its port 465 with TLS, or set the encryption to none if the network may carry plain text.", "メールサーバで STARTTLS を有効にするか、ポート 465 の TLS を使うか、平文でよいネットワークなら暗号化なしに設定してください。"),
            ),
            Ending::SignInRefused => (
                ("The mail server does not take user name and password.", "メールサーバがユーザ名とパスワードを受け付けません。"),
                ("Check both; set the password again (\"noroshi config set-secret\"). Some providers want a password made for programs.", "両方を確認し、パスワードを設定し直してください (noroshi config set-secret)。アプリ用パスワードが必要なサービスもあります。"),
            ),
            Ending::SignInUnfit => (
                ("The mail server offers no sign-in that can be used here.", "使用できる認証方式をメールサーバが提示していません。"),
                ("Many servers offer it only over TLS: check the encryption. Else set a mechanism that the server offers, or remove the sign-in.", "TLS の場合だけ認証を提示するサーバがあります。暗号化の設定を確認してください。そうでなければ、提示された方式を設定するか、認証の設定を外してください。"),
            ),
            Ending::SignInNeeded => (
                ("The mail server wants a sign-in.", "メールサーバが認証を求めています。"),
                ("Set user name and password for this SMTP server, or have it admit the cluster's addresses.", "この SMTP サーバのユーザ名とパスワードを設定するか、クラスタのアドレスを許可してください。"),
            ),
            Ending::SenderRefused => (
                ("The mail server does not take the sender address.", "メールサーバが送信元アドレスを受け付けません。"),
                ("Set a sender that this mail server takes: often an address of its own domain, or the one that belongs to the user name.", "このメールサーバが受け付ける送信元を設定してください。多くの場合、そのドメインのアドレスか、認証ユーザのアドレスです。"),
            ),
            Ending::NoSuchUser => (
                ("The mail server does not know, or does not take, this recipient.", "メールサーバがこの宛先を受け付けません（存在しない可能性があります）。"),
                ("Check the address for slips; ask whoever runs the mailboxes.", "アドレスの誤りを確認し、メールボックスの管理者に問い合わせてください。"),
            ),
            Ending::RelayDenied => (
                ("The mail server does not pass mails on for this server.", "メールサーバがこのサーバからの中継を許可していません。"),
                ("Have it admit the cluster's addresses, or set user name and password for it.", "クラスタのアドレスからの中継を許可するか、ユーザ名とパスワードを設定してください。"),
            ),
            Ending::Greylisted => (
                ("The mail server wants us to come again later (greylisting, or a limit).", "メールサーバが後での再送を求めています（グレイリストまたは制限）。"),
                ("Real notices are tried again by themselves. Try the test again in a few minutes; have the cluster's addresses taken off greylisting, or the first notice comes late.", "実際の通報は自動で再送されます。数分後に再テストしてください。最初の通報が遅れるため、クラスタのアドレスをグレイリストの対象外にしてください。"),
            ),
            Ending::MailboxFull => (
                ("The mailbox, or the mail server's disk, is full.", "メールボックスまたはメールサーバのディスクに空きがありません。"),
                ("Make room there. Real notices are tried again meanwhile.", "空きを作ってください。実際の通報はその間も再送されます。"),
            ),
            Ending::MessageRefused => (
                ("The mail server does not take the message.", "メールサーバがメールの内容を受け付けません。"),
                ("Look at its filters for spam and content; let the sender address pass.", "迷惑メール対策や内容検査の設定を確認し、送信元アドレスを許可してください。"),
            ),
            Ending::ServerBusy => (
                ("The mail server cannot take mails at the moment.", "メールサーバが現在メールを受け付けられません。"),
                ("Look at its log. Real notices are tried again, at the next SMTP server at once.", "メールサーバのログを確認してください。実際の通報は再送され、次の SMTP サーバがあれば直ちに試します。"),
            ),
            Ending::NotSmtp => (
                ("What answers is no mail server as we know it.", "応答がメールサーバのものではありません。"),
                ("Check address and port. A port with TLS from the start (465) needs that encryption in the settings.", "アドレスとポートを確認してください。接続時から TLS を使うポート (465) では、暗号化をその設定にしてください。"),
            ),
            Ending::BadAddress => (
                ("This address or its settings cannot be used.", "このアドレスまたは設定は使用できません。"),
                ("Correct it in the settings.", "設定を修正してください。"),
            ),
            Ending::Program => (
                ("The mail program failed.", "メール送信プログラムが失敗しました。"),
                ("Look at its exit status and words, and at the host's mail log.", "終了コードと出力、ホストのメールログを確認してください。"),
            ),
            Ending::MaybeTaken => (
                ("The message was handed over, but the last reply did not come: it may have arrived.", "メールを渡しましたが、最後の応答がありません。届いている可能性があります。"),
                ("Look into the mailbox, and at the mail server's log.", "メールボックスとメールサーバのログを確認してください。"),
            ),
            Ending::TimeOver => (
                ("The test's time was over before this came to an end.", "テストの制限時間内に終わりませんでした。"),
                ("See in the conversation where it waits, and test this address alone.", "どこで待っているかを通信内容で確認し、このアドレスだけをテストしてください。"),
            ),
            Ending::Other => (
                ("It failed.", "失敗しました。"),
                ("See the conversation, and the mail server's log.", "通信内容とメールサーバのログを確認してください。"),
            ),
        }
    }
}

fn of_reply(code: u16, text: &str, verb: Verb) -> Ending {
    // Class and subject.detail of RFC 3463 section 3, where the reply begins with them.
    let enhanced = text.split_whitespace().next().unwrap_or_default();
    let detail = enhanced.split_once('.').map_or("", |(_, detail)| detail);
    match (code, verb) {
        (421, _) => Ending::ServerBusy,
        (530, _) => Ending::SignInNeeded,
        (534 | 535 | 538 | 550..=559, Verb::Auth) => Ending::SignInRefused,
        (500..=504, Verb::Auth) => Ending::SignInUnfit,
        (_, Verb::StartTls) => Ending::TlsFailed,
        (400..=499, Verb::Rcpt | Verb::Data | Verb::Message) if detail == "2.2" => {
            Ending::MailboxFull
        }
        (552, Verb::Rcpt | Verb::Message) => Ending::MailboxFull,
        (452, Verb::Mail | Verb::Rcpt | Verb::Message) => Ending::MailboxFull,
        (400..=499, Verb::Rcpt) => Ending::Greylisted,
        (400..=499, _) => Ending::ServerBusy,
        (_, Verb::Mail) => Ending::SenderRefused,
        (_, Verb::Rcpt) if detail == "7.1" || says_relay(text) => Ending::RelayDenied,
        (_, Verb::Rcpt) => Ending::NoSuchUser,
        (_, Verb::Data | Verb::Message) => Ending::MessageRefused,
        (500..=599, Verb::Greeting | Verb::Ehlo) => Ending::Closed,
        _ => Ending::Other,
    }
}

/// Servers without enhanced codes say it in words, nearly all of them with this one.
fn says_relay(text: &str) -> bool {
    text.to_ascii_lowercase().contains("relay")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn of(failure: Failure, verb: Verb) -> Ending {
        let server = String::new();
        Ending::of(
            &Trouble {
                server,
                verb,
                failure,
            },
            None,
        )
    }

    /// Rule: N10
    #[test]
    fn a_reply_is_what_its_codes_say() {
        for (code, text, verb, ending) in [
            (421, "busy", Verb::Greeting, Ending::ServerBusy),
            (554, "no service for you", Verb::Greeting, Ending::Closed),
            (
                454,
                "4.7.0 TLS not available",
                Verb::StartTls,
                Ending::TlsFailed,
            ),
            (535, "5.7.8 wrong", Verb::Auth, Ending::SignInRefused),
            (454, "4.7.0 later", Verb::Auth, Ending::ServerBusy),
            (530, "5.7.0 sign in first", Verb::Mail, Ending::SignInNeeded),
            (
                553,
                "5.7.1 not owned by user",
                Verb::Mail,
                Ending::SenderRefused,
            ),
            (550, "5.1.1 no such user", Verb::Rcpt, Ending::NoSuchUser),
            (
                554,
                "5.7.1 Relay access denied",
                Verb::Rcpt,
                Ending::RelayDenied,
            ),
            (550, "relaying denied", Verb::Rcpt, Ending::RelayDenied),
            (451, "4.7.1 greylisted", Verb::Rcpt, Ending::Greylisted),
            (450, "4.2.2 full", Verb::Rcpt, Ending::MailboxFull),
            (452, "4.3.1 disk full", Verb::Mail, Ending::MailboxFull),
            (552, "5.2.2 over quota", Verb::Message, Ending::MailboxFull),
            (554, "5.6.0 spam", Verb::Message, Ending::MessageRefused),
            (451, "later", Verb::Message, Ending::ServerBusy),
        ] {
            let text = text.to_owned();
            assert_eq!(
                of(
                    Failure::Replied {
                        code,
                        text: text.clone()
                    },
                    verb
                ),
                ending,
                "{code} {text}"
            );
        }
    }

    /// Rule: N10
    #[test]
    fn what_did_not_answer_is_told_apart() {
        let lost = || Failure::Lost(String::new());
        let silent = || Failure::Silent(Duration::from_secs(5));
        assert_eq!(of(lost(), Verb::Resolve), Ending::UnknownName);
        assert_eq!(of(silent(), Verb::Connect), Ending::NoAnswer);
        assert_eq!(of(lost(), Verb::Greeting), Ending::Closed);
        assert_eq!(of(silent(), Verb::Message), Ending::MaybeTaken);
        assert_eq!(
            of(Failure::Garbled(String::new()), Verb::Greeting),
            Ending::NotSmtp
        );
        assert_eq!(
            of(Failure::Unfit(String::new()), Verb::StartTls),
            Ending::NoStarttls
        );
        let error = |kind| Ending::of_connect(&io::Error::from(kind));
        assert_eq!(error(io::ErrorKind::HostUnreachable), Ending::NoRoute);
        assert_eq!(
            error(io::ErrorKind::ConnectionRefused),
            Ending::ConnectionRefused
        );
    }

    /// Rule: N10
    #[test]
    fn an_ending_of_a_newer_release_is_read_as_another_one() {
        let read: Ending = serde_json::from_str(r#""moon-in-the-way""#).unwrap();
        assert_eq!(read, Ending::Other);
        for language in [Language::En, Language::Ja] {
            assert!(!read.meaning(language).is_empty() && !read.remedy(language).is_empty());
        }
    }
}
