//! The audit trail of this server, newest first, for those who administer.
//!
//! The daemon writes it; here the last of its two files is read, at most [`READ_BYTES_MAX`] of each.

use super::{Place, frame, refused};
use crate::console::App;
use crate::console::visitor::Visitor;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::html;
use noroshi_daemon::log::audit::{AUDIT_CURRENT, AUDIT_PREVIOUS};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// Bytes read from the end of each file.
const READ_BYTES_MAX: u64 = 256 * 1024;
/// Lines on the page.
const LINES_MAX: usize = 200;

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let dir = app.home.log();
    let read = tokio::task::spawn_blocking(move || newest(&dir)).await;
    let lines = match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(lines) => lines,
        Err(error) => return refused(&visitor, &[error.to_string()], "/"),
    };
    let title = visitor.pick("Audit trail", "監査記録");
    let content = html! {
        p.facts { (visitor.pick(
            "What was changed through this server, newest first. Each server has its own; clplogcc collects them.",
            "このサーバ経由の変更を新しい順に表示します。記録はサーバごとにあり、clplogcc で採取できます。",
        )) }
        table.audit {
            caption.unseen { (title) }
            thead { tr {
                th scope="col" { (visitor.pick("Time", "時刻")) }
                th scope="col" { (visitor.pick("Who, what, result", "利用者、操作、結果")) }
            } }
            tbody {
                @for line in &lines {
                    @let (time, what) = parts(line);
                    tr { td { (time) } td { bdi { (what) } } }
                }
            }
        }
        @if lines.is_empty() { p { (visitor.pick("Nothing yet.", "まだ記録はありません。")) } }
    };
    frame(&visitor, Place::Audit, title, &content)
}

/// The time with its zone, and the rest.
fn parts(line: &str) -> (&str, &str) {
    let third = line.match_indices(' ').nth(2).map(|(at, _)| at);
    third.map_or(("", line), |at| (&line[..at], &line[at + 1..]))
}

/// The last lines, newest first.
fn newest(dir: &Path) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    for name in [AUDIT_CURRENT, AUDIT_PREVIOUS] {
        let text = match end_of(&dir.join(name)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let left = LINES_MAX - lines.len();
        lines.extend(text.lines().rev().take(left).map(str::to_owned));
    }
    Ok(lines)
}

/// The end of a file, from the first whole line on.
fn end_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let from = bytes.saturating_sub(READ_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut end)?;
    let text = String::from_utf8_lossy(&end).into_owned();
    Ok(match text.split_once('\n') {
        Some((_, rest)) if from > 0 => rest.to_owned(),
        _ => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N21
    #[test]
    fn the_newest_lines_of_both_files_come_first() {
        let dir = tempfile::tempdir().unwrap();
        assert!(newest(dir.path()).unwrap().is_empty());
        let lines = |from: u32, to: u32| {
            (from..to)
                .map(|n| format!("d t z line {n}\n"))
                .collect::<String>()
        };
        std::fs::write(dir.path().join(AUDIT_PREVIOUS), lines(0, 90_000)).unwrap();
        std::fs::write(dir.path().join(AUDIT_CURRENT), lines(90_000, 90_050)).unwrap();
        let found = newest(dir.path()).unwrap();
        assert_eq!(found.len(), LINES_MAX);
        for (at, line) in found.iter().enumerate() {
            assert_eq!(parts(line), ("d t z", &*format!("line {}", 90_049 - at)));
        }
    }
}
