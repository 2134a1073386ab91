//! Licences from the issuer's desk to the cluster, by the real commands.

mod common;
mod licence_support;
mod terminal;

use common::*;
use licence_support::*;
use noroshi_conf::licence::{LicenceFile, SigningKey};
use noroshi_core::licence::{Date, Kind, Licence, Memory, Product, Serial};
use noroshi_daemon::home::Home;
use noroshi_daemon::licence::{LicenceError, register};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use terminal::{Terminal, has_tmux};

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
    // No alert service runs here, and there is another server.
    here_only(&desk.run(&register), "Command succeeded\n");
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
    here_only(&desk.run(&["clplcnsc", "-d"]), "Command succeeded\n");
    ended(
        &desk.run(&["clplcnsc", "-d"]),
        20,
        "no licence is registered",
    );
}

/// Done on this server, and the other one is still to hear of it.
fn here_only(ran: &Ran, out: &str) {
    ended(
        ran,
        22,
        "The other servers take it when the service has been started",
    );
    assert_eq!(ran.out, out);
}

/// Rule: M21
#[test]
fn a_cluster_of_one_server_has_nobody_else_to_tell() {
    let desk = Desk::open();
    let conf = std::fs::read_to_string(desk.path("home/etc/clp.conf")).unwrap();
    let (before, rest) = conf.split_once("  <server name=\"server2\">").unwrap();
    let after = rest.split_once("</server>\n").unwrap().1;
    std::fs::write(desk.path("home/etc/clp.conf"), format!("{before}{after}")).unwrap();
    desk.issue(&["--kind", "product", "--servers", "1"]);
    let register = ["clplcnsc", "-i", "AAA0000001.licence", "-p", "ALRT10"];
    assert_eq!(desk.run(&register), done("Command succeeded\n"));
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
    let japanese = ["clplcnsc", "--lang", "ja", "-i", one, "-p", "BASE33"];
    ended(&desk.run(&japanese), 10, "不明な製品です: BASE33");
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

    // A clock that was set back since brings no trial back.
    std::fs::write(desk.path("issuer/over"), trial_of_2098(&desk)).unwrap();
    let home = Home::at(desk.path("home"));
    let seen = Date::new(2098, 12, 1).map(noroshi_daemon::licence::start_of);
    register::update(&home, |store| {
        store.memory = seen.map(|latest| Memory {
            latest,
            warned: None,
        });
        Ok::<_, LicenceError>(())
    })
    .unwrap();
    ended(&register("over"), 13, "its last day was 2098-01-31");
    std::fs::remove_file(desk.path("home/var/licences")).unwrap();

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
    trial_of(desk, 2020)
}

/// One that is not, by the clock of this machine.
fn trial_of_2098(desk: &Desk) -> String {
    trial_of(desk, 2098)
}

fn trial_of(desk: &Desk, year: u16) -> String {
    let key = std::fs::read(desk.path("issuer/licence-signer.key")).unwrap();
    let key = SigningKey::parse(&key).unwrap();
    let licence = Licence {
        product: Product::AlertService,
        kind: Kind::Trial,
        serial: Serial::parse("AAB0000001").unwrap(),
        servers: 2,
        issued: Date::new(2020, 1, 1).unwrap(),
        from: None,
        until: Date::new(year, 1, 31),
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
    // The checkout may be closed to others; a copy of the program is not.
    let program = desk.path("clplcnsc");
    program_at(&program);
    let mut command = Command::new(program);
    command
        .arg("-l")
        .env_clear()
        .env("NOROSHI_HOME", desk.path("home"));
    command.stdin(Stdio::null()).uid(65_534);
    ended(&ran(command, desk.dir.path()), 4, "only root");
}

/// Rule: M21 N20
#[test]
fn the_command_goes_by_its_own_name_and_explains_its_ends() {
    let desk = Desk::open();
    let link = desk.path("clplcnsc");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_noroshi"), &link).unwrap();
    let mut help = Command::new(link);
    help.arg("--help").env_clear().stdin(Stdio::null());
    let help = ran(help, desk.dir.path());
    assert_eq!(help.code, 0, "{help:?}");
    for words in [
        "-i [<FILE>]",
        "-d [<SERIAL>]",
        "-p <PRODUCT-ID>",
        "\n  17  registered, but",
    ] {
        assert!(help.out.contains(words), "{words}: {}", help.out);
    }
    // Other commands are not burdened with them.
    assert!(!desk.run(&["clpstat", "--help"]).out.contains("\n  17  "));
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
    here_only(&registered, &format!("{QUESTIONS}Command succeeded\n"));
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
    if !has_tmux() {
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
    let terminal = Terminal::open(desk.dir.path(), "200", "50");
    terminal.line(&format!(
        "NOROSHI_SERVER=server1 NOROSHI_HOME={} {} --lang en clplcnsc -i -p ALRT10; echo ended:$?",
        desk.path("home").display(),
        env!("CARGO_BIN_EXE_noroshi")
    ));
    terminal.wait_for("Select the license version [1 or 2]...");
    terminal.line("5");
    terminal.wait_for("answer 1 or 2");
    terminal.line("2");
    terminal.wait_for("Enter serial number [ Ex. XXX0000000] ...");
    terminal.line(&serial);
    terminal.wait_for(" [XXXXXXXX- XXXXXXXX- XXXXXXXX- XXXXXXXX] ...");
    terminal.line(&key);
    terminal.wait_for("ended:22");
    let screen = terminal.screen();
    let asked = format!(
        "Select the license version [1 or 2]...2\nEnter serial number [ Ex. XXX0000000] ...{serial}\n\
         Enter license key\n [XXXXXXXX- XXXXXXXX- XXXXXXXX- XXXXXXXX] ...{key}\nCommand succeeded\n"
    );
    assert!(screen.contains(&asked), "{screen}");
}
