//! One look at Pacemaker's cluster: `crm_mon` as a child, with a deadline and a bound; and so its other programs.

use noroshi_conf::crm_mon;
use noroshi_core::alert::tidy_within;
use noroshi_core::pacemaker::Picture;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long one look may take.
const LOOK_WAIT: Duration = Duration::from_secs(10);
/// Output beyond this is parsed on a thread of its own: it would hold up heartbeats.
const INLINE_BYTES_MAX: usize = 256 * 1024;
/// Longest reason that is kept.
const WHY_BYTES_MAX: usize = 200;

/// Looks. `Err` says in words why the cluster cannot be read.
pub(super) async fn look(program: &'static str) -> Result<Picture, String> {
    let output = output(program, &["-1", "--output-as=xml"]).await?;
    parse(program, output).await
}

/// What a program of Pacemaker prints.
pub(super) async fn output(
    program: &'static str,
    arguments: &'static [&'static str],
) -> Result<String, String> {
    match timeout(LOOK_WAIT, read(program, arguments)).await {
        // Dropping the child has killed it.
        Err(_) => Err(format!(
            "{program}: no answer within {} s",
            LOOK_WAIT.as_secs()
        )),
        Ok(read) => {
            read.map_err(|error| tidy_within(&format!("{program}: {error}"), WHY_BYTES_MAX))
        }
    }
}

async fn parse(program: &str, output: String) -> Result<Picture, String> {
    let read = match output.len() > INLINE_BYTES_MAX {
        false => crm_mon::read(&output),
        true => {
            let parsed = tokio::task::spawn_blocking(move || crm_mon::read(&output)).await;
            parsed.unwrap_or_else(|error| Err(error.to_string()))
        }
    };
    read.map_err(|why| tidy_within(&format!("{program}: {why}"), WHY_BYTES_MAX))
}

async fn read(program: &'static str, arguments: &'static [&'static str]) -> io::Result<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        // Older releases print times without a zone.
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    // Starting a program can hang on a dead disk, so a thread does that.
    let spawned = tokio::task::spawn_blocking(move || command.spawn()).await;
    let mut child: Child = spawned.unwrap_or_else(|error| Err(io::Error::other(error)))?;
    let mut output = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        let limit = u64::try_from(crm_mon::OUTPUT_BYTES_MAX + 1).unwrap_or(u64::MAX);
        pipe.take(limit).read_to_end(&mut output).await?;
    }
    if output.len() > crm_mon::OUTPUT_BYTES_MAX {
        // It is not waited for: it is killed, and why is said by the reader of the output.
        return Ok(String::from_utf8_lossy(&output).into_owned());
    }
    let status = child.wait().await?;
    let output = String::from_utf8_lossy(&output).into_owned();
    match status.success() {
        true => Ok(output),
        false => Err(io::Error::other(
            crm_mon::error(&output).unwrap_or_else(|| status.to_string()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    /// A program that does this.
    fn program(dir: &Path, does: &str) -> &'static str {
        let path = dir.join("crm_mon");
        std::fs::write(&path, format!("#!/bin/sh\n{does}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path.display().to_string().leak()
    }

    /// Rule: N3
    #[tokio::test]
    async fn what_goes_wrong_with_the_program_is_said_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        for (does, says) in [
            ("exec yes", "more than 8388608 bytes"),
            ("echo rubbish", "crm_mon: "),
            ("exit 102", "exit status: 102"),
        ] {
            let why = look(program(dir.path(), does)).await.unwrap_err();
            assert!(why.contains(says), "{does}: {why}");
            assert!(why.len() <= WHY_BYTES_MAX + dir.path().as_os_str().len());
        }
        let why = look("/nowhere/crm_mon").await.unwrap_err();
        assert!(why.contains("/nowhere/crm_mon"), "{why}");
    }

    /// Rule: N3
    #[tokio::test(start_paused = true)]
    async fn a_program_that_hangs_is_left_after_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let why = look(program(dir.path(), "exec sleep 3600")).await;
        let why = why.unwrap_err();
        assert!(why.ends_with("no answer within 10 s"), "{why}");
    }
}
