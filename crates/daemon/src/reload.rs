//! Signals and the settings file: SIGHUP takes new settings, SIGTERM and SIGINT stop cleanly.
//!
//! The file is read and parsed on a thread of its own, one at a time, so that a disk or file server
//! that stands still holds up no heartbeat. A SIGHUP that comes meanwhile is answered by one more
//! reading behind it.

use crate::control::Asked;
use crate::home::Home;
use crate::inbox::Inbox;
use crate::{clock, log};
use noroshi_conf::charset::FILE_BYTES_MAX;
use noroshi_conf::finding::{Finding, Severity};
use noroshi_core::config::Config;
use noroshi_core::event::Event;
use noroshi_core::request::Request;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// Most findings that an alert about faulty settings quotes; `noroshi check` shows all.
const FINDINGS_QUOTED_MAX: usize = 3;
/// How long a reading may take before the operator is told that it hangs. It is not given up: its
/// settings are taken when it ends.
const READ_WAIT: Duration = Duration::from_secs(10);

/// Why there are no settings.
#[derive(Debug)]
pub enum SettingsError {
    /// The file cannot be read: what the system says, and a text that names the file and says why.
    Unreadable(io::ErrorKind, String),
    /// All that is wrong with it.
    Faulty(Vec<Finding>),
}

/// Reads the home's clp.conf. Warnings go to the daemon's log.
///
/// # Errors
/// When the file cannot be read or is faulty.
pub(crate) fn read(home: &Home) -> Result<Config, SettingsError> {
    let path = home.conf();
    let bytes = bytes(&path).map_err(|error| {
        SettingsError::Unreadable(error.kind(), format!("{}: {error}", path.display()))
    })?;
    let mut open = |path: &str, text: &str| home.open_secret(path, text);
    let parsed = noroshi_conf::read_with(&bytes, &mut open).map_err(SettingsError::Faulty)?;
    for warning in &parsed.warnings {
        let text = warning.one_line(parsed.config.language);
        log::line_of(log::Part::Reload, log::Level::Warning, text);
    }
    Ok(parsed.config)
}

/// The file's bytes, one more than may be at most. A pipe is refused: whoever opens one waits until
/// somebody writes.
pub(crate) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::other(log::language().pick(
            "not a regular file; put the settings into one",
            "通常のファイルではありません。通常のファイルを置いてください",
        )));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Turns signals into events and requests until the daemon ends.
pub(crate) async fn signals(home: Home, server: String, ask: mpsc::Sender<Asked>, inbox: Inbox) {
    let kinds = [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ];
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = kinds.map(signal) else {
        log::line(log::language().pick(
            "signals cannot be caught; stop with `clpcl -t`",
            "シグナルを受け取れません。停止には clpcl -t を使用してください",
        ));
        return;
    };
    let source = home.conf().display().to_string();
    let mut readings = Readings::new(move || {
        let config = read(&home).map(Box::new);
        config.map_err(|error| quote(&error))
    });
    loop {
        let config = tokio::select! {
            _ = terminate.recv() => {
                stop(&server, "SIGTERM", &ask).await;
                continue;
            }
            _ = interrupt.recv() => {
                stop(&server, "SIGINT", &ask).await;
                continue;
            }
            _ = hangup.recv() => {
                readings.ask();
                continue;
            }
            came = readings.next() => match came {
                Came::Read(config) => config,
                Came::Slow => Err(slow(&source)),
                Came::Failed => Err(failed(&source)),
            },
        };
        let source = source.clone();
        let _ = inbox.send(Event::Configure { source, config }).await;
    }
}

fn slow(source: &str) -> String {
    let wait = READ_WAIT.as_secs();
    log::language().pick(
        format!("{source}: not read within {wait} s; it is taken when the disk has answered"),
        format!("{source}: {wait} 秒以内に読み込めません。ディスクが応答した時点で反映します"),
    )
}

fn failed(source: &str) -> String {
    log::language().pick(
        format!("{source}: no thread to read it; send SIGHUP again"),
        format!("{source}: 読み込み用のスレッドがありません。もう一度 SIGHUP を送ってください"),
    )
}

/// What came of a reading.
#[derive(Debug, PartialEq, Eq)]
enum Came<T> {
    Read(T),
    /// It has taken [`READ_WAIT`] and goes on. Said once for each.
    Slow,
    /// There was no thread, or it panicked.
    Failed,
}

/// Readings one after the other, each on a thread of its own.
struct Readings<T> {
    read: Arc<dyn Fn() -> T + Send + Sync>,
    under_way: Option<oneshot::Receiver<T>>,
    slow_at: Option<Instant>,
    /// Asked for while one was under way, which may have read what was there before.
    again: bool,
}

impl<T: Send + 'static> Readings<T> {
    fn new(read: impl Fn() -> T + Send + Sync + 'static) -> Readings<T> {
        Readings {
            read: Arc::new(read),
            under_way: None,
            slow_at: None,
            again: false,
        }
    }

    /// Begins a reading, or another one when the present one has ended.
    fn ask(&mut self) {
        if self.under_way.is_some() {
            self.again = true;
            return;
        }
        let (done, under_way) = oneshot::channel();
        let read = Arc::clone(&self.read);
        let thread = std::thread::Builder::new().name("settings".into());
        // Without a thread `done` is dropped, which is told as failed.
        drop(thread.spawn(move || {
            // The daemon has ended when this fails.
            let _ = done.send(read());
        }));
        self.under_way = Some(under_way);
        self.slow_at = Some(clock::instant() + READ_WAIT);
    }

    /// Waits for the next thing to be told; for ever while nothing is under way. Nothing is lost
    /// when the future is dropped.
    async fn next(&mut self) -> Came<T> {
        let Some(under_way) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let slow_at = self.slow_at;
        let slow = async {
            match slow_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let read = tokio::select! {
            read = under_way => read,
            () = slow => {
                self.slow_at = None;
                return Came::Slow;
            }
        };
        self.under_way = None;
        if std::mem::take(&mut self.again) {
            self.ask();
        }
        read.map_or(Came::Failed, Came::Read)
    }
}

async fn stop(server: &str, by: &str, ask: &mpsc::Sender<Asked>) {
    let request = Request::Stop {
        server: Some(server.to_string()),
        by: by.to_string(),
    };
    let (place, _) = oneshot::channel();
    let _ = ask.send(Asked::Change(request, place)).await;
}

pub(crate) fn quote(error: &SettingsError) -> String {
    let findings: Vec<&Finding> = match error {
        SettingsError::Unreadable(_, text) => return text.clone(),
        // Warnings must not take the place of the reason.
        SettingsError::Faulty(findings) => {
            let errors = findings.iter();
            errors.filter(|it| it.severity == Severity::Error).collect()
        }
    };
    let errors = findings
        .iter()
        .take(FINDINGS_QUOTED_MAX)
        .map(|finding| finding.one_line(log::language()));
    let mut text = errors.collect::<Vec<_>>().join(" | ");
    if findings.len() > FINDINGS_QUOTED_MAX {
        let more = findings.len() - FINDINGS_QUOTED_MAX;
        text.push_str(&log::language().pick(
            format!(" (and {more} more: noroshi check)"),
            format!("（ほか {more} 件: noroshi check）"),
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::key::random_key;
    use noroshi_core::config::LampKind;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A disk that stands still, on virtual time: the runtime goes on, one thread waits, the
    /// operator is told once, and what was asked meanwhile is read behind it.
    ///
    /// Rule: N4 N17
    #[tokio::test(start_paused = true)]
    async fn a_reading_that_hangs_holds_up_nobody_and_is_one_thread() {
        let (disk, answers) = std::sync::mpsc::sync_channel::<()>(0);
        let (answers, begun) = (Mutex::new(answers), Arc::new(AtomicU32::new(0)));
        let threads = Arc::clone(&begun);
        let mut readings = Readings::new(move || {
            let number = threads.fetch_add(1, Ordering::Relaxed) + 1;
            answers.lock().unwrap().recv().unwrap();
            number
        });
        for _ in 0..100 {
            readings.ask();
        }
        while begun.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        assert_eq!(readings.next().await, Came::Slow);
        let quiet = tokio::time::timeout(READ_WAIT * 10, readings.next()).await;
        assert!(quiet.is_err(), "said once: {quiet:?}");
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        tokio::time::resume();
        disk.send(()).unwrap();
        assert_eq!(readings.next().await, Came::Read(1));
        disk.send(()).unwrap();
        assert_eq!(readings.next().await, Came::Read(2));
        assert!(readings.under_way.is_none());
    }

    /// Rule: N17
    #[test]
    fn a_pipe_in_place_of_the_settings_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        std::fs::create_dir(home.etc()).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(home.conf())
            .status();
        assert!(made.unwrap().success());
        match read(&home) {
            Err(SettingsError::Unreadable(_, text)) => assert!(text.contains("regular"), "{text}"),
            other => panic!("{other:?}"),
        }
    }

    const PATH: &str = "/root/noroshi/lamp@sv1/password";

    fn conf(password: &str) -> String {
        format!(
            "<root><cluster><name>c</name><dn1000s><use>1</use></dn1000s></cluster>\
             <server name='sv1'><priority>0</priority>\
             <device id='0'><type>lan</type><info>10.0.0.1</info></device>\
             <device id='20000'><type>dn1500gl</type><info>10.9.0.1</info></device></server>\
             <noroshi><lamp name='sv1'><password>{password}</password></lamp></noroshi></root>"
        )
    }

    /// Rule: N17
    #[test]
    fn warnings_do_not_take_the_place_of_the_error_that_is_quoted() {
        let mut text = String::from("<root><cluster><name>c</name><mail><address>a@</address>");
        (0..9).for_each(|at| text.push_str(&format!("<addres{at}>x</addres{at}>")));
        text.push_str("</mail></cluster><server name='sv1'><priority>0</priority>");
        text.push_str(
            "<device id='0'><type>lan</type><info>10.0.0.1</info></device></server></root>",
        );
        let findings = noroshi_conf::read(text.as_bytes()).unwrap_err();
        let said = quote(&SettingsError::Faulty(findings));
        assert!(said.contains("a@") && !said.contains("warning"), "{said}");
    }

    /// Rule: N18
    #[test]
    fn the_daemon_opens_the_sealed_secrets_of_its_home() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        std::fs::create_dir(home.etc()).unwrap();
        home.write_key(&random_key().unwrap(), false).unwrap();
        let sealed = home.seal_secret(PATH, "hunter2").unwrap();
        std::fs::write(home.conf(), conf(&sealed)).unwrap();
        let config = read(&home).unwrap_or_else(|error| panic!("{}", quote(&error)));
        let password = match &config.lamps[0].kind {
            LampKind::IsaRsh { password, .. } | LampKind::IsaTcp { password } => password,
            other => panic!("{other:?}"),
        };
        assert_eq!(password.as_ref().map(|p| p.reveal()), Some("hunter2"));
        // With another key the file is refused, and the secret not sent as it stands.
        home.write_key(&random_key().unwrap(), true).unwrap();
        let error = read(&home).map_or_else(|error| quote(&error), |_| String::new());
        assert!(
            error.contains(PATH) && error.contains("set-secret"),
            "{error}"
        );
    }
}
