//! What the picture of the cluster says of a server that is down.

use super::{Console, alert, notice, visitor};
use crate::console::overview::{Overview, faults};
use crate::console::page::cluster::part;
use noroshi_core::alert::{Acknowledgement, AlertId, Severity};
use noroshi_core::config::{Engine, Role};
use noroshi_core::notice::{Channel, NoticeState};
use noroshi_core::pacemaker::{
    GroupKind, GroupState, GroupStatus, PacemakerNodeStatus, PacemakerStatus,
};
use noroshi_core::status::{ServerState, ServerStatus, Status, Waiting};
use noroshi_core::text::Language;
use noroshi_core::time::WallTime;

/// Of server1, which tells it, and server2.
fn status(of_server2: ServerState) -> Status {
    let server = |name: &str, own, state| ServerStatus {
        name: name.into(),
        own,
        state,
        last_word: None,
        paths: Vec::new(),
        lamp: None,
        drift: false,
        set: None,
    };
    Status {
        cluster: "harbour".into(),
        server: "server1".into(),
        time: WallTime(1_700_000_000_000),
        blind: None,
        advice: Vec::new(),
        engine: Engine::Embedded,
        servers: vec![
            server("server1", true, ServerState::Up),
            server("server2", false, of_server2),
        ],
        on_duty: Some("server1".into()),
        notices_waiting: 14,
        waiting: vec![Waiting {
            channel: Channel::Syslog,
            count: 14,
            reason: Some("/dev/log does not exist".into()),
        }],
        backlog: false,
        store_trouble: None,
        lamps_used: true,
        licence: None,
        pacemaker: None,
    }
}

async fn read(console: &Console, of_server2: ServerState) -> Overview {
    let status = status(of_server2);
    let faults = faults(&console.app.desk, &status).await;
    Overview { status, faults }
}

/// Who was woken sees beside the server that is down whether the mail went out, whether somebody sees to it,
/// and the way to the alert; of a server that is back, nothing.
///
/// Rule: N7 N21
#[tokio::test]
async fn a_server_that_is_down_says_who_knows() {
    let mut down = alert(7, Severity::Info, "Server server2 is down.");
    down.notices = vec![
        notice(7, Channel::Mail, "ops@example.com", NoticeState::Delivered),
        notice(7, Channel::Mail, "night@example.com", NoticeState::Refused),
        notice(7, Channel::Syslog, "server1", NoticeState::Waiting),
    ];
    let older = alert(3, Severity::Info, "Server server2 is down.");
    let mut path = alert(9, Severity::Info, "Interconnect lan1 of server2 is silent.");
    std::sync::Arc::make_mut(&mut path.alert).message.event = 4;
    let console = Console::with(vec![older.clone(), down.clone(), path.clone()]);
    let sato = visitor(Language::En, Role::Operate);

    let overview = read(&console, ServerState::Down).await;
    let page = part(&sato, &overview).into_string();
    for words in [
        "<b>server2</b>: down",
        "sent 1/2, 1 not delivered",
        "Nobody sees to it yet.",
        "<a href=\"/alerts/7\">I see to it…</a>",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    let viewer = visitor(Language::Ja, Role::View);
    let page = part(&viewer, &overview).into_string();
    for words in [
        "対応者はまだいません。",
        "<a href=\"/alerts/7\">アラートを見る</a>",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }

    down.acknowledgement = Some(Acknowledgement {
        alert: AlertId("a-7".into()),
        by: "<b>ogawa".into(),
        remark: String::new(),
        at: WallTime(1_700_000_001_000),
    });
    let console = Console::with(vec![older, down, path]);
    let overview = read(&console, ServerState::Down).await;
    let page = part(&sato, &overview).into_string();
    assert!(page.contains("seen by <bdi>&lt;b&gt;ogawa</bdi>"), "{page}");
    assert!(!page.contains("Nobody sees to it yet."), "{page}");
    let overview = read(&console, ServerState::Up).await;
    assert_eq!(overview.faults, []);
}

/// On a cluster of Corosync the cluster is to be started, not our service; a group's box has the group's name; what
/// hinders the service stands beside it.
///
/// Rule: N21 N3
#[tokio::test]
async fn beside_corosync_the_remedy_is_the_clusters_and_a_group_has_its_own_box() {
    let console = Console::with(Vec::new());
    let group = |name: &str, state, disabled| GroupStatus {
        name: name.into(),
        kind: GroupKind::Single,
        state,
        current: Vec::new(),
        disabled,
        maintenance: false,
        resources: Vec::new(),
    };
    let mut overview = read(&console, ServerState::Down).await;
    overview.status.engine = Engine::Corosync;
    overview.status.advice = vec!["Open port 29002/tcp <b>".into()];
    let node = |online| PacemakerNodeStatus {
        name: "server2".into(),
        online,
        ..PacemakerNodeStatus::default()
    };
    let pacemaker = |online| PacemakerStatus {
        quorum: true,
        nodes: vec![node(online)],
        groups: vec![
            group("web", GroupState::Failed, false),
            group("db", GroupState::Offline, false),
            group("old", GroupState::Offline, true),
            group("well", GroupState::Online, false),
        ],
        ..PacemakerStatus::default()
    };
    for language in [Language::En, Language::Ja] {
        let sato = visitor(language, Role::Operate);
        overview.status.pacemaker = Some(Box::new(pacemaker(false)));
        let page = part(&sato, &overview).into_string();
        let top = page.split("class=\"facts\"").next().unwrap();
        for words in ["web</b>: ", "db</b>: ", "29002/tcp &lt;b&gt;"] {
            assert!(top.contains(words), "{words} is not in {top}");
        }
        assert!(
            !top.contains("old</b>") && !top.contains("well</b>"),
            "{top}"
        );
        for words in [
            "pcs cluster start server2",
            "systemctl start corosync pacemaker noroshi",
        ] {
            assert!(page.contains(words), "{words} is not in {page}");
        }
        assert!(!page.contains("clpcl -s"), "{page}");
        // Its node is at work: it is the service alone that has ended.
        overview.status.pacemaker = Some(Box::new(pacemaker(true)));
        let page = part(&sato, &overview).into_string();
        assert!(
            page.contains("<code>systemctl start noroshi</code>"),
            "{page}"
        );
        assert!(!page.contains("pcs cluster start"), "{page}");
    }
    let sato = visitor(Language::En, Role::Operate);
    let page = part(&sato, &read(&console, ServerState::Down).await).into_string();
    assert!(page.contains("<code>clpcl -s</code>"), "{page}");
}

/// A server on the far side of a cut is told on top, too; what waits says its channel, as `noroshi status` does.
///
/// Rule: N21 M31
#[tokio::test]
async fn what_needs_a_look_is_on_top() {
    let console = Console::with(Vec::new());
    let sato = visitor(Language::En, Role::Operate);
    let overview = read(&console, ServerState::Unseen).await;
    let page = part(&sato, &overview).into_string();
    let top = page.split("class=\"facts\"").next().unwrap();
    for words in [
        "<b>server2</b>: unseen (partition)",
        "14 syslog lines wait: /dev/log does not exist",
    ] {
        assert!(top.contains(words), "{words} is not in {top}");
    }
}
