//! `noroshi status`: servers, interconnects and warning lights as this server sees them.

pub(crate) mod groups;

use super::Context;
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, local, padded, rfc3339, say};
use noroshi_core::config::Engine;
use noroshi_core::lamp::{Glow, Look};
use noroshi_core::notice::Channel;
use noroshi_core::pacemaker::PacemakerStatus;
use noroshi_core::status::{
    LampStatus, LampTold, LicenceStatus, PathStatus, ServerState, ServerStatus, Status, Waiting,
};
use noroshi_core::text::Language;
use noroshi_core::time::WallTime;
use serde::Serialize;

pub(super) fn run(context: &mut Context, options: &cli::Status) -> Result<Exit, Failure> {
    let status = context.status()?;
    if options.json {
        return json(context, &status);
    }
    let language = context.language;
    let (cluster, server) = (escaped(&status.cluster), escaped(&status.server));
    let time = local(status.time);
    say!(
        context.out,
        "{}",
        language.pick(
            format!("Cluster {cluster}, as {server} sees it at {time}"),
            format!("クラスタ {cluster}（{server} から見た状態、{time}）"),
        )
    )?;
    for server in &status.servers {
        say!(context.out, "{}", server_line(&status, server, language))?;
        if let Some(line) = last_word_line(server, language) {
            say!(context.out, "{line}")?;
        }
        for path in &server.paths {
            let line = path_line(status.time, server, path, language);
            say!(context.out, "{line}")?;
        }
        if let Some(lamp) = &server.lamp {
            say!(context.out, "{}", lamp_line(lamp, language))?;
        }
    }
    let engine = status.engine.words(language);
    say!(
        context.out,
        "{}{engine}",
        language.pick("Engine: ", "エンジン: ")
    )?;
    if let Some(why) = &status.blind {
        let why = escaped(why);
        say!(
            context.out,
            "{}",
            language.pick(
                format!("BLIND, the states above are the last known: {why}"),
                format!("状態を確認できません（上の状態は最後に確認したもの）: {why}"),
            )
        )?;
    }
    for advice in &status.advice {
        let advice = escaped(advice);
        say!(
            context.out,
            "{}{advice}",
            language.pick("LOOK INTO THIS: ", "要確認: ")
        )?;
    }
    if let Some(pacemaker) = &status.pacemaker {
        for line in groups::lines(pacemaker, language) {
            say!(context.out, "{line}")?;
        }
    }
    if !status.lamps_used {
        say!(
            context.out,
            "{}",
            language.pick(
                "Warning lights are not used.",
                "警告灯は使用しない設定です。",
            )
        )?;
    }
    if let Some(licence) = &status.licence {
        say!(context.out, "{}", licence_line(licence, language))?;
    }
    let waiting = status.notices_waiting;
    let more = if status.backlog {
        language.pick(", more on disk", "、ディスク上に残りあり")
    } else {
        ""
    };
    say!(
        context.out,
        "{}",
        language.pick(
            format!("Notices waiting: {waiting}{more}"),
            format!("送信待ちの通報: {waiting} 件{more}"),
        )
    )?;
    for waiting in &status.waiting {
        say!(context.out, "  {}", waiting_words(waiting, language))?;
    }
    if let Some(trouble) = &status.store_trouble {
        let trouble = escaped(trouble);
        say!(
            context.out,
            "{}",
            language.pick(
                format!("ALERT STORE IN TROUBLE: {trouble}"),
                format!("アラート保存領域の障害: {trouble}"),
            )
        )?;
    }
    Ok(Exit::Done)
}

/// Prints the snapshot as one JSON object.
pub(super) fn json(context: &mut Context, status: &Status) -> Result<Exit, Failure> {
    context.json_line(&shown(status))?;
    Ok(Exit::Done)
}

/// The snapshot as JSON.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    cluster: &'a str,
    server: &'a str,
    time: String,
    engine: Engine,
    #[serde(skip_serializing_if = "Option::is_none")]
    blind: Option<&'a str>,
    advice: &'a [String],
    servers: Vec<ShownServer<'a>>,
    on_duty: Option<&'a str>,
    notices_waiting: u32,
    waiting: &'a [Waiting],
    backlog: bool,
    store_trouble: Option<&'a str>,
    lamps_used: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    licence: Option<&'a LicenceStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pacemaker: Option<&'a PacemakerStatus>,
}

#[derive(Serialize)]
struct ShownServer<'a> {
    name: &'a str,
    own: bool,
    state: ServerState,
    last_word: Option<String>,
    paths: &'a [PathStatus],
    lamp: Option<ShownLamp<'a>>,
    drift: bool,
    set: Option<u64>,
}

#[derive(Serialize)]
struct ShownLamp<'a> {
    told: LampTold,
    #[serde(flatten)]
    lamp: &'a LampStatus,
}

/// The snapshot as programs are shown it, with its time as text.
pub(crate) fn shown(status: &Status) -> Shown<'_> {
    let servers = status.servers.iter().map(|server| ShownServer {
        name: &server.name,
        own: server.own,
        state: server.state,
        last_word: server.last_word.map(rfc3339),
        paths: &server.paths,
        lamp: server.lamp.as_ref().map(|lamp| ShownLamp {
            told: lamp.told(),
            lamp,
        }),
        drift: server.drift,
        set: server.set,
    });
    Shown {
        cluster: &status.cluster,
        server: &status.server,
        time: rfc3339(status.time),
        engine: status.engine,
        blind: status.blind.as_deref(),
        advice: &status.advice,
        servers: servers.collect(),
        on_duty: status.on_duty.as_deref(),
        notices_waiting: status.notices_waiting,
        waiting: &status.waiting,
        backlog: status.backlog,
        store_trouble: status.store_trouble.as_deref(),
        lamps_used: status.lamps_used,
        licence: status.licence.as_ref(),
        pacemaker: status.pacemaker.as_deref(),
    }
}

/// `NO VALID LICENCE: The license is not registered. (...)`, with what it means.
fn licence_line(licence: &LicenceStatus, language: Language) -> String {
    if licence.notices {
        return language.pick("Licence: valid", "ライセンス: 有効").into();
    }
    let text = escaped(licence.text.as_deref().unwrap_or_default());
    if let Some(sender) = licence.sent_by.as_deref().map(escaped) {
        return language.pick(
            format!("THIS SERVER HAS NO VALID LICENCE: {text}\n  {sender} sends mails and tells warning lights in its stead; see \"clplcnsc -l\" and the service's log"),
            format!("このサーバには有効なライセンスがありません: {text}\n  メール通報と警告灯は {sender} が代行しています。clplcnsc -l とサービスのログを確認してください"),
        );
    }
    let withheld = licence.withheld;
    language.pick(
        format!("NO VALID LICENCE, MAILS AND WARNING LIGHTS ARE OFF: {text}\n  {withheld} mails of this server were not sent; see \"clplcnsc -l\""),
        format!("有効なライセンスがないため、メール通報と警告灯は停止しています: {text}\n  このサーバが送信しなかったメール: {withheld} 通。clplcnsc -l で確認してください"),
    )
}

/// `3 syslog lines wait: /dev/log does not exist`
pub(crate) fn waiting_words(waiting: &Waiting, language: Language) -> String {
    let count = waiting.count;
    let one = count == 1;
    let mut line = match waiting.channel {
        Channel::Mail => language.pick(
            format!("{count} {}", if one { "mail waits" } else { "mails wait" }),
            format!("メール {count} 通が送信待ち"),
        ),
        Channel::Lamp => language.pick(
            format!(
                "{count} warning light {}",
                if one { "waits" } else { "notices wait" }
            ),
            format!("警告灯への通報 {count} 件が送信待ち"),
        ),
        Channel::Syslog => language.pick(
            format!(
                "{count} syslog {}",
                if one { "line waits" } else { "lines wait" }
            ),
            format!("syslog {count} 行が送信待ち"),
        ),
    };
    if let Some(reason) = &waiting.reason {
        line.push_str(": ");
        line.push_str(&escaped(reason));
    }
    line
}

fn server_line(status: &Status, server: &ServerStatus, language: Language) -> String {
    let state = match server.state {
        ServerState::Unknown => language.pick("not seen yet", "未確認"),
        ServerState::Up => language.pick("up", "稼働中"),
        ServerState::Stalled => language.pick("alert service silent", "アラートサービス無応答"),
        ServerState::Left => language.pick("stopped", "正常停止"),
        ServerState::Down => language.pick("DOWN", "ダウン"),
        ServerState::Unseen => language.pick("UNSEEN (partition)", "不明（ネットワーク分断）"),
    };
    let mut line = format!(
        "  {} {}",
        padded(&escaped(&server.name), 16),
        padded(state, 26)
    );
    if server.own {
        line.push_str(language.pick(" own", " 自サーバ"));
    }
    if status.on_duty.as_deref() == Some(&*server.name) {
        line.push_str(language.pick(" on duty", " 通報担当"));
    }
    if let Some(set) = server.set {
        line.push_str(&language.pick(format!(" set {set}"), format!(" 構成情報 {set}")));
    }
    if server.drift {
        line.push_str(language.pick(" SETTINGS DIFFER", " 設定が異なります"));
    }
    line.trim_end().to_owned()
}

/// When a server that is not at work, or of which that is not known, was last heard; of one that is up each
/// interconnect says so.
fn last_word_line(server: &ServerStatus, language: Language) -> Option<String> {
    if server.own || server.state == ServerState::Up {
        return None;
    }
    let said = match server.last_word {
        Some(at) => local(at),
        None => not_heard(language).into(),
    };
    let head = padded(language.pick("last word", "最終応答"), 12);
    Some(format!("      {head} {said}"))
}

/// Of a server without a last word.
pub(crate) fn not_heard(language: Language) -> &'static str {
    language.pick(
        "not heard since this server started",
        "このサーバの起動後は未受信",
    )
}

/// A moment `silent_ms` before `now`.
pub(crate) fn heard_at(now: WallTime, silent_ms: u64) -> WallTime {
    WallTime(now.0.saturating_sub_unsigned(silent_ms))
}

/// Of a silent interconnect the moment of its last heartbeat stands there, and the loss is said to be from before:
/// nothing is lost where nothing is sent, nor counted where nothing comes.
fn path_line(
    now: WallTime,
    server: &ServerStatus,
    path: &PathStatus,
    language: Language,
) -> String {
    let state = match path {
        PathStatus { unused: true, .. } => language.pick("unused", "未使用"),
        PathStatus { normal: true, .. } => language.pick("normal", "正常"),
        PathStatus {
            silent_ms: None, ..
        } => language.pick("not heard yet", "未受信"),
        // A server that stopped has nothing wrong with its interconnects.
        _ if server.state == ServerState::Left => language.pick("stopped", "停止中"),
        _ => language.pick("SILENT", "途絶"),
    };
    let mut line = format!(
        "      {} {}",
        padded(&escaped(&path.name), 12),
        padded(state, 14)
    );
    if let (Some(ms), false) = (path.silent_ms, path.unused) {
        let loss = format!("{}.{} %", path.loss_permille / 10, path.loss_permille % 10);
        let at = local(heard_at(now, ms));
        line.push_str(&match path.normal {
            true => language.pick(
                format!(" last heartbeat {ms} ms ago, loss {loss}"),
                format!(" 最終受信 {ms} ms 前、損失 {loss}"),
            ),
            false => language.pick(
                format!(" last heartbeat {at}, loss until then {loss}"),
                format!(" 最終受信 {at}、それまでの損失 {loss}"),
            ),
        });
    }
    line.trim_end().to_owned()
}

/// A lamp's line begins with what is known of it: what it should show stands first only where it was
/// told so. A wanted green before a lamp that nobody could reach would be read as a green light.
fn lamp_line(lamp: &LampStatus, language: Language) -> String {
    let wanted = look(lamp.wanted, language);
    let address = escaped(&lamp.address);
    let words = match lamp.told() {
        LampTold::AsWanted => format!("{wanted} ({address})"),
        LampTold::Trouble => {
            let why = escaped(lamp.trouble.as_deref().unwrap_or_default());
            let known = match lamp.shown {
                Some(shown) => {
                    let shown = look(shown, language);
                    language.pick(format!("last told {shown}"), format!("最後の指示は{shown}"))
                }
                None => language
                    .pick("what it shows is unknown", "現在の表示は不明")
                    .into(),
            };
            language.pick(
                format!("CANNOT BE TOLD ({address}), should be {wanted}, {known}: {why}"),
                format!("制御できません ({address})、本来は{wanted}、{known}: {why}"),
            )
        }
        LampTold::NotYet => language.pick(
            format!("not told yet ({address}), should be {wanted}"),
            format!("指示待ち ({address})、本来は{wanted}"),
        ),
        LampTold::ByAnother => language.pick(
            format!("should be {wanted} ({address}), not told by this server"),
            format!("本来は{wanted} ({address})、このサーバは制御していません"),
        ),
    };
    format!(
        "      {} {words}",
        padded(language.pick("light", "警告灯"), 12)
    )
}

/// What a lamp shows, in words.
pub(crate) fn look(look: Look, language: Language) -> String {
    let colours = [
        (look.red, language.pick("red", "赤")),
        (look.amber, language.pick("amber", "黄")),
        (look.green, language.pick("green", "緑")),
    ];
    let lit: Vec<String> = colours
        .into_iter()
        .filter_map(|(glow, colour)| match glow {
            Glow::Off => None,
            Glow::On => Some(format!("{colour}{}", language.pick("", "点灯"))),
            Glow::Blink => Some(format!("{colour}{}", language.pick(" blinking", "点滅"))),
        })
        .collect();
    if lit.is_empty() {
        return language.pick("out", "消灯").into();
    }
    lit.join(language.pick(" and ", "・"))
}
