//! What each command prints and asks for, to the letter, in both languages.

mod common;

use common::*;
use noroshi_core::alert::{AlertId, Severity};
use noroshi_core::lamp::Look;
use noroshi_core::notice::{Channel, NoticeState};
use noroshi_core::request::{Reply, Request};
use noroshi_core::status::{ServerState, Status};
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
    for name in ["clpstat", "clpcl", "clpstdn", "clpdn1000s", "clplogcmd"] {
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
    status.notices_waiting = 3;
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
            "      lankhb1      SILENT         last heartbeat 12 ms ago, loss 0.5 %\n",
            "      light        red blinking (10.0.0.201), but it was last told out: no answer\\u{1b}[2J\n",
            "Notices waiting: 3, more on disk\n",
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
            "      lankhb1      途絶           最終受信 12 ms 前、損失 0.5 %\n",
            "      警告灯       赤点滅 (10.0.0.201)。ただし最後の指示は消灯です: no answer\\u{1b}[2J\n",
            "送信待ちの通報: 3 件、ディスク上に残りあり\n",
            "アラート保存領域の障害: disk full\n",
        ))
    );
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
            r#"{{"name":"{name}","own":{own},"state":"up","paths":[{path}],"lamp":null,"drift":false}}"#
        )
    };
    let expected = format!(
        concat!(
            r#"{{"cluster":"TomcatCluster","server":"server1","time":"2023-11-14T22:13:20.123Z","#,
            r#""servers":[{},{}],"on_duty":"server1","notices_waiting":0,"backlog":false,"#,
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
            "2023-11-15 07:13:20.123 +09:00 2023-11-15 07:13:20.100 +09:00 server1      nm         2     異常     Server server2 is down.\n",
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
        r#"],"id":"a-1","row":1}"#,
        "\n",
    );
    let second = concat!(
        r#"{"received":"2023-11-14T22:13:20.123Z","time":"2023-11-14T22:13:20.100Z","#,
        r#""server":"server1","module":"nm","event":2,"severity":"info","#,
        r#""text":"tricky\u001b]0;x\u0007\ntext","notices":[],"id":"a-2","row":2}"#,
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
        assert!(line.ends_with(&format!(r#""row":{row}}}"#)), "{line}");
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

/// Rule: M18 M30
#[test]
fn clpdn1000s_puts_the_named_light_out() {
    let fake = up();
    for lang in ["en", "ja"] {
        let ran = fake.run(&["clpdn1000s", "-h", "server2", "--lang", lang]);
        assert_eq!(ran, done("Command succeeded\n"));
    }
    assert_eq!(
        fake.run(&["clpdn1000s", "-h", "SERVER2"]),
        done("Command succeeded\n")
    );
    assert_eq!(fake.asked(), [r#"{"do":"lamp-off","server":"server2"}"#; 3]);
}

/// Rule: M18
#[test]
fn clpdn1000s_needs_a_server_and_a_known_one() {
    let fake = up();
    let ran = fake.run(&["clpdn1000s"]);
    assert_eq!((ran.code, &*ran.out), (2, ""));
    assert!(ran.err.contains("-h <SERVER>"), "{}", ran.err);
    assert_eq!(
        fake.run(&["clpdn1000s", "--lang", "ja"]),
        failed(
            2,
            "エラー: 必要な引数がありません: -h <SERVER>\n使い方は --help で表示されます。\n"
        )
    );
    assert_eq!(
        fake.run(&["clpdn1000s", "-h", "sv\u{1b}9"]),
        failed(
            5,
            "clpdn1000s: there is no server sv\\u{1b}9 in the cluster; its servers: server1, server2\n"
        )
    );
    assert_eq!(
        fake.run(&["clpdn1000s", "-h", "sv9", "--lang", "ja"]),
        failed(
            5,
            "clpdn1000s: サーバ sv9 はクラスタにありません。クラスタのサーバ: server1, server2\n"
        )
    );
    assert_eq!(fake.asked(), [] as [String; 0]);
}

/// Rule: N19
#[test]
fn clplogcmd_raises_an_alert() {
    let fake = up();
    for (arguments, severity, event, destinations) in [
        (&["-m", "x"][..], "info", 1, [true, true, false, false]),
        (
            &["-m", "x", "-l", "WARN", "-i", "7"],
            "warning",
            7,
            [true, true, false, false],
        ),
        (
            &["-m", "x", "-L", "err", "--mail"],
            "error",
            1,
            [false, false, true, false],
        ),
        (
            &["-m", "x", "--alert", "--trap"],
            "info",
            1,
            [true, false, false, true],
        ),
        (
            &["-m", "x", "-l", "WAR", "--syslog"],
            "warning",
            1,
            [false, true, false, false],
        ),
    ] {
        let arguments: Vec<&str> = ["clplogcmd"].iter().chain(arguments).copied().collect();
        assert_eq!(fake.run(&arguments), done("Command succeeded.\n"));
        let [alert, syslog, mail, trap] = destinations;
        assert_eq!(
            fake.asked().pop().unwrap(),
            format!(
                concat!(
                    r#"{{"do":"raise","message":{{"module":"logcmd","event":{}}},"severity":"{}","#,
                    r#""text":"x","destinations":{{"alert":{},"syslog":{},"mail":{},"trap":{},"#,
                    r#""command":false}}}}"#
                ),
                event, severity, alert, syslog, mail, trap
            )
        );
    }
}

/// Rule: N19
#[test]
fn clplogcmd_takes_any_text_and_refuses_what_is_no_alert() {
    let fake = up();
    let long = "火".repeat(40_000);
    for text in ["-r dashes", "two\nlines\r\nBcc: x", &long] {
        assert_eq!(
            fake.run(&["clplogcmd", "-m", text]),
            done("Command succeeded.\n")
        );
    }
    let asked = fake.asked();
    assert!(asked[0].contains(r#""text":"-r dashes""#));
    assert!(asked[1].contains(r#""text":"two lines  Bcc: x""#));
    assert!(asked[2].len() < 5_000 && asked[2].contains("火…"));
    let empty = fake.run(&["clplogcmd", "-m", "\n"]);
    assert_eq!(empty, failed(2, "clplogcmd: -m: the text is empty\n"));
    for arguments in [
        &["clplogcmd"][..],
        &["clplogcmd", "-m"],
        &["clplogcmd", "-m", "x", "-l", "FATAL"],
    ] {
        assert_eq!(fake.run(arguments).code, 2, "{arguments:?}");
    }
    assert_eq!(fake.asked().len(), 3);
}

/// Rule: N8
#[test]
fn an_alert_that_is_not_on_disk_is_accepted_with_a_warning() {
    let script = |_: &Request| Reply::Accepted {
        alert: AlertId("a".into()),
        durable: false,
    };
    let fake = Fake::start(cluster(ServerState::Up), Vec::new(), script);
    let ran = fake.run(&["clplogcmd", "-m", "x"]);
    assert_eq!((ran.code, &*ran.out), (0, "Command succeeded.\n"));
    assert_eq!(
        ran.err,
        "clplogcmd: the alert is accepted but not on disk: the alert store is in trouble\n"
    );
}

/// Rule: N15
#[test]
fn tests_are_asked_for() {
    let fake = up();
    assert_eq!(
        fake.run(&["test", "mail"]),
        done(
            "A test mail to every recipient is on its way; \"noroshi alerts\" shows what becomes of it.\n"
        )
    );
    assert_eq!(
        fake.run(&["test", "mail", "--lang", "ja"]),
        done(
            "すべての宛先への試験メールを受け付けました。結果は noroshi alerts で確認できます。\n"
        )
    );
    assert_eq!(
        fake.run(&["test", "lamp"]),
        done(
            "The warning light of server1 shows red, amber and green, then what it should show.\n"
        )
    );
    assert_eq!(
        fake.run(&["test", "lamp", "server2", "--lang", "ja"]),
        done("server2 の警告灯に赤、黄、緑を順に表示し、本来の表示に戻します。\n")
    );
    assert_eq!(fake.run(&["test", "lamp", "server3"]).code, 5);
    assert_eq!(
        fake.asked(),
        [
            r#"{"do":"mail-test"}"#,
            r#"{"do":"mail-test"}"#,
            r#"{"do":"lamp-test","server":"server1"}"#,
            r#"{"do":"lamp-test","server":"server2"}"#,
        ]
    );
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let script = |_: &Request| Reply::Refused {
        why: "server2 has no warning light".into(),
    };
    let fake = Fake::start(cluster(ServerState::Up), Vec::new(), script);
    assert_eq!(
        fake.run(&["clpdn1000s", "-h", "server2"]),
        failed(4, "clpdn1000s: refused: server2 has no warning light\n")
    );
    assert_eq!(
        fake.run(&["test", "lamp", "--lang", "ja"]),
        failed(
            4,
            "noroshi test: 拒否されました: server2 has no warning light\n"
        )
    );
    assert_eq!(fake.run(&["clpcl", "-t"]).code, 4);
    assert_eq!(fake.run(&["clpstdn"]).code, 4);
    assert!(fake.home.is_locked(), "it goes on");
}

fn by(command: &str) -> String {
    format!("{command} (uid {})", rustix::process::getuid().as_raw())
}

/// Rule: M30
#[test]
fn clpcl_stops_this_server_and_waits_for_its_end() {
    for lang in ["en", "ja"] {
        let fake = up();
        let ran = fake.run(&["clpcl", "-t", "--lang", lang]);
        assert_eq!(ran, done("Stop server1 : Command succeeded.\n"));
        assert!(!fake.home.is_locked());
        let by = by("clpcl");
        assert_eq!(
            fake.asked(),
            [format!(r#"{{"do":"stop","server":"server1","by":"{by}"}}"#)]
        );
    }
}

/// Rule: M30
#[test]
fn clpcl_stops_another_server() {
    let fake = up();
    let ran = fake.run(&["clpcl", "-t", "-h", "server2"]);
    assert_eq!(ran, done("Stop server2 : Command succeeded.\n"));
    assert!(fake.home.is_locked(), "this one goes on");
    assert_eq!(fake.run(&["clpcl", "-t", "-h", "server3"]).code, 5);
    assert_eq!(fake.asked().len(), 1);
}

/// Rule: M30
#[test]
fn clpcl_stops_all_servers_the_own_one_last() {
    let fake = up();
    assert_eq!(
        fake.run(&["clpcl", "-t", "-a"]),
        done("Stop server2 : Command succeeded.\nStop server1 : Command succeeded.\n")
    );
    let left = Fake::agreeing(cluster(ServerState::Left), Vec::new());
    assert_eq!(
        left.run(&["clpcl", "-t", "-a"]),
        done("Stop server2 : Already stopped.\nStop server1 : Command succeeded.\n")
    );
    let down = Fake::agreeing(cluster(ServerState::Down), Vec::new());
    assert_eq!(
        down.run(&["clpcl", "-t", "-a"]),
        Ran {
            code: 1,
            out: "Stop server1 : Command succeeded.\n".into(),
            err: "clpcl: Stop server2 : the server is not seen from here, so it cannot be told\n"
                .into(),
        }
    );
}

/// Rule: M30
#[test]
fn clpcl_says_what_runs_and_what_must_be_started_elsewhere() {
    let fake = Fake::agreeing(cluster(ServerState::Left), Vec::new());
    assert_eq!(
        fake.run(&["clpcl", "-s"]),
        done("Start server1 : Already running.\n")
    );
    let elsewhere = concat!(
        "clpcl: Start server2 : the alert service of a stopped server is started on that server\n",
        "Run \"clpcl -s\" on server2.\n",
    );
    assert_eq!(
        fake.run(&["clpcl", "-s", "-a"]),
        Ran {
            code: 1,
            out: "Start server1 : Already running.\n".into(),
            err: elsewhere.into()
        }
    );
    assert_eq!(
        fake.run(&["clpcl", "-s", "-h", "server2"]),
        failed(1, elsewhere)
    );
    assert_eq!(fake.run(&["clpcl", "-s", "-h", "server3"]).code, 5);
    assert_eq!(
        fake.run(&["clpcl", "-s", "-a", "--lang", "ja"]).out,
        "Start server1 : 既に起動しています。\n"
    );
    assert_eq!(fake.run(&["clpcl", "-r", "-a"]).code, 4);
    assert_eq!(
        fake.run(&["clpcl", "-r", "-h", "server2"]),
        failed(1, elsewhere)
    );
    for arguments in [
        &["clpcl"][..],
        &["clpcl", "-s", "-t"],
        &["clpcl", "-s", "-a", "-h", "x"],
    ] {
        assert_eq!(fake.run(arguments).code, 2, "{arguments:?}");
    }
    assert_eq!(fake.asked(), [] as [String; 0]);
}

/// Rule: M18 M30
#[test]
fn clpstdn_shuts_the_cluster_down_without_asking() {
    let fake = up();
    assert_eq!(fake.run(&["clpstdn"]), done("Command succeeded.\n"));
    let by = by("clpstdn");
    assert_eq!(
        fake.asked(),
        [format!(r#"{{"do":"stop","server":null,"by":"{by}"}}"#)]
    );
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
