//! Stories of a real Pacemaker: the ring falls apart, Corosync or noroshi is restarted, all nodes are (root).

mod e2e;
mod e2e_cluster;

use e2e::*;
use e2e_cluster::*;

/// Rule: N3 N8 N9 M16
#[test]
fn restarts_are_no_faults_and_lose_nothing() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    corosync_restarts(&mut stage);
    noroshi_restarts(&mut stage);
    rolling_restart(&mut stage);
    stage.wait_lamps([Look::GREEN; 3]);
    stage.never_red();
    stage.end();
}

fn corosync_restarts(stage: &mut Stage) {
    stage.cluster.stop_pacemaker(2).unwrap();
    stage.cluster.corosync(2).stop().unwrap();
    // A person has stopped it: nobody is woken.
    stage.cluster.wait_message(0, "nm", 1063, CLUSTER).unwrap();
    stage.told("Corosync stopped", &[]);
    stage.cluster.corosync(2).start().unwrap();
    stage.cluster.start_pacemaker(2).unwrap();
    stage.cluster.wait_joined(2, CLUSTER).unwrap();
    stage.wait_all_up();
    stage.told("Corosync started", &[]);
}

/// What happens while noroshi is away waits on disk.
fn noroshi_restarts(stage: &mut Stage) {
    let from = stage.group_at();
    assert!(stage.cluster.terminate(from).unwrap().success());
    let spool = stage.cluster.home(from).pacemaker();
    stage
        .cluster
        .fail_resource(from, "monitor", "no answer")
        .unwrap();
    let waits = until(CLUSTER, "the failed monitor waits on disk", || {
        let files = std::fs::read_dir(&spool).unwrap().flatten();
        let mut texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        let found = texts.any(|text| text.contains("monitor") && text.contains("\"rc\":1"));
        if found { Ok(()) } else { Err(String::new()) }
    });
    waits.unwrap();
    stage.cluster.mend_resource(from, "monitor").unwrap();
    stage.wait_group(from);
    stage.cluster.start(from).unwrap();
    stage.wait_all_up();
    let name = server_name(from);
    let failed = format!(
        "Monitoring found a fault of resource app of group web on server {name}: *no answer."
    );
    let works = format!("Resource app of group web works again on server {name}, after *");
    let facts = [mailed("rm", 9, &failed), mailed("rm", 26, &works)];
    stage.told("noroshi restarted", &facts);
}

/// One node after the other, as for an update: each stops in order and starts.
fn rolling_restart(stage: &mut Stage) {
    for server in 0..3 {
        let from = stage.group_at();
        let name = server_name(server);
        stage.cluster.stop_node(server).unwrap();
        stage.cluster.wait_lamp(server, Look::OUT, CLUSTER).unwrap();
        let moved = (from == server).then(|| {
            let to = server_name(stage.wait_group_elsewhere(server));
            let moved = format!("Group web was moved from server {name} to server {to}: the cluster was stopped on server {name}. It was away for *.");
            shown("rc", 51, &moved)
        });
        stage.cluster.start_node(server).unwrap();
        stage.wait_all_up();
        stage.cluster.wait_settled(server).unwrap();
        stage.wait_shown(server);
        let facts: Vec<Fact> = moved.into_iter().collect();
        stage.told(&format!("{name} restarted"), &facts);
        stage.wait_lamps([Look::GREEN; 3]);
    }
}

/// `pcs cluster stop --all`, and all of it started again.
///
/// Rule: N3 M18
#[test]
fn a_cluster_shutdown_is_told_once_and_wakes_nobody() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    stage.cluster.stop_cluster().unwrap();
    let stops = "Cluster shutdown: Pacemaker is being stopped on all servers (sv1, sv2, sv3). Groups stop and warning lights go out.";
    let blind = "Server sv* does not see the cluster: Corosync does not run on it*";
    // A server whose stop another one has seen is told of by that one.
    let stopped = "Corosync was stopped in order on server sv*";
    let facts = [
        shown("nm", 1076, stops),
        shown_by_some("nm", 1061, blind),
        shown_by_any("nm", 1063, stopped),
    ];
    stage.told("cluster shutdown", &facts);
    stage.wait_lamps([Look::OUT; 3]);
    stage.cluster.start_cluster().unwrap();
    stage.wait_all_up();
    let on = stage.group_at();
    stage.wait_group(on);
    stage.wait_shown(on);
    let sees = "Server sv* sees the cluster again after *";
    let runs = "Pacemaker runs on server sv* again after the cluster shutdown.";
    let started = format!("Group web has started on server {}.", server_name(on));
    let back = "Server sv* is back in the Corosync ring*";
    let facts = [
        shown_by_any("nm", 1061, blind),
        shown_by_any("nm", 1063, stopped),
        shown_by_some("nm", 1062, sees),
        shown_by_any("nm", 1064, back),
        shown_by_each("nm", 1077, runs),
        // An open fault: now and then it is not told.
        passing("rc", 11, &started),
    ];
    stage.told("cluster start", &facts);
    stage.wait_lamps([Look::GREEN; 3]);
    stage.never_red();
    stage.end();
}

/// Rule: N3 N5
#[test]
fn a_ring_that_falls_apart_is_told_by_each_side_and_nobody_is_called_down() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    for server in 0..3 {
        stage.cluster.netns().cut_all(server).unwrap();
    }
    let mut facts = Vec::new();
    for server in 0..3 {
        let name = server_name(server);
        facts.push(mailed(
            "nm",
            1030,
            &format!("Network partition: server {name} sees 1 of 3*"),
        ));
        facts.push(shown("nm", 1070, &format!("Server {name} is on a side without quorum: Pacemaker runs no groups here until it is back.")));
    }
    stage.told("apart", &facts);
    for server in 0..3 {
        stage.cluster.netns().heal(server).unwrap();
    }
    stage.wait_all_up();
    stage.cluster.wait_online(0, 3, CLUSTER).unwrap();
    let on = stage.group_at();
    stage.wait_group(on);
    let mut facts = Vec::new();
    for server in 0..3 {
        let name = server_name(server);
        facts.push(shown(
            "nm",
            1071,
            &format!("The side of server {name} has its quorum back after *."),
        ));
    }
    // Each server tells of the others, in one alert where they return at one moment.
    let one = "Server sv* is seen again after *; it had been running all the time, so the network between the servers was cut.";
    let several = "Servers sv*, sv* are seen again after *; they had been running all the time, so the network between the servers was cut.";
    facts.push(mailed_by_each("nm", 1031, one));
    facts.push(mailed_by_each("nm", 1032, several));
    stage.told("together again", &facts);
    // The lamps of servers that are not seen blink red all the same.
    stage.wait_lamps([RED_AND_GREEN; 3]);
    stage.end();
}
