//! Events by the alert agent and pictures of a `crm_mon` of ours, through real daemons to real mails.
//!
//! What Pacemaker itself says and when was recorded from a real cluster and is played in `conf`'s tests.

mod e2e;

use e2e::*;
use std::path::Path;
use std::process::Output;

/// A cluster whose servers have the directory for Pacemaker, and a `crm_mon` that prints a file of their home.
fn beside_pacemaker() -> Cluster {
    let mut cluster = plan().prepare().unwrap();
    for server in 0..cluster.len() {
        let root = cluster.home(server).root().unwrap().to_path_buf();
        std::fs::create_dir_all(cluster.home(server).pacemaker()).unwrap();
        std::fs::create_dir_all(root.join("bin")).unwrap();
        let program = root.join("bin/crm_mon");
        std::fs::write(
            &program,
            "#!/bin/sh\nexec cat \"$NOROSHI_HOME/shown.xml\"\n",
        )
        .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
    }
    show(&cluster, &picture(0, &[0, 1, 2]));
    cluster.start_all().unwrap();
    cluster.wait_all_up(LATER).unwrap();
    for server in 0..cluster.len() {
        wait_group(&cluster, server, "sv1");
    }
    cluster
}

/// The group `web` on a server; these servers are online.
fn picture(on: usize, online: &[usize]) -> String {
    let nodes = (0..3).map(|at| {
        let name = at + 1;
        let online = online.contains(&at);
        format!(
            "<node name=\"sv{name}\" online=\"{online}\" unclean=\"false\" expected_up=\"true\"/>"
        )
    });
    let (nodes, on) = (nodes.collect::<String>(), on + 1);
    format!(
        "<pacemaker-result><summary><current_dc present=\"true\" name=\"sv3\" with_quorum=\"true\"/></summary>\
         <nodes>{nodes}</nodes><resources><group id=\"web\" managed=\"true\" disabled=\"false\">\
         <resource id=\"vip\" resource_agent=\"ocf:heartbeat:IPaddr2\" role=\"Started\" active=\"true\">\
         <node name=\"sv{on}\"/></resource></group></resources><node_history><node name=\"sv{on}\">\
         <resource_history id=\"vip\"><operation_history call=\"7\" task=\"start\" rc=\"0\" \
         last-rc-change=\"2026-11-22 19:43:32Z\"/></resource_history></node></node_history></pacemaker-result>"
    )
}

/// Every server's `crm_mon` prints this from now on.
fn show(cluster: &Cluster, picture: &str) {
    for server in 0..cluster.len() {
        let root = cluster.home(server).root().unwrap().to_path_buf();
        let new = root.join("shown.new");
        std::fs::write(&new, picture).unwrap();
        std::fs::rename(new, root.join("shown.xml")).unwrap();
    }
}

fn wait_group(cluster: &Cluster, server: usize, on: &str) {
    let shown = until(LATER, "the group is shown", || {
        let status = cluster.status(server).map_err(|error| error.0)?;
        let pacemaker = status.pacemaker.ok_or("not watched")?;
        let current = pacemaker.groups.first().map(|group| group.current.clone());
        match current == Some(vec![on.to_owned()]) {
            true => Ok(()),
            false => Err(format!(
                "sv{}: {current:?} {:?}",
                server + 1,
                pacemaker.trouble
            )),
        }
    });
    shown.unwrap_or_else(|error| panic!("{error}\n{}", cluster.logs()));
}

/// Calls the agent on a server as Pacemaker does.
fn call(cluster: &Cluster, server: usize, sequence: u32, task: &str, rc: i32) -> Output {
    let mut command = cluster.launch(server).command(&["pacemaker-alert"]);
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let interval = if task == "monitor" { 10_000 } else { 0 };
    let words = if rc == 0 { "ok" } else { "not running\u{1b}" };
    for (name, value) in [
        ("kind", "resource".to_owned()),
        ("node", format!("sv{}", server + 1)),
        ("node_sequence", sequence.to_string()),
        ("rsc", "vip".to_owned()),
        ("task", task.to_owned()),
        ("interval", interval.to_string()),
        ("rc", rc.to_string()),
        ("target_rc", "0".to_owned()),
        ("status", "0".to_owned()),
        ("desc", words.to_owned()),
        ("timestamp_epoch", now.as_secs().to_string()),
        ("timestamp_usec", now.subsec_micros().to_string()),
        (
            "recipient",
            cluster.home(server).pacemaker().display().to_string(),
        ),
    ] {
        command.env(format!("CRM_alert_{name}"), value);
    }
    command.output().unwrap()
}

fn waiting(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().flatten();
    let reports = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".report"));
    reports.count()
}

/// Rule: N3 N9
#[test]
fn a_failover_is_one_mail_and_its_events_leave_the_disk() {
    let cluster = beside_pacemaker();
    show(&cluster, &picture(1, &[1, 2]));
    let called = call(&cluster, 1, 1, "start", 0);
    assert!(called.status.success(), "{called:?}");
    let words = "Group web has failed over from server sv1 to server sv2: server sv1 is lost";
    let mail = cluster.wait_mail(SOON, |mail| mail.body.contains(words));
    mail.unwrap_or_else(|error| panic!("{error}\n{}", letters(&cluster)));
    for server in 0..cluster.len() {
        cluster.wait_message(server, "rc", 61, SOON).unwrap();
        flush(&cluster, server);
    }
    // A node does not show itself as gone.
    for server in 1..cluster.len() {
        wait_group(&cluster, server, "sv2");
    }
    assert_eq!(mails(&cluster).len(), 1, "{}", letters(&cluster));
    let dir = cluster.home(1).pacemaker();
    // The next look is due within half a minute.
    let gone = until(Duration::from_secs(60), "no event waits", || {
        let count = waiting(&dir);
        if count == 0 {
            Ok(())
        } else {
            Err(count.to_string())
        }
    });
    gone.unwrap();
}

/// Rule: N3 N8
#[test]
fn an_event_that_comes_while_the_service_is_away_waits_on_disk_and_is_told_once() {
    let mut cluster = beside_pacemaker();
    cluster.terminate(0).unwrap();
    let dir = cluster.home(0).pacemaker();
    for _ in 0..2 {
        let called = call(&cluster, 0, 5, "monitor", 7);
        assert!(called.status.success(), "{called:?}");
    }
    assert_eq!(waiting(&dir), 2);
    cluster.start(0).unwrap();
    let words = "Monitoring found a fault of floating IP address vip of group web on server sv1: not running";
    let mail = cluster.wait_mail(SOON, |mail| mail.body.contains(words));
    let mail = mail.unwrap_or_else(|error| panic!("{error}\n{}", letters(&cluster)));
    assert!(!mail.body.contains('\u{1b}'));
    wait_told(&cluster, 0, words);
    // A crash before anything could be forgotten tells nothing again.
    cluster.kill(0).unwrap();
    cluster.start(0).unwrap();
    cluster.wait_all_up(LATER).unwrap();
    wait_group(&cluster, 0, "sv1");
    flush(&cluster, 0);
    assert_eq!(mails_saying(&cluster, words), 1, "{}", letters(&cluster));
}

/// Rule: N3
#[test]
fn an_agent_that_can_neither_keep_nor_hand_over_says_so() {
    let cluster = plan().prepare().unwrap();
    let called = call(&cluster, 0, 1, "start", 0);
    assert_eq!(called.status.code(), Some(1));
    let said = String::from_utf8_lossy(&called.stderr).into_owned();
    assert!(
        said.starts_with("noroshi-pacemaker-alert: ") && said.contains("pacemaker"),
        "{said}"
    );
}
