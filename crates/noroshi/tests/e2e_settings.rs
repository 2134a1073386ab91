//! Settings and keys on real processes: taken whole, refused in words.

mod e2e;

use e2e::*;
use noroshi_sim::rig::Daemon;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

/// A faulty file on the server on duty, then a right one.
///
/// Rule: N17
#[test]
fn a_faulty_file_changes_nothing_and_a_right_one_is_taken_without_a_restart() {
    let mut cluster = plan().start().unwrap();
    let right = fs::read_to_string(cluster.home(0).conf()).unwrap();
    let wrong = right.replace("ops@example.com", "boss@example.com, not an address");
    assert_ne!(right, wrong);
    fs::write(cluster.home(0).conf(), wrong).unwrap();
    cluster.daemon(0).reload().unwrap();
    let said = cluster.wait_message(0, "pm", 13, SOON).unwrap();
    assert!(
        said.text.contains("old ones stay in force"),
        "{}",
        said.text
    );
    assert!(said.text.contains("address"), "{}", said.text);
    let mail = cluster.wait_mail(SOON, |mail| mail.body.contains("new settings are faulty"));
    assert_eq!(mail.unwrap().to, ["ops@example.com"]);
    let to_boss = |conf: &mut Conf| conf.recipients = vec!["boss@example.com".into()];
    cluster.change_conf(to_boss).unwrap();
    for server in 0..3 {
        cluster.daemon(server).reload().unwrap();
        cluster.wait_message(server, "cfmgr", 1, SOON).unwrap();
    }
    flush(&cluster, 1);
    let mails = cluster.mails();
    assert_eq!(mails.last().unwrap().to, ["boss@example.com"]);
    cluster.wait_all_up(SOON).unwrap();
    assert_eq!(messages(&cluster, 0, "nm", 2), 0);
}

/// New settings while a notice waits: it is neither lost nor sent twice.
///
/// Rule: N17
#[test]
fn a_reload_loses_no_waiting_notice() {
    let mut cluster = plan().start().unwrap();
    let deferral = inbox::Fault::Answer {
        at: Verb::Rcpt,
        code: 450,
    };
    cluster
        .set_mail_faults(inbox::Faults::only(deferral))
        .unwrap();
    cluster.kill(2).unwrap();
    cluster.wait_message(0, "mail", 5, SOON).unwrap();
    cluster
        .change_conf(|conf| conf.subject = Some("Renamed".into()))
        .unwrap();
    cluster.daemon(0).reload().unwrap();
    cluster.wait_message(0, "cfmgr", 1, SOON).unwrap();
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    let mail = cluster
        .wait_mail(LATER, |mail| mail.body.contains("is down"))
        .unwrap();
    assert!(mail.subject.starts_with("Renamed "), "{}", mail.subject);
    flush(&cluster, 0);
    assert_eq!(mails(&cluster).len(), 1, "{}", letters(&cluster));
}

/// What a daemon says that does not start. It must end by itself, with this exit code.
fn refusal(cluster: &Cluster, server_name: &str, code: i32) -> String {
    let mut launch = cluster.launch(0).clone();
    launch.server = server_name.into();
    let mut daemon = Daemon::spawn(&launch).unwrap();
    let ended = daemon.wait_end(SOON).unwrap();
    assert_eq!(ended.code(), Some(code), "{}", daemon.log());
    let log = daemon.log();
    fs::remove_file(launch.home.join("daemon.log")).unwrap();
    log
}

/// Rule: N17 N2
#[test]
fn a_daemon_that_cannot_start_says_why_and_tells_nobody() {
    let mut cluster = plan().servers(2).prepare().unwrap();
    let home = cluster.home(0);
    let unknown = refusal(&cluster, "sv9", 5);
    assert!(
        unknown.contains("sv9") && unknown.contains("sv1"),
        "{unknown}"
    );

    fs::set_permissions(home.key(), Permissions::from_mode(0o644)).unwrap();
    let open = refusal(&cluster, "sv1", 1);
    assert!(
        open.contains("cluster.key") && open.contains("0644"),
        "{open}"
    );
    fs::rename(home.key(), home.etc().join("elsewhere")).unwrap();
    let missing = refusal(&cluster, "sv1", 5);
    assert!(
        missing.contains("cluster.key") && missing.contains("noroshi key new"),
        "{missing}"
    );
    fs::rename(home.etc().join("elsewhere"), home.key()).unwrap();
    fs::set_permissions(home.key(), Permissions::from_mode(0o600)).unwrap();

    let right = fs::read_to_string(home.conf()).unwrap();
    let wrong = right.replace("<sendtype>SMTP", "<sendtype>PIGEON");
    fs::write(home.conf(), wrong).unwrap();
    let faulty = refusal(&cluster, "sv1", 1);
    assert!(
        faulty.contains("PIGEON") && faulty.contains("sendtype"),
        "{faulty}"
    );
    fs::remove_file(home.conf()).unwrap();
    let absent = refusal(&cluster, "sv1", 5);
    assert!(absent.contains("clp.conf"), "{absent}");
    fs::write(home.conf(), right).unwrap();

    assert!(cluster.mails().is_empty());
    assert!(
        cluster.outside().received(0).is_empty(),
        "a lamp was told something"
    );
    cluster.start_all().unwrap();
    let log = home.root().unwrap().join("daemon.log");
    let before = fs::read_to_string(&log).unwrap();
    let mut launch = cluster.launch(0).clone();
    launch.server = "sv1".into();
    let mut second = Daemon::spawn(&launch).unwrap();
    assert_eq!(second.wait_end(SOON).unwrap().code(), Some(1));
    let said = second.log()[before.len()..].to_string();
    let pid = cluster.daemon(0).pid().to_string();
    assert!(
        said.contains("already running") && said.contains(&pid),
        "{said}"
    );
    assert_silence(&cluster, 0);
}
