//! The console with the real daemon: its start, its users, its pages over HTTP.

mod common;

use common::*;
use noroshi_daemon::home::Home;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const PORT: u16 = 29_214;
const PASSWORD: &str = "correct horse battery";
/// A deadline for what takes a second on an idle machine.
const LATER: Duration = Duration::from_secs(60);
/// Most bytes of a page with all that it loads.
const PAGE_BYTES_MAX: usize = 100 * 1024;

/// A home of `server1` whose daemon serves a console on an address that no other test run has.
struct Site {
    dir: tempfile::TempDir,
    home: Home,
    address: String,
}

/// Ends the daemon of a failed test too.
impl Drop for Site {
    fn drop(&mut self) {
        run_in(self.dir.path(), &["clpcl", "-t"]);
    }
}

impl Site {
    fn new(last: u8) -> Site {
        let (dir, home) = empty_home();
        assert_eq!(run_in(dir.path(), &["key", "new"]).code, 0);
        let pid = std::process::id();
        let address = format!("127.{}.{}.{last}", pid >> 8 & 0x7f | 0x80, pid & 0xff);
        let conf = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <cluster><name>cluster</name></cluster>
  <server name="server1"><priority>0</priority>
    <device id="0"><type>lan</type><info>{address}</info></device>
  </server>
  <heartbeat><types name="lankhb"/>
    <lankhb name="lankhb1"><priority>0</priority><device>0</device></lankhb>
  </heartbeat>
  <noroshi><console><port>{PORT}</port>
    <server name="server1"><address>{address}</address></server>
  </console></noroshi>
</root>
"#
        );
        fs::write(home.conf(), conf).unwrap();
        Site { dir, home, address }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run_in(self.dir.path(), arguments)
    }

    fn start(&self) {
        assert_eq!(
            self.run(&["clpcl", "-s"]),
            done("Start server1 : Command succeeded.\n")
        );
    }

    /// A command with a secret on its standard input.
    fn given(&self, secret: &str, arguments: &[&str]) -> Ran {
        let mut command = command_in(self.dir.path(), arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // A command that refuses before it asks has closed it.
        let _ = writeln!(input, "{secret}");
        drop(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.log().join("noroshi.log.cur")).unwrap_or_default()
    }

    /// One request on a connection of its own; status, head, body.
    fn ask(&self, method: &str, path: &str, cookie: &str, form: &str) -> io::Result<Page> {
        let mut stream = TcpStream::connect((self.address.as_str(), PORT))?;
        stream.set_read_timeout(Some(LATER))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}:{PORT}\r\nConnection: close\r\nCookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.address,
            form.len()
        )?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        Ok(Page {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: bytes[end..].to_vec(),
        })
    }

    /// As [`Site::ask`], when the console has come up.
    fn when_up(&self) {
        wait_until("the console answers", || {
            self.ask("GET", "/sign-in", "", "").is_ok()
        });
    }

    /// Signs in; the cookie.
    fn signed_in(&self, name: &str, password: &str) -> String {
        let form = format!("name={name}&password={}", password.replace(' ', "+"));
        let page = self.ask("POST", "/sign-in", "", &form).unwrap();
        assert_eq!(page.status, 303, "{}", page.text());
        page.cookie()
    }
}

struct Page {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Page {
    fn text(&self) -> String {
        format!("{}{}", self.head, String::from_utf8_lossy(&self.body))
    }

    fn cookie(&self) -> String {
        let mut lines = self.head.lines();
        let line = lines.find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = line.and_then(|line| line.split(';').next());
        cookie.unwrap_or_default().to_owned()
    }
}

#[track_caller]
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < LATER, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Rule: N21
#[test]
fn an_address_that_is_taken_is_told_and_alerts_go_on_until_it_is_free() {
    let site = Site::new(61);
    let taken = TcpListener::bind((site.address.as_str(), PORT)).unwrap();
    site.start();
    let words = format!("cannot listen on {}:{PORT}", site.address);
    wait_until("the log says so", || site.log().contains(&words));
    assert!(site.log().contains("no console: "), "{}", site.log());
    let remedy = "set /root/noroshi/console/port or /root/noroshi/console/server@";
    assert!(site.log().contains(remedy), "{}", site.log());
    let raised = site.run(&["clplogcmd", "-m", "the disk is hot", "--alert"]);
    assert_eq!(raised.code, 0, "{raised:?}");
    let alerts = site.run(&["alerts"]);
    assert!(alerts.out.contains("the disk is hot"), "{alerts:?}");
    // Once, not at every try.
    assert_eq!(site.log().matches(&words).count(), 1, "{}", site.log());
    drop(taken);
    site.when_up();
}

/// Rule: N21
#[test]
fn users_are_added_listed_changed_and_removed_by_command() {
    let site = Site::new(62);
    let refused = site.given(PASSWORD, &["user", "add", "anna", "--role", "administer"]);
    assert_eq!(refused.code, 3, "without a daemon: {refused:?}");
    site.start();
    let link = site.run(&["user", "link"]);
    assert_eq!(link.code, 0, "{link:?}");
    let place = format!("http://{}:{PORT}/set-up#", site.address);
    assert!(link.out.starts_with(&place), "{link:?}");
    let add = |name: &str, role: &str| {
        let ran = site.given(PASSWORD, &["user", "add", name, "--role", role]);
        assert_eq!((ran.code, &*ran.err), (0, ""), "{ran:?}");
    };
    add("anna", "administer");
    add("vera", "view");
    assert_eq!(
        site.run(&["user", "list"]),
        done("anna                     administer\nvera                     view\n")
    );
    assert_eq!(
        site.run(&["user", "list", "--json"]),
        done(
            "{\"name\":\"anna\",\"role\":\"administer\",\"token\":false}\n{\"name\":\"vera\",\"role\":\"view\",\"token\":false}\n"
        )
    );
    for (code, words, secret, arguments) in [
        (4, "already", PASSWORD, &["user", "add", "anna"][..]),
        (2, "A name has", PASSWORD, &["user", "add", "an na"]),
        (2, "A name has", PASSWORD, &["user", "add", "a/../b"]),
        (4, "at least 8", "short", &["user", "add", "otto"]),
        (4, "at least 8", "short", &["user", "password", "anna"]),
        (5, "no user otto", PASSWORD, &["user", "password", "otto"]),
        (5, "no user otto", "", &["user", "role", "otto", "view"]),
        (5, "no user otto", "", &["user", "rm", "otto"]),
        (4, "only one who", "", &["user", "role", "anna", "operate"]),
    ] {
        let ran = site.given(secret, arguments);
        assert_eq!((ran.code, &*ran.out), (code, ""), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(words), "{arguments:?}: {ran:?}");
    }
    // Where the console is stays worth asking when it has users; a code for the first one is not given then.
    let link = site.run(&["user", "link"]);
    assert_eq!(link.code, 4, "{link:?}");
    assert_eq!(link.out, format!("http://{}:{PORT}/\n", site.address));
    assert!(link.err.contains("users already"), "{link:?}");
    site.when_up();
    let cookie = site.signed_in("vera", PASSWORD);
    let about = |cookie: &str| site.ask("GET", "/about", cookie, "").unwrap().status;
    assert_eq!(about(&cookie), 200);
    let ran = site.given("another horse", &["user", "password", "vera"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(about(&cookie), 303, "its sessions have ended");
    let cookie = site.signed_in("vera", "another horse");
    assert_eq!(site.ask("GET", "/logs", &cookie, "").unwrap().status, 403);
    assert_eq!(site.run(&["user", "role", "vera", "operate"]).code, 0);
    assert_eq!(site.ask("GET", "/logs", &cookie, "").unwrap().status, 200);
    assert_eq!(site.run(&["user", "rm", "vera"]).code, 0);
    assert_eq!(about(&cookie), 303);
    let conf = fs::read_to_string(site.home.conf()).unwrap();
    assert!(conf.contains("sealed:1:") && !conf.contains("$argon2id"));
    assert!(!conf.contains("vera"), "{conf}");
}

/// Rule: N21
#[test]
fn a_user_makes_a_token_on_the_account_page_and_ends_it_there_or_by_a_new_password() {
    let site = Site::new(67);
    site.start();
    let ran = site.given(PASSWORD, &["user", "add", "vera"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    site.when_up();
    let cookie = site.signed_in("vera", PASSWORD);
    let wrong = site.ask("POST", "/account/token", &cookie, "old=wrong");
    assert_eq!(wrong.unwrap().status, 422, "an open page is not enough");
    let old = format!("old={}", PASSWORD.replace(' ', "+"));
    let made = || {
        let page = site.ask("POST", "/account/token", &cookie, &old).unwrap();
        let text = String::from_utf8(page.body).unwrap();
        let (_, token) = text
            .split_once("<code>")
            .unwrap_or_else(|| panic!("{text}"));
        token.split('<').next().unwrap().to_string()
    };
    let me = |token: &str| {
        let head = format!("a=b\r\nAuthorization: Bearer {token}");
        site.ask("GET", "/api/v1/me", &head, "").unwrap().status
    };
    let (first, second) = (made(), made());
    assert_eq!((me(&first), me(&second)), (401, 200), "one at a time");
    let gone = site.ask("POST", "/account/token/revoke", &cookie, "");
    assert_eq!((gone.unwrap().status, me(&second)), (303, 401));
    let third = made();
    assert_eq!(me(&third), 200);
    let ran = site.given("another horse", &["user", "password", "vera"]);
    assert_eq!((ran.code, me(&third)), (0, 401), "{ran:?}");
}

/// Rule: N21 M31
#[test]
fn the_pages_answer_and_what_they_change_stands_in_the_audit_trail() {
    let site = Site::new(63);
    site.start();
    let ran = site.given(PASSWORD, &["user", "add", "anna", "--role", "administer"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    site.when_up();
    let wrong = site.ask("POST", "/sign-in", "", "name=hunter2&password=x");
    assert_eq!(wrong.unwrap().status, 403);
    let wrong = site.ask("POST", "/sign-in", "", "name=anna&password=x");
    assert_eq!(wrong.unwrap().status, 403);
    let cookie = site.signed_in("anna", PASSWORD);
    let get = |path: &str| site.ask("GET", path, &cookie, "").unwrap();
    let assets: usize = ["/console.css", "/console.js", "/icon.svg"]
        .map(|path| get(path).body.len())
        .iter()
        .sum();
    for language in ["en", "ja"] {
        let cookie = format!("{cookie}; noroshi-language={language}");
        for path in [
            "/", "/alerts", "/licence", "/logs", "/test", "/users", "/account", "/audit", "/about",
        ] {
            let page = site.ask("GET", path, &cookie, "").unwrap();
            assert_eq!(page.status, 200, "{path}: {}", page.text());
            let bytes = page.body.len() + assets;
            assert!(bytes <= PAGE_BYTES_MAX, "{path}: {bytes} bytes");
        }
    }
    let post = |path: &str, form: &str| site.ask("POST", path, &cookie, form).unwrap();
    let both = "password=correct+horse+battery&again=correct+horse+battery";
    let added = post("/users/add", &format!("name=otto&role=operate&{both}"));
    assert_eq!(added.status, 303, "{}", added.text());
    for (path, form, words) in [
        (
            "/users/add",
            format!("name=otto&role=view&{both}"),
            "already",
        ),
        (
            "/users/role",
            "name=anna&role=view".into(),
            "only one who administers",
        ),
        (
            "/users/remove",
            "name=anna".into(),
            "only one who administers",
        ),
        (
            "/users/add",
            "name=eve&password=longenough&again=longenougg".into(),
            "differ",
        ),
        (
            "/account",
            format!("old=wrong+wrong&{both}"),
            "present password is wrong",
        ),
        ("/test/mail", String::new(), "mail address"),
        (
            "/lamp-off",
            "server=server1".into(),
            "network warning lights",
        ),
        ("/shut-down", "cluster=other".into(), "Nothing was stopped"),
        ("/licence/file", "text=nonsense".into(), "licence"),
        (
            "/licence/remove",
            "serial=AAA0000001".into(),
            "no licence is registered",
        ),
    ] {
        let page = post(path, &form);
        assert_eq!(page.status, 422, "{path}: {}", page.text());
        assert!(page.text().contains(words), "{path}: {}", page.text());
    }
    assert!(site.run(&["user", "list"]).out.contains("otto"));
    let archive = get("/logs/archive?server=server1&scope=type3");
    assert_eq!(archive.status, 200, "{}", archive.head);
    assert!(archive.head.contains("server1-") && archive.head.contains("-log.tar.gz\""));
    let archive = site.dir.path().join("archive");
    let page = get("/logs/archive?server=server1&scope=type3");
    fs::write(&archive, unchunked(&page.body)).unwrap();
    let listed = std::process::Command::new("tar")
        .arg("-tzf")
        .arg(&archive)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("audit.log.cur"), "{listed}");
    let own = post("/account", &format!("old=correct+horse+battery&{both}"));
    assert_eq!(own.status, 303, "{}", own.text());
    let cookie = own.cookie();
    let audit = site.ask("GET", "/audit", &cookie, "").unwrap().text();
    let address = "(console, 127.0.0.1)";
    for words in [
        format!("by=&quot;- {address}&quot; result=refused sign-in"),
        format!("by=&quot;anna {address}&quot; result=refused sign-in"),
        format!("by=&quot;anna {address}&quot; result=done sign-in"),
        format!("by=&quot;anna {address}&quot; result=done set="),
        format!("by=&quot;anna {address}&quot; result=refused own-password"),
        format!("by=&quot;anna {address}&quot; result=refused &quot;"),
        "collect-logs server=&quot;server1&quot; scope=type3".into(),
    ] {
        assert!(audit.contains(&words), "{words}: {audit}");
    }
    assert!(audit.contains("noroshi user"), "{audit}");
    for secret in ["hunter2", "horse", "argon2"] {
        assert!(!audit.contains(secret), "{secret}");
    }
}

/// Rule: M21 M22 M23
#[test]
fn licences_are_registered_and_removed_on_their_page() {
    let site = Site::new(65);
    let issuer = tempfile::tempdir().unwrap();
    let issue = |arguments: &[&str]| {
        let mut command = command_in(site.dir.path(), arguments);
        command.current_dir(issuer.path());
        let ran = ran(command, site.dir.path());
        assert_eq!(ran.code, 0, "{ran:?}");
    };
    issue(&["licence", "signer", "new"]);
    issue(&["licence", "issue", "--kind", "product", "--servers", "1"]);
    let public = issuer.path().join("licence-signer.pub");
    fs::copy(public, site.home.etc().join("licence-signer.pub")).unwrap();
    site.start();
    let ran = site.given(PASSWORD, &["user", "add", "anna", "--role", "administer"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    site.when_up();
    let cookie = site.signed_in("anna", PASSWORD);
    let page = || site.ask("GET", "/licence", &cookie, "").unwrap().text();
    assert!(page().contains("not registered"), "{}", page());
    // As a browser sends what was pasted: other ends of lines, the last one missing.
    let file = fs::read_to_string(issuer.path().join("AAA0000001.licence")).unwrap();
    let form: String = file
        .trim_end()
        .replace('\n', "\r\n")
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    let post = |path: &str, form: &str| site.ask("POST", path, &cookie, form).unwrap();
    let registered = post("/licence/file", &format!("text={form}"));
    assert_eq!(registered.status, 303, "{}", registered.text());
    assert!(page().contains("AAA0000001"), "{}", page());
    let listed = site.run(&["clplcnsc", "-l"]);
    assert!(
        listed.out.contains("state             : valid\n"),
        "{listed:?}"
    );
    for (path, form, words) in [
        (
            "/licence/file",
            format!("text={form}"),
            "already registered",
        ),
        (
            "/licence/file",
            format!("text={}", form.replace("%41", "%42")),
            "licence",
        ),
        (
            "/licence/file",
            format!("text={}", "A".repeat(100_000)),
            "4096",
        ),
        (
            "/licence/key",
            "version=1&serial=x&key=y".into(),
            "serial number has",
        ),
        (
            "/licence/key",
            "version=1&serial=AAA0000002&key=y".into(),
            "four groups",
        ),
    ] {
        let page = post(path, &form);
        assert_eq!(page.status, 422, "{path} {form:.40}: {}", page.text());
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    let removed = post("/licence/remove", "serial=AAA0000001");
    assert_eq!(removed.status, 303, "{}", removed.text());
    assert!(page().contains("not registered"), "{}", page());
    let audit = site.ask("GET", "/audit", &cookie, "").unwrap().text();
    for what in ["licence-register", "licence-remove"] {
        let words = format!("result=done {what} serial=&quot;AAA0000001&quot;");
        assert!(audit.contains(&words), "{words}: {audit}");
    }
}

/// Rule: N21 N15
#[test]
fn a_test_mail_is_followed_to_its_end_and_the_cluster_is_shut_down_by_its_name() {
    let site = Site::new(66);
    let conf = fs::read_to_string(site.home.conf()).unwrap();
    let mail = "<mail><address>ops@example.com</address></mail></cluster>";
    let conf = conf.replace("</cluster>", mail);
    let none = "<noroshi><mail><sendmail>/nonexistent/sendmail</sendmail></mail>";
    fs::write(site.home.conf(), conf.replace("<noroshi>", none)).unwrap();
    site.start();
    let ran = site.given(PASSWORD, &["user", "add", "anna", "--role", "administer"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    site.when_up();
    let cookie = site.signed_in("anna", PASSWORD);
    let post = |path: &str, form: &str| site.ask("POST", path, &cookie, form);
    let sent = post("/test/mail", "").unwrap();
    assert_eq!(sent.status, 303, "{}", sent.text());
    let lines = sent.head.lines();
    let to = lines
        .filter_map(|line| line.strip_prefix("location: "))
        .next();
    let to = to.unwrap().to_owned();
    assert!(to.starts_with("/test?alert="), "{to}");
    wait_until("the reason stands on the page", || {
        let page = site.ask("GET", &to, &cookie, "").unwrap().text();
        assert!(page.contains("ops@example.com"), "{page}");
        page.contains("/nonexistent/sendmail")
    });
    // The page ends with the daemon, whether or not the answer still comes.
    let _ = post("/shut-down", "cluster=cluster");
    wait_until("the daemon ends", || !site.home.is_locked());
    let audit = fs::read_to_string(site.home.log().join("audit.log.cur")).unwrap();
    let by = r#"by="anna (console, 127.0.0.1)""#;
    assert!(audit.contains(&format!("{by} result=accepted")), "{audit}");
    let words = format!("{by} result=done stop server=null");
    assert!(audit.contains(&words), "{audit}");
}

/// A body in chunks (RFC 9112 section 7.1) as one.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = std::str::from_utf8(&body[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        let from = end + 2;
        whole.extend_from_slice(&body[from..from + length]);
        body = &body[from + length + 2..];
        if length == 0 {
            break;
        }
    }
    whole
}

/// Its niceness and how much sooner it is ended where memory runs out, of the process of these arguments.
fn standing(site: &Site, command: &str) -> (i32, i32) {
    let dir = site.dir.path().to_str().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let mut found = entries.filter_map(|entry| {
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).ok();
        let line = read("cmdline")?;
        let mut words = line.split('\0');
        if !words.any(|word| word == command) || !words.any(|word| word == dir) {
            return None;
        }
        // The name of a program, in parentheses, may hold spaces (proc(5)); the 19th field is the niceness.
        let stat = read("stat")?;
        let nice = stat.rsplit_once(')')?.1.split_whitespace().nth(16)?;
        let score = read("oom_score_adj")?;
        Some((nice.parse().ok()?, score.trim().parse().ok()?))
    });
    found.next().expect(command)
}

/// Whatever is asked of the console, the alert service has the processor and the memory first; and it does not outlive
/// that.
///
/// Rule: N21
#[test]
fn the_console_gives_way_to_its_daemon_and_ends_with_it() {
    let site = Site::new(64);
    site.start();
    site.when_up();
    let (daemon, console) = (standing(&site, "daemon"), standing(&site, "console"));
    // Where the tests themselves are run with less, nothing is less than the last.
    assert!(
        console.0 > daemon.0 || console.0 == 19,
        "{daemon:?} {console:?}"
    );
    assert!(console.1 > daemon.1, "{daemon:?} {console:?}");
    assert_eq!(site.run(&["clpcl", "-t"]).code, 0);
    wait_until("nobody listens", || {
        TcpStream::connect((site.address.as_str(), PORT)).is_err()
    });
    assert!(!Path::new(&site.home.socket()).exists() || !site.home.is_locked());
}
