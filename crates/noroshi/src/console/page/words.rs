//! Words that several pages use: states, severities, lights, times.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use noroshi_core::alert::Severity;
use noroshi_core::notice::{Channel, NoticeState};
use noroshi_core::status::ServerState;
use noroshi_core::text::Language;
use noroshi_core::time::WallTime;
use noroshi_daemon::control::{AlertLine, NoticeLine};

/// How a server is: a class for the style, and words.
pub(in crate::console) fn server(
    state: ServerState,
    language: Language,
) -> (&'static str, &'static str) {
    match state {
        ServerState::Unknown => ("unknown", language.pick("not seen yet", "未確認")),
        ServerState::Up => ("good", language.pick("up", "稼働中")),
        ServerState::Stalled => (
            "bad",
            language.pick("alert service silent", "アラートサービス無応答"),
        ),
        ServerState::Left => ("off", language.pick("stopped", "正常停止")),
        ServerState::Down => ("bad", language.pick("down", "ダウン")),
        ServerState::Unseen => (
            "warn",
            language.pick("unseen (partition)", "不明（ネットワーク分断）"),
        ),
    }
}

/// A severity: a class, a sign, a word.
pub(in crate::console) fn severity(
    severity: Severity,
    language: Language,
) -> (&'static str, &'static str, &'static str) {
    match severity {
        Severity::Info => ("info", "i", language.pick("info", "情報")),
        Severity::Warning => ("warn", "!", language.pick("warning", "警告")),
        Severity::Error => ("bad", "×", language.pick("error", "エラー")),
    }
}

/// How far a notice has come: a class and words.
pub(in crate::console) fn notice(
    state: NoticeState,
    language: Language,
) -> (&'static str, &'static str) {
    match state {
        NoticeState::Delivered => ("good", language.pick("sent", "送信済み")),
        NoticeState::Refused => ("bad", language.pick("refused", "拒否")),
        NoticeState::GivenUp => ("bad", language.pick("given up", "断念")),
        NoticeState::Dropped => ("off", language.pick("overtaken", "取りやめ")),
        _ => ("warn", language.pick("waiting", "送信待ち")),
    }
}

/// How far all notices of an alert have come: a class and words such as `sent 2/3, 1 waiting`.
pub(in crate::console) fn notices(line: &AlertLine, language: Language) -> (&'static str, String) {
    standing(line.notices.iter(), language)
}

/// The same of some notices.
pub(in crate::console) fn standing<'a>(
    notices: impl Iterator<Item = &'a NoticeLine>,
    language: Language,
) -> (&'static str, String) {
    let states: Vec<NoticeState> = notices.map(|notice| notice.state).collect();
    let count = |is: fn(NoticeState) -> bool| states.iter().filter(|state| is(**state)).count();
    // What was overtaken by events is nobody's loss.
    let all = count(|state| state != NoticeState::Dropped);
    let sent = count(|state| state == NoticeState::Delivered);
    let waiting = count(|state| !state.is_final());
    let failed = all - sent - waiting;
    if all == 0 {
        return ("off", language.pick("none", "なし").into());
    }
    let mut words = format!("{} {sent}/{all}", language.pick("sent", "送信"));
    let parts = [
        (failed, language.pick("not delivered", "未達")),
        (waiting, language.pick("waiting", "送信待ち")),
    ];
    for (count, word) in parts.into_iter().filter(|(count, _)| *count > 0) {
        words.push_str(&language.pick(format!(", {count} {word}"), format!("、{word} {count}")));
    }
    let class = match (failed, waiting) {
        (0, 0) => "good",
        (0, _) => "warn",
        _ => "bad",
    };
    (class, words)
}

/// A channel.
pub(in crate::console) fn channel(channel: Channel, language: Language) -> &'static str {
    match channel {
        Channel::Mail => language.pick("mail", "メール"),
        Channel::Lamp => language.pick("warning light", "警告灯"),
        Channel::Syslog => "syslog",
    }
}

/// A time of this server's zone, to the second, with the zone; and the same for machines.
pub(in crate::console) fn time(at: WallTime) -> (String, String) {
    let Ok(moment) = Timestamp::from_millisecond(at.0) else {
        return ("-".into(), String::new());
    };
    let zoned = moment.to_zoned(TimeZone::system());
    (
        zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
        moment.to_string(),
    )
}
