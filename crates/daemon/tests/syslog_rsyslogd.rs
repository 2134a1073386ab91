//! The syslog channel against a real rsyslogd, and against sockets of our own.

mod mail_support;

use mail_support::{Running, STEP_MAX, await_that, program, sending, with_text};
use noroshi_core::config::{SyslogFormat, SyslogSettings};
use noroshi_core::event::Event;
use noroshi_core::notice::{Outcome, Sending};
use noroshi_daemon::channel::syslog::{SYSLOG_QUEUE_MAX, SyslogChannel};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A private rsyslogd that writes one line per message: severity, host, tag, text.
struct Rsyslogd {
    dir: tempfile::TempDir,
    _running: Running,
}

impl Rsyslogd {
    fn start(format: SyslogFormat) -> Option<Rsyslogd> {
        let program = program("rsyslogd")?;
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        // The special parser knows only what the C library writes to a local socket.
        let special = match format {
            SyslogFormat::Rfc3164 => "on",
            SyslogFormat::Rfc5424 => "off",
        };
        let settings = format!(
            "global(workDirectory=\"{}\")
module(load=\"imuxsock\" SysSock.Use=\"off\")
input(type=\"imuxsock\" Socket=\"{}\" UseSpecialParser=\"{special}\" UseSysTimeStamp=\"off\" IgnoreTimestamp=\"off\")
template(name=\"plain\" type=\"string\"
  string=\"%syslogfacility-text%|%syslogseverity-text%|%timereported:::date-rfc3339%|%programname%|%msgid%|%msg%\\n\")
action(type=\"omfile\" file=\"{}\" template=\"plain\")
",
            path(""),
            path("log.sock"),
            path("out")
        );
        fs::write(path("conf"), settings).unwrap();
        let child = Command::new(program)
            .args(["-n", "-f", &path("conf"), "-i", &path("pid")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Running(child);
        let socket = dir.path().join("log.sock");
        await_that("rsyslogd's socket", || socket.exists());
        Some(Rsyslogd {
            dir,
            _running: running,
        })
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("log.sock")
    }

    /// Waits for `count` lines.
    fn lines(&self, count: usize) -> Vec<String> {
        let read = || fs::read_to_string(self.dir.path().join("out")).unwrap_or_default();
        await_that("rsyslogd's lines", || read().lines().count() >= count);
        read().lines().map(str::to_owned).collect()
    }
}

fn settings(socket: &Path, format: SyslogFormat) -> SyslogSettings {
    SyslogSettings {
        format,
        level: true,
        socket: socket.to_str().unwrap().into(),
    }
}

fn start(settings: SyslogSettings) -> (SyslogChannel, mpsc::Receiver<Event>) {
    let (inbox, events) = mpsc::channel(16);
    (SyslogChannel::start(settings, "sv1".into(), inbox), events)
}

async fn answer(events: &mut mpsc::Receiver<Event>) -> Outcome {
    match timeout(STEP_MAX, events.recv()).await {
        Ok(Some(Event::Outcome(_, outcome))) => outcome,
        other => panic!("no answer: {other:?}"),
    }
}

fn notice(text: &str) -> Box<Sending> {
    Box::new(with_text(sending("sv1", "a"), text))
}

/// Rule: M14
#[tokio::test]
async fn lines_arrive_in_both_forms_and_one_alert_is_one_line() {
    for format in [SyslogFormat::Rfc3164, SyslogFormat::Rfc5424] {
        let Some(daemon) = Rsyslogd::start(format) else {
            return;
        };
        let (channel, mut events) = start(settings(&daemon.socket(), format));
        let texts = [
            "Server sv2 is down.",
            "サーバ sv2 がダウンしました。",
            "one\n<0>Nov 22 03:04:05 kernel: two\r\n\0three",
        ];
        for text in texts {
            channel.send(notice(text));
            let outcome = answer(&mut events).await;
            assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        }
        let lines = daemon.lines(3);
        assert_eq!(lines.len(), 3, "{lines:?}");
        let wanted = [
            "Server sv2 is down.",
            "サーバ sv2 がダウンしました。",
            "one#012<0>Nov 22 03:04:05 kernel: two#015#012#000three",
        ];
        for (line, text) in lines.iter().zip(wanted) {
            let fields: Vec<&str> = line.splitn(6, '|').collect();
            assert_eq!(fields[..2], ["daemon", "info"], "{line}");
            assert_eq!(fields[3], "noroshi", "{line}");
            // The BOM marks UTF-8 for the reader of RFC 5424; rsyslogd keeps it.
            let message = fields[5].trim_start_matches([' ', '\u{feff}']);
            assert_eq!(
                message,
                format!("[I] <type: nm><event: 2> {text}"),
                "{line}"
            );
            if format == SyslogFormat::Rfc5424 {
                assert_eq!(fields[4], "nm2", "{line}");
                assert!(fields[2].contains(":05.678"), "{line}");
            }
        }
    }
}

/// Rule: M14 N8
#[tokio::test]
async fn an_absent_daemon_means_later_and_a_new_one_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let (channel, mut events) = start(settings(&path, SyslogFormat::Rfc3164));
    for _ in 0..2 {
        channel.send(notice("x"));
        let outcome = answer(&mut events).await;
        let Outcome::Retry {
            cause,
            maybe_taken: false,
        } = outcome
        else {
            panic!("{outcome:?}")
        };
        assert!(
            cause.contains("log does not exist") && cause.contains("attempt 1"),
            "{cause}"
        );
        let daemon = tokio::net::UnixDatagram::bind(&path).unwrap();
        channel.send(notice("y"));
        assert!(matches!(
            answer(&mut events).await,
            Outcome::Delivered { .. }
        ));
        let mut line = [0; 512];
        let count = timeout(STEP_MAX, daemon.recv(&mut line))
            .await
            .unwrap()
            .unwrap();
        assert!(line[..count].ends_with(b"<type: nm><event: 2> y"));
        drop(daemon);
        fs::remove_file(&path).unwrap();
    }
}

/// Rule: M14
#[tokio::test]
async fn a_stream_socket_is_spoken_to_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let (channel, mut events) = start(settings(&path, SyslogFormat::Rfc5424));
    for _ in 0..2 {
        channel.send(notice("x"));
        assert!(matches!(
            answer(&mut events).await,
            Outcome::Delivered { .. }
        ));
    }
    let (mut stream, _) = listener.accept().await.unwrap();
    drop(channel);
    let mut text = String::new();
    timeout(STEP_MAX, stream.read_to_string(&mut text))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        text.lines()
            .filter(|line| line.ends_with("<event: 2> x"))
            .count(),
        2,
        "{text}"
    );
}

/// Rule: M14 N8 N17
#[tokio::test]
async fn what_is_queued_is_written_before_the_channel_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let daemon = tokio::net::UnixDatagram::bind(&new).unwrap();
    let (channel, mut events) = start(settings(&old, SyslogFormat::Rfc3164));
    channel.reconfigure(settings(&new, SyslogFormat::Rfc3164));
    for _ in 0..5 {
        channel.send(notice("last words"));
    }
    channel.stop(STEP_MAX).await;
    for _ in 0..5 {
        assert!(matches!(
            answer(&mut events).await,
            Outcome::Delivered { .. }
        ));
        let mut line = [0; 512];
        let count = timeout(STEP_MAX, daemon.recv(&mut line))
            .await
            .unwrap()
            .unwrap();
        assert!(line[..count].ends_with(b"last words"));
    }
}

/// A daemon that never reads fills its socket; nothing waits for it without end.
/// Rule: M14 M1 N8
#[tokio::test]
async fn a_daemon_that_never_reads_is_bounded_and_every_notice_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let _daemon = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let (channel, mut events) = start(settings(&path, SyslogFormat::Rfc3164));
    let count = SYSLOG_QUEUE_MAX + 50;
    for at in 0..count {
        let mut notice = notice("x");
        notice.key.alert.0 = format!("a{at}");
        channel.send(notice);
    }
    let (mut full, mut delivered, mut late, mut seen) = (0, 0, 0, HashSet::new());
    while seen.len() < count {
        let Ok(Some(Event::Outcome(key, outcome))) = timeout(STEP_MAX, events.recv()).await else {
            panic!("full {full}, delivered {delivered}, late {late}")
        };
        assert!(seen.insert(key.alert), "answered twice");
        match outcome {
            Outcome::Retry { cause, .. } if cause.contains("lines wait") => full += 1,
            Outcome::Retry { cause, .. } => {
                assert!(cause.contains("does not read"), "{cause}");
                late += 1;
            }
            Outcome::Delivered { .. } => delivered += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(late > 0);
    assert_eq!(full, 50);
    assert!(delivered > 0);
}
