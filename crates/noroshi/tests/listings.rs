//! What the commands that only show something print, to the letter, in both languages.

mod common;

use common::*;
use noroshi_core::alert::Severity;
use noroshi_core::lamp::Look;
use noroshi_core::notice::{Channel, NoticeState};
use noroshi_core::status::{ServerState, Status, Waiting};
use noroshi_core::time::WallTime;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

fn up() -> Fake {
    Fake::agreeing(cluster(ServerState::Up), Vec::new())
}

/// The real product's layout: do not edit.
///
/// Rule: M30
#[test]
fn clpstat_keeps_the_real_layout() {
    let fake = up();
    let expected = concat!(
        " ========================  CLUSTER STATUS  ===========================\n",
        "  Cluster : TomcatCluster\n",
        "  <server>\n",
        "   *server1 .........: Online           \n",
        "      lankhb1        : Normal           Kernel Mode LAN Heartbeat\n",
        "    server2 .........: Online           \n",
        "      lankhb1        : Normal           Kernel Mode LAN Heartbeat\n",
        " =====================================================================\n",
    );
    for arguments in [
        &["clpstat"][..],
        &["clpstat", "-s"],
        &["clpstat", "-h", "server1"],
        &["clpstat", "--lang", "ja"],
    ] {
        assert_eq!(fake.run(arguments), done(expected), "{arguments:?}");
    }
}

/// Rule: N17 M30
#[test]
fn clpstat_shows_sets_and_drift_in_the_column_of_comments() {
    let mut status = cluster(ServerState::Up);
    status
        .servers
        .push(server("server3", false, ServerState::Up));
    status.servers[0].set = Some(12);
    (status.servers[1].set, status.servers[1].drift) = (Some(11), true);
    status.servers[2].drift = true;
    let fake = Fake::agreeing(status, Vec::new());
    let shown = fake.run(&["clpstat"]).out;
    for line in [
        "   *server1 .........: Online           set 12\n",
        "    server2 .........: Online           set 11, settings differ\n",
        "    server3 .........: Online           settings differ\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}

/// Rule: M30
#[test]
fn clpstat_shows_every_state() {
    let mut status = cluster(ServerState::Down);
    status.servers.push(server(
        "a-server-with-a-long-name",
        false,
        ServerState::Left,
    ));
    status
        .servers
        .push(server("server4", false, ServerState::Unknown));
    status
        .servers
        .push(server("server5", false, ServerState::Unseen));
    status
        .servers
        .push(server("server6", false, ServerState::Stalled));
    status.servers[0].paths[0].unused = true;
    let fake = Fake::agreeing(status, Vec::new());
    let expected = concat!(
        " ========================  CLUSTER STATUS  ===========================\n",
        "  Cluster : TomcatCluster\n",
        "  <server>\n",
        "   *server1 .........: Online           \n",
        "      lankhb1        : Unused           Kernel Mode LAN Heartbeat\n",
        "    server2 .........: Offline          \n",
        "      lankhb1        : Error            Kernel Mode LAN Heartbeat\n",
        "    a-server-with-a- : Offline          \n",
        "      lankhb1        : Unknown          Kernel Mode LAN Heartbeat\n",
        "    server4 .........: Unknown          \n",
        "      lankhb1        : Unknown          Kernel Mode LAN Heartbeat\n",
        "    server5 .........: Unknown          \n",
        "      lankhb1        : Error            Kernel Mode LAN Heartbeat\n",
        "    server6 .........: Caution          \n",
        "      lankhb1        : Error            Kernel Mode LAN Heartbeat\n",
        " =====================================================================\n",
    );
    assert_eq!(fake.run(&["clpstat"]), done(expected));
}

/// Rule: N20
#[test]
fn a_link_with_a_commands_name_is_that_command() {
    let fake = up();
    for name in [
        "clpstat",
        "clpcl",
        "clpstdn",
        "clpdn1000s",
        "clplogcc",
        "clplogcf",
        "clplogcmd",
    ] {
        let link = fake.dir.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_noroshi"), &link).unwrap();
        let mut command = command_in(fake.dir.path(), &["--help"]);
        let mut linked = std::process::Command::new(&link);
        linked.args(command.get_args()).env_clear().envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        command = linked;
        let ran = ran(command, fake.dir.path());
        assert_eq!((ran.code, &*ran.err), (0, ""), "{name}");
        assert!(ran.out.contains(&format!("Usage: {name} ")), "{}", ran.out);
        assert!(ran.out.contains("Exit codes:"), "{}", ran.out);
    }
    let link = fake.dir.path().join("clpstat");
    let mut command = std::process::Command::new(link);
    command
        .env_clear()
        .args(["--home", fake.dir.path().to_str().unwrap()]);
    assert_eq!(ran(command, fake.dir.path()), fake.run(&["clpstat"]));
}

fn rich() -> Status {
    let mut status = cluster(ServerState::Down);
    status.servers[0].lamp = lamp(Look::GREEN);
    status.servers[1].lamp = lamp(Look::RED_BLINK);
    if let Some(lamp) = &mut status.servers[1].lamp {
        lamp.shown = Some(Look::OUT);
        lamp.trouble = Some("no answer\u{1b}[2J".into());
    }
    status.servers[1].drift = true;
    status.servers[1].last_word = Some(WallTime(TIME.0 - 8_123));
    status.notices_waiting = 3;
    let waiting = |channel, count, reason: Option<&str>| Waiting {
        channel,
        count,
        reason: reason.map(Into::into),
    };
    status.waiting = vec![
        waiting(Channel::Mail, 1, None),
        waiting(Channel::Syslog, 2, Some("/dev/log does not exist\u{1b}")),
    ];
    status.backlog = true;
    status.store_trouble = Some("disk full".into());
    status
}

/// Rule: N20
#[test]
fn status_shows_servers_interconnects_and_lights() {
    let fake = Fake::agreeing(rich(), Vec::new());
    assert_eq!(
        fake.run(&["status"]),
        done(concat!(
            "Cluster TomcatCluster, as server1 sees it at 2023-11-15 07:13:20.123 +09:00\n",
            "  server1          up                         own on duty\n",
            "      lankhb1      normal         last heartbeat 12 ms ago, loss 0.5 %\n",
            "      light        green (10.0.0.201)\n",
            "  server2          DOWN                       SETTINGS DIFFER\n",
            "      last word    2023-11-15 07:13:12.000 +09:00\n",
            "      lankhb1      SILENT         last heartbeat 2023-11-15 07:13:20.111 +09:00, loss until then 0.5 %\n",
            "      light        CANNOT BE TOLD (10.0.0.201), should be red blinking, last told out: no answer\\u{1b}[2J\n",
            "Engine: embedded\n",
            "Notices waiting: 3, more on disk\n",
            "  1 mail waits\n",
            "  2 syslog lines wait: /dev/log does not exist\\u{1b}\n",
            "ALERT STORE IN TROUBLE: disk full\n",
        ))
    );
    assert_eq!(
        fake.run(&["status", "--lang", "ja"]),
        done(concat!(
            "クラスタ TomcatCluster（server1 から見た状態、2023-11-15 07:13:20.123 +09:00）\n",
            "  server1          稼働中                     自サーバ 通報担当\n",
            "      lankhb1      正常           最終受信 12 ms 前、損失 0.5 %\n",
            "      警告灯       緑点灯 (10.0.0.201)\n",
            "  server2          ダウン                     設定が異なります\n",
            "      最終応答     2023-11-15 07:13:12.000 +09:00\n",
            "      lankhb1      途絶           最終受信 2023-11-15 07:13:20.111 +09:00、それまでの損失 0.5 %\n",
            "      警告灯       制御できません (10.0.0.201)、本来は赤点滅、最後の指示は消灯: no answer\\u{1b}[2J\n",
            "エンジン: 組み込み\n",
            "送信待ちの通報: 3 件、ディスク上に残りあり\n",
            "  メール 1 通が送信待ち\n",
            "  syslog 2 行が送信待ち: /dev/log does not exist\\u{1b}\n",
            "アラート保存領域の障害: disk full\n",
        ))
    );
}

/// Story: `status` once showed "green" for a lamp whose address nobody answered at.
///
/// Rule: N20
#[test]
fn status_never_shows_a_wanted_light_as_if_it_shone() {
    let mut status = cluster(ServerState::Up);
    let mut unreachable = lamp(Look::GREEN).unwrap();
    unreachable.shown = None;
    unreachable.trouble = Some("connection refused".into());
    let mut untold = unreachable.clone();
    untold.trouble = None;
    let mut others = untold.clone();
    others.told_by_us = false;
    status.servers[0].lamp = Some(unreachable);
    status.servers[1].lamp = Some(untold);
    let mut third = server("server3", false, ServerState::Up);
    third.lamp = Some(others);
    status.servers.push(third);
    let fake = Fake::agreeing(status, Vec::new());
    let lights = |arguments: &[&str], word: &str| -> Vec<String> {
        let out = fake.run(arguments).out;
        let lines = out.lines().filter(|line| line.trim().starts_with(word));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    assert_eq!(
        lights(&["status"], "light"),
        [
            "light        CANNOT BE TOLD (10.0.0.201), should be green, what it shows is unknown: connection refused",
            "light        not told yet (10.0.0.201), should be green",
            "light        should be green (10.0.0.201), not told by this server",
        ]
    );
    assert_eq!(
        lights(&["status", "--lang", "ja"], "警告灯"),
        [
            "警告灯       制御できません (10.0.0.201)、本来は緑点灯、現在の表示は不明: connection refused",
            "警告灯       指示待ち (10.0.0.201)、本来は緑点灯",
            "警告灯       本来は緑点灯 (10.0.0.201)、このサーバは制御していません",
        ]
    );
    let json: serde_json::Value =
        serde_json::from_str(&fake.run(&["status", "--json"]).out).unwrap();
    for (at, told) in ["trouble", "not-yet", "by-another"].iter().enumerate() {
        assert_eq!(json["servers"][at]["lamp"]["told"], *told, "{json}");
    }
    assert_eq!(json["servers"][0]["lamp"]["trouble"], "connection refused");
}

/// Rule: N21 N20
#[test]
fn status_says_when_a_server_was_last_heard_and_makes_up_no_time() {
    let fake = |state, last_word| {
        let mut status = cluster(state);
        status.servers[1].last_word = last_word;
        status.lamps_used = false;
        Fake::agreeing(status, Vec::new())
    };
    let heard = Some(WallTime(TIME.0 - 8_123));
    let words = |state, last_word, language: &str| {
        let ran = fake(state, last_word).run(&["status", "--lang", language]);
        let lines = ran.out.lines();
        let lines = lines.filter(|line| line.contains("last word") || line.contains("最終応答"));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    assert!(words(ServerState::Up, heard, "en").is_empty());
    for (state, last_word, en, ja) in [
        (
            ServerState::Left,
            heard,
            "last word    2023-11-15 07:13:12.000 +09:00",
            "最終応答     2023-11-15 07:13:12.000 +09:00",
        ),
        (
            ServerState::Unknown,
            None,
            "last word    not heard since this server started",
            "最終応答     このサーバの起動後は未受信",
        ),
    ] {
        assert_eq!(words(state, last_word, "en"), [en]);
        assert_eq!(words(state, last_word, "ja"), [ja]);
    }
    let left = fake(ServerState::Left, heard);
    let text = left.run(&["status"]).out;
    assert!(text.contains("      lankhb1      stopped "), "{text}");
    assert!(text.contains("Warning lights are not used.\n"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&left.run(&["status", "--json"]).out).unwrap();
    assert_eq!(json["servers"][1]["last_word"], "2023-11-14T22:13:12.000Z");
}

/// Rule: N20
#[test]
fn status_as_json_is_one_object() {
    let fake = up();
    let path = concat!(
        r#"{"name":"lankhb1","comment":"Kernel Mode LAN Heartbeat","normal":true,"#,
        r#""unused":false,"silent_ms":12,"loss_permille":5}"#,
    );
    let server = |name: &str, own: bool| {
        format!(
            r#"{{"name":"{name}","own":{own},"state":"up","last_word":null,"paths":[{path}],"lamp":null,"drift":false,"set":null}}"#
        )
    };
    let expected = format!(
        concat!(
            r#"{{"cluster":"TomcatCluster","server":"server1","time":"2023-11-14T22:13:20.123Z","#,
            r#""engine":"embedded","advice":[],"servers":[{},{}],"on_duty":"server1","notices_waiting":0,"waiting":[],"#,
            r#""backlog":false,"#,
            r#""store_trouble":null,"lamps_used":true}}"#,
            "\n"
        ),
        server("server1", true),
        server("server2", false)
    );
    assert_eq!(fake.run(&["status", "--json"]), done(&expected));
    assert_eq!(fake.run(&["clpstat", "--json"]), done(&expected));
}

fn told() -> Vec<noroshi_daemon::control::AlertRow> {
    let mut down = alert(1, Severity::Error, "Server server2 is down.");
    std::sync::Arc::make_mut(&mut down.alert).about = Some("server4".into());
    down.notices = vec![
        notice(
            Channel::Mail,
            "ops@example.jp",
            NoticeState::Delivered,
            "250 Ok",
        ),
        notice(
            Channel::Mail,
            "gone@example.jp",
            NoticeState::Refused,
            "550 no such user",
        ),
        notice(Channel::Lamp, "server2", NoticeState::Waiting, ""),
    ];
    let evil = alert(2, Severity::Info, "tricky\u{1b}]0;x\u{7}\ntext");
    vec![down, evil]
}

/// Rule: N7
#[test]
fn alerts_have_the_alert_views_columns_and_their_notices() {
    let fake = Fake::agreeing(cluster(ServerState::Up), told());
    assert_eq!(
        fake.run(&["alerts"]),
        done(concat!(
            "RECEIVED                       TIME                           SERVER       MODULE     EVENT SEVERITY TEXT\n",
            "2023-11-15 07:13:20.123 +09:00 2023-11-15 07:13:20.100 +09:00 server1      nm         2     error    Server server2 is down.\n",
            "    mail    ops@example.jp                 delivered  attempts 2   250 Ok (may have been sent twice)\n",
            "    mail    gone@example.jp                REFUSED    attempts 2   550 no such user\n",
            "    light   server2                        waiting    attempts 2\n",
            "2023-11-15 07:13:20.123 +09:00 2023-11-15 07:13:20.100 +09:00 server1      nm         2     info     tricky\\u{1b}]0;x\\u{7}\\ntext\n",
        ))
    );
    assert_eq!(
        fake.run(&["alerts", "--lang", "ja"]),
        done(concat!(
            "受信時刻                       発生時刻                       サーバ       モジュール ID    重要度   メッセージ\n",
            "2023-11-15 07:13:20.123 +09:00 2023-11-15 07:13:20.100 +09:00 server1      nm         2     エラー   Server server2 is down.\n",
            "    メール  ops@example.jp                 送信済み   試行 2 回    250 Ok（重複の可能性あり）\n",
            "    メール  gone@example.jp                拒否       試行 2 回    550 no such user\n",
            "    警告灯  server2                        送信待ち   試行 2 回\n",
            "2023-11-15 07:13:20.123 +09:00 2023-11-15 07:13:20.100 +09:00 server1      nm         2     情報     tricky\\u{1b}]0;x\\u{7}\\ntext\n",
        ))
    );
}

/// The members are an interface for scripts: do not edit.
///
/// Rule: N7 N20
#[test]
fn alerts_as_json_are_one_object_a_line() {
    let fake = Fake::agreeing(cluster(ServerState::Up), told());
    let first = concat!(
        r#"{"received":"2023-11-14T22:13:20.123Z","time":"2023-11-14T22:13:20.100Z","#,
        r#""server":"server1","module":"nm","event":2,"severity":"error","#,
        r#""text":"Server server2 is down.","notices":["#,
        r#"{"channel":"mail","recipient":"ops@example.jp","state":"delivered","attempts":2,"#,
        r#""reason":"250 Ok","sender":"server1","possible_repeat":true,"#,
        r#""changed":"2023-11-14T22:13:20.123Z"},"#,
        r#"{"channel":"mail","recipient":"gone@example.jp","state":"refused","attempts":2,"#,
        r#""reason":"550 no such user","sender":"server1","possible_repeat":false,"#,
        r#""changed":"2023-11-14T22:13:20.123Z"},"#,
        r#"{"channel":"lamp","recipient":"server2","state":"waiting","attempts":2,"#,
        r#""reason":"","sender":"server1","possible_repeat":false,"#,
        r#""changed":"2023-11-14T22:13:20.123Z"}"#,
        r#"],"id":"a-1","row":1,"about":"server4"}"#,
        "\n",
    );
    let second = concat!(
        r#"{"received":"2023-11-14T22:13:20.123Z","time":"2023-11-14T22:13:20.100Z","#,
        r#""server":"server1","module":"nm","event":2,"severity":"info","#,
        r#""text":"tricky\u001b]0;x\u0007\ntext","notices":[],"id":"a-2","row":2,"about":null}"#,
        "\n",
    );
    assert_eq!(
        fake.run(&["alerts", "--json"]),
        done(&format!("{first}{second}"))
    );
    assert_eq!(
        fake.run(&["alerts", "--json", "--limit", "1"]),
        done(second)
    );
    assert_eq!(
        fake.run(&["alerts", "--json", "--severity", "warning"]),
        done(first)
    );
    assert_eq!(
        fake.run(&["alerts", "--json", "--server", "server2"]),
        done("")
    );
    assert_eq!(fake.run(&["alerts", "--json", "--module", "rc"]), done(""));
    let only = |options: &[&str]| fake.run(&[&["alerts", "--json"], options].concat());
    assert_eq!(only(&["--text", "SERVER2 is"]), done(first));
    assert_eq!(only(&["--text", "%"]), done(""));
    assert_eq!(only(&["--undelivered"]), done(first));
    assert_eq!(
        only(&["--since", "2023-11-14T22:13:20.100Z"]),
        done(&format!("{first}{second}"))
    );
    assert_eq!(only(&["--until", "2023-11-15 07:13:20.100"]), done(""));
    let wrong = only(&["--since", "yesterday"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(wrong.err.contains("2026-11-22"), "{wrong:?}");
}

/// Rule: N7 N24
#[test]
fn who_sees_to_an_alert_is_shown() {
    let mut seen = alert(1, Severity::Error, "Server server2 is down.");
    seen.acknowledgement = Some(noroshi_core::alert::Acknowledgement {
        alert: noroshi_core::alert::AlertId("a-1".into()),
        by: "sato".into(),
        remark: "on my\u{1b}way".into(),
        at: TIME,
    });
    let fake = Fake::agreeing(cluster(ServerState::Up), vec![seen]);
    let ran = fake.run(&["alerts"]);
    let line = "\n    acknowledged by sato at 2023-11-15 07:13:20.123 +09:00 on my\\u{1b}way\n";
    assert!(ran.out.ends_with(line), "{ran:?}");
    let ran = fake.run(&["alerts", "--json"]);
    let members = concat!(
        r#""row":1,"about":null,"acknowledged":{"by":"sato","#,
        r#""at":"2023-11-14T22:13:20.123Z","remark":"on my\u001bway"}}"#,
        "\n"
    );
    assert!(ran.out.ends_with(members), "{ran:?}");
}

/// Rule: N7
#[test]
fn followed_alerts_come_as_they_come_and_end_with_the_daemon() {
    let mut fake = Fake::agreeing(cluster(ServerState::Up), Vec::new());
    let mut command = command_in(fake.dir.path(), &["alerts", "--json", "--follow"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for row in 1..=3 {
        fake.alerts.push(alert(row, Severity::Info, "news"));
        let line = lines.next().unwrap().unwrap();
        assert!(
            line.ends_with(&format!(r#""row":{row},"about":null}}"#)),
            "{line}"
        );
    }
    fake.end();
    assert!(lines.next().is_none());
    let mut words = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut words)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(
        words,
        "noroshi alerts: the alert service ended; there is nothing more to follow\n"
    );
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let rows = (1..=2_000)
        .map(|row| alert(row, Severity::Info, "news"))
        .collect();
    let fake = Fake::agreeing(cluster(ServerState::Up), rows);
    let mut command = command_in(fake.dir.path(), &["alerts", "--limit", "2000"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}

/// Rule: M30
#[test]
fn clpstat_does_not_claim_to_see_with_anothers_eyes() {
    let fake = up();
    assert_eq!(
        fake.run(&["clpstat", "-h", "server2"]),
        failed(
            4,
            "clpstat: cannot show the cluster as server2 sees it; run clpstat there\n"
        )
    );
    assert_eq!(fake.run(&["clpstat", "-h", "server3"]).code, 5);
}
