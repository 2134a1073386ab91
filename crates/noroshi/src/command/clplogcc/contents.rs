//! What stands in the archive of one server.
//!
//! *Use.* [`write()`], on the server itself, with a daemon or without one.
//!
//! *Failure.* What cannot be read is left out, and `collected.txt` in the archive says what and why. Only
//! the writer's errors end it. Configuration is written without its secrets, or not at all.

use super::archive::{Archive, plain};
use super::facts;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use noroshi_conf::blackout::{black_out, black_out_options};
use noroshi_conf::charset::FILE_BYTES_MAX;
use noroshi_core::alert::Severity;
use noroshi_core::time::WallTime;
use noroshi_daemon::alert_view::list_without_daemon;
use noroshi_daemon::collect::Scope;
use noroshi_daemon::control::{AlertFilter, AlertLine, Client};
use noroshi_daemon::home::Home;
use noroshi_daemon::log::audit::{AUDIT_CURRENT, AUDIT_PREVIOUS};
use noroshi_daemon::log::{CURRENT, PREVIOUS, escaped};
use rustix::fs::OFlags;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Most bytes of logs in one archive, before it is compressed; the newest are taken first.
pub(super) const LOGS_BYTES_MAX: u64 = 4 << 30;
/// Most files of logs; the newest are taken.
const LOGS_MAX: usize = 4_096;
/// Files and directories that are looked at for them.
const ENTRIES_MAX: usize = 65_536;
/// How deep directories below that of the logs are searched.
const DEPTH_MAX: usize = 4;
/// Most bytes of the host's own syslog (type2): the newest.
const SYSLOG_BYTES_MAX: u64 = 16 << 20;
/// Most alerts: the newest.
const ALERTS_MAX: u32 = 50_000;
/// Most lines about what was left out.
const LEFT_OUT_MAX: usize = 1_000;
/// What the names of finished archives end with; they are not collected again.
pub(super) const ARCHIVE_END: &str = "-log.tar.gz";
/// Where systems keep their syslog.
const SYSLOGS: [&str; 2] = ["/var/log/messages", "/var/log/syslog"];

/// Writes the archive of the server `server`, whose things are in `home`.
///
/// # Errors
/// The writer's; what was written is of no use then.
pub(super) fn write<W: Write>(home: &Home, server: &str, scope: Scope, to: W) -> io::Result<W> {
    let now = Timestamp::now();
    let now_s = u64::try_from(now.as_second()).unwrap_or(0);
    let mut contents = Contents {
        archive: Archive::new(to, &plain(server), now_s),
        home,
        left_out: Vec::new(),
        more_left_out: 0,
    };
    contents.logs(scope)?;
    contents.alert_log()?;
    contents.status()?;
    contents.configuration()?;
    if scope != Scope::Type3 {
        contents.facts(scope == Scope::Type2)?;
    }
    contents.about(server, scope, now)?;
    contents.archive.finish()
}

struct Contents<'a, W: Write> {
    archive: Archive<W>,
    home: &'a Home,
    left_out: Vec<String>,
    more_left_out: usize,
}

/// A log that was found.
struct Found {
    path: PathBuf,
    name: String,
    bytes: u64,
    changed_s: u64,
}

impl<W: Write> Contents<'_, W> {
    fn leave_out(&mut self, what: impl std::fmt::Display, why: impl std::fmt::Display) {
        if self.left_out.len() < LEFT_OUT_MAX {
            self.left_out.push(escaped(&format!("{what}: {why}")));
        } else {
            self.more_left_out += 1;
        }
    }

    /// All logs in the directory of logs, or the service's own.
    fn logs(&mut self, scope: Scope) -> io::Result<()> {
        let mut found = Vec::new();
        let mut looked_at = 0;
        self.look(&self.home.log(), "log", 0, &mut looked_at, &mut found);
        if scope == Scope::Type3 {
            let own = [
                "start.log",
                CURRENT,
                PREVIOUS,
                AUDIT_CURRENT,
                AUDIT_PREVIOUS,
            ];
            let own = own.map(|name| format!("log/{name}"));
            found.retain(|log: &Found| own.contains(&log.name));
        }
        found.sort_by(|a, b| (b.changed_s, &a.name).cmp(&(a.changed_s, &b.name)));
        let mut left = LOGS_BYTES_MAX;
        for (number, log) in found.iter().enumerate() {
            if number >= LOGS_MAX || left < log.bytes {
                self.leave_out(log.path.display(), "beyond the bound of one archive");
                continue;
            }
            left -= log.bytes;
            self.tail(&log.path, &log.name, log.bytes)?;
        }
        Ok(())
    }

    /// Looks for logs; links are not followed.
    fn look(
        &mut self,
        dir: &Path,
        name: &str,
        depth: usize,
        looked_at: &mut usize,
        found: &mut Vec<Found>,
    ) {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => return self.leave_out(dir.display(), error),
        };
        for entry in entries.flatten() {
            *looked_at += 1;
            if *looked_at > ENTRIES_MAX {
                return self.leave_out(dir.display(), "too many files");
            }
            let path = entry.path();
            let name = format!("{name}/{}", plain(&entry.file_name().to_string_lossy()));
            let about = match path.symlink_metadata() {
                Ok(about) => about,
                Err(error) => {
                    self.leave_out(path.display(), error);
                    continue;
                }
            };
            if about.is_dir() && depth < DEPTH_MAX {
                self.look(&path, &name, depth + 1, looked_at, found);
            } else if !about.is_file() {
                self.leave_out(path.display(), "no plain file");
            } else if !name.ends_with(ARCHIVE_END) && !name.ends_with(".part") {
                let changed_s = u64::try_from(about.mtime()).unwrap_or(0);
                let bytes = about.len();
                found.push(Found {
                    path,
                    name,
                    bytes,
                    changed_s,
                });
            }
        }
    }

    /// Adds the last bytes of a file, at most `bytes_max`.
    fn tail(&mut self, path: &Path, name: &str, bytes_max: u64) -> io::Result<()> {
        let opened = open(path, OFlags::NOFOLLOW).and_then(|mut file| {
            let about = file.metadata()?;
            let bytes = about.len().min(bytes_max);
            file.seek(SeekFrom::Start(about.len() - bytes))?;
            Ok((file, bytes, about.mtime()))
        });
        let (mut file, bytes, changed) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.leave_out(path.display(), error);
                return Ok(());
            }
        };
        let changed_s = u64::try_from(changed).unwrap_or(0);
        let missing = self.archive.file(name, bytes, changed_s, &mut file)?;
        if missing > 0 {
            self.leave_out(path.display(), format!("{missing} bytes could not be read"));
        }
        Ok(())
    }

    /// The alert log in the real product's columns: number, received (date, time), happened (date,
    /// time), host, module, event id, level (1 error, 2 warning, 3 information), text.
    fn alert_log(&mut self) -> io::Result<()> {
        let zone = TimeZone::system();
        let mut text = String::new();
        let mut number = 0;
        let take = |alert: AlertLine| {
            number += 1;
            text.push_str(&alert_line(number, &alert, &zone));
            ControlFlow::Continue(())
        };
        let every = AlertFilter::default();
        let listed = match Client::connect(&self.home.socket()) {
            Ok(mut client) => client
                .alerts(ALERTS_MAX, false, every, take)
                .map_err(|error| error.to_string()),
            Err(_) => list_without_daemon(&self.home.var(), ALERTS_MAX, &every, take)
                .map_err(|error| error.to_string()),
        };
        if let Err(why) = listed {
            self.leave_out("alert log", why);
        }
        self.archive.text("log/alt/alertlog.alt", text.as_bytes())
    }

    fn status(&mut self) -> io::Result<()> {
        let asked = Client::connect(&self.home.socket()).and_then(|mut client| client.status());
        match asked {
            Ok(status) => {
                let json = serde_json::to_vec_pretty(&status)?;
                self.archive.text("status.json", &json)
            }
            Err(trouble) => {
                self.leave_out("status", trouble);
                Ok(())
            }
        }
    }

    /// Settings without secrets, and which files there are beside them.
    fn configuration(&mut self) -> io::Result<()> {
        let etc = self.home.etc();
        // A link may stand in the place of the settings; what is written beside them is a file.
        for (name, flags) in [
            ("clp.conf", OFlags::empty()),
            ("clp.conf.bak", OFlags::NOFOLLOW),
        ] {
            let read = read_with(&etc.join(name), flags, FILE_BYTES_MAX as u64);
            match read.map(|bytes| black_out(&bytes)) {
                Ok(Some(shown)) => self.archive.text(&format!("etc/{name}"), &shown)?,
                Ok(None) => {
                    let why = "its markup cannot be followed, so its secrets are not certain";
                    self.leave_out(etc.join(name).display(), why);
                }
                // There is no former one at first.
                Err(error) if error.kind() == io::ErrorKind::NotFound && name != "clp.conf" => {}
                Err(error) => self.leave_out(etc.join(name).display(), error),
            }
        }
        let report = etc.join("clp.conf.rep");
        if let Ok(report) = read_with(&report, OFlags::NOFOLLOW, facts::FACT_BYTES_MAX) {
            self.archive.text("etc/clp.conf.rep", &report)?;
        }
        let mut list = String::from("MODE UID GID BYTES NAME\n");
        for dir in [etc.clone(), etc.join("scripts"), self.home.var()] {
            let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
            for entry in entries.take(LEFT_OUT_MAX) {
                let Ok(about) = entry.metadata() else {
                    continue;
                };
                // Writing to a string cannot fail.
                let _ = writeln!(
                    list,
                    "{:o} {} {} {} {}",
                    about.mode(),
                    about.uid(),
                    about.gid(),
                    about.len(),
                    escaped(&entry.path().display().to_string())
                );
            }
        }
        self.archive.text("etc/files.txt", list.as_bytes())
    }

    /// Facts of the host.
    fn facts(&mut self, wide: bool) -> io::Result<()> {
        for path in facts::files(wide) {
            let name = format!("sys/{}", path.trim_start_matches('/').replace('/', "-"));
            match read_up_to(Path::new(path), facts::FACT_BYTES_MAX) {
                Ok(bytes) => {
                    let text = String::from_utf8_lossy(&bytes);
                    let lines = text.lines().map(|line| black_out_options(line) + "\n");
                    let shown: String = lines.collect();
                    self.archive.text(&name, shown.as_bytes())?;
                }
                Err(error) => self.leave_out(path, error),
            }
        }
        if !wide {
            return Ok(());
        }
        self.archive
            .text("sys/processes.txt", facts::processes().as_bytes())?;
        for path in SYSLOGS {
            if Path::new(path).exists() {
                let name = format!("sys/{}", plain(path.trim_start_matches("/var/log/")));
                self.tail(Path::new(path), &name, SYSLOG_BYTES_MAX)?;
            }
        }
        Ok(())
    }

    fn about(&mut self, server: &str, scope: Scope, now: Timestamp) -> io::Result<()> {
        let begun = now.to_zoned(TimeZone::system());
        let mut text = format!(
            "Collected by noroshi {} on {} at {}, {}.\n\
             Times in log/alt/alertlog.alt are local ones of this server; secrets of the configuration are ***.\n",
            env!("CARGO_PKG_VERSION"),
            escaped(server),
            begun.strftime("%Y-%m-%d %H:%M:%S %:z"),
            scope.word(),
        );
        if self.left_out.is_empty() {
            text.push_str("Nothing was left out.\n");
        } else {
            text.push_str("Left out:\n");
        }
        for line in &self.left_out {
            let _ = writeln!(text, "  {line}");
        }
        if self.more_left_out > 0 {
            let _ = writeln!(text, "  and {} more", self.more_left_out);
        }
        self.archive.text("collected.txt", text.as_bytes())
    }
}

/// Opens a plain file, with these flags; nothing else is waited for.
fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = (flags | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("no plain file")),
    }
}

/// The first bytes of a small file; one that is a pipe would wait for its writer.
pub(super) fn read_up_to(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    read_with(path, OFlags::empty(), bytes_max)
}

fn read_with(path: &Path, flags: OFlags, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open(path, flags)?;
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn alert_line(number: u64, alert: &AlertLine, zone: &TimeZone) -> String {
    let level = match alert.severity {
        Severity::Error => 1,
        Severity::Warning => 2,
        Severity::Info => 3,
    };
    format!(
        "{number} {} {} {} {} {} {level} {}\n",
        date_and_time(alert.received, zone),
        date_and_time(alert.time, zone),
        escaped(&alert.server),
        escaped(&alert.module),
        alert.event,
        escaped(&alert.text),
    )
}

fn date_and_time(time: WallTime, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(time.0) {
        Ok(time) => {
            let time = time.to_zoned(zone.clone());
            time.strftime("%Y/%m/%d %H:%M:%S.%3f").to_string()
        }
        Err(_) => format!("- {}", time.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::alert::AlertId;

    /// The columns are an interface: do not edit.
    ///
    /// Rule: M30
    #[test]
    fn the_alert_log_has_the_columns_of_the_real_product() {
        let alert = AlertLine {
            row: 7,
            id: AlertId("a-1".into()),
            received: WallTime(1_700_000_000_123),
            time: WallTime(1_700_000_000_023),
            server: "server1".into(),
            module: "nm".into(),
            event: 2,
            severity: Severity::Error,
            text: "Server server2\nhas been stopped.".into(),
            about: Some("server2".into()),
            notices: Vec::new(),
            acknowledged: None,
        };
        let zone = TimeZone::posix("JST-9").unwrap();
        assert_eq!(
            alert_line(1, &alert, &zone),
            "1 2023/11/15 07:13:20.123 2023/11/15 07:13:20.023 server1 nm 2 1 \
             Server server2\\nhas been stopped.\n"
        );
    }
}
