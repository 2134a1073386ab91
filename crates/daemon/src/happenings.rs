//! Which events stand in the daemon's own log (rule M33): what did not work, and why; at level 8 of a
//! part what worked, too (`clplogcf`, [`crate::log::levels`]).
//!
//! A line is in the language of the settings. None holds a secret: causes are those that the alert view
//! shows, scrubbed by the channel that met them. A line that its part's level does not take is not made.

use crate::log::levels::takes;
use crate::log::{Level, Part};
use noroshi_core::config::{Config, ServerId};
use noroshi_core::event::{Event, HostAnswer};
use noroshi_core::lamp::LampResult;
use noroshi_core::membership::ring::{Ring, View};
use noroshi_core::notice::outbox::Servers;
use noroshi_core::notice::{Channel, NoticeKey, Outcome};
use noroshi_core::request::Request;
use noroshi_core::text::Language;

/// The line for an event, if it is worth one.
pub(crate) fn line(event: &Event, config: &Config) -> Option<String> {
    let (part, level) = weight(event)?;
    takes(part, level).then(|| words(event, config)).flatten()
}

/// Whose line it is, and how much it matters.
fn weight(event: &Event) -> Option<(Part, Level)> {
    let weight = match event {
        Event::Outcome(key, outcome) => {
            let part = match key.channel {
                Channel::Mail => Part::Mail,
                Channel::Lamp => Part::Lamp,
                Channel::Syslog => Part::Syslog,
            };
            let level = match outcome {
                Outcome::Delivered { .. } => Level::Detail,
                // `noroshi status` says why they wait; a line for each try would be a flood.
                Outcome::Retry { .. } if part == Part::Syslog => Level::Detail,
                Outcome::Retry { .. } => Level::Warning,
                Outcome::Refused { .. } => Level::Error,
            };
            (part, level)
        }
        Event::Lamp { result, .. } => match result {
            LampResult::Done { .. } | LampResult::Cancelled => (Part::Lamp, Level::Detail),
            LampResult::Abnormal { .. } | LampResult::Failed { .. } => (Part::Lamp, Level::Error),
        },
        Event::Recorded { result: Ok(()), .. } => (Part::Store, Level::Detail),
        Event::Recorded { result: Err(_), .. } => (Part::Store, Level::Error),
        Event::Configure { config: Ok(_), .. } => (Part::Reload, Level::Info),
        Event::Configure { config: Err(_), .. } => (Part::Reload, Level::Error),
        Event::LinkUp(_)
        | Event::LinkDown(_)
        | Event::Probed { .. }
        | Event::Ring(Ring::View(_)) => (Part::Engine, Level::Detail),
        Event::Request(..) => (Part::Control, Level::Detail),
        _ => return None,
    };
    Some(weight)
}

fn words(event: &Event, config: &Config) -> Option<String> {
    let language = config.language;
    Some(match event {
        Event::Outcome(key, outcome) => notice(key, outcome, language),
        Event::Lamp { lamp, result, .. } => {
            // The words name the address.
            let server = config.lamps.get(usize::from(lamp.0))?.servers.first()?;
            light(name(config, *server)?, result, language)
        }
        Event::Recorded { batch, result } => match result {
            Ok(()) => language.pick(
                format!("batch {batch} written to the alert store"),
                format!("アラートの保存領域に書き込みました（バッチ {batch}）"),
            ),
            Err(why) => language.pick(
                format!("not written to the alert store: {why}"),
                format!("アラートの保存領域に書き込めません: {why}"),
            ),
        },
        Event::Configure { source, config } => match config {
            Ok(_) => language.pick(
                format!("settings of {source} read"),
                format!("{source} の設定を読み込みました"),
            ),
            Err(why) => language.pick(
                format!("settings of {source} not taken: {why}"),
                format!("{source} の設定は反映しません: {why}"),
            ),
        },
        Event::LinkUp(server) => {
            let server = name(config, *server)?;
            language.pick(
                format!("link to {server} stands"),
                format!("{server} と接続しました"),
            )
        }
        Event::LinkDown(server) => {
            let server = name(config, *server)?;
            language.pick(
                format!("link to {server} ended"),
                format!("{server} との接続が終了しました"),
            )
        }
        Event::Ring(Ring::View(view)) => ring(view, config),
        Event::Probed { server, answer, .. } => host(name(config, *server)?, *answer, language),
        Event::Request(_, request) => {
            let wish = wish(request, language);
            language.pick(
                format!("asked by a command to {wish}"),
                format!("コマンドの要求: {wish}"),
            )
        }
        _ => return None,
    })
}

fn light(server: &str, result: &LampResult, language: Language) -> String {
    match result {
        LampResult::Done { .. } => language.pick(
            format!("light of {server} told"),
            format!("{server} の警告灯を制御しました"),
        ),
        LampResult::Cancelled => language.pick(
            format!("light of {server}: order taken back"),
            format!("{server} の警告灯: 指示を取り消しました"),
        ),
        LampResult::Abnormal { code, text } | LampResult::Failed { code, text } => language.pick(
            format!("light of {server} not told: {text} (code {code})"),
            format!("{server} の警告灯を制御できません: {text}（コード {code}）"),
        ),
    }
}

fn ring(view: &View, config: &Config) -> String {
    let names = |set: Servers| {
        let ids = config.server_ids().filter(|id| set.has(*id));
        let names: Vec<&str> = ids.map(|id| config.server_name(id)).collect();
        names.join(", ")
    };
    let (number, nodes, group) = (view.ring, names(view.nodes), names(view.group));
    let (en, ja) = match view.quorate {
        true => ("with quorum", "クォーラムあり"),
        false => ("without quorum", "クォーラムなし"),
    };
    config.language.pick(
        format!("Corosync ring {number} {en}: nodes {nodes}; alert services {group}"),
        format!("Corosync リング {number}（{ja}）: ノード {nodes}、アラートサービス {group}"),
    )
}

fn host(server: &str, answer: HostAnswer, language: Language) -> String {
    let (en, ja) = match answer {
        HostAnswer::Accepted => ("accepts connections", "は接続を受け付けます"),
        HostAnswer::Refused => ("refuses connections", "は接続を拒否しました"),
        HostAnswer::Silent => ("is silent", "は応答しません"),
    };
    language.pick(
        format!("host of {server} {en}"),
        format!("{server} のホスト{ja}"),
    )
}

fn notice(key: &NoticeKey, outcome: &Outcome, language: Language) -> String {
    let channel = match key.channel {
        Channel::Mail => language.pick("mail", "メール"),
        Channel::Lamp => language.pick("light", "警告灯"),
        Channel::Syslog => "syslog",
    };
    let (alert, recipient) = (&key.alert, &key.recipient);
    let what = match outcome {
        Outcome::Delivered { .. } => language.pick("sent", "送信済み").to_owned(),
        Outcome::Retry { cause, .. } => language.pick(
            format!("not sent, will be tried again: {cause}"),
            format!("送信できず、再試行します: {cause}"),
        ),
        Outcome::Refused { cause } => {
            language.pick(format!("refused: {cause}"), format!("拒否: {cause}"))
        }
    };
    language.pick(
        format!("{channel} to {recipient} {what} (alert {alert})"),
        format!("{channel}（宛先 {recipient}）: {what}（アラート {alert}）"),
    )
}

fn wish(request: &Request, language: Language) -> String {
    let (en, ja) = match request {
        Request::Raise { message, .. } => {
            let (module, event) = (&message.module, message.event);
            (
                format!("raise {module} {event}"),
                format!("アラート {module} {event} の出力"),
            )
        }
        Request::LampOff { server } => (
            format!("put the light of {server} out"),
            format!("{server} の警告灯の消灯"),
        ),
        Request::LampTest { server } => (
            format!("test the light of {server}"),
            format!("{server} の警告灯のテスト"),
        ),
        Request::MailTest => ("send a test mail".into(), "テストメールの送信".into()),
        Request::Acknowledge { alert, by, .. } => (
            format!("acknowledge {alert} ({by})"),
            format!("アラート {alert} の確認（{by}）"),
        ),
        Request::LicencesChanged => (
            "look at the licences again".into(),
            "ライセンスの再読み込み".into(),
        ),
        Request::Push { digest, by, .. } => (
            format!("push the set {digest} ({by})"),
            format!("構成情報 {digest} の配布（{by}）"),
        ),
        Request::Stop { server, by } => {
            let server = server.as_deref();
            let all = (
                server.unwrap_or("all servers"),
                server.unwrap_or("全サーバ"),
            );
            (
                format!("stop {} ({by})", all.0),
                format!("{}の停止（{by}）", all.1),
            )
        }
    };
    language.pick(en, ja)
}

/// A server's name; events may name one that new settings lack.
fn name(config: &Config, server: ServerId) -> Option<&str> {
    let server = config.servers.get(usize::from(server.0))?;
    Some(&server.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::alert::AlertId;

    /// Rule: M33
    #[test]
    fn lines_are_in_the_language_of_the_settings() {
        let key = NoticeKey {
            alert: AlertId("a-1".into()),
            channel: Channel::Mail,
            recipient: "ops@example.com".into(),
        };
        let sent = Outcome::Delivered {
            reply: "250 Ok".into(),
        };
        let off = Request::LampOff {
            server: "sv2".into(),
        };
        let lines = |language| {
            [
                notice(&key, &sent, language),
                light("sv2", &LampResult::Done { shown: None }, language),
                light("sv2", &LampResult::Cancelled, language),
                host("sv2", HostAnswer::Silent, language),
                wish(&off, language),
                wish(&Request::MailTest, language),
            ]
        };
        for line in lines(Language::En) {
            assert!(line.is_ascii(), "{line}");
        }
        for line in lines(Language::Ja) {
            assert!(!line.is_ascii(), "{line}");
        }
    }
}
