//! The host's own mail environment: a program with the `sendmail` interface (rule M7).
//!
//! The program is run without a shell, addresses behind `--`, the message on its standard input
//! with the LF line ends of the interface. Its exit code speaks sysexits; what it writes to
//! standard error becomes part of the reason. It and its children are killed at a deadline.

use super::MailContext;
use super::message::{self, Envelope, MailAddress};
use super::talk::{Listener, What};
use crate::channel::trouble::{self, Verdict};
use noroshi_core::notice::{Outcome, Sending};
use noroshi_core::text::Language;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Longest run of the program; then it is killed.
const RUN_MAX: Duration = Duration::from_secs(60);
/// Bytes of an output that are kept; the rest is read and forgotten. Standard output is read for a test
/// mail alone.
const SAID_BYTES_MAX: usize = 1_024;

/// Places for starting the program; one that hangs keeps its place, and with it its thread.
static STARTING: Semaphore = Semaphore::const_new(super::ATTEMPTS_MAX);

/// One attempt at one notice.
pub(super) async fn send(
    context: &MailContext,
    program: &str,
    sending: &Sending,
    recipient: &MailAddress,
    listener: &Listener,
) -> Outcome {
    run(context, program, sending, recipient, listener, RUN_MAX).await
}

async fn run(
    context: &MailContext,
    program: &str,
    sending: &Sending,
    recipient: &MailAddress,
    listener: &Listener,
    run_max: Duration,
) -> Outcome {
    let envelope = Envelope {
        sender: context.sender(),
        recipient: recipient.clone(),
    };
    let retry = |cause: String| {
        let cause = trouble::printable(&format!("{program}: {cause}"));
        Outcome::Retry {
            cause,
            maybe_taken: false,
        }
    };
    let message = match message::build(context, sending, &envelope, crate::clock::timestamp()) {
        Ok(message) => with_lf(message),
        Err(cause) => return retry(cause),
    };
    let command = command(program, &envelope, listener);
    listener.note(What::Program, || {
        let (sender, recipient) = (&envelope.sender, &envelope.recipient);
        format!("{program} -i -f {sender} -- {recipient}")
    });
    listener.sent(|| format!("(the message, {} bytes)", message.len()));
    let mut child = match timeout(run_max, start(command)).await {
        Ok(Ok(child)) => child,
        Ok(Err(error)) => return retry(error.to_string()),
        Err(_) => {
            return retry(context.language.pick(
                format!("could not be started within {run_max:?}: does its disk answer?"),
                format!("{run_max:?} 以内に起動できません。ディスクの応答を確認してください"),
            ));
        }
    };
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let mut is_written = false;
    let talk = talk(&mut child, &message, &mut is_written);
    let (verdict, what) = match timeout(run_max, talk).await {
        Ok(Ok((status, said))) if status.success() => {
            listener.said(&said);
            listener.note(What::Exit, || status.to_string());
            let said = on_one_line(&said);
            return Outcome::Delivered {
                reply: trouble::printable(&format!("{program}: {said}")),
            };
        }
        Ok(Ok((status, said))) => {
            listener.said(&said);
            listener.note(What::Exit, || status.to_string());
            let verdict = trouble::judge_exit(status.code(), is_written);
            (verdict, format!("{status} {}", on_one_line(&said)))
        }
        Ok(Err(error)) => (
            Verdict::Retry {
                maybe_taken: is_written,
            },
            error.to_string(),
        ),
        Err(_) => {
            let what = match context.language {
                Language::En => format!("did not end within {run_max:?} and was killed"),
                Language::Ja => format!("{run_max:?} 以内に終了しないため強制終了しました"),
            };
            (
                Verdict::Retry {
                    maybe_taken: is_written,
                },
                what,
            )
        }
    };
    // Also after an exit: what the program left behind in its group must not pile up.
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.start_kill();
    let hint = confined(context.language);
    trouble::outcome(
        verdict,
        trouble::printable(&format!("{program}: {what}{hint}")),
    )
}

/// What stands behind a failure in a service that may gain no privileges: programs that hand mails over are mostly
/// set-uid or set-gid, and say no more then than that a file could not be opened.
fn confined(language: Language) -> &'static str {
    match rustix::thread::no_new_privs() {
        Ok(true) => language.pick(
            "; the sandbox of the service's unit forbids set-uid and set-gid programs: use SMTP, or add sendmail.conf to the unit",
            "。サービスのユニットのサンドボックスにより set-uid・set-gid のプログラムは使えません。SMTP を使うか、ユニットに sendmail.conf を追加してください",
        ),
        _ => "",
    }
}

/// Starts it on a thread of its own: on a dead disk or mount that call never returns.
async fn start(mut command: Command) -> io::Result<Child> {
    let place = STARTING.acquire().await.map_err(io::Error::other)?;
    let started = tokio::task::spawn_blocking(move || {
        let child = command.spawn();
        drop(place);
        child
    });
    started.await.map_err(io::Error::other)?
}

fn command(program: &str, envelope: &Envelope, listener: &Listener) -> Command {
    let mut command = Command::new(program);
    command
        .args([
            "-i",
            "-f",
            envelope.sender.as_str(),
            "--",
            envelope.recipient.as_str(),
        ])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(match listener.is_on() {
            true => Stdio::piped(),
            false => Stdio::null(),
        })
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Writes the message, reads what the program says and waits for the end, all at once: a program that
/// complains before it reads must not block both sides.
async fn talk(
    child: &mut Child,
    message: &[u8],
    is_written: &mut bool,
) -> io::Result<(ExitStatus, String)> {
    let stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program that ends without reading says why by its exit code.
            *is_written = stdin.write_all(message).await.is_ok() && stdin.shutdown().await.is_ok();
        }
    };
    let all = async { tokio::join!(read(stderr), read(stdout)) };
    let ((), (mut said, more), status) = tokio::join!(write, all, child.wait());
    if !said.is_empty() && !more.is_empty() {
        said.push('\n');
    }
    Ok((status?, said + &more))
}

/// What the program says on one of its outputs, whole to its end.
async fn read(output: Option<impl AsyncRead + Unpin>) -> String {
    let mut said = Vec::new();
    if let Some(mut output) = output {
        let mut chunk = [0; 512];
        while let Ok(count @ 1..) = output.read(&mut chunk).await {
            let room = SAID_BYTES_MAX.saturating_sub(said.len());
            said.extend_from_slice(&chunk[..count.min(room)]);
        }
    }
    String::from_utf8_lossy(&said).trim().to_owned()
}

fn on_one_line(said: &str) -> String {
    said.replace('\n', " ")
}

fn with_lf(message: Vec<u8>) -> Vec<u8> {
    // `message` has CR only before LF.
    message.into_iter().filter(|byte| *byte != b'\r').collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{context, sending};
    use super::*;
    use noroshi_core::config::MailForm;
    use std::os::unix::fs::PermissionsExt;

    async fn run_script(script: &str, run_max: Duration) -> (Outcome, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("sendmail");
        let script = script.replace("DIR", dir.path().to_str().unwrap());
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let recipient = MailAddress::parse("ops@example.com").unwrap();
        let (context, sending) = (context(Language::En), sending(MailForm::Long));
        let program = program.to_str().unwrap().to_owned();
        (
            run(
                &context,
                &program,
                &sending,
                &recipient,
                &Listener::default(),
                run_max,
            )
            .await,
            dir,
        )
    }

    const MINUTE: Duration = Duration::from_secs(60);

    /// Rule: M7
    #[tokio::test]
    async fn arguments_and_message_arrive_as_the_interface_has_them() {
        let (outcome, dir) =
            run_script("printf '%s\\n' \"$@\" > DIR/args; cat > DIR/mail", MINUTE).await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        let read = |name| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            read("args"),
            "-i\n-f\nnoroshi@example.com\n--\nops@example.com\n"
        );
        assert!(read("mail").contains("\nMessage: Server sv2 is down"));
        assert!(!read("mail").contains('\r'));
    }

    /// Rule: M7 N10
    #[tokio::test]
    async fn the_exit_code_is_judged_and_the_complaint_kept() {
        let (outcome, _dir) = run_script("echo no such user >&2; exit 67", MINUTE).await;
        let Outcome::Refused { cause } = outcome else {
            panic!("{outcome:?}")
        };
        assert!(
            cause.contains("no such user") && cause.contains("67"),
            "{cause}"
        );
        let (outcome, _dir) = run_script("cat >/dev/null; exit 75", MINUTE).await;
        assert!(
            matches!(
                outcome,
                Outcome::Retry {
                    maybe_taken: false,
                    ..
                }
            ),
            "{outcome:?}"
        );
    }

    /// Rule: M7 N10
    #[tokio::test]
    async fn a_program_that_never_ends_is_killed_with_its_children() {
        let script = "cat >/dev/null; sleep 600 & echo $! > DIR/child; wait";
        let (outcome, dir) = run_script(script, Duration::from_millis(500)).await;
        assert!(
            matches!(
                outcome,
                Outcome::Retry {
                    maybe_taken: true,
                    ..
                }
            ),
            "{outcome:?}"
        );
        let child = std::fs::read_to_string(dir.path().join("child")).unwrap();
        let stat = format!("/proc/{}/stat", child.trim());
        let until = std::time::Instant::now() + Duration::from_secs(10);
        // A killed orphan may stay as a zombie where nobody reaps it.
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(std::time::Instant::now() < until, "the child lives on");
            tokio::task::yield_now().await;
        }
    }

    /// The attribute is this test's thread's own and its children's.
    ///
    /// Rule: M7
    #[tokio::test]
    async fn a_failure_within_the_units_sandbox_says_what_helps() {
        let script = "echo postdrop: Permission denied >&2; exit 75";
        let (outcome, _dir) = run_script(script, MINUTE).await;
        let told = |outcome| match outcome {
            Outcome::Retry { cause, .. } => cause,
            other => panic!("{other:?}"),
        };
        assert!(!told(outcome).contains("sandbox"));
        rustix::thread::set_no_new_privs(true).unwrap();
        let (outcome, _dir) = run_script(script, MINUTE).await;
        let cause = told(outcome);
        assert!(
            cause.contains("Permission denied") && cause.contains("sendmail.conf"),
            "{cause}"
        );
    }

    /// Rule: M7
    #[tokio::test]
    async fn a_missing_program_is_tried_again() {
        let recipient = MailAddress::parse("ops@example.com").unwrap();
        let (context, sending) = (context(Language::En), sending(MailForm::Long));
        let outcome = send(
            &context,
            "/nonexistent/sendmail",
            &sending,
            &recipient,
            &Listener::default(),
        )
        .await;
        assert!(
            matches!(
                outcome,
                Outcome::Retry {
                    maybe_taken: false,
                    ..
                }
            ),
            "{outcome:?}"
        );
    }
}
