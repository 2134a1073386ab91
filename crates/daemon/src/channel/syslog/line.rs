//! One syslog line: RFC 3164 as local daemons are used to it, or RFC 5424 (rule M14).
//!
//! The text has the real product's form, `<type: nm><event: 2> text`, so that programs that watch
//! its log find the same. Control characters become `#` and three octal digits, as syslog daemons
//! write them, so one alert is one line whatever is in it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use noroshi_core::alert::{Alert, Severity};
use noroshi_core::config::{SyslogFormat, SyslogSettings};

/// The program's name in the log.
const TAG: &str = "noroshi";
/// Facility `daemon` (RFC 5424 section 6.2.1), times eight.
const FACILITY: u8 = 3 * 8;
/// Longest line in bytes. RFC 5424 section 6.1 has receivers take 2,048 and the local daemons take
/// 8,192; alerts are shorter than that unless they are full of control characters.
const LINE_BYTES_MAX: usize = 8_000;
/// Marks UTF-8 text (RFC 5424 section 6.4).
const BOM: &str = "\u{feff}";

/// The line for `alert` as `server` writes it, without an end of line.
pub(super) fn write(
    settings: &SyslogSettings,
    server: &str,
    alert: &Alert,
    zone: &TimeZone,
) -> String {
    let priority = FACILITY + severity(alert.severity);
    let process = std::process::id();
    let text = text(settings, alert);
    let stamp = Timestamp::from_millisecond(alert.time.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let time = stamp.to_zoned(zone.clone());
    let mut line = match settings.format {
        // RFC 3164 section 4.1.2; the host name is left out, as the C library leaves it out for
        // the local daemon, which puts in its own.
        SyslogFormat::Rfc3164 => {
            format!(
                "<{priority}>{} {TAG}[{process}]: {text}",
                time.strftime("%b %e %H:%M:%S")
            )
        }
        SyslogFormat::Rfc5424 => {
            let time = time.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z");
            let host = token(server, 255);
            let id = token(
                &format!("{}{}", alert.message.module, alert.message.event),
                32,
            );
            let bom = if text.is_ascii() { "" } else { BOM };
            format!("<{priority}>1 {time} {host} {TAG} {process} {id} - {bom}{text}")
        }
    };
    line.truncate(line.floor_char_boundary(LINE_BYTES_MAX));
    line
}

fn text(settings: &SyslogSettings, alert: &Alert) -> String {
    let level = match (settings.level, alert.severity) {
        (false, _) => "",
        (true, Severity::Info) => "[I] ",
        (true, Severity::Warning) => "[W] ",
        (true, Severity::Error) => "[E] ",
    };
    let (module, event) = (escaped(&alert.message.module), alert.message.event);
    format!(
        "{level}<type: {module}><event: {event}> {}",
        escaped(&alert.text)
    )
}

/// RFC 5424 section 6.2.1: err, warning, info.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Error => 3,
        Severity::Warning => 4,
        Severity::Info => 6,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    out.push_str(&format!("#{byte:03o}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// A header field: printable ASCII without spaces, `-` for nothing (RFC 5424 section 6).
fn token(text: &str, chars_max: usize) -> String {
    let token: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(chars_max)
        .collect();
    if token.is_empty() {
        "-".to_owned()
    } else {
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::alert::{AlertId, Destinations, MessageId};
    use noroshi_core::time::WallTime;

    fn line(format: SyslogFormat, level: bool, severity: Severity, text: &str) -> String {
        let alert = Alert {
            id: AlertId("a".into()),
            message: MessageId {
                module: "nm".into(),
                event: 2,
            },
            severity,
            time: WallTime(1_795_284_245_678 - 14 * 86_400_000),
            server: "sv1".into(),
            about: None,
            text: text.into(),
            thread: None,
            destinations: Destinations::default(),
        };
        let settings = SyslogSettings {
            format,
            level,
            socket: "/dev/log".into(),
        };
        let zone = TimeZone::posix("JST-9").unwrap();
        write(&settings, "sv1", &alert, &zone).replace(&std::process::id().to_string(), "PID")
    }

    /// Rule: M14
    #[test]
    fn lines_are_these() {
        use SyslogFormat::{Rfc3164, Rfc5424};
        assert_eq!(
            line(Rfc3164, false, Severity::Error, "Server sv2 is down."),
            "<27>Nov  8 03:04:05 noroshi[PID]: <type: nm><event: 2> Server sv2 is down."
        );
        assert_eq!(
            line(Rfc3164, true, Severity::Warning, "x"),
            "<28>Nov  8 03:04:05 noroshi[PID]: [W] <type: nm><event: 2> x"
        );
        assert_eq!(
            line(Rfc5424, true, Severity::Info, "x"),
            "<30>1 2026-11-08T03:04:05.678+09:00 sv1 noroshi PID nm2 - [I] <type: nm><event: 2> x"
        );
        assert!(line(Rfc5424, false, Severity::Info, "ダウン").contains(" - \u{feff}<type: nm>"));
    }

    /// Rule: M14
    #[test]
    fn one_alert_is_one_line() {
        for format in [SyslogFormat::Rfc3164, SyslogFormat::Rfc5424] {
            let line = line(
                format,
                false,
                Severity::Error,
                "a\n<0>b\r\0\u{1b}[2J\u{85}c",
            );
            assert!(
                line.ends_with("a#012<0>b#015#000#033[2J#302#205c"),
                "{line}"
            );
            assert!(!line.contains(char::is_control));
        }
        assert_eq!(token("a b\n営", 10), "ab");
        assert_eq!(token(" \n", 10), "-");
        assert!(
            line(
                SyslogFormat::Rfc5424,
                false,
                Severity::Info,
                &"\n".repeat(4_096)
            )
            .len()
                <= LINE_BYTES_MAX
        );
    }
}
