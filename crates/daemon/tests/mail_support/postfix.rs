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

/// Options of an smtpd that takes mails from those alone who sign in.
pub const SIGN_IN: &[&str] = &[
    "smtpd_sasl_auth_enable=yes",
    "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
    "smtpd_client_restrictions=permit_sasl_authenticated,reject",
];

/// Makes the user `noroshi@example.test` with the password `pass word+1`, in the directory of a Postfix to be
/// started.
pub fn make_user(dir: &Path) {
    let base = dir.to_str().unwrap().to_owned();
    // Debian's Postfix looks beside its main.cf, others where `cyrus_sasl_config_path` says.
    fs::create_dir_all(dir.join("conf/sasl")).unwrap();
    let settings = format!(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {base}/sasldb2\n\
         mech_list: PLAIN LOGIN CRAM-MD5\n"
    );
    fs::write(dir.join("conf/sasl/smtpd.conf"), settings).unwrap();
    let mut child = Command::new("saslpasswd2")
        .args([
            "-p",
            "-c",
            "-f",
            &format!("{base}/sasldb2"),
            "-u",
            "example.test",
            "noroshi",
        ])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"pass word+1").unwrap();
    assert!(child.wait().unwrap().success());
    run("chown", &["postfix", &format!("{base}/sasldb2")]);
}

/// Makes an authority and certificates signed by it: `good` for localhost, `name` for another
/// host, `old` expired; and `stranger` by an authority that nobody trusts.
pub fn make_certificates(dir: &Path) {
    let tls = dir.join("tls");
    fs::create_dir(&tls).unwrap();
    let path = |name: &str| tls.join(name).to_str().unwrap().to_owned();
    for authority in ["ca", "other-ca"] {
        run(
            "openssl",
            &[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
                "-subj",
                &format!("/CN={authority}"),
                "-keyout",
                &path(&format!("{authority}.key")),
                "-out",
                &path(&format!("{authority}.pem")),
            ],
        );
    }
    for (name, host, authority, days) in [
        ("good", "DNS:localhost,IP:127.0.0.1", "ca", "2"),
        ("name", "DNS:mail.example.test", "ca", "2"),
        ("old", "DNS:localhost,IP:127.0.0.1", "ca", "-1"),
        ("stranger", "DNS:localhost,IP:127.0.0.1", "other-ca", "2"),
    ] {
        let (key, request) = (path(&format!("{name}.key")), path("request"));
        run(
            "openssl",
            &[
                "req",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-subj",
                "/CN=mx",
                "-keyout",
                &key,
                "-out",
                &request,
            ],
        );
        fs::write(tls.join("extensions"), format!("subjectAltName={host}\n")).unwrap();
        run(
            "openssl",
            &[
                "x509",
                "-req",
                "-in",
                &request,
                "-days",
                days,
                "-CAcreateserial",
                "-CA",
                &path(&format!("{authority}.pem")),
                "-CAkey",
                &path(&format!("{authority}.key")),
                "-extfile",
                &path("extensions"),
                "-out",
                &path(&format!("{name}.pem")),
            ],
        );
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
