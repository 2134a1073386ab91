//! Licences from the issuer's desk to the cluster, by the real commands.

mod common;

use common::*;
use noroshi_conf::licence::{LicenceFile, SigningKey};
use noroshi_core::licence::{Date, Kind, Licence, Product, Serial};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// An issuer with a signer, and a customer's server of a cluster of two.
struct Desk {
    dir: tempfile::TempDir,
}

const CONF: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <cluster><name>shop</name></cluster>
  <heartbeat><lanhb name="lanhb1"><priority>0</priority><device>0</device></lanhb></heartbeat>
  <server name="server1"><priority>0</priority>
    <device id="0"><type>lan</type><info>10.0.0.1</info></device>
  </server>
  <server name="server2"><priority>1</priority>
    <device id="0"><type>lan</type><info>10.0.0.2</info></device>
  </server>
</root>
"#;

impl Desk {
    fn open() -> Desk {
        let desk = Desk {
            dir: tempfile::tempdir().unwrap(),
        };
        for place in ["issuer", "home/etc"] {
            std::fs::create_dir_all(desk.path(place)).unwrap();
        }
        std::fs::write(desk.path("home/etc/clp.conf"), CONF).unwrap();
        let made = desk.licence(&["signer", "new"]);
        assert_eq!(made.code, 0, "{made:?}");
        desk.give("licence-signer.pub");
        desk
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Copies one of the issuer's files to the server.
    fn give(&self, name: &str) {
        let to = self.path("home/etc").join(name);
        std::fs::copy(self.path("issuer").join(name), to).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command_in(&self.path("home"), arguments);
        command.current_dir(self.path("issuer"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments), self.dir.path())
    }

    fn licence(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["licence"], arguments].concat())
    }

    fn issue(&self, arguments: &[&str]) {
        let issued = self.licence(&[&["issue"], arguments].concat());
        assert_eq!(issued.code, 0, "{issued:?}");
    }

    /// `clplcnsc -i` with the answers on a pipe.
    fn ask(&self, answers: &str) -> Ran {
        let input = self.path("answers");
        std::fs::write(&input, answers).unwrap();
        let mut command = self.command(&["clplcnsc", "-i", "-p", "ALRT10"]);
        command.stdin(std::fs::File::open(input).unwrap());
        ran(command, self.dir.path())
    }

    /// Serial number and key of a sheet.
    fn sheet(&self, name: &str) -> (String, String) {
        let text = std::fs::read_to_string(self.path("issuer").join(name)).unwrap();
        let field = |field: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(field));
            line.unwrap().to_owned()
        };
        (field("serial number: "), field("licence key: "))
    }

    fn mode(&self, below: &str) -> u32 {
        let place = std::fs::metadata(self.path(below)).unwrap();
        place.permissions().mode() & 0o777
    }
}

fn ended(ran: &Ran, code: i32, words: &str) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.err.contains(words), "{words}: {ran:?}");
}

/// Rule: N16
#[test]
fn a_signers_private_key_is_closed_and_never_replaced() {
    let desk = Desk::open();
    assert_eq!(desk.mode("issuer/licence-signer.key"), 0o600);
    ended(
        &desk.licence(&["signer", "new"]),
        1,
        "there is a key already",
    );
    let key = desk.path("issuer/licence-signer.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let issue = ["issue", "--kind", "product", "--servers", "2"];
    ended(&desk.licence(&issue), 4, "others can reach the private key");
}

/// Our signatures and keys, judged by somebody else's program.
///
/// Rule: N16
#[test]
fn openssl_verifies_a_licence_and_a_line_of_the_list() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(
            std::env::var_os("NOROSHI_REQUIRE_ALL").is_none(),
            "openssl is not installed"
        );
        eprintln!("skipped: openssl is not installed");
        return;
    }
    let desk = Desk::open();
    desk.issue(&["--kind", "product", "--servers", "2"]);
    desk.issue(&["--kind", "product", "--servers", "2", "--sheet"]);
    let text = std::fs::read_to_string(desk.path("issuer/AAA0000001.licence")).unwrap();
    let (signed, signature) = text.split_once("signature: ").unwrap();
    assert!(openssl(&desk, signed, signature));
    assert!(!openssl(
        &desk,
        &signed.replace("servers: 2", "servers: 3"),
        signature
    ));
    let list = std::fs::read_to_string(desk.path("issuer/licence-keys")).unwrap();
    let (facts, signature) = list.lines().nth(1).unwrap().rsplit_once(' ').unwrap();
    assert!(openssl(
        &desk,
        &format!("noroshi issued key 1\n{facts}\n"),
        signature
    ));
    // openssl reads our private key, and finds the same public one.
    let key = desk.path("issuer/licence-signer.key");
    let public = Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(key)
        .output()
        .unwrap();
    let ours = std::fs::read_to_string(desk.path("issuer/licence-signer.pub")).unwrap();
    let public = String::from_utf8(public.stdout).unwrap();
    assert!(!public.is_empty() && ours.ends_with(&public), "{public}");
}

fn openssl(desk: &Desk, signed: &str, signature: &str) -> bool {
    std::fs::write(desk.path("signed"), signed).unwrap();
    std::fs::write(
        desk.path("signature.b64"),
        format!("{}\n", signature.trim()),
    )
    .unwrap();
    let decoded = Command::new("openssl")
        .args(["base64", "-d", "-A", "-in"])
        .arg(desk.path("signature.b64"))
        .output()
        .unwrap();
    std::fs::write(desk.path("signature"), decoded.stdout).unwrap();
    let verified = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"])
        .arg(desk.path("issuer/licence-signer.pub"))
        .arg("-in")
        .arg(desk.path("signed"))
        .arg("-sigfile")
        .arg(desk.path("signature"))
        .output()
        .unwrap();
    verified.status.success()
}

/// Rule: N16
#[test]
fn ten_thousand_sheets_come_in_one_call_with_serial_numbers_in_a_row() {
    let desk = Desk::open();
    desk.issue(&[
        "--kind",
        "product",
        "--servers",
        "1",
        "--sheet",
        "--count",
        "10000",
    ]);
    let sheets = "issuer/sheets-AAA0000001-AAA0010000";
    assert_eq!(desk.mode(sheets), 0o700);
    assert_eq!(desk.mode(&format!("{sheets}/AAA0005000.sheet")), 0o600);
    assert_eq!(
        std::fs::read_dir(desk.path(sheets)).unwrap().count(),
        10_000
    );
    let list = std::fs::read_to_string(desk.path("issuer/licence-keys")).unwrap();
    assert_eq!(list.lines().count(), 10_001);
    let (_, key) = desk.sheet("sheets-AAA0000001-AAA0010000/AAA0010000.sheet");
    assert!(!list.contains(&key[..8]));
    desk.issue(&["--kind", "product", "--servers", "1", "--sheet"]);
    assert_eq!(desk.sheet("AAA0010001.sheet").0, "AAA0010001");
    let again = [
        "issue",
        "--kind",
        "product",
        "--servers",
        "1",
        "--serial",
        "AAA0000007",
    ];
    ended(&desk.licence(&again), 1, "were given out already");
}

/// Rule: N16
#[test]
fn days_that_make_no_sense_are_refused() {
    let desk = Desk::open();
    for (arguments, words) in [
        (&["--kind", "trial"][..], "need their last day"),
        (
            &["--kind", "product", "--until", "2099-12-31"],
            "does not end",
        ),
        (
            &[
                "--kind",
                "term",
                "--from",
                "2099-12-31",
                "--until",
                "2099-12-30",
            ],
            "before the first",
        ),
        (&["--kind", "term", "--until", "2001-01-01"], "over already"),
        (
            &["--kind", "term", "--until", "2099-02-29"],
            "a day such as",
        ),
    ] {
        let refused = desk.licence(&[&["issue", "--servers", "2"], arguments].concat());
        ended(&refused, 2, words);
    }
    assert!(!desk.path("issuer/licence-serial").exists());
}

/// Rule: N16
#[test]
fn verify_tells_the_genuine_from_the_rest() {
    let desk = Desk::open();
    desk.issue(&["--kind", "trial", "--servers", "2", "--until", "2099-12-31"]);
    desk.issue(&["--kind", "product", "--servers", "2", "--sheet"]);
    desk.give("licence-keys");
    for (file, words) in [
        ("AAA0000001.licence", "last day: 2099-12-31\ngenuine\n"),
        ("AAA0000002.sheet", "serial number: AAA0000002\n"),
        ("licence-keys", "genuine: issued keys: 1\n"),
    ] {
        let told = desk.licence(&["verify", file]);
        assert!(told.code == 0 && told.out.contains(words), "{told:?}");
    }
    let change = |file: &str, from: &str, to: &str| {
        let path = desk.path("issuer").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace(from, to)).unwrap();
    };
    change("AAA0000001.licence", "servers: 2", "servers: 9");
    change("AAA0000002.sheet", "servers: 2", "servers: 9");
    change("licence-keys", " 2 2", " 9 2");
    ended(
        &desk.licence(&["verify", "AAA0000001.licence"]),
        12,
        "wrong signature",
    );
    ended(
        &desk.licence(&["verify", "AAA0000002.sheet"]),
        19,
        "the sheet was changed",
    );
    ended(
        &desk.licence(&["verify", "licence-keys"]),
        12,
        "wrong signature",
    );
    ended(
        &desk.licence(&["verify", "licence-signer.pub"]),
        11,
        "licence-signer.pub:1: ",
    );
    ended(&desk.licence(&["verify", "nowhere"]), 5, "nowhere");
}

/// Rule: M21 M23
#[test]
fn a_licence_file_is_registered_listed_and_removed() {
    let desk = Desk::open();
    desk.issue(&["--kind", "product", "--servers", "2"]);
    let list = desk.run(&["clplcnsc", "-l", "-p", "ALRT10"]);
    assert!(
        list.out.contains("state             : not registered\n"),
        "{list:?}"
    );
    let register = ["clplcnsc", "-i", "AAA0000001.licence", "-p", "ALRT10"];
    assert_eq!(desk.run(&register), done("Command succeeded\n"));
    assert_eq!(desk.mode("home/var/licences"), 0o600);
    let expected = concat!(
        "product name      : noroshi Alert Service\n",
        "product id        : ALRT10\n",
        "state             : valid\n",
        "\n",
        "serial number     : AAA0000001\n",
        "  kind            : product version\n",
        "  servers         : 2\n",
        "  valid until     : -\n",
        "  registered on   : server1\n",
        "  state           : valid\n",
    );
    assert_eq!(desk.run(&["clplcnsc", "-l"]), done(expected));
    let json = desk.run(&["clplcnsc", "-l", "--json"]).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["state"], &json["licences"][0]["serial"]),
        (&"valid".into(), &"AAA0000001".into())
    );
    let japanese = desk.run(&["clplcnsc", "-l", "--lang", "ja"]).out;
    assert!(
        japanese.contains("状態              : 有効\n"),
        "{japanese}"
    );
    ended(&desk.run(&register), 15, "already registered");
    assert_eq!(desk.run(&["clplcnsc", "-d"]), done("Command succeeded\n"));
    ended(
        &desk.run(&["clplcnsc", "-d"]),
        20,
        "no licence is registered",
    );
}

/// Rule: M21
#[test]
fn every_end_of_a_registration_has_its_words_and_its_code() {
    let desk = Desk::open();
    desk.issue(&["--kind", "product", "--servers", "1"]);
    desk.issue(&[
        "--kind",
        "term",
        "--servers",
        "2",
        "--from",
        "2098-01-01",
        "--until",
        "2099-12-31",
    ]);
    let register = |file: &str| desk.run(&["clplcnsc", "-i", file, "-p", "ALRT10"]);
    let one = "AAA0000001.licence";
    ended(
        &desk.run(&["clplcnsc", "-i", one, "-p", "alrt10"]),
        10,
        "unknown product: alrt10",
    );
    ended(&desk.run(&["clplcnsc", "-i", one]), 2, "-p");
    ended(&desk.run(&["clplcnsc"]), 2, "");
    ended(&register("nowhere"), 5, "nowhere");
    ended(
        &register("licence-signer.pub"),
        11,
        "licence-signer.pub:1: ",
    );
    let forge = |from: &str, to: &str| {
        let text = std::fs::read_to_string(desk.path("issuer").join(one)).unwrap();
        std::fs::write(desk.path("issuer/forged"), text.replace(from, to)).unwrap();
    };
    forge("servers: 1", "servers: 2");
    ended(&register("forged"), 12, "wrong signature");
    forge("ALRT10", "REPL33");
    ended(&register("forged"), 10, "unknown product");
    std::fs::write(desk.path("issuer/over"), expired(&desk)).unwrap();
    ended(&register("over"), 13, "its last day was 2020-01-31");
    assert!(!desk.path("home/var/licences").exists());

    let few = register(one);
    ended(&few, 17, "cover 1 of 2 servers");
    assert_eq!(few.out, "Command succeeded\n");
    let later = register("AAA0000002.licence");
    ended(&later, 14, "begins on 2098-01-01");
    assert_eq!(later.out, "Command succeeded\n");
    ended(&desk.run(&["clplcnsc", "-d"]), 2, "AAA0000001, AAA0000002");
    ended(
        &desk.run(&["clplcnsc", "-d", "ZZZ0000001"]),
        20,
        "ZZZ0000001",
    );

    std::fs::write(desk.path("home/var/licences"), "torn").unwrap();
    ended(&register(one), 1, "var/licences:1: ");
    assert_eq!(
        std::fs::read(desk.path("home/var/licences")).unwrap(),
        b"torn"
    );
    std::fs::remove_file(desk.path("home/etc/clp.conf")).unwrap();
    ended(&register(one), 18, "the cluster has not been created");
}

/// A licence that was over long ago, which the command would not issue.
fn expired(desk: &Desk) -> String {
    let key = std::fs::read(desk.path("issuer/licence-signer.key")).unwrap();
    let key = SigningKey::parse(&key).unwrap();
    let licence = Licence {
        product: Product::AlertService,
        kind: Kind::Trial,
        serial: Serial::parse("AAB0000001").unwrap(),
        servers: 2,
        issued: Date::new(2020, 1, 1).unwrap(),
        from: None,
        until: Date::new(2020, 1, 31),
    };
    LicenceFile::issue(licence, &key).to_text()
}

/// Rule: N16
#[test]
fn a_build_without_a_signers_key_says_that_it_needs_no_licence() {
    let desk = Desk::open();
    std::fs::remove_file(desk.path("home/etc/licence-signer.pub")).unwrap();
    let list = desk.run(&["clplcnsc", "-l"]);
    assert!(
        list.out
            .contains("state             : this build needs no licence\n"),
        "{list:?}"
    );
    desk.issue(&["--kind", "product", "--servers", "2"]);
    let register = ["clplcnsc", "-i", "AAA0000001.licence", "-p", "ALRT10"];
    ended(&desk.run(&register), 21, "needs no licence");
}

/// Rule: M21
#[test]
fn only_root_and_the_services_user_register() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can become somebody else");
        return;
    }
    use std::os::unix::process::CommandExt;
    let desk = Desk::open();
    std::fs::set_permissions(desk.dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = desk.command(&["clplcnsc", "-l"]);
    // The checkout may be closed to others; a copy of the program is not.
    let program = desk.path("clplcnsc");
    std::fs::copy(command.get_program(), &program).unwrap();
    command = {
        let mut open = Command::new(program);
        open.arg("-l")
            .env_clear()
            .env("NOROSHI_HOME", desk.path("home"));
        open.stdin(Stdio::null()).uid(65_534);
        open
    };
    ended(&ran(command, desk.dir.path()), 4, "only root");
}

/// The questions are the manual's: do not edit.
const QUESTIONS: &str = concat!(
    "Software license\n",
    " 1 Product version\n",
    " 2 Trial version\n",
    "Select the license version [1 or 2]...\n",
    "Enter serial number [ Ex. XXX0000000] ...\n",
    "Enter license key\n",
    " [XXXXXXXX- XXXXXXXX- XXXXXXXX- XXXXXXXX] ...\n",
);

/// Rule: M22 M24
#[test]
fn the_dialogue_on_a_pipe_asks_as_the_manual_shows() {
    let desk = Desk::open();
    ended(&desk.ask(""), 5, "the list of issued keys is missing");
    desk.issue(&["--kind", "product", "--servers", "2", "--sheet"]);
    desk.issue(&[
        "--kind",
        "trial",
        "--servers",
        "2",
        "--until",
        "2099-12-31",
        "--sheet",
    ]);
    desk.give("licence-keys");
    let (serial, key) = desk.sheet("AAA0000001.sheet");
    for (answers, code, words) in [
        (String::new(), 2, "the input ended"),
        ("3\n".into(), 2, "answer 1 or 2"),
        (
            format!("1\n{}\n{key}\n", serial.to_lowercase()),
            2,
            "letter case matters",
        ),
        (
            format!("1\n{serial}\n{}\n", key.to_uppercase()),
            2,
            "Nothing was registered",
        ),
        (
            format!("2\n{serial}\n{key}\n"),
            19,
            "no such serial number and key",
        ),
        (
            format!("1\nAAA0000002\n{key}\n"),
            19,
            "no such serial number and key",
        ),
    ] {
        let refused = desk.ask(&answers);
        ended(&refused, code, words);
        assert!(!refused.err.contains(&key[..8]) && !refused.out.contains(&key[..8]));
    }
    let answers = format!("1\n{serial}\n{key}\n");
    let registered = desk.ask(&answers);
    assert_eq!(registered, done(&format!("{QUESTIONS}Command succeeded\n")));
    let kept = std::fs::read_to_string(desk.path("home/var/licences")).unwrap();
    assert!(kept.contains(&serial) && !kept.contains(&key[..8]));
    ended(&desk.ask(&answers), 15, "already registered");
    // As if another server had registered it.
    let others = kept.replace("by: server1", "by: server2");
    std::fs::write(desk.path("home/var/licences"), others).unwrap();
    ended(
        &desk.ask(&answers),
        16,
        "registered on another server: server2",
    );
    let both = kept.replace("by: server1", "by: server1 server2");
    std::fs::write(desk.path("home/var/licences"), both).unwrap();
    let list = desk.run(&["clplcnsc", "-l"]).out;
    assert!(
        list.contains("this key was registered on several servers"),
        "{list}"
    );
}

/// Rule: M22
#[test]
fn the_dialogue_on_a_terminal_asks_again() {
    if Command::new("tmux").arg("-V").output().is_err() {
        assert!(
            std::env::var_os("NOROSHI_REQUIRE_ALL").is_none(),
            "tmux is not installed"
        );
        eprintln!("skipped: tmux is not installed");
        return;
    }
    let desk = Desk::open();
    desk.issue(&[
        "--kind",
        "trial",
        "--servers",
        "2",
        "--until",
        "2099-12-31",
        "--sheet",
    ]);
    desk.give("licence-keys");
    let (serial, key) = desk.sheet("AAA0000001.sheet");
    let terminal = Terminal::open(desk.dir.path());
    terminal.keys(&format!(
        "NOROSHI_SERVER=server1 NOROSHI_HOME={} {} --lang en clplcnsc -i -p ALRT10; echo ended:$?",
        desk.path("home").display(),
        env!("CARGO_BIN_EXE_noroshi")
    ));
    terminal.wait_for("Select the license version [1 or 2]...");
    terminal.keys("5");
    terminal.wait_for("answer 1 or 2");
    terminal.keys("2");
    terminal.wait_for("Enter serial number [ Ex. XXX0000000] ...");
    terminal.keys(&serial);
    terminal.wait_for(" [XXXXXXXX- XXXXXXXX- XXXXXXXX- XXXXXXXX] ...");
    terminal.keys(&key);
    terminal.wait_for("ended:0");
    let screen = terminal.screen();
    let asked = format!(
        "Select the license version [1 or 2]...2\nEnter serial number [ Ex. XXX0000000] ...{serial}\n\
         Enter license key\n [XXXXXXXX- XXXXXXXX- XXXXXXXX- XXXXXXXX] ...{key}\nCommand succeeded\n"
    );
    assert!(screen.contains(&asked), "{screen}");
}

/// A terminal of its own; ended when dropped.
struct Terminal<'t> {
    tmp: &'t Path,
}

impl<'t> Terminal<'t> {
    fn open(tmp: &'t Path) -> Terminal<'t> {
        let terminal = Terminal { tmp };
        assert!(
            terminal
                .tmux(&["new-session", "-d", "-x", "200", "-y", "50", "sh"])
                .is_some()
        );
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("tmux")
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(self.tmp.join("tmux"))
            .args(arguments)
            .env_remove("TMUX")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    fn keys(&self, text: &str) {
        assert!(self.tmux(&["send-keys", "-l", text]).is_some());
        assert!(self.tmux(&["send-keys", "Enter"]).is_some());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).unwrap_or_default()
    }

    fn wait_for(&self, words: &str) {
        let end = Instant::now() + Duration::from_secs(30);
        while !self.screen().contains(words) {
            assert!(
                Instant::now() < end,
                "{words:?} on the screen:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
