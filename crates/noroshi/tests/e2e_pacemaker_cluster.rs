//! Stories of a real Pacemaker on real rings: three nodes in namespaces, each with its own (root).

mod e2e;

use e2e::*;
use noroshi_sim::rig::Pacemaker;

/// A deadline for what a cluster on a busy machine may need several rounds for.
const CLUSTER: Duration = Duration::from_secs(120);

/// Rule: N3 N9
#[test]
fn a_killed_node_is_one_mail_and_its_groups_failover_another() {
    if let Err(why) = Pacemaker::available() {
        let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!required, "NOROSHI_REQUIRE_ALL is set, but {why}");
        eprintln!("skipped: {why}");
        return;
    }
    let mut cluster = plan().pacemaker().start().unwrap();
    cluster.kill_node(0).unwrap();
    let over = "Group web has failed over from server sv1 to server";
    let told = cluster.wait_mail(CLUSTER, |mail| mail.body.contains(over));
    told.unwrap_or_else(|error| panic!("{error}\n{}", letters(&cluster)));
    cluster.start_node(0).unwrap();
    cluster.wait_all_up(CLUSTER).unwrap();
    let back = cluster.wait_mail(CLUSTER, |mail| mail.body.contains("Server sv1 is back"));
    back.unwrap_or_else(|error| panic!("{error}\n{}", letters(&cluster)));
    flush(&cluster, 1);
    assert_eq!(mails(&cluster).len(), 3, "{}", letters(&cluster));
}
