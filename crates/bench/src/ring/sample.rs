//! The other mail of a cluster: Pacemaker's own sample agent, which sends one for each event, node and recipient.
//!
//! The agent is the package's, unchanged. It calls `sendmail`, which here is this executable again: it hands the mail to
//! the rig's mail server and ends when that has it, without the queue of a real one. That is the shortest way a mail of the
//! agent can go.

use crate::machine;
use noroshi_sim::rig::{Cluster, Error, Fallible};
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The name that the agent calls; this executable is it where it bears that name.
const SENDMAIL: &str = "sendmail";
/// The package's agent.
const AGENT: &str = "/usr/share/pacemaker/alerts/alert_smtp.sh.sample";
/// Beside `sendmail` in the nodes: the mail server's address.
const ADDRESS: &str = "/usr/sbin/noroshi-bench-inbox";
/// Longest wait for the mail server.
const SMTP_WAIT: Duration = Duration::from_secs(10);

/// Puts `sendmail` into the nodes' folders; they mount them at each boot.
///
/// # Errors
/// When there is no such agent, or a file cannot be written.
pub(super) fn prepare(cluster: &Cluster) -> Fallible<()> {
    if !Path::new(AGENT).exists() {
        return Err(Error(format!(
            "{AGENT} is missing: apt-get install pacemaker"
        )));
    }
    // Pacemaker's user goes through it.
    fs::set_permissions(cluster.dir(), Permissions::from_mode(0o711))?;
    let agent = agent(cluster);
    fs::copy(AGENT, &agent)?;
    fs::set_permissions(&agent, Permissions::from_mode(0o755))?;
    for server in 0..cluster.len() {
        let node = format!("node.{}", crate::stage::name(server));
        let programs = cluster.dir().join(node).join("pacemaker/sbin");
        let sendmail = programs.join(SENDMAIL);
        fs::copy(std::env::current_exe()?, &sendmail)?;
        machine::settle_executable(&sendmail)?;
        let inbox = cluster.outside().mail_address().to_string();
        fs::write(programs.join("noroshi-bench-inbox"), inbox)?;
    }
    Ok(())
}

/// Has Pacemaker call the agent as well.
///
/// # Errors
/// When Pacemaker refuses.
pub(super) fn configure(cluster: &Cluster) -> Fallible<()> {
    let text = format!(
        "<alert id=\"sample\" path=\"{}\"><instance_attributes id=\"sample-set\">\
         <nvpair id=\"sample-client\" name=\"email_client\" value=\"sendmail\"/>\
         <nvpair id=\"sample-sender\" name=\"email_sender\" value=\"pacemaker@example.com\"/>\
         </instance_attributes><recipient id=\"sample-to\" value=\"sample@example.com\"/></alert>",
        agent(cluster).display()
    );
    cluster
        .run_in_node(0, &["cibadmin", "-C", "-o", "alerts", "-X", &text])
        .map(drop)
}

fn agent(cluster: &Cluster) -> PathBuf {
    cluster.dir().join("alert_smtp.sh")
}

/// The subject's words of its mail about a lost node.
pub(super) fn lost(server: usize) -> String {
    format!("Node '{}' is now 'lost'", crate::stage::name(server))
}

/// The end of a call as `sendmail`; `None` when this is none.
pub(crate) fn called() -> Option<ExitCode> {
    let own = std::env::args_os().next()?;
    if Path::new(&own).file_name()? != SENDMAIL {
        return None;
    }
    Some(match hand_over() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{SENDMAIL}: {error}");
            ExitCode::FAILURE
        }
    })
}

/// RFC 5321, as short as can be.
fn hand_over() -> io::Result<()> {
    let mut mail = String::new();
    io::stdin().read_to_string(&mut mail)?;
    let stream = TcpStream::connect(fs::read_to_string(ADDRESS)?.trim())?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SMTP_WAIT))?;
    let mut said = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    answered(&mut said)?;
    let body = mail
        .replace("\r\n", "\n")
        .replace('\n', "\r\n")
        .replace("\r\n.", "\r\n..");
    for words in [
        "HELO node.example.com",
        "MAIL FROM:<pacemaker@example.com>",
        "RCPT TO:<sample@example.com>",
        "DATA",
        &format!("{body}\r\n."),
        "QUIT",
    ] {
        out.write_all(format!("{words}\r\n").as_bytes())?;
        answered(&mut said)?;
    }
    Ok(())
}

fn answered(said: &mut impl BufRead) -> io::Result<()> {
    loop {
        let mut line = String::new();
        said.read_line(&mut line)?;
        let is_last = line.as_bytes().get(3) != Some(&b'-');
        match line.starts_with(['2', '3']) {
            false => return Err(io::Error::other(line)),
            true if is_last => return Ok(()),
            true => {}
        }
    }
}
