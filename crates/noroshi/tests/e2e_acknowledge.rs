//! Who sees to an alert, on real processes: told to the others, kept, and told to who was away.

mod e2e;

use e2e::*;
use noroshi_core::alert::AlertId;
use noroshi_core::request::{Reply, Request};
use noroshi_daemon::control::AlertLine;

fn acknowledge(cluster: &Cluster, server: usize, alert: &AlertId, remark: &str) -> Reply {
    let request = Request::Acknowledge {
        alert: alert.clone(),
        by: "sato".into(),
        remark: remark.into(),
    };
    cluster.client(server).unwrap().change(request).unwrap()
}

/// Waits until `server` shows that remark to the alert.
fn shows(cluster: &Cluster, server: usize, alert: &AlertId, remark: &str) {
    let shown = |line: &AlertLine| {
        let said = line.acknowledged.as_ref();
        line.id == *alert && said.is_some_and(|one| one.by == "sato" && one.remark == remark)
    };
    cluster.wait_alert(server, SOON, shown).unwrap();
}

/// Rule: N24 N7 N8
#[test]
fn an_acknowledgement_is_on_every_server_and_survives_restarts() {
    let mut cluster = plan().start().unwrap();
    let text = ["clplogcmd", "-m", "disk is full", "--alert"];
    cluster.command(0, &text).unwrap();
    let on_last = |line: &AlertLine| line.text.contains("disk is full");
    let alert = cluster.wait_alert(2, SOON, on_last).unwrap().id;
    cluster.wait_alert(1, SOON, on_last).unwrap();
    assert_eq!(acknowledge(&cluster, 1, &alert, "looking"), Reply::Done);
    for server in 0..3 {
        shows(&cluster, server, &alert, "looking");
    }
    // The third is away while the second has more to say, and restarts itself.
    cluster.kill(2).unwrap();
    assert_eq!(
        acknowledge(&cluster, 0, &alert, "disk replaced"),
        Reply::Done
    );
    shows(&cluster, 1, &alert, "disk replaced");
    cluster.kill(0).unwrap();
    cluster.kill(1).unwrap();
    for server in 0..3 {
        cluster.start(server).unwrap();
        shows(&cluster, server, &alert, "disk replaced");
    }
    let unknown = AlertId("no.such-1".into());
    match acknowledge(&cluster, 0, &unknown, "") {
        Reply::Refused { why } => assert!(why.contains("no.such-1"), "{why}"),
        other => panic!("{other:?}"),
    }
}
