//! Cluster properties, tab *Alert Service* (the manual, chapter 2; rule M26): mail addresses, subject, how mail
//! leaves, "use network warning light".

use super::draft::Sheet;
use super::field;
use super::form::Form;
use maud::{Markup, html};
use std::collections::BTreeSet;

const MAIL: &str = "/root/cluster/mail";
const OWN_MAIL: &str = "/root/noroshi/mail";
const LIGHTS: &str = "/root/cluster/dn1000s/use";

/// The form.
pub(super) fn form(form: &Form<'_>) -> Markup {
    let pick = |en, ja| form.pick(en, ja);
    let fields = html! {
        fieldset {
            legend { (pick("Mail report", "メール通報")) }
            (form.area(&format!("{MAIL}/address"), pick("Mail address", "メールアドレス"),
                pick("Several: separated by commas or a line each. None: no mail is sent.",
                    "複数の場合はコンマか改行で区切ります。空欄ならメール通報を行いません。")))
            (form.line(&format!("{MAIL}/subject"), pick("Subject", "件名"),
                pick("The beginning of every subject, to tell clusters apart. Empty: CLUSTERPRO.",
                    "すべての件名の先頭に付きます。クラスタの区別に使います。空欄なら CLUSTERPRO です。")))
            (form.line(&format!("{OWN_MAIL}/short"), pick("Short form for", "短い形式で送る宛先"),
                pick("Of the addresses above: those of mobile phones, which get 70 characters.",
                    "上記のうち携帯電話のアドレス。本文を 70 文字以内にします。")))
            (form.choice(&format!("{MAIL}/sendtype"), pick("Mail leaves by", "送信方法"), "", &[
                ("", pick("the mail program of the server (default)", "サーバのメール送信プログラム（既定）")),
                ("MAIL", pick("the mail program of the server", "サーバのメール送信プログラム")),
                ("SMTP", pick("the SMTP servers below", "下記の SMTP サーバ")),
            ]))
            (form.line(&format!("{OWN_MAIL}/sendmail"), pick("Mail program", "メール送信プログラム"),
                pick("Empty: /usr/sbin/sendmail.", "空欄なら /usr/sbin/sendmail です。")))
            (form.line(&format!("{OWN_MAIL}/sender"), pick("Sender address", "差出人アドレス"),
                pick("Where an SMTP server below names no own one. Empty: root@localhost.",
                    "下記の SMTP サーバに指定がない場合に使います。空欄なら root@localhost です。")))
            (form.choice(&format!("{MAIL}/smtp/charset"), pick("Character set", "文字コード"), "", &[
                ("", pick("UTF-8 (default)", "UTF-8（既定）")),
                ("ISO-2022-JP", "ISO-2022-JP"),
            ]))
            (form.line(&format!("{MAIL}/smtp/timeout"), pick("Time-out in seconds", "タイムアウト（秒）"),
                pick("Longest wait for one answer of an SMTP server. Empty: 30.",
                    "SMTP サーバの応答を待つ最長時間。空欄なら 30 です。")))
        }
        fieldset {
            legend { (pick("Warning light", "警告灯")) }
            (form.tick(LIGHTS, pick("Use network warning light", "ネットワーク警告灯を使用する"),
                pick("Which light a server has stands in the properties of the server.",
                    "警告灯の IP アドレスは各サーバのプロパティで設定します。")))
        }
        @for id in servers(form) { (smtp_server(form, &id)) }
    };
    form.around(&Sheet::AlertService, &fields)
}

/// Whether the page has the field at `path`.
pub(super) fn has(path: &str) -> bool {
    [MAIL, OWN_MAIL]
        .iter()
        .any(|place| path.starts_with(&format!("{place}/")))
        || path == LIGHTS
}

/// The ids of the SMTP servers that there are or are being made, and one more.
fn servers(form: &Form<'_>) -> Vec<String> {
    let mut ids = BTreeSet::new();
    for place in [
        format!("{MAIL}/smtp/smtpsrv"),
        format!("{OWN_MAIL}/smtpsrv"),
    ] {
        let keys = field::all(form.document(), &place).filter_map(|node| node.key());
        ids.extend(keys.map(str::to_string));
    }
    let changed = form.changes.iter();
    ids.extend(changed.filter_map(|it| field::key(it.path(), "smtpsrv").map(str::to_string)));
    let mut ids: Vec<String> = ids.into_iter().collect();
    ids.sort_by_key(|id| (id.parse::<u32>().unwrap_or(u32::MAX), id.clone()));
    let next = ids.iter().filter_map(|id| id.parse::<u32>().ok()).max();
    let next = next.map_or(Some(0), |last| last.checked_add(1));
    ids.extend(next.map(|next| next.to_string()));
    ids
}

fn smtp_server(form: &Form<'_>, id: &str) -> Markup {
    let pick = |en, ja| form.pick(en, ja);
    let row = format!("{MAIL}/smtp/smtpsrv@{id}");
    let (theirs, ours) = (
        |leaf: &str| format!("{row}/{leaf}"),
        |leaf: &str| format!("{OWN_MAIL}/smtpsrv@{id}/{leaf}"),
    );
    let host = form.now(&theirs("srvname"));
    let is_new = field::all(form.document(), &row).next().is_none();
    let priority = match form.now(&theirs("priority")) {
        text if text.is_empty() && is_new => next_priority(form),
        text => text,
    };
    html! {
        fieldset {
            legend {
                @if host.is_empty() { (pick("One more SMTP server", "SMTP サーバの追加")) }
                @else { (pick("SMTP server ", "SMTP サーバ ")) (host) }
            }
            (form.line(&theirs("srvname"), pick("Name or address", "サーバ名または IP アドレス"), ""))
            (form.line_with(&theirs("priority"), pick("Priority", "優先順位"),
                pick("The lowest number is asked first.", "数の小さいものから順に使います。"), &priority))
            (form.line(&theirs("port"), pick("Port", "ポート番号"),
                pick("Empty: 25, with TLS from the first byte 465.", "空欄なら 25、最初から TLS の場合は 465 です。")))
            (form.choice(&ours("tls"), pick("Encryption", "暗号化"), "", &[
                ("", pick("none (default)", "なし（既定）")),
                ("none", pick("none", "なし")),
                ("starttls", "STARTTLS"),
                ("tls", pick("TLS from the first byte", "最初から TLS")),
            ]))
            (form.tick(&ours("verify"), pick("Check the server's certificate", "サーバ証明書を検証する"), ""))
            (form.line(&ours("cafile"), pick("File with certificate authorities", "認証局証明書のファイル"),
                pick("Empty: the system's.", "空欄ならシステムの設定に従います。")))
            (form.tick(&theirs("auth"), pick("Sign in (SMTP AUTH)", "SMTP 認証を行う"), ""))
            (form.choice(&theirs("authmethod"), pick("Sign-in method", "認証方式"), "", &[
                ("", pick("the best that the server offers (default)", "サーバが対応する最良の方式（既定）")),
                ("PLAIN", "PLAIN"), ("LOGIN", "LOGIN"), ("CRAM-MD5", "CRAM-MD5"),
            ]))
            (form.line(&theirs("username"), pick("User name", "ユーザ名"), ""))
            (form.secret(&ours("password"), pick("Password", "パスワード"), ""))
            (form.line(&theirs("senderaddress"), pick("Sender address", "差出人アドレス"),
                pick("Empty: the one above.", "空欄なら上記の差出人アドレスです。")))
            @if !is_new {
                label {
                    input type="checkbox" name=(format!("without:{row}")) value="1" checked[form.goes(&row)];
                    " " (pick("Remove this server", "このサーバを削除する"))
                }
            }
        }
    }
}

fn next_priority(form: &Form<'_>) -> String {
    let path = format!("{MAIL}/smtp/smtpsrv/priority");
    let rows = field::all(form.document(), &path);
    let last = rows
        .filter_map(|node| node.value().parse::<u32>().ok())
        .max();
    last.map_or(0, |last| last.saturating_add(1)).to_string()
}
