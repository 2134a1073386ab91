//! The words of a mail: what happened, where, when, and where to look (rules M4 M5).
//!
//! The first five lines of the long form are the real product's, because programs read them; ours
//! follow. Everything from outside passes through [`line()`] and is one line without control
//! characters from then on.

use super::MailContext;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use noroshi_core::alert::{Alert, Severity, tidy_text};
use noroshi_core::config::MailForm;
use noroshi_core::notice::Sending;
use noroshi_core::text::Language;
use noroshi_core::time::WallTime;

/// Most characters of a short form's text (rule M4).
pub(super) const SHORT_CHARS_MAX: usize = 70;
/// Most characters of a server's name in the short form.
const SHORT_SERVER_CHARS_MAX: usize = 16;
/// Most characters of module and event id in the short form.
const SHORT_ID_CHARS_MAX: usize = 12;
/// Most characters of the statement in a subject.
const STATEMENT_CHARS_MAX: usize = 100;
/// Most characters of the user's part of a subject: as many as clp.conf may give, so it stands whole.
const PREFIX_CHARS_MAX: usize = 255;

/// Subject and lines of one mail, each without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) lines: Vec<String>,
}

/// Words the letter for one notice.
pub(super) fn write(context: &MailContext, sending: &Sending) -> Letter {
    match sending.form {
        MailForm::Long => long(context, sending),
        MailForm::Short => short(context, sending),
    }
}

fn long(context: &MailContext, sending: &Sending) -> Letter {
    let alert = &*sending.alert;
    let say = |en: &'static str, ja: &'static str| context.language.pick(en, ja);
    let server = line(&context.server);
    let mut lines = vec![
        format!("Message: {}", line(&alert.text)),
        format!("Type: {}", line(&alert.message.module).to_uppercase()),
        format!("ID: {}", alert.message.event),
        format!("Host: {server}"),
        format!("Date: {}", date(alert.time, &context.zone)),
        String::new(),
    ];
    let mut add = |name: &str, value: &str| lines.push(format!("{name}: {}", line(value)));
    add(say("Cluster", "クラスタ"), &context.cluster);
    if let Some(about) = &alert.about {
        add(say("Server concerned", "対象サーバ"), about);
    }
    add(say("Noticed by server", "検出サーバ"), &alert.server);
    add(say("Sent by server", "送信サーバ"), &context.server);
    add(
        say("Severity", "重要度"),
        severity(alert.severity, context.language),
    );
    add(say("Alert", "アラート番号"), &alert.id.0);
    add(
        say("Where to look", "確認方法"),
        &match context.language {
            Language::En => format!("noroshi alerts / clpstat on server {server}"),
            Language::Ja => format!("サーバ {server} で noroshi alerts または clpstat を実行"),
        },
    );
    add(
        say("Logs", "ログ"),
        &format!("{}:{}", context.server, context.log_directory),
    );
    if let Some(console) = &context.console_hint {
        add(say("Console", "コンソール"), console);
    }
    let mut remark = |text: &str| lines.extend([String::new(), text.to_owned()]);
    if sending.possible_repeat {
        remark(say(
            "This mail may be a repeat: an earlier copy may have arrived already.",
            "このメールは重複の可能性があります。同じ内容が既に届いているかもしれません。",
        ));
    }
    if sending.unrecorded {
        remark(say(
            "This alert could not be written to disk before it was sent: the alert store has failed.",
            "アラート保存領域の障害のため、このアラートはディスクに記録せずに送信しました。",
        ));
    }
    Letter {
        subject: format!("{} {}", prefix(context), statement(&alert.text)),
        lines,
    }
}

/// For a phone: what, where, when in [`SHORT_CHARS_MAX`] characters. Where and when always fit
/// whole or nearly so; the words of an unknown message and the cluster's name give way.
fn short(context: &MailContext, sending: &Sending) -> Letter {
    let alert = &*sending.alert;
    let server = cut(line(place(alert)), SHORT_SERVER_CHARS_MAX);
    let id = format!("{}{}", line(&alert.message.module), alert.message.event);
    let mut tail = format!(
        " {} {}",
        when(alert.time, &context.zone, "%m/%d %H:%M:%S"),
        cut(id, SHORT_ID_CHARS_MAX)
    );
    if sending.possible_repeat {
        tail.push_str(context.language.pick(" repeat?", " 再送?"));
    }
    if sending.unrecorded {
        tail.push_str(context.language.pick(" unsaved", " 未保存"));
    }
    let room = SHORT_CHARS_MAX - chars(&server) - 1 - chars(&tail);
    let what = cut(keyword(alert, context.language), room);
    let room = SHORT_CHARS_MAX - chars(&server) - 1 - chars(&what) - chars(&tail);
    // " (x…)" is the least that tells anything of the cluster.
    if room >= 5 {
        tail.push_str(&format!(" ({})", cut(line(&context.cluster), room - 3)));
    }
    Letter {
        subject: format!(
            "{} {server} {}",
            cut(prefix(context), 16),
            cut(what.clone(), 16)
        ),
        lines: vec![format!("{server} {what}{tail}")],
    }
}

/// The server that the alert is about.
pub(super) fn place(alert: &Alert) -> &str {
    alert.about.as_ref().unwrap_or(&alert.server)
}

/// One word for what happened; a message without one says it in its own words.
fn keyword(alert: &Alert, language: Language) -> String {
    let (en, ja) = match (alert.message.module.as_str(), alert.message.event) {
        ("nm", 1) => ("started", "起動"),
        ("nm", 2) => ("down", "ダウン"),
        ("nm", 1001) => ("is back", "復旧"),
        ("nm", 1002) => ("stopped", "停止"),
        ("nm", 1003) => ("no answer", "無応答"),
        ("nm", 1004) => ("answers again", "応答再開"),
        ("nm", 1030) => ("network cut", "ネットワーク分断"),
        ("nm", 1031 | 1032) => ("network cut over", "分断解消"),
        ("nm", 1040) => ("wrong key or cluster", "鍵・構成相違"),
        ("pm", 13) => ("settings faulty", "設定誤り"),
        ("store", 1001) => ("alert store failed", "保存領域障害"),
        ("store", 1003) => ("alert store damaged", "保存領域破損"),
        ("lcns", 1001) => ("licences valid", "ライセンス有効"),
        ("lcns", 1002) => ("licences end soon", "ライセンス期限間近"),
        ("mail", 1005) => ("mail given up", "メール断念"),
        ("test", 1001) => ("test", "テスト"),
        _ => return statement(&alert.text),
    };
    language.pick(en, ja).to_owned()
}

/// The first sentence of an alert's text, without its full stop.
fn statement(text: &str) -> String {
    let text = line(text);
    let end = text
        .find('。')
        .into_iter()
        .chain(text.find(". "))
        .min()
        .unwrap_or(text.len());
    let sentence = text[..end].trim().trim_end_matches('.');
    cut(sentence.to_owned(), STATEMENT_CHARS_MAX)
}

fn prefix(context: &MailContext) -> String {
    let subject = line(&context.settings.subject);
    let text = if subject.is_empty() {
        line(&context.cluster)
    } else {
        subject
    };
    cut(text, PREFIX_CHARS_MAX)
}

fn severity(severity: Severity, language: Language) -> &'static str {
    match severity {
        Severity::Info => language.pick("information", "情報"),
        Severity::Warning => language.pick("warning", "警告"),
        Severity::Error => language.pick("error", "エラー"),
    }
}

/// `2026-11-22 03:04:05.678 +09:00 (JST)`.
fn date(time: WallTime, zone: &TimeZone) -> String {
    when(time, zone, "%Y-%m-%d %H:%M:%S%.3f %:z (%Z)")
}

/// `time` in `zone`; a time beyond the calendar (a broken clock) is given as it is.
fn when(time: WallTime, zone: &TimeZone, form: &str) -> String {
    match Timestamp::from_millisecond(time.0) {
        Ok(stamp) => stamp.to_zoned(zone.clone()).strftime(form).to_string(),
        Err(_) => format!("{} ms", time.0),
    }
}

/// `text` as one line without control characters.
pub(super) fn line(text: &str) -> String {
    tidy_text(text).trim().to_owned()
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

/// At most `max` characters of `text`, with `…` for the rest.
fn cut(text: String, max: usize) -> String {
    if chars(&text) <= max {
        return text;
    }
    text.chars()
        .take(max.saturating_sub(1))
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{context, sending};
    use super::*;
    use noroshi_core::alert::CATALOGUE;

    /// Which arguments of a row its subject has. An argument right after a full stop is a sentence of its own.
    fn arguments_of_subject(text: &str) -> Vec<usize> {
        let mut text = text.to_owned();
        for n in 1..=9 {
            text = text.replace(&format!(".%{n}"), &format!(". <{n}>"));
            text = text.replace(&format!("%{n}"), &format!("<{n}>"));
        }
        let subject = statement(&text);
        let has = |n: &usize| subject.contains(&format!("<{n}>"));
        (1..=9).filter(has).collect()
    }

    /// Who reads the subject on a phone in one language knows what who reads it in the other knows: the reason that a
    /// group stays down is no afterthought.
    ///
    /// Rule: N10 M5
    #[test]
    fn subjects_say_the_same_in_both_languages() {
        for row in CATALOGUE {
            let (en, ja) = (arguments_of_subject(row.en), arguments_of_subject(row.ja));
            assert_eq!(
                en, ja,
                "{} {}: {} {}",
                row.module, row.event, row.en, row.ja
            );
        }
    }

    /// Rule: M5
    #[test]
    fn the_long_form_says_what_where_when_and_where_to_look() {
        let letter = write(&context(Language::En), &sending(MailForm::Long));
        assert_eq!(
            letter.subject,
            "clusterA Server sv2 is down: all interconnects are silent"
        );
        assert_eq!(
            letter.lines,
            [
                "Message: Server sv2 is down: all interconnects are silent. Check it.",
                "Type: NM",
                "ID: 2",
                "Host: sv1",
                "Date: 2026-11-22 03:04:05.678 +09:00 (JST)",
                "",
                "Cluster: clusterA",
                "Server concerned: sv2",
                "Noticed by server: sv3",
                "Sent by server: sv1",
                "Severity: information",
                "Alert: down-sv2-5",
                "Where to look: noroshi alerts / clpstat on server sv1",
                "Logs: sv1:/var/log/noroshi",
            ]
        );
    }

    /// Story: brackets were put around the user's words, and long ones were cut.
    ///
    /// Rule: M12
    #[test]
    fn a_subject_begins_with_the_users_words_as_they_are() {
        let long = "本番系 ".repeat(50);
        for words in ["[prod]", "CLUSTERPRO", "クラスタA：", long.trim()] {
            let mut context = context(Language::En);
            context.settings.subject = words.into();
            let letter = write(&context, &sending(MailForm::Long));
            let subject = format!("{words} Server sv2 is down: all interconnects are silent");
            assert_eq!(letter.subject, subject);
        }
    }

    /// Rule: M5
    #[test]
    fn the_long_form_says_it_in_japanese() {
        let mut context = context(Language::Ja);
        context.console_hint = Some("https://sv1:29009/".into());
        let letter = write(&context, &sending(MailForm::Long));
        assert_eq!(letter.lines[7], "対象サーバ: sv2");
        assert_eq!(
            letter.lines[12],
            "確認方法: サーバ sv1 で noroshi alerts または clpstat を実行"
        );
        assert_eq!(letter.lines[14], "コンソール: https://sv1:29009/");
    }

    /// Rule: M4
    #[test]
    fn the_short_form_says_what_where_when_in_seventy_characters() {
        let letter = write(&context(Language::En), &sending(MailForm::Short));
        assert_eq!(letter.lines, ["sv2 down 11/22 03:04:05 nm2 (clusterA)"]);
        assert_eq!(letter.subject, "clusterA sv2 down");
        let letter = write(&context(Language::Ja), &sending(MailForm::Short));
        assert_eq!(letter.lines, ["sv2 ダウン 11/22 03:04:05 nm2 (clusterA)"]);
    }

    /// Rule: M4
    #[test]
    fn the_short_form_keeps_its_length_whatever_the_names() {
        for long in ["", "x", &"サーバ".repeat(50), &"v\r\n".repeat(300)] {
            for (repeat, unrecorded) in [(false, false), (true, true)] {
                let mut context = context(Language::En);
                context.cluster = long.to_owned();
                context.settings.subject = long.to_owned();
                let mut sending = sending(MailForm::Short);
                sending.possible_repeat = repeat;
                sending.unrecorded = unrecorded;
                let mut alert = (*sending.alert).clone();
                alert.message.module = format!("m{long}");
                alert.about = Some(long.to_owned());
                alert.text = format!("Something {long} happened.");
                sending.alert = alert.into();
                let letter = write(&context, &sending);
                let text = letter.lines.join("\n");
                assert!(chars(&text) <= SHORT_CHARS_MAX, "{text}");
                assert!(text.contains("11/22 03:04:05"), "{text}");
                assert!(text.contains("Som"), "{text}");
                assert_eq!(text.contains("repeat?"), repeat);
                assert!(chars(&letter.subject) <= 50, "{}", letter.subject);
            }
        }
    }

    /// Rule: M5
    #[test]
    fn a_clock_beyond_the_calendar_is_still_told() {
        let mut sending = sending(MailForm::Long);
        let mut alert = (*sending.alert).clone();
        alert.time = WallTime(i64::MAX);
        sending.alert = alert.into();
        let letter = write(&context(Language::En), &sending);
        assert_eq!(letter.lines[4], format!("Date: {} ms", i64::MAX));
    }
}
