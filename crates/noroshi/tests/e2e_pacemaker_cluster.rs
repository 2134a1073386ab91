//! Stories of a real Pacemaker: what people and resources do while all nodes are well (root).

mod e2e;
mod e2e_cluster;

use e2e::*;
use e2e_cluster::*;

/// Rule: N3 N9 M17
#[test]
fn resources_that_fail_are_told_once_with_what_followed() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    recovers_in_place(&mut stage);
    fails_over(&mut stage);
    cannot_start(&mut stage);
    fails_everywhere(&mut stage);
    stage.wait_lamps([Look::GREEN; 3]);
    stage.never_red();
    stage.end();
}

fn recovers_in_place(stage: &mut Stage) {
    let failed = mailed(
        "rm",
        9,
        "Monitoring found a fault of resource app of group web on server sv1: *the disk is full.",
    );
    let fail = stage
        .cluster
        .fail_resource(0, "monitor", "the disk is full");
    fail.unwrap();
    stage.wait_fact(&failed);
    stage.cluster.mend_resource(0, "monitor").unwrap();
    let works = "Resource app of group web works again on server sv1, after *";
    stage.told("recovers in place", &[failed, mailed("rm", 26, works)]);
}

fn fails_over(stage: &mut Stage) {
    let threshold = [
        "crm_resource",
        "-r",
        "app",
        "--meta",
        "-p",
        "migration-threshold",
        "-v",
        "1",
    ];
    stage.run(0, &threshold);
    stage.run(0, &["crm_resource", "--cleanup"]);
    stage.wait_group(0);
    stage
        .cluster
        .fail_resource(0, "monitor", "no answer")
        .unwrap();
    let over = "Group web has failed over from server sv1 to server *: app failed on sv1: *no answer. It was away for *.";
    let over = mailed("rc", 61, over);
    stage.wait_fact(&over);
    stage.cluster.mend_resource(0, "monitor").unwrap();
    let failed = "Monitoring found a fault of resource app of group web on server sv1: *no answer.";
    stage.told("fails over", &[mailed("rm", 9, failed), over]);
    stage.run(1, &["crm_resource", "--cleanup"]);
    stage.told("cleaned up", &[]);
}

/// Its monitor fails, and its restart in place fails too.
fn cannot_start(stage: &mut Stage) {
    let from = stage.group_at();
    let name = server_name(from);
    stage.run(
        from,
        &[
            "crm_resource",
            "-r",
            "app",
            "--meta",
            "-d",
            "migration-threshold",
        ],
    );
    stage
        .cluster
        .fail_resource(from, "start", "no licence")
        .unwrap();
    stage
        .cluster
        .fail_resource(from, "monitor", "no answer")
        .unwrap();
    let over = format!(
        "Group web has failed over from server {name} to server *: app failed on {name}: *no licence. It was away for *."
    );
    let over = mailed("rc", 61, &over);
    stage.wait_fact(&over);
    stage.cluster.mend_resource(from, "monitor").unwrap();
    stage.cluster.mend_resource(from, "start").unwrap();
    let failed = format!(
        "Monitoring found a fault of resource app of group web on server {name}: *no answer."
    );
    let start =
        format!("Resource app of group web could not be started on server {name}: *no licence.");
    let facts = [mailed("rm", 9, &failed), mailed("rc", 32, &start), over];
    stage.told("cannot start", &facts);
    stage.run(from, &["crm_resource", "--cleanup"]);
}

fn fails_everywhere(stage: &mut Stage) {
    let from = stage.group_at();
    let name = server_name(from);
    for server in 0..3 {
        stage
            .cluster
            .fail_resource(server, "start", "no licence")
            .unwrap();
    }
    stage
        .cluster
        .fail_resource(from, "monitor", "no answer")
        .unwrap();
    // The address and the store run where it was tried last.
    let part = "Group web runs only in part on server sv*: app does not run, and nothing is starting it. It failed on each of these servers: *no licence*.";
    let failed = format!(
        "Monitoring found a fault of resource app of group web on server {name}: *no answer."
    );
    let mut facts = vec![mailed("rm", 9, &failed), mailed("rc", 1003, part)];
    // The first is mailed, and then how it ended.
    for server in 0..3 {
        let name = server_name(server);
        let start = format!(
            "Resource app of group web could not be started on server {name}: *no licence."
        );
        let told = if server == from { mailed } else { shown };
        facts.push(told("rc", 32, &start));
    }
    stage.told("fails everywhere", &facts);
    for server in 0..3 {
        stage.cluster.mend_resource(server, "start").unwrap();
    }
    stage.cluster.mend_resource(from, "monitor").unwrap();
    stage.run(0, &["crm_resource", "--cleanup"]);
    let again = "Group web has started on server sv*. It was away for *.";
    let works = "Resource app of group web works again on server sv*, after *";
    stage.told(
        "mended everywhere",
        &[mailed("rc", 11, again), shown("rm", 26, works)],
    );
}

/// Rule: N3 N9
#[test]
fn what_people_do_to_groups_and_servers_is_told_without_a_mail() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    moved(&mut stage);
    standby(&mut stage);
    maintenance(&mut stage);
    stopped_and_started(&mut stage);
    stage.wait_lamps([Look::GREEN; 3]);
    stage.never_red();
    stage.end();
}

fn moved(stage: &mut Stage) {
    stage.run(2, &["crm_resource", "--move", "-r", "web", "-N", "sv2"]);
    stage.wait_group(1);
    let words = "Group web was moved from server sv1 to server sv2: by a person (root, crm_resource, sv3). It was away for *.";
    stage.told("moved", &[shown("rc", 51, words)]);
    stage.run(2, &["crm_resource", "--clear", "-r", "web"]);
    stage.wait_group(1);
    stage.told("the move's constraint removed", &[]);
}

fn standby(stage: &mut Stage) {
    stage.run(
        0,
        &["crm_attribute", "-N", "sv2", "-n", "standby", "-v", "on"],
    );
    stage.wait_group(0);
    let set = "Server sv2 was put into standby (root, crm_attribute, sv1): groups do not run there until that is unset.";
    let moved = "Group web was moved from server sv2 to server sv1: server sv2 was put into standby. It was away for *.";
    stage.told("standby", &[shown("nm", 1072, set), shown("rc", 51, moved)]);
    stage.run(0, &["crm_attribute", "-N", "sv2", "-n", "standby", "-D"]);
    let unset =
        "Standby of server sv2 was unset (root, crm_attribute, sv1): groups may run there again.";
    stage.told("unstandby", &[shown("nm", 1073, unset)]);
}

fn maintenance(stage: &mut Stage) {
    stage.run(
        1,
        &[
            "crm_attribute",
            "-t",
            "crm_config",
            "-n",
            "maintenance-mode",
            "-v",
            "true",
        ],
    );
    let set = "Maintenance was set for the whole cluster (root, crm_attribute, sv2): Pacemaker neither watches nor moves groups there until it is unset.";
    stage.told("maintenance", &[shown("nm", 1074, set)]);
    stage.run(
        1,
        &[
            "crm_attribute",
            "-t",
            "crm_config",
            "-n",
            "maintenance-mode",
            "-D",
        ],
    );
    let unset = "Maintenance was unset for the whole cluster (root, crm_attribute, sv2): Pacemaker sees to the groups again.";
    stage.told("maintenance over", &[shown("nm", 1075, unset)]);
}

fn stopped_and_started(stage: &mut Stage) {
    let role = [
        "crm_resource",
        "-r",
        "web",
        "--meta",
        "-p",
        "target-role",
        "-v",
    ];
    stage.run(1, &[&role[..], &["Stopped"]].concat());
    let stopped = "Group web was stopped on server sv1, as somebody asked.";
    stage.told("stopped", &[shown("rc", 21, stopped)]);
    stage.run(1, &[&role[..], &["Started"]].concat());
    stage.wait_group(0);
    stage.told(
        "started",
        &[shown("rc", 11, "Group web has started on server sv1.")],
    );
}
