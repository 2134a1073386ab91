//! Stories of a real Pacemaker: nodes that die, are fenced or cannot be, stop and return (root).

mod e2e;
mod e2e_cluster;

use e2e::*;
use e2e_cluster::*;
use noroshi_sim::rig::Fencing;

const DOWN: &str = "Server * is down: Corosync lost it; it has stopped or is cut off. This side sees 2 of 3 servers and has quorum.";

/// Rule: N3 N9 N11 M17 M18
#[test]
fn nodes_that_die_are_told_once_and_so_are_their_groups() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    dies_and_is_fenced(&mut stage);
    dies_without_the_group(&mut stage);
    cannot_be_fenced(&mut stage);
    stage.end();
}

/// Each time anew, at once after the last and on whichever node the group is.
///
/// Rule: N3 N9 N11
#[test]
fn nodes_that_come_back_unfenced_are_told_once_and_so_are_their_groups() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    returns_unfenced(&mut stage);
    returns_unfenced(&mut stage);
    cannot_be_fenced(&mut stage);
    returns_unfenced(&mut stage);
    stage.end();
}

/// Rule: N3 N9 M16 M18
#[test]
fn nodes_that_stop_return_or_fail_to_stop_are_told_with_the_reason() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    stops_in_order(&mut stage);
    cannot_stop(&mut stage);
    fails_back(&mut stage);
    stage.end();
}

/// The node of the group returns by itself, while the fence device refuses still.
fn returns_unfenced(stage: &mut Stage) {
    let from = dies_unfenced(stage);
    let again = "Group web has started on server *. It was away for *.";
    returns(stage, from, &[mailed("rc", 11, again)]);
    stage.cluster.set_fencing(Fencing::Works).unwrap();
}

/// The node that the group prefers dies and returns, and the group with it.
fn fails_back(stage: &mut Stage) {
    let at = stage.group_at();
    let name = server_name(at);
    let prefers =
        format!("<rsc_location id=\"prefers\" rsc=\"web\" node=\"{name}\" score=\"INFINITY\"/>");
    stage.run(0, &["cibadmin", "-o", "constraints", "-C", "-X", &prefers]);
    stage.told("a preference alone", &[]);
    stage.cluster.kill_node(at).unwrap();
    let on = stage.wait_group_elsewhere(at);
    stage.told("the preferred node is killed", &fenced_failover(at, on));
    stage.cluster.start_node(at).unwrap();
    stage.wait_all_up();
    stage.wait_group(at);
    let back = format!("Server {name} is back; it was not seen for *.");
    let to = server_name(on);
    let failed_back = format!(
        "Group web has failed back from server {to} to server {name}, which it prefers. It was away for *."
    );
    let facts = [mailed("nm", 1001, &back), shown("rc", 75, &failed_back)];
    stage.told("fails back", &facts);
}

/// An orderly stop of all on the node of the group is no fault.
fn stops_in_order(stage: &mut Stage) {
    let from = stage.group_at();
    let name = server_name(from);
    stage.cluster.stop_node(from).unwrap();
    let on = server_name(stage.wait_group_elsewhere(from));
    let moved = format!(
        "Group web was moved from server {name} to server {on}: the cluster was stopped on server {name}. It was away for *."
    );
    stage.told("stopped in order", &[shown("rc", 51, &moved)]);
    let mut looks = [Look::GREEN; 3];
    looks[from] = Look::OUT;
    stage.wait_lamps(looks);
    stage.cluster.start_node(from).unwrap();
    stage.wait_all_up();
    stage.wait_lamps([Look::GREEN; 3]);
    stage.wait_shown(from);
    stage.told("started again", &[]);
}

/// A resource that cannot be stopped has its node fenced.
fn cannot_stop(stage: &mut Stage) {
    let from = stage.group_at();
    let name = server_name(from);
    stage
        .cluster
        .fail_resource(from, "stop", "it hangs")
        .unwrap();
    let to = server_name(if from == 2 { 1 } else { 2 });
    stage.run(from, &["crm_resource", "--move", "-r", "web", "-N", &to]);
    stage.cluster.wait_dead(from, CLUSTER).unwrap();
    let on = stage.wait_group_elsewhere(from);
    stage.cluster.mend_resource(from, "stop").unwrap();
    stage.told("cannot be stopped", &fenced_failover(from, on));
    stage.run(on, &["crm_resource", "--clear", "-r", "web"]);
    // It was fenced before it could say so. If the agent was called before that, its report has waited on disk.
    let stop = format!("Resource app* could not be stopped on server {name}: error*");
    returns(stage, from, &[mailed_if_told("rc", 42, &stop)]);
}

/// What is told when the node of the group is lost and fenced, and the group runs on `to` by now.
fn fenced_failover(from: usize, to: usize) -> Vec<Fact> {
    let (from, to) = (server_name(from), server_name(to));
    let over = format!(
        "Group web has failed over from server {from} to server {to}: server {from} is lost and was fenced. It was away for *."
    );
    let mut facts = lost_and_fenced(&from);
    facts.push(mailed("rc", 61, &over));
    facts
}

fn lost_and_fenced(name: &str) -> Vec<Fact> {
    let asked =
        format!("Server {name} is lost and is to be fenced (switched off or started again).");
    let fenced = format!("Server {name} was fenced by sv*. Seen by: sv*, sv*.");
    vec![
        mailed("nm", 2, &DOWN.replacen('*', name, 1)),
        passing("rc", 411, &asked),
        shown("rc", 412, &fenced),
    ]
}

fn dies_and_is_fenced(stage: &mut Stage) {
    stage.cluster.kill_node(0).unwrap();
    let on = stage.wait_group_elsewhere(0);
    stage.told("killed and fenced", &fenced_failover(0, on));
    stage.wait_lamps([Look::RED_BLINK, Look::GREEN, Look::GREEN]);
    returns(stage, 0, &[]);
    stage.wait_lamps([RED_AND_GREEN, Look::GREEN, Look::GREEN]);
}

fn dies_without_the_group(stage: &mut Stage) {
    stage.cluster.kill_node(0).unwrap();
    stage.told("killed without the group", &lost_and_fenced("sv1"));
    returns(stage, 0, &[]);
}

/// A dead node is started again, and its return told.
fn returns(stage: &mut Stage, server: usize, besides: &[Fact]) {
    stage.cluster.start_node(server).unwrap();
    stage.wait_all_up();
    stage.cluster.wait_settled(server).unwrap();
    stage.wait_shown(server);
    let back = format!(
        "Server {} is back; it was not seen for *.",
        server_name(server)
    );
    stage.told("back", &[&[mailed("nm", 1001, &back)], besides].concat());
}

/// The node of the group dies, and the fence device refuses. Tells which it was.
fn dies_unfenced(stage: &mut Stage) -> usize {
    stage.cluster.set_fencing(Fencing::Refuses).unwrap();
    let from = stage.group_at();
    let name = server_name(from);
    stage.cluster.kill_node(from).unwrap();
    let asked =
        format!("Server {name} is lost and is to be fenced (switched off or started again).");
    let refused = format!(
        "Server {name} could not be fenced: *. Pacemaker tries again; what ran on {name} stays down until it succeeds. Seen by: *."
    );
    let held = format!(
        "Group web stays down: server {name} is lost and was not fenced (fencing failed: *), so Pacemaker starts it nowhere else. Make sure that {name} is switched off, then run \"stonith_admin --confirm {name}\"."
    );
    stage.told(
        "cannot be fenced",
        &[
            mailed("nm", 2, &DOWN.replacen('*', &name, 1)),
            passing("rc", 411, &asked),
            mailed("rc", 431, &refused),
            mailed("rc", 1002, &held),
        ],
    );
    from
}

/// The fence device does not answer: Pacemaker waits for a minute or more until it calls that a failure.
///
/// Rule: N3 N9 M18
#[test]
fn a_fence_device_that_hangs_is_told_with_what_stays_down_for_it() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    stage.cluster.set_fencing(Fencing::Hangs).unwrap();
    let from = stage.group_at();
    let name = server_name(from);
    stage.cluster.kill_node(from).unwrap();
    let asked =
        format!("Server {name} is lost and is to be fenced (switched off or started again).");
    let held = format!(
        "Group web stays down: server {name} is lost and was not fenced (*), so Pacemaker starts it nowhere else. Make sure that {name} is switched off, then run \"stonith_admin --confirm {name}\"."
    );
    let refused = format!(
        "Server {name} could not be fenced: *. Pacemaker tries again; what ran on {name} stays down until it succeeds. Seen by: *."
    );
    let facts = [
        mailed("nm", 2, &DOWN.replacen('*', &name, 1)),
        shown("rc", 411, &asked),
        mailed("rc", 431, &refused),
        mailed("rc", 1002, &held),
    ];
    stage.told("fencing hangs", &facts);
    stage.cluster.set_fencing(Fencing::Works).unwrap();
    let to = server_name(stage.wait_group_elsewhere(from));
    let over = format!(
        "Group web has failed over from server {name} to server {to}: server {name} is lost and was fenced. It was away for *."
    );
    let fenced = format!("Server {name} was fenced by sv*. Seen by: sv*, sv*.");
    stage.told(
        "fencing answers again",
        &[shown("rc", 412, &fenced), mailed("rc", 61, &over)],
    );
    returns(&mut stage, from, &[]);
    stage.end();
}

fn cannot_be_fenced(stage: &mut Stage) {
    let from = dies_unfenced(stage);
    let name = server_name(from);
    stage.run(
        usize::from(from == 0),
        &["stonith_admin", "--confirm", &name],
    );
    let over = format!(
        "Group web has failed over from server {name} to server *: server {name} is lost and was fenced. It was away for *."
    );
    let confirmed = format!(
        "Server {name} was fenced by a person, who has confirmed that it is off. Seen by: *."
    );
    stage.told(
        "confirmed",
        &[shown("rc", 412, &confirmed), mailed("rc", 61, &over)],
    );
    stage.cluster.set_fencing(Fencing::Works).unwrap();
    returns(stage, from, &[]);
}
