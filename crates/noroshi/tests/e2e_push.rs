//! A push of the configuration with real daemons: in force on all or on none, while alerts are raised.

mod e2e;

use e2e::*;
use std::fs;
use std::path::Path;

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

/// Waits until a server has heard of each what it has in force. The command ends when every server has said
/// so to the one that was asked; the others hear of each other at about the same moment.
fn wait_sets(cluster: &Cluster, server: usize, wanted: &[Option<u64>]) {
    let what = format!("server {server} knows of the sets {wanted:?}");
    let seen = until(SOON, &what, || {
        let seen = sets(cluster, server);
        let known = seen.starts_with(wanted);
        known.then_some(()).ok_or(format!("{seen:?}"))
    });
    seen.unwrap_or_else(|error| panic!("{error}\n{}", cluster.logs()));
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
            let own = sets(&cluster, server)[server];
            assert_eq!(own, Some(round), "{}", cluster.logs());
            wait_sets(&cluster, server, &[Some(round); 3]);
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
    assert_eq!(sets(&cluster, 0)[0], Some(11));
    wait_sets(&cluster, 0, &[Some(11); 3]);
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
    assert_eq!(sets(&cluster, 0)[0], Some(1));
    wait_sets(&cluster, 0, &[Some(1); 2]);
    cluster.start(2).unwrap();
    // Its alert stands in the log of the server that was away even before its set: that is fetched by itself.
    wait_sets(&cluster, 2, &[Some(1); 3]);
    for name in ["clp.conf", "clp.conf.rep", "scripts/large.sh"] {
        let file = |server: usize| fs::read(cluster.home(server).etc().join(name)).unwrap();
        assert_eq!(file(2), file(0), "{name}");
    }
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

/// The answer waits three seconds for who has agreed: the time is the story's.
///
/// Rule: N17 M28
#[test]
fn a_push_that_a_server_at_work_agreed_to_and_cannot_take_is_no_success() {
    let cluster = plan().start().unwrap();
    cluster.wait_all_up(SOON).unwrap();
    let dir = tempfile::tempdir().unwrap();
    saved(&cluster, dir.path(), "hindered");
    // Nothing can be renamed to the name of a directory that is not empty.
    let in_the_way = cluster.home(2).etc().join("clp.conf.bak");
    fs::create_dir_all(in_the_way.join("full")).unwrap();
    let set = dir.path().to_str().unwrap();
    let push = ["clpcfctrl", "--push", "-l", "-x", set];
    let answer = cluster.command(0, &push).unwrap_err().to_string();
    for words in ["set 1 is in force", "sv3, at work", "noroshi alerts"] {
        assert!(answer.contains(words), "{answer}");
    }
    for words in ["succeeded", "when the server is back"] {
        assert!(!answer.contains(words), "{answer}");
    }
    cluster.wait_message(2, "pm", 13, SOON).unwrap();
    let conf = fs::read_to_string(cluster.home(2).conf()).unwrap();
    assert!(!conf.contains("hindered"), "{conf}");
}
