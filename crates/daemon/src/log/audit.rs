//! The audit trail (rule N21): who changed what, from where, and what became of it.
//!
//! Two files of bounded size beside the service's own log, `audit.log.cur` and the one before it. A line:
//! `TIME ZONE uid=0 by="alice (console, 192.0.2.7)" result=done lamp-off server="sv1"`. The number is the
//! caller's as the kernel tells it, `by` is what the caller says. No request holds a secret.
//!
//! *Failure.* As for the log: a thread writes, nobody waits for it; lines that find no room are lost and
//! counted, and a file that cannot be written is said in the log once.

use super::file::LogFile;
use super::queue::Queue;
use jiff::tz::TimeZone;
use noroshi_core::alert::tidy_text;
use noroshi_core::request::{Reply, Request};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// The file that is written.
pub const AUDIT_CURRENT: &str = "audit.log.cur";
/// The file before it; the one before that is gone.
pub const AUDIT_PREVIOUS: &str = "audit.log.pre";
/// Most bytes of who, of what and of the result, each.
const PART_BYTES_MAX: usize = 1_024;

/// The way to the trail's files.
#[derive(Clone)]
pub struct Audit(Arc<Queue>);

impl Audit {
    /// A trail in `dir`, with times in `zone`. Its thread ends with the last copy of this.
    pub fn start(dir: &Path, zone: TimeZone) -> Audit {
        let mut file = LogFile::named([AUDIT_CURRENT, AUDIT_PREVIOUS], dir, zone);
        let dir = dir.display().to_string();
        let mut trouble = false;
        Audit(Arc::new(Queue::start("audit trail", move |line: &str| {
            let written = file.write_line(line);
            if let Err(error) = &written
                && !std::mem::replace(&mut trouble, true)
            {
                super::line(super::language().pick(
                    format!("cannot write the audit trail in {dir}: {error}"),
                    format!("{dir} に監査記録を書き込めません: {error}"),
                ));
            }
            trouble &= written.is_err();
            written
        })))
    }

    /// Writes one line. Never waits, never fails.
    pub fn line(&self, uid: Option<u32>, by: &str, what: &str, result: &str) {
        let uid = uid.map_or_else(|| "?".to_owned(), |uid| uid.to_string());
        let [by, what, result] = [by, what, result].map(part);
        // Quoted, so that nobody's name can pass for another part of the line.
        self.0
            .line(format!("uid={uid} by={by:?} result={result} {what}"));
    }
}

fn part(text: &str) -> String {
    let mut text = tidy_text(text);
    text.truncate(text.floor_char_boundary(PART_BYTES_MAX));
    text
}

/// Who asks, where the request says it, and what, in one line.
pub(crate) fn of_request(request: &Request) -> (Option<String>, String) {
    let Ok(Value::Object(mut members)) = serde_json::to_value(request) else {
        return (None, "?".into());
    };
    let mut word = |name| match members.remove(name) {
        Some(Value::String(word)) => Some(word),
        _ => None,
    };
    let (what, by) = (word("do"), word("by"));
    let mut what = what.unwrap_or_default();
    for (name, value) in members {
        // Writing to a string cannot fail.
        let _ = write!(what, " {name}={value}");
    }
    (by, what)
}

/// What became of it, in one word or with the reason.
pub(crate) fn of_reply(reply: Option<&Reply>) -> String {
    match reply {
        None => "unknown".into(),
        Some(Reply::Overtaken { why, .. } | Reply::Refused { why }) => format!("refused {why:?}"),
        Some(Reply::Accepted { alert, .. }) => format!("accepted {:?}", alert.0),
        Some(Reply::Pushed { number, .. }) => format!("done set={number}"),
        Some(Reply::Done | Reply::LicencesTold { .. }) => "done".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LOG_LINES_MAX;
    use std::time::Duration;

    /// Rule: N21
    #[test]
    fn a_line_tells_who_what_and_result_and_nobodys_name_forges_another() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::start(dir.path(), TimeZone::UTC);
        let request = Request::LampOff {
            server: "sv1".into(),
        };
        let (by, what) = of_request(&request);
        assert_eq!(by, None);
        audit.line(
            Some(0),
            "alice (console, 192.0.2.7)",
            &what,
            &of_reply(Some(&Reply::Done)),
        );
        let forged = "eve\" result=done\nuid=0 \u{202e}";
        audit.line(Some(1000), forged, "sign-in", "refused");
        let stop = Request::Stop {
            server: None,
            by: "clpstdn (uid 0)".into(),
        };
        let (by, what) = of_request(&stop);
        let refused = Reply::Refused {
            why: "too few".into(),
        };
        audit.line(None, &by.unwrap(), &what, &of_reply(Some(&refused)));
        audit.0.flush(Duration::from_secs(10));
        let text = std::fs::read_to_string(dir.path().join(AUDIT_CURRENT)).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .map(|line| line.split_once(" +00:00 ").unwrap().1)
            .collect();
        assert_eq!(
            lines[0],
            r#"uid=0 by="alice (console, 192.0.2.7)" result=done lamp-off server="sv1""#
        );
        assert!(
            lines[1].starts_with(r#"uid=1000 by="eve\" result=done"#),
            "{text}"
        );
        assert!(lines[1].ends_with(r#"" result=refused sign-in"#), "{text}");
        assert_eq!(
            lines[2],
            r#"uid=? by="clpstdn (uid 0)" result=refused "too few" stop server=null"#
        );
        assert_eq!(lines.len(), 3);
        assert!(!text.contains('\u{202e}'));
    }

    /// Rule: N21
    #[test]
    fn a_long_part_leaves_room_for_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::start(dir.path(), TimeZone::UTC);
        for _ in 0..LOG_LINES_MAX / 8 {
            let long = "狼".repeat(1 << 16);
            audit.line(Some(0), &long, &long, "done");
        }
        audit.0.flush(Duration::from_secs(10));
        let text = std::fs::read_to_string(dir.path().join(AUDIT_CURRENT)).unwrap();
        assert!(text.lines().count() >= 1);
        for line in text.lines() {
            assert!(line.contains(r#"" result=done 狼"#), "{line}");
        }
    }
}
