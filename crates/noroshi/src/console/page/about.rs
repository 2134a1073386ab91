//! What this is: versions, supported warning lights (rule M8), and the software of others in it.

use super::{Place, frame};
use crate::console::visitor::Visitor;
use axum::Extension;
use axum::response::Response;
use maud::html;

/// Name, version, licence (SPDX) and place of each dependency; `cargo xtask notices` writes it, and
/// `cargo xtask check` compares.
const NOTICES: &str = include_str!("../assets/notices.tsv");

/// Models, the `type` in clp.conf, the protocol: as README has them.
pub(in crate::console) const LAMPS: &[(&str, &str, &str)] = &[
    ("ISA DN-1000S, DN-1000R, DN-1300GL", "dn1000s", "rsh"),
    ("ISA DN-1500GL", "dn1500gl", "rsh"),
    ("ISA DN-1510GL", "isa-tcp", "its TCP port"),
    ("PATLITE NH-FB, NH-FB1", "patlite", "rsh"),
    ("PATLITE NH-FV1", "nhfv1", "rsh"),
    (
        "PATLITE NHV, NH-FV (firmware 1.45 or later), LA6-POE",
        "patlite-http",
        "HTTP",
    ),
    ("PATLITE NHL, NH-FV, LA6-POE, LR5-LAN", "patlite-pns", "PNS"),
    ("PATLITE NHL and older PHN units", "patlite-phn", "PHN"),
    ("PATLITE NHL, NH-FV", "patlite-snmp", "SNMP v1/v2c"),
    (
        "anything else",
        "command",
        "a program of yours, without a shell",
    ),
];

pub(in crate::console) async fn show(Extension(visitor): Extension<Visitor>) -> Response {
    let title = visitor.pick("About", "製品情報");
    let content = html! {
        p { "noroshi " (env!("CARGO_PKG_VERSION")) " (" (std::env::consts::ARCH) ", " (env!("CARGO_PKG_LICENSE")) ")" }
        h2 { (visitor.pick("Supported warning lights", "対応警告灯")) }
        table.models {
            thead { tr {
                th scope="col" { (visitor.pick("Models", "機種")) }
                th scope="col" { (visitor.pick("Type", "タイプ")) }
                th scope="col" { (visitor.pick("Protocol", "プロトコル")) }
            } }
            tbody { @for (models, kind, protocol) in LAMPS {
                tr { td { (said(&visitor, models)) } td { code { (kind) } } td { (said(&visitor, protocol)) } }
            } }
        }
        h2 { (visitor.pick("Open-source software in it", "オープンソースソフトウェア")) }
        p { (visitor.pick(
            "Each under its own licence; its text stands at the place named.",
            "それぞれのライセンスに従います。本文は記載の場所にあります。",
        )) }
        details {
            summary { (NOTICES.lines().count()) " " (visitor.pick("packages", "パッケージ")) }
            table.notices {
                thead { tr {
                    th scope="col" { (visitor.pick("Name", "名前")) }
                    th scope="col" { (visitor.pick("Licence", "ライセンス")) }
                    th scope="col" { (visitor.pick("Place", "所在")) }
                } }
                tbody { @for line in NOTICES.lines() {
                    @let mut parts = line.split('\t');
                    tr { @for _ in 0..3 { td { (parts.next().unwrap_or_default()) } } }
                } }
            }
        }
    };
    frame(&visitor, Place::About, title, &content)
}

/// A word of [`LAMPS`] in the visitor's language; names of models and protocols are the same in both.
fn said<'w>(visitor: &Visitor, word: &'w str) -> &'w str {
    let ja = match word {
        "its TCP port" => "専用 TCP ポート",
        "PATLITE NHV, NH-FV (firmware 1.45 or later), LA6-POE" => {
            "PATLITE NHV、NH-FV（ファームウェア 1.45 以降）、LA6-POE"
        }
        "PATLITE NHL and older PHN units" => "PATLITE NHL と旧 PHN 機種",
        "anything else" => "その他の機器",
        "a program of yours, without a shell" => "任意のプログラム（シェルを介さない）",
        same => same,
    };
    visitor.pick(word, ja)
}
