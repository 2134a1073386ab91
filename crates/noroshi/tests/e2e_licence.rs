//! Licences on real processes: registered on one server, in force on all (rules M9 M21 M24 M25).

mod e2e;

use e2e::*;
use noroshi_conf::licence::{Evidence, LicenceFile, SigningKey};
use noroshi_core::licence::{Date, Kind, Licence, Product, Serial};
use std::fs;

fn signer() -> SigningKey {
    SigningKey::from_random([7; 32])
}

/// A cluster whose servers trust a signer and have no licence.
fn unlicensed() -> Cluster {
    let cluster = plan().prepare().unwrap();
    for server in 0..3 {
        let path = cluster.home(server).licence_signer();
        fs::write(path, signer().to_public_pem()).unwrap();
    }
    cluster
}

/// Writes a licence file for three servers, and answers its path.
fn file(cluster: &Cluster, number: u32) -> String {
    let licence = Licence {
        product: Product::AlertService,
        kind: Kind::Product,
        serial: Serial::parse(&format!("AAA{number:07}")).unwrap(),
        servers: 3,
        issued: Date::new(2026, 1, 1).unwrap(),
        from: None,
        until: None,
    };
    let evidence = Evidence::File(LicenceFile::issue(licence, &signer()));
    let Evidence::File(file) = evidence else {
        unreachable!("it was made a file above");
    };
    let path = cluster.home(0).etc().join(format!("{number}.licence"));
    fs::write(&path, file.to_text()).unwrap();
    path.display().to_string()
}

/// Exit code, standard output and standard error of a command on a server.
fn run(cluster: &Cluster, server: usize, arguments: &[&str]) -> (i32, String, String) {
    let name = format!("sv{}", server + 1);
    let mut command = cluster.launch(server).command(arguments);
    let output = command.env("NOROSHI_SERVER", name).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn register(cluster: &Cluster, server: usize, file: &str) -> (i32, String, String) {
    run(cluster, server, &["clplcnsc", "-i", file, "-p", "ALRT10"])
}

fn listed(cluster: &Cluster, server: usize) -> String {
    run(cluster, server, &["clplcnsc", "-l"]).1
}

/// What the daemon of a server says of its licences.
fn wait_licence(cluster: &Cluster, server: usize, notices: bool) {
    let what = format!("notices of sv{} are {notices}", server + 1);
    until(SOON, &what, || {
        let status = cluster.status(server).map_err(|error| error.to_string())?;
        match &status.licence {
            Some(licence) if licence.notices == notices => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .unwrap();
}

/// Rule: M9 M21 M25
#[test]
fn a_licence_on_one_server_switches_the_whole_cluster_on() {
    let mut cluster = unlicensed();
    // The first two start; the third is away.
    cluster.start(0).unwrap();
    cluster.start(1).unwrap();
    for server in 0..2 {
        let said = cluster.wait_message(server, "mail", 1, SOON).unwrap();
        assert_eq!(
            said.text,
            "The license is not registered. (noroshi Alert Service)"
        );
        wait_licence(&cluster, server, false);
    }
    let raise = ["clplogcmd", "-m", "nobody is told", "--mail", "--alert"];
    cluster.command(0, &raise).unwrap();
    let ended = cluster.wait_alert(0, SOON, |line| {
        let mut mails = line.notices.iter();
        line.text == "nobody is told"
            && mails.any(|notice| {
                notice.state == NoticeState::Dropped
                    && notice.reason.contains("license is not registered")
            })
    });
    ended.unwrap();
    let (code, _, err) = run(&cluster, 0, &["test", "mail"]);
    assert!(code == 4 && err.contains("not registered"), "{err}");
    let (_, status, _) = run(&cluster, 1, &["status"]);
    assert!(status.contains("NO VALID LICENCE"), "{status}");
    let (_, json, _) = run(&cluster, 1, &["status", "--json"]);
    assert!(
        json.contains(r#""licence":{"notices":false,"message":1"#),
        "{json}"
    );
    assert!(cluster.mails().is_empty());
    assert!(cluster.outside().received(0).is_empty(), "a lamp was told");

    let first = file(&cluster, 1);
    let (code, out, err) = register(&cluster, 1, &first);
    assert_eq!((code, out.as_str()), (22, "Command succeeded\n"), "{err}");
    assert!(
        err.contains("this server and sv1; not reached: sv3"),
        "{err}"
    );
    for server in 0..2 {
        wait_licence(&cluster, server, true);
        cluster.wait_message(server, "lcns", 1001, SOON).unwrap();
        assert!(listed(&cluster, server).contains("registered on   : sv2"));
    }
    // One mail says that something was not sent, and what was not sent stays unsent.
    let mail = cluster.wait_mail(SOON, |mail| mail.body.contains("were not sent: 1"));
    mail.unwrap();
    flush(&cluster, 0);
    assert_eq!(mails_saying(&cluster, "nobody is told"), 0);

    // The third takes it when it comes, and lights its lamp.
    cluster.start(2).unwrap();
    wait_licence(&cluster, 2, true);
    cluster.wait_all_up(SOON).unwrap();
    cluster.wait_lamp(2, Look::GREEN, SOON).unwrap();
    assert!(listed(&cluster, 2).contains("AAA0000001"));

    // With all there a second one reaches all; removed on another server it is gone everywhere.
    let second = file(&cluster, 2);
    let registered = register(&cluster, 0, &second);
    assert_eq!(registered, (0, "Command succeeded\n".into(), String::new()));
    for server in 0..3 {
        assert!(listed(&cluster, server).contains("AAA0000002"));
    }
    let again = register(&cluster, 2, &second);
    assert_eq!(again.0, 15, "{again:?}");
    let removed = run(&cluster, 2, &["clplcnsc", "-d", "AAA0000002"]);
    assert_eq!(removed, (0, "Command succeeded\n".into(), String::new()));
    for server in 0..3 {
        assert!(!listed(&cluster, server).contains("AAA0000002"));
    }
}

/// Removed while a server was away, and registered where no daemon runs.
///
/// Rule: M21 M25
#[test]
fn what_was_done_while_servers_were_away_reaches_them_when_they_return() {
    let mut cluster = unlicensed();
    let (first, second) = (file(&cluster, 1), file(&cluster, 2));
    let (code, out, err) = register(&cluster, 0, &first);
    assert_eq!((code, out.as_str()), (22, "Command succeeded\n"), "{err}");
    assert!(
        err.contains("the alert service is not running here"),
        "{err}"
    );
    cluster.start_all().unwrap();
    for server in 0..3 {
        wait_licence(&cluster, server, true);
    }
    cluster.kill(2).unwrap();
    let (code, _, err) = register(&cluster, 0, &second);
    assert_eq!(code, 22, "{err}");
    assert!(err.contains("not reached: sv3"), "{err}");
    let (code, _, err) = run(&cluster, 1, &["clplcnsc", "-d", "AAA0000001"]);
    assert_eq!(code, 22, "{err}");
    cluster.start(2).unwrap();
    until(SOON, "sv3 has heard of both", || {
        let list = listed(&cluster, 2);
        match (list.contains("AAA0000001"), list.contains("AAA0000002")) {
            (false, true) => Ok(()),
            _ => Err(list),
        }
    })
    .unwrap();
    assert!(!listed(&cluster, 0).contains("AAA0000001"));
    wait_licence(&cluster, 2, true);
}

/// A signer's key that is put in its place on a running server.
///
/// Rule: M25 N16
#[test]
fn a_signers_key_that_is_installed_or_taken_away_is_seen_at_sighup() {
    let mut cluster = plan().start().unwrap();
    assert_eq!(cluster.status(0).unwrap().licence, None);
    let key = cluster.home(0).licence_signer();
    fs::write(&key, signer().to_public_pem()).unwrap();
    cluster.daemon(0).reload().unwrap();
    cluster.wait_message(0, "mail", 1, SOON).unwrap();
    wait_licence(&cluster, 0, false);
    // What is lit stays as it is.
    assert_eq!(cluster.look(0).unwrap(), Look::GREEN);
    fs::write(&key, "no key").unwrap();
    cluster.daemon(0).reload().unwrap();
    cluster.wait_message(0, "mail", 4, SOON).unwrap();
    fs::remove_file(&key).unwrap();
    cluster.daemon(0).reload().unwrap();
    until(SOON, "no licence is needed", || {
        let status = cluster.status(0).map_err(|error| error.to_string())?;
        status.licence.map_or(Ok(()), |one| Err(format!("{one:?}")))
    })
    .unwrap();
    flush(&cluster, 0);
}

/// One sheet's key, typed on two servers that did not hear each other.
///
/// Rule: M24
#[test]
fn a_key_that_was_typed_on_two_servers_counts_once_and_is_told() {
    use noroshi_conf::licence::{IssuedKey, SheetKey, Store};
    let mut cluster = unlicensed();
    let licence = Licence {
        product: Product::AlertService,
        kind: Kind::Product,
        serial: Serial::FIRST,
        servers: 2,
        issued: Date::new(2026, 1, 1).unwrap(),
        from: None,
        until: None,
    };
    let key = IssuedKey::issue(&SheetKey::from_random([9; 32]), licence, &signer());
    for (server, name) in [(0, "sv1"), (1, "sv2")] {
        let mut store = Store::default();
        store.add(name, Evidence::Key(key.clone()));
        fs::create_dir_all(cluster.home(server).var()).unwrap();
        fs::write(cluster.home(server).licences(), store.to_text()).unwrap();
    }
    for server in 0..3 {
        cluster.start(server).unwrap();
    }
    for server in 0..3 {
        let said = cluster.wait_message(server, "lcns", 1003, SOON).unwrap();
        assert!(said.text.contains("sv1, sv2"), "{}", said.text);
        cluster.wait_message(server, "mail", 3, SOON).unwrap();
    }
    assert!(listed(&cluster, 2).contains("registered on several servers"));
    let (code, _, err) = run(&cluster, 2, &["test", "mail"]);
    assert!(code == 4 && err.contains("license is invalid"), "{err}");
}

/// A register that cannot be read is not replaced, and whoever registers hears that it was not
/// reached. It takes the three seconds that `clplcnsc` waits for that server's word.
///
/// Rule: M21 M25
#[test]
fn a_damaged_register_is_told_as_unknown_and_stays_as_it_is() {
    let mut cluster = unlicensed();
    let torn = cluster.home(2).licences();
    fs::create_dir_all(cluster.home(2).var()).unwrap();
    fs::write(&torn, "torn").unwrap();
    for server in 0..3 {
        cluster.start(server).unwrap();
    }
    cluster.wait_all_up(SOON).unwrap();
    let said = cluster.wait_message(2, "mail", 4, SOON).unwrap();
    assert_eq!(
        said.text,
        "The registered license is unknown. (noroshi Alert Service)"
    );
    let (code, _, err) = register(&cluster, 0, &file(&cluster, 1));
    assert_eq!(code, 22, "{err}");
    assert!(err.contains("sv2; not reached: sv3"), "{err}");
    assert_eq!(fs::read(&torn).unwrap(), b"torn");
    wait_licence(&cluster, 1, true);
    wait_licence(&cluster, 2, false);
    // The others send for it, and its status says so.
    let raise = ["clplogcmd", "-m", "from the torn one", "--mail", "--alert"];
    cluster.command(2, &raise).unwrap();
    let mail = cluster.wait_mail(SOON, |mail| mail.body.contains("from the torn one"));
    mail.unwrap();
    let (_, status, _) = run(&cluster, 2, &["status"]);
    let words = "sv1 sends mails and tells warning lights in its stead";
    assert!(status.contains(words), "{status}");
    // Taken away, the others' registrations come with the next link or word.
    fs::remove_file(&torn).unwrap();
    cluster.kill(2).unwrap();
    cluster.start(2).unwrap();
    wait_licence(&cluster, 2, true);
    assert!(listed(&cluster, 2).contains("AAA0000001"));
}
