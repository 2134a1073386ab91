//! A push of the configuration with real daemons: in force on all or on none, while alerts are raised.

mod e2e;

use e2e::*;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};

/// A saved set in a directory of its own: server 1's settings with another subject.
fn saved(cluster: &Cluster, at: &Path, subject: &str) {
    fs::create_dir_all(at.join("scripts/monitor")).unwrap();
    fs::write(
        at.join("scripts/monitor/start.sh"),
        format!("#!/bin/sh\n# {subject}\n"),
    )
    .unwrap();
    fs::copy(cluster.home(0).conf(), at.join("clp.conf")).unwrap();
    let file = at.join("clp.conf");
    let set = [
        "config",
        "set",
        "/root/cluster/mail/subject",
        subject,
        "--file",
    ];
    let file = file.to_str().unwrap();
    cluster.command(0, &[&set[..], &[file]].concat()).unwrap();
}

fn sets(cluster: &Cluster, server: usize) -> Vec<Option<u64>> {
    let status = cluster.status(server).unwrap();
    status.servers.iter().map(|server| server.set).collect()
}

/// Waits until `server` has heard that all three have set `number` in force.
fn wait_sets(cluster: &Cluster, server: usize, number: u64) {
    let heard = || match sets(cluster, server) {
        all if all == [Some(number); 3] => Ok(()),
        other => Err(format!("{other:?}\n{}", cluster.logs())),
    };
    until(SOON, "the set on all three", heard).unwrap();
}

/// Ten pushes while alerts are raised on every server: each in force on all three within a second by the
/// daemons' own word, and every alert is mailed once.
///
/// Rule: N17 M27 M28
#[test]
fn a_push_is_in_force_on_all_and_no_alert_is_lost_or_repeated() {
    let cluster = plan().start().unwrap();
    cluster.wait_all_up(SOON).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut raised = Vec::new();
    for round in 1..=10_u64 {
        let subject = format!("round {round}");
        let set = dir.path().join(round.to_string());
        saved(&cluster, &set, &subject);
        for server in 0..3 {
            let text = format!("alert {round}-{server} came");
            let raise = ["clplogcmd", "-m", &text, "--mail", "--alert"];
            cluster.command(server, &raise).unwrap();
            raised.push(text);
        }
        let begun = Instant::now();
        let from = usize::try_from(round % 3).unwrap();
        let set = set.to_str().unwrap();
        let said = cluster
            .command(from, &["clpcfctrl", "--push", "-l", "-x", set])
            .unwrap();
        latency("push to three servers", begun.elapsed());
        assert_eq!(said, "command succeeded.(code:0)\n");
        for server in 0..3 {
            // The answer has waited for it; the others' word may still be on its way.
            assert_eq!(sets(&cluster, server)[server], Some(round));
            wait_sets(&cluster, server, round);
            let etc = cluster.home(server).etc();
            let script = fs::read_to_string(etc.join("scripts/monitor/start.sh")).unwrap();
            assert!(script.contains(&subject));
            let whole = cluster.command(server, &["config", "verify"]).unwrap();
            assert!(whole.contains("whole"), "{whole}");
        }
    }
    for server in 0..3 {
        flush(&cluster, server);
    }
    for text in raised {
        assert_eq!(
            mails_saying(&cluster, &text),
            1,
            "{text}\n{}",
            letters(&cluster)
        );
    }
    assert!(
        cluster
            .mails()
            .last()
            .unwrap()
            .subject
            .starts_with("round 10 ")
    );
    assert_eq!(mails(&cluster).len(), 30, "{}", letters(&cluster));
    let history = cluster.command(1, &["config", "history"]).unwrap();
    assert_eq!(history.lines().count(), 10);
    assert!(
        history.lines().last().unwrap().ends_with("in force"),
        "{history}"
    );
    let differ = cluster
        .command(1, &["config", "diff", "9", "10"])
        .unwrap_err();
    let differ = differ.to_string();
    for line in [
        "- /root/cluster/mail/subject = round 9",
        "+ /root/cluster/mail/subject = round 10",
    ] {
        assert!(differ.contains(line), "{differ}");
    }
    cluster.command(2, &["config", "restore", "4"]).unwrap();
    wait_sets(&cluster, 0, 11);
    let conf = fs::read_to_string(cluster.home(1).conf()).unwrap();
    assert!(conf.contains("<subject>round 4</subject>"), "{conf}");
}

/// Rule: N17
#[test]
fn a_server_that_was_away_takes_the_set_when_it_returns() {
    let mut cluster = plan().start().unwrap();
    cluster.wait_all_up(SOON).unwrap();
    let dir = tempfile::tempdir().unwrap();
    // Larger than one piece, by far.
    saved(&cluster, dir.path(), "while sv3 was away");
    let noise: String = (0..400_000_u64)
        .map(|at| char::from(b'a' + u8::try_from((at * at / 7) % 26).unwrap()))
        .collect();
    fs::write(dir.path().join("scripts/large.sh"), noise).unwrap();
    cluster.kill(2).unwrap();
    cluster
        .wait_mail(SOON, |mail| mail.body.contains("sv3 is down"))
        .unwrap();
    let set = dir.path().to_str().unwrap();
    let push = ["clpcfctrl", "--push", "-x", set, "--nocheck"];
    cluster.command(1, &push).unwrap();
    assert_eq!(sets(&cluster, 0)[..2], [Some(1); 2]);
    cluster.start(2).unwrap();
    cluster.wait_message(2, "cfmgr", 1, SOON).unwrap();
    assert_eq!(sets(&cluster, 2)[2], Some(1));
    for name in ["clp.conf", "clp.conf.rep", "scripts/large.sh"] {
        let file = |server: usize| fs::read(cluster.home(server).etc().join(name)).unwrap();
        assert_eq!(file(2), file(0), "{name}");
    }
}

fn change(cluster: &Cluster, set: &Path, path: &str, value: &str) {
    let file = set.join("clp.conf");
    let file = file.to_str().unwrap();
    let change = ["config", "set", path, value, "--file", file];
    cluster.command(0, &change).unwrap();
}

/// A push changes the port between the servers and the cluster's name while one is away. It returns with
/// neither, and those that have the set find it; so they do after a restart of their own.
///
/// Rule: N17
#[test]
fn a_server_that_missed_how_the_others_are_reached_is_found_and_takes_the_set() {
    let mut cluster = plan().start().unwrap();
    cluster.wait_all_up(SOON).unwrap();
    let dir = tempfile::tempdir().unwrap();
    saved(&cluster, dir.path(), "moved");
    change(&cluster, dir.path(), "/root/noroshi/port", "29502");
    change(&cluster, dir.path(), "/root/cluster/name", "moved");
    let set = dir.path().to_str().unwrap();
    for away in [2, 0] {
        cluster.kill(away).unwrap();
        let words = format!("sv{} is down", away + 1);
        cluster
            .wait_mail(SOON, |mail| mail.body.contains(&words))
            .unwrap();
        let push = ["clpcfctrl", "--push", "-x", set, "--nocheck"];
        cluster.command(1, &push).unwrap();
        cluster.terminate(1).unwrap();
        cluster.start(1).unwrap();
        cluster.start(away).unwrap();
        cluster.wait_all_up(LATER).unwrap();
        wait_sets(&cluster, away, sets(&cluster, 1)[1].unwrap());
        let file = |server: usize| fs::read(cluster.home(server).conf()).unwrap();
        assert_eq!(file(away), file(1));
        change(&cluster, dir.path(), "/root/noroshi/port", "29503");
        change(&cluster, dir.path(), "/root/cluster/name", "moved again");
    }
}

/// Another program has the new port on one server: that server finds out before it agrees, and all stay as
/// they were. So it is with a file that the set names and one server lacks.
///
/// Rule: N17
#[test]
fn what_a_set_needs_of_a_server_is_tried_before_anybody_takes_it() {
    let cluster = plan().start().unwrap();
    cluster.wait_all_up(SOON).unwrap();
    let dir = tempfile::tempdir().unwrap();
    saved(&cluster, dir.path(), "a new port");
    change(&cluster, dir.path(), "/root/noroshi/port", "29502");
    let address = cluster.conf().servers[1].addresses[0];
    let push = [
        "clpcfctrl",
        "--push",
        "-x",
        dir.path().to_str().unwrap(),
        "--nocheck",
    ];
    let tcp = std::net::TcpListener::bind((address, 29_502)).unwrap();
    let refused = cluster.command(0, &push).unwrap_err().to_string();
    let place = format!("sv2: the interconnects cannot be opened: {address}:29502");
    assert!(refused.contains(&place), "{refused}");
    drop(tcp);
    let udp = std::net::UdpSocket::bind((address, 29_502)).unwrap();
    let refused = cluster.command(0, &push).unwrap_err().to_string();
    assert!(refused.contains(&place), "{refused}");
    drop(udp);
    for server in 0..3 {
        assert_eq!(sets(&cluster, server), [None; 3]);
        let conf = fs::read_to_string(cluster.home(server).conf()).unwrap();
        assert!(!conf.contains("29502"));
    }
    cluster.command(0, &push).unwrap();
    cluster.wait_all_up(SOON).unwrap();
    wait_sets(&cluster, 2, 1);
}

/// Rule: N17 M27
#[test]
fn what_one_server_cannot_take_is_taken_by_none() {
    let cluster = plan().start().unwrap();
    cluster.wait_all_up(SOON).unwrap();
    let dir = tempfile::tempdir().unwrap();
    saved(&cluster, dir.path(), "refused");
    // Somebody changes settings on sv2 and holds its directory.
    let held = fs::File::open(cluster.home(1).etc()).unwrap();
    held.lock().unwrap();
    let set = dir.path().to_str().unwrap();
    let push = ["clpcfctrl", "--push", "-w", "-x", set];
    let refused = cluster.command(0, &push).unwrap_err().to_string();
    for words in ["sv2: ", "noroshi config", "nothing was changed on any"] {
        assert!(refused.contains(words), "{refused}");
    }
    for server in 0..3 {
        assert_eq!(sets(&cluster, server), [None; 3]);
        let conf = fs::read_to_string(cluster.home(server).conf()).unwrap();
        assert!(!conf.contains("refused"));
    }
    drop(held);
    fs::remove_file(dir.path().join("clp.conf.rep")).unwrap();
    fs::remove_dir_all(dir.path().join("scripts")).unwrap();
    let incomplete = cluster.command(0, &push).unwrap_err().to_string();
    for words in ["clp.conf.rep is missing", "scripts/ is missing"] {
        assert!(incomplete.contains(words), "{incomplete}");
    }
}

/// The service is nobody, its directory of settings belongs to root and lets it write. Scripts of root's that it
/// could not replace are found before anything changes; its own are replaced.
///
/// Rule: N17
#[test]
fn a_service_that_is_not_root_takes_a_push_or_says_what_it_may_not_change() {
    if !rustix::process::geteuid().is_root() {
        noroshi_sim::skipped("needs root");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-ec", script]).current_dir(at);
        command.env("NOROSHI_HOME", at).env("NOROSHI_SERVER", "sv1");
        command.env("noroshi", env!("CARGO_BIN_EXE_noroshi"));
        command
    };
    let conf = "<root><cluster><name>c</name></cluster><server name='sv1'><priority>0</priority>\
        <device id='0'><type>lan</type><info>127.0.0.1</info></device></server>\
        <noroshi><port>29599</port></noroshi></root>";
    fs::create_dir_all(at.join("etc/scripts/monitor")).unwrap();
    fs::write(at.join("etc/clp.conf"), conf).unwrap();
    fs::write(at.join("etc/scripts/monitor/start.sh"), "#!/bin/sh\n").unwrap();
    let prepare = "cp $noroshi noroshi; ./noroshi key new; mkdir var run log; chown nobody var run log\n\
        chgrp -R nogroup .; chmod 755 .; chmod 770 etc; chmod 640 etc/cluster.key etc/clp.conf";
    assert!(shell(prepare).output().unwrap().status.success());
    let daemon = "exec setpriv --reuid=nobody --regid=nogroup --clear-groups ./noroshi daemon";
    let _daemon = Ended(shell(daemon).spawn().unwrap());
    let run = |script: &str| {
        let ran = shell(script).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        (ran.status.success(), said.into_owned())
    };
    let listens = || run("./noroshi status").0.then_some(()).ok_or(String::new());
    until(SOON, "the service", listens).unwrap();
    let save = run("./noroshi config set /root/cluster/mail/subject night");
    assert!(save.0, "{}", save.1);
    let (taken, said) = run("./noroshi clpcfctrl --push");
    assert!(
        !taken && said.contains("etc/scripts: Permission denied"),
        "{said}"
    );
    assert!(run("chown -R nobody etc/scripts").0);
    for _ in 0..2 {
        let (taken, said) = run("./noroshi clpcfctrl --push");
        assert!(taken, "{said}");
    }
    let (whole, said) = run("./noroshi config verify");
    assert!(whole, "{said}");
}

/// A process that ends with the test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}
