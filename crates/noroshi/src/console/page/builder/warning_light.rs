//! A server's properties, tab *Warning light* (the manual, chapter 2; rule M26): address and type of its light,
//! and what the type needs to be told. The test shows every colour on the light that is set now.

use super::draft::Sheet;
use super::field;
use super::form::Form;
use maud::{Markup, html};
use noroshi_conf::document::Document;

/// The form of one server, with the test of its light below.
pub(super) fn form(form: &Form<'_>, server: &str) -> Markup {
    let pick = |en, ja| form.pick(en, ja);
    let device = |leaf: &str| format!("/root/server@{server}/device@20000/{leaf}");
    let own = |leaf: &str| format!("/root/noroshi/lamp@{server}/{leaf}");
    let fields = html! {
        fieldset {
            legend { (pick("Warning light", "警告灯")) }
            (form.choice(&device("type"), pick("Type", "種別"),
                pick("\"None\" takes the light and its settings away.", "「なし」にすると警告灯の設定を削除します。"),
                &types(form)))
            (form.line(&device("info"), pick("IP address", "IP アドレス"),
                pick("Servers with the same address share one light.", "同じアドレスのサーバは 1 台の警告灯を共用します。")))
        }
        fieldset {
            legend { (pick("What the type needs", "種別ごとの設定")) }
            p.hint { (pick(
                "Fields that the chosen type has no use for stay empty.",
                "選択した種別で使わない項目は空欄にします。",
            )) }
            (form.line(&own("port"), pick("Port", "ポート番号"),
                pick("Empty: the protocol's own.", "空欄ならプロトコルの既定値です。")))
            (form.line(&own("localuser"), pick("rsh: user here", "rsh: 自サーバ側ユーザ"), pick("Empty: root.", "空欄なら root です。")))
            (form.line(&own("remoteuser"), pick("rsh: user on the light", "rsh: 警告灯側ユーザ"), pick("Empty: root.", "空欄なら root です。")))
            (form.secret(&own("password"), pick("Password of an ISA light", "パスワード（アイエスエイ製）"), ""))
            (form.choice(&own("family"), pick("PNS: family", "PNS: 機種系列"), "", &[
                ("", pick("NH, NHL, NHP, NH-FV (default)", "NH、NHL、NHP、NH-FV（既定）")),
                ("nh", "NH, NHL, NHP, NH-FV"), ("lr5", "LR5-LAN"), ("la6", "LA6-POE"),
            ]))
            (form.secret(&own("readcommunity"), pick("SNMP: community for reading", "SNMP: 読み取り用コミュニティ"),
                pick("Not set: public.", "未設定なら public です。")))
            (form.secret(&own("writecommunity"), pick("SNMP: community for writing", "SNMP: 書き込み用コミュニティ"),
                pick("Not set: private.", "未設定なら private です。")))
            (form.line(&own("program"), pick("Command: program", "コマンド: プログラム"),
                pick("Absolute path; started without a shell.", "絶対パス。シェルを介さずに起動します。")))
            (form.area(&own("argument"), pick("Command: arguments", "コマンド: 引数"),
                pick("A line each.", "1 行に 1 個。")))
        }
    };
    html! {
        (form.around(&Sheet::WarningLight(server.into()), &fields))
        (test(form, server))
    }
}

/// Whether the page of `server` has the field at `path`.
pub(super) fn has(server: &str, path: &str) -> bool {
    [
        format!("/root/server@{server}/device@20000/"),
        format!("/root/noroshi/lamp@{server}/"),
    ]
    .iter()
    .any(|place| path.starts_with(place))
}

/// The names of all servers, in server order.
pub(super) fn servers(document: &Document) -> Vec<String> {
    let mut servers: Vec<(u32, String)> = field::all(document, "/root/server")
        .filter_map(|node| {
            let priority = node.all("priority").next();
            let priority = priority.and_then(|node| node.value().parse().ok());
            Some((priority.unwrap_or(u32::MAX), node.key()?.to_string()))
        })
        .collect();
    servers.sort_by_key(|(priority, _)| *priority);
    servers.into_iter().map(|(_, name)| name).collect()
}

fn types<'w>(form: &Form<'_>) -> [(&'w str, &'w str); 11] {
    [
        ("", form.pick("none", "なし")),
        ("dn1000s", "dn1000s: DN-1000S, DN-1000R, DN-1300GL"),
        ("dn1500gl", "dn1500gl: DN-1500GL"),
        ("patlite", "patlite: NH-FB, NH-FB1"),
        ("nhfv1", "nhfv1: NH-FV1"),
        ("isa-tcp", "isa-tcp: DN-1510GL"),
        ("patlite-http", "patlite-http: NHV, NH-FV (1.45), LA6-POE"),
        ("patlite-pns", "patlite-pns: NHL, NH-FV, LA6-POE, LR5-LAN"),
        ("patlite-phn", "patlite-phn: NHL"),
        ("patlite-snmp", "patlite-snmp: NHL, NH-FV"),
        (
            "command",
            form.pick("command: a program of yours", "command: 任意のプログラム"),
        ),
    ]
}

fn test(form: &Form<'_>, server: &str) -> Markup {
    let pick = |en, ja| form.pick(en, ja);
    html! {
        form.card method="post" action="/builder/lamp-test" {
            h2 { (pick("Test", "テスト")) }
            p { (pick(
                "Shows every colour on the light as it is set now, not as in the form above, and then what it should show.",
                "現在の設定（上の入力内容ではありません）の警告灯に全色を表示し、その後本来の表示に戻します。",
            )) }
            input type="hidden" name="server" value=(server);
            button type="submit" { (pick("Test the light", "警告灯のテスト")) }
        }
    }
}
