//! What `status` and `clpstat` print of Pacemaker's groups, to the letter.

mod common;

use common::*;
use noroshi_core::pacemaker::{
    GroupKind, GroupState, GroupStatus, PacemakerNodeStatus, PacemakerStatus, ResourceStatus, Sort,
};
use noroshi_core::status::{ServerState, Status};

/// A group of a floating address and a file system, a failed one, and one whose server is not fenced.
fn with_groups() -> Status {
    let resource = |name: &str, sort, state| ResourceStatus {
        name: name.into(),
        sort,
        state,
        current: vec!["server1".into()],
    };
    let group = |name: &str, state, current: &[&str], resources| GroupStatus {
        name: name.into(),
        kind: GroupKind::Single,
        state,
        current: current.iter().map(|&name| name.into()).collect(),
        disabled: false,
        maintenance: false,
        resources,
    };
    let (online, failed) = (GroupState::Online, GroupState::Failed);
    let mut groups = vec![
        group(
            "failover",
            online,
            &["server1"],
            vec![
                resource("fip", Sort::FloatingIp, online),
                resource("data", Sort::FileSystem, online),
            ],
        ),
        group(
            "db",
            failed,
            &[],
            vec![resource("pgsql", Sort::Other, failed)],
        ),
        group(
            "web",
            GroupState::Unknown,
            &["server2"],
            vec![resource("web", Sort::Other, GroupState::Unknown)],
        ),
        group("old", GroupState::Offline, &[], Vec::new()),
    ];
    (groups[3].disabled, groups[0].maintenance) = (true, true);
    let node = |name: &str| PacemakerNodeStatus {
        name: name.into(),
        online: true,
        ..PacemakerNodeStatus::default()
    };
    let mut nodes = vec![node("server1"), node("server2")];
    (nodes[0].standby, nodes[1].online, nodes[1].unclean) = (true, false, true);
    let mut status = cluster(ServerState::Up);
    status.pacemaker = Some(Box::new(PacemakerStatus {
        trouble: None,
        quorum: false,
        maintenance: true,
        nodes,
        groups,
    }));
    status
}

/// The real product's layout: do not edit.
///
/// Rule: M30 N3
#[test]
fn clpstat_shows_groups_in_the_real_layout() {
    let fake = Fake::agreeing(with_groups(), Vec::new());
    let shown = fake.run(&["clpstat"]).out;
    let expected = concat!(
        "  <group>\n",
        "    failover ........: Online           maintenance\n",
        "      current        : server1\n",
        "      fip            : Online           \n",
        "      data           : Online           \n",
        "    db ..............: Online Failure   \n",
        "      current        : None\n",
        "      pgsql          : Online Failure   \n",
        "    web .............: Unknown          \n",
        "      current        : server2\n",
        "    old .............: Offline          stopped by request\n",
        "      current        : None\n",
        " =====================================================================\n",
    );
    assert!(shown.ends_with(expected), "{shown}");
}

/// Rule: N3 N20
#[test]
fn status_shows_groups_and_what_hinders_them() {
    let fake = Fake::agreeing(with_groups(), Vec::new());
    let after = |out: &str, mark: &str| {
        let lines = out.lines().skip_while(|line| *line != mark);
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        after(&fake.run(&["status"]).out, "Groups")[..9],
        [
            "Groups",
            "  failover         running                    on server1 maintenance",
            "  db               FAILED                     FAILED: pgsql",
            "  web              UNKNOWN (server not fenced) on server2",
            "  old              stopped by request",
            "  node server1     standby",
            "  node server2     LOST, NOT FENCED",
            "MAINTENANCE: Pacemaker leaves all groups alone",
            "NO QUORUM on this side: Pacemaker runs no groups here",
        ]
    );
    assert_eq!(
        after(&fake.run(&["status", "--lang", "ja"]).out, "グループ")[..3],
        [
            "グループ",
            "  failover         動作中                     server1 メンテナンス中",
            "  db               異常                       異常: pgsql",
        ]
    );
    let json: serde_json::Value =
        serde_json::from_str(&fake.run(&["status", "--json"]).out).unwrap();
    let groups = &json["pacemaker"]["groups"];
    assert_eq!(groups[0]["current"][0], "server1");
    assert_eq!(groups[0]["resources"][0]["sort"], "floating-ip");
    assert_eq!(
        (&groups[1]["state"], &groups[2]["state"]),
        (&"failed".into(), &"unknown".into())
    );

    let mut blind = cluster(ServerState::Up);
    blind.pacemaker = Some(Box::new(PacemakerStatus {
        trouble: Some("crm_mon: not connected\u{1b}".into()),
        ..PacemakerStatus::default()
    }));
    blind.advice = vec!["open port 29002/tcp\u{1b}".into()];
    let fake = Fake::agreeing(blind, Vec::new());
    let shown = fake.run(&["status"]).out;
    let advice = "LOOK INTO THIS: open port 29002/tcp";
    assert!(shown.contains(advice), "{shown}");
    let japanese = fake.run(&["status", "--lang", "ja"]).out;
    assert!(
        japanese.contains("要確認: open port 29002/tcp"),
        "{japanese}"
    );
    assert!(
        shown.contains("PACEMAKER CANNOT BE READ: crm_mon: not connected"),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}'));
}
