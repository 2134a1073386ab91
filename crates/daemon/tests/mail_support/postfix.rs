//! A private Postfix: own configuration, queue and ports in a directory that ends with the test.

use super::{await_listener, free_port, is_root, program, run};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The recipients that it knows, all in `example.test`.
pub const MAILBOXES: [&str; 3] = ["ops", "night", "root"];

/// The running Postfix.
pub struct Postfix {
    dir: tempfile::TempDir,
    /// One smtpd for each set of options that it was started with.
    pub ports: Vec<SocketAddr>,
}

impl Postfix {
    /// Starts one with an smtpd for each of `services` (its `-o` options). `None` where the test
    /// must be skipped.
    pub fn start(services: &[&[&str]]) -> Option<Postfix> {
        Postfix::start_in(new_dir()?, services)
    }

    /// The same, in a directory that the test has already put files into.
    pub fn start_in(dir: tempfile::TempDir, services: &[&[&str]]) -> Option<Postfix> {
        let local = |_: &&[&str]| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let ports: Vec<SocketAddr> = services.iter().map(local).collect();
        let postfix = Postfix { dir, ports };
        postfix.configure(services);
        let conf = postfix.conf();
        let status = Command::new(program("postfix")?)
            .args(["-c", &conf, "start"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(
            status.success(),
            "postfix start: {status}; {}",
            postfix.log()
        );
        postfix.ports.iter().copied().for_each(await_listener);
        Some(postfix)
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn conf(&self) -> String {
        self.dir.path().join("conf").to_str().unwrap().to_owned()
    }

    /// The mails of a mailbox so far, in no order.
    pub fn mails(&self, mailbox: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.dir.path().join("mail").join(mailbox).join("new"))
        else {
            return Vec::new();
        };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log/postfix.log")).unwrap_or_default()
    }

    fn configure(&self, services: &[&[&str]]) {
        let dir = self.dir.path();
        for name in ["conf", "queue", "data", "mail", "log"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        let shown = dir.to_str().unwrap();
        let mailboxes: String = MAILBOXES
            .iter()
            .map(|name| format!("{name}@example.test {name}/\n"))
            .collect();
        fs::write(dir.join("conf/mailboxes"), mailboxes).unwrap();
        fs::write(dir.join("conf/main.cf"), main_cf(shown)).unwrap();
        fs::write(dir.join("conf/master.cf"), master_cf(services, &self.ports)).unwrap();
        run("chown", &["postfix", &format!("{shown}/data")]);
        run("chown", &["nobody", &format!("{shown}/mail")]);
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = Command::new("postfix")
            .args(["-c", &self.conf(), "stop"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// A directory that Postfix's users may enter; `None` where the test must be skipped.
pub fn new_dir() -> Option<tempfile::TempDir> {
    program("postfix").filter(|_| is_root())?;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    Some(dir)
}

fn main_cf(dir: &str) -> String {
    format!(
        "compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/log/postfix.log
maillog_file_prefixes = {dir}
myhostname = mx.example.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = example.test
virtual_mailbox_maps = texthash:{dir}/conf/mailboxes
virtual_mailbox_base = {dir}/mail
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
alias_maps =
local_recipient_maps =
smtpd_reject_unlisted_recipient = yes
smtpd_forbid_bare_newline = yes
smtpd_tls_cert_file = {dir}/tls/good.pem
smtpd_tls_key_file = {dir}/tls/good.key
smtpd_tls_loglevel = 1
cyrus_sasl_config_path = {dir}/conf/sasl
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = example.test
"
    )
}

fn master_cf(services: &[&[&str]], ports: &[SocketAddr]) -> String {
    let mut text = String::new();
    for (options, port) in services.iter().zip(ports) {
        text += &format!("{port} inet n - n - - smtpd\n");
        for option in *options {
            text += &format!("  -o {option}\n");
        }
    }
    text + "pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"
}
