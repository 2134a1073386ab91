//! Sets on a real disk.

use super::*;
use crate::home::key::random_key;
use noroshi_conf::set::{Part, Report};
use std::collections::BTreeMap;

fn home() -> (tempfile::TempDir, Sets) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    home.prepare().unwrap();
    fs::create_dir(home.etc()).unwrap();
    home.write_key(&random_key().unwrap(), false).unwrap();
    (dir, Sets::new(home, "sv1".into()))
}

fn conf(subject: &str) -> String {
    format!(
        "<root><cluster><name>c</name><mail><address>ops@example.com</address>\
         <subject>{subject}</subject></mail></cluster>\
         <server name='sv1'><priority>0</priority>\
         <device id='0'><type>lan</type><info>10.0.0.1</info></device></server></root>"
    )
}

fn packed(conf: &str) -> Vec<u8> {
    let mut bundle = Bundle::default();
    bundle.add(CONF, conf.as_bytes().to_vec()).unwrap();
    bundle
        .add("scripts/a/start.sh", b"#!/bin/sh\n".to_vec())
        .unwrap();
    let report = Report {
        saved: "2026-04-01T09:00:00Z".into(),
        by: "root".into(),
        server: "sv1".into(),
        parts: bundle.parts(),
    };
    bundle.add(REPORT, report.text().into_bytes()).unwrap();
    bundle.pack()
}

fn push(sets: &Sets, number: u64, subject: &str) -> SetLabel {
    let digest = sets.stage(&packed(&conf(subject))).unwrap();
    let label = SetLabel {
        number,
        digest,
        ..SetLabel::default()
    };
    let config = sets.adopt(&label).unwrap();
    assert_eq!(config.mail.subject, subject);
    label
}

/// Rule: M27 N17
#[test]
fn a_set_is_put_in_force_whole_and_the_former_file_is_kept() {
    let (_dir, sets) = home();
    fs::write(sets.home.conf(), conf("old")).unwrap();
    let label = push(&sets, 1, "new");
    assert!(sets.in_force().is(&label));
    assert_eq!(fs::read_to_string(sets.home.conf()).unwrap(), conf("new"));
    let etc = sets.home.etc();
    assert_eq!(
        fs::read_to_string(etc.join("clp.conf.bak")).unwrap(),
        conf("old")
    );
    assert!(etc.join("scripts/a/start.sh").is_file());
    let mut names: Vec<String> = fs::read_dir(&etc)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "clp.conf",
            "clp.conf.bak",
            "clp.conf.rep",
            "cluster.key",
            "scripts"
        ]
    );
}

/// Rule: N17
#[test]
fn what_this_server_cannot_use_is_refused_and_nothing_changes() {
    let (_dir, sets) = home();
    fs::write(sets.home.conf(), conf("old")).unwrap();
    let faulty = conf("x").replace("ops@example.com", "ops@");
    let stranger = conf("x").replace("'sv1'", "'sv2'");
    let sealed = conf("x").replace(
        "</root>",
        "<noroshi><mail><smtpsrv id='0'><password>sealed:v1:AAAA</password></smtpsrv></mail></noroshi></root>",
    );
    for (conf, words) in [
        (faulty, "address"),
        (stranger, "sv1 is not in it"),
        (sealed, "password"),
    ] {
        let why = sets.stage(&packed(&conf)).unwrap_err();
        assert!(why.contains(words), "{why}");
    }
    let mut cut = packed(&conf("x"));
    cut.pop();
    assert!(sets.stage(&cut).is_err());
    assert_eq!(fs::read_to_string(sets.home.conf()).unwrap(), conf("old"));
    assert!(!dir(&sets.home).join("staged").exists());
}

/// Rule: N17
#[test]
fn a_file_that_a_set_newly_names_must_be_of_use_on_this_host() {
    let (dir, sets) = home();
    let file = dir.path().join("authority.pem");
    let named = conf("x").replace(
        "</mail></cluster>",
        "<sendtype>SMTP</sendtype><smtp><smtpsrv id='0'><priority>0</priority><srvname>127.0.0.1</srvname></smtpsrv></smtp></mail></cluster>",
    );
    let named = named.replace(
        "</root>",
        &format!(
            "<noroshi><mail><smtpsrv id='0'><tls>tls</tls><cafile>{}</cafile></smtpsrv></mail></noroshi></root>",
            file.display()
        ),
    );
    let refused = |sets: &Sets| sets.stage(&packed(&named)).unwrap_err();
    let why = refused(&sets);
    assert!(why.contains("authority.pem"), "{why}");
    fs::write(&file, "no certificate").unwrap();
    let why = refused(&sets);
    assert!(
        why.contains("cafile") && why.contains("authority.pem"),
        "{why}"
    );
    // What was wrong with the settings in force is no reason to refuse a change.
    fs::write(sets.home.conf(), &named).unwrap();
    sets.stage(&packed(&named)).unwrap();
}

/// The console's own certificate is delivered like any setting; a key is no certificate, nor the other way round.
///
/// Rule: N17 N21
#[test]
fn the_certificate_of_the_console_is_taken_with_its_key() {
    let (dir, sets) = home();
    let made = rcgen::generate_simple_self_signed(vec!["sv1".to_string()]).unwrap();
    let (chain, key) = (dir.path().join("own.pem"), dir.path().join("own.key"));
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let named = |chain: &Path, key: &Path| {
        conf("x").replace(
            "</root>",
            &format!(
                "<noroshi><console><certificate>{}</certificate><certificatekey>{}</certificatekey></console></noroshi></root>",
                chain.display(),
                key.display()
            ),
        )
    };
    let why = sets.stage(&packed(&named(&key, &chain))).unwrap_err();
    assert!(
        why.contains("console/certificate: no certificate in PEM form")
            && why.contains("console/certificatekey: the key in"),
        "{why}"
    );
    sets.stage(&packed(&named(&chain, &key))).unwrap();
}

/// The process dies before, between and after the renames: the next start ends with the new set whole.
///
/// Rule: N17 M27
#[test]
fn a_crash_while_a_set_is_put_in_force_is_finished_by_the_next_start() {
    let (_dir, sets) = home();
    push(&sets, 1, "old");
    let label = push(&sets, 2, "new");
    let (etc, new) = (sets.home.etc(), kept(&sets.home, 2));
    for broken in 0..3 {
        push(&sets, 1, "old");
        write_label(&dir(&sets.home).join("adopting"), &label).unwrap();
        let bak = etc.join("clp.conf.bak");
        if broken > 0 {
            // It comes first.
            fs::copy(etc.join(CONF), &bak).unwrap();
            fs::rename(etc.join("scripts"), etc.join(".scripts.old")).unwrap();
        }
        if broken > 1 {
            fs::copy(new.join(CONF), etc.join(CONF)).unwrap();
        }
        sets.recover();
        let former = fs::read_to_string(&bak).unwrap();
        assert_eq!(former, conf("old"), "the file from before, {broken}");
        assert!(sets.in_force().is(&label), "{broken}");
        assert_eq!(fs::read_to_string(etc.join(CONF)).unwrap(), conf("new"));
        assert!(etc.join("scripts/a/start.sh").is_file());
        assert_eq!(read_dir(&etc).unwrap().0.faults(true), []);
    }
}

/// Rule: N17
#[test]
fn the_last_ten_sets_are_kept() {
    let (_dir, sets) = home();
    for number in 1..=14 {
        push(&sets, number, &format!("subject {number}"));
    }
    let history = history(&sets.home);
    let numbers: Vec<u64> = history.iter().map(|(label, _)| label.number).collect();
    assert_eq!(numbers, (5..=14).collect::<Vec<u64>>());
    assert!(
        history
            .iter()
            .all(|(label, now)| *now == (label.number == 14))
    );
    let staged = fs::read_dir(dir(&sets.home).join("staged"))
        .unwrap()
        .count();
    assert!(staged <= STAGED_MAX + 1, "{staged}");
    let (old, _) = read_dir(&kept(&sets.home, 5)).unwrap();
    assert_eq!(old.file(CONF), Some(conf("subject 5").as_bytes()));
    let parts: BTreeMap<String, Part> = old.parts();
    assert_eq!(parts.len(), 2);
}

/// Rule: N17
#[test]
fn former_ways_are_those_of_the_sets_before_newest_first() {
    let (_dir, sets) = home();
    fs::write(sets.home.conf(), conf("by hand")).unwrap();
    for number in 1..=3 {
        push(&sets, number, &format!("subject {number}"));
    }
    let former = sets.former();
    let subjects: Vec<&str> = former.iter().map(|it| it.mail.subject.as_str()).collect();
    assert_eq!(subjects, ["subject 2", "subject 1", "subject 2"]);
}

/// Rule: N17
#[test]
fn what_another_server_asks_for_leads_nowhere_else() {
    let (_dir, sets) = home();
    let label = push(&sets, 1, "x");
    let all = packed(&conf("x"));
    assert_eq!(
        sets.piece(&label.digest, 0),
        Some((all.len() as u64, all.clone()))
    );
    assert_eq!(sets.piece(&label.digest, 1).unwrap().1, all[1..]);
    let beyond = sets.piece(&label.digest, u64::MAX);
    assert_eq!(beyond, Some((all.len() as u64, Vec::new())));
    assert_eq!(sets.piece("../../../etc/cluster.key", 0), None);
    assert!(sets.staged("../in-force").is_none());
}

/// Root pushes and pulls what stands in a folder of the service's user: a link there, of a file, of a folder or
/// `scripts` itself, would have root read any file for it.
///
/// Rule: M27 M28
#[test]
fn links_and_pipes_among_the_scripts_are_refused_and_not_read() {
    use std::os::unix::fs::symlink;
    let (dir, sets) = home();
    push(&sets, 1, "one");
    let etc = sets.home.etc();
    let names = |read: io::Result<(Bundle, bool)>| {
        read.map(|(bundle, _)| bundle.files().count())
            .map_err(|error| error.kind())
    };
    assert_eq!(names(read_dir(&etc)), Ok(3));
    let secret = dir.path().join("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("shadow"), "root:x").unwrap();
    let scripts = etc.join(SCRIPTS);
    let odd = scripts.join("a/odd");
    for to in [secret.join("shadow"), secret.clone(), "/nowhere".into()] {
        symlink(to, &odd).unwrap();
        assert_eq!(names(read_dir(&etc)), Err(io::ErrorKind::InvalidData));
        fs::remove_file(&odd).unwrap();
    }
    let made = std::process::Command::new("mkfifo").arg(&odd).status();
    assert!(made.unwrap().success());
    assert_eq!(names(read_dir(&etc)), Err(io::ErrorKind::InvalidData));
    fs::remove_dir_all(&scripts).unwrap();
    symlink(&secret, &scripts).unwrap();
    assert_eq!(names(read_dir(&etc)), Err(io::ErrorKind::InvalidData));
}

/// Before anybody agrees: what would fail after the vote keeps the set from all.
///
/// Rule: N17
#[test]
fn a_set_is_not_agreed_to_where_it_could_not_be_put_in_place() {
    let (_dir, sets) = home();
    let etc = sets.home.etc();
    let new = packed(&conf("new"));
    type Make = fn(&Path) -> io::Result<()>;
    let odd: [(&str, Make); 2] = [
        // Nothing can be written there, or the former scripts not be removed.
        (".set.probe", |at| fs::create_dir(at)),
        (SCRIPTS, |at| fs::write(at, "")),
    ];
    for (name, make) in odd {
        make(&etc.join(name)).unwrap();
        let why = sets.stage(&new).unwrap_err();
        assert!(why.contains("cannot be changed"), "{why}");
        let at = etc.join(name);
        fs::remove_dir(&at)
            .or_else(|_| fs::remove_file(&at))
            .unwrap();
    }
    sets.stage(&new).unwrap();
}

/// Another server sends a set that is sound and not the one that was agreed on.
///
/// Rule: N17
#[tokio::test]
async fn a_set_that_is_not_the_one_that_was_offered_is_not_agreed_to() {
    use base64::Engine as _;
    use noroshi_core::config::ServerId;
    use noroshi_core::event::Event;
    use noroshi_core::peer::PeerMessage;
    use noroshi_core::set::SetTrouble;
    let from = ServerId(1);
    let offered = packed(&conf("offered"));
    for (sent, result) in [
        (packed(&conf("another")), Err(SetTrouble::NotFetched)),
        (offered.clone(), Ok(())),
    ] {
        let (_dir, sets) = home();
        let (inbox, mut events) = tokio::sync::mpsc::channel(8);
        let (say, mut said) = tokio::sync::mpsc::channel(8);
        let mut carrier = Carrier::new(sets, inbox, say);
        let label = SetLabel {
            number: 1,
            digest: bundle::digest(&offered),
            ..SetLabel::default()
        };
        carrier.fetch(from, label.clone());
        let (_, PeerMessage::SetWant { digest, offset }) = said.recv().await.unwrap() else {
            panic!("a piece is asked for");
        };
        let piece = PeerMessage::SetPiece {
            digest,
            offset,
            total: sent.len() as u64,
            data: base64::engine::general_purpose::STANDARD.encode(&sent),
        };
        assert_eq!(carrier.heard(from, piece), None);
        let staged = Event::Staged { label, result };
        assert_eq!(events.recv().await, Some(staged));
    }
}
