//! What the commands that change something ask for and print, to the letter, in both languages.

mod common;

use common::*;
use noroshi_core::alert::AlertId;
use noroshi_core::lamp::Look;
use noroshi_core::request::{Reply, Request};
use noroshi_core::status::{LampStatus, ServerState};

fn up() -> Fake {
    Fake::agreeing(cluster(ServerState::Up), Vec::new())
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

/// Story: it said that it had succeeded, and the light went on blinking.
///
/// Rule: M18 M30
#[test]
fn clpdn1000s_says_that_a_light_is_not_out() {
    let with = |change: &dyn Fn(&mut LampStatus)| {
        let mut status = cluster(ServerState::Up);
        let mut light = lamp(Look::default()).unwrap();
        change(&mut light);
        status.servers[1].lamp = Some(light);
        Fake::agreeing(status, Vec::new())
    };
    let out = ["clpdn1000s", "-h", "server2"];
    assert_eq!(with(&|_| {}).run(&out), done("Command succeeded\n"));
    // Another server tells it, and knows.
    let elsewhere = with(&|light| (light.shown, light.told_by_us) = (None, false));
    assert_eq!(elsewhere.run(&out), done("Command succeeded\n"));
    let dead = with(&|light| {
        (light.shown, light.trouble) = (None, Some("connection refused".into()));
    });
    let words = "clpdn1000s: ordered and on disk, but the light is not out yet: 10.0.0.201: connection refused\nIt is put out as soon as it can be told.\n";
    assert_eq!(dead.run(&out), failed(7, words));
    assert_eq!(dead.asked(), [r#"{"do":"lamp-off","server":"server2"}"#]);
    let slow = with(&|light| light.shown = Some(Look::TEST[0]));
    let ran = slow.run(&["clpdn1000s", "-h", "server2", "--lang", "ja"]);
    assert!(
        ran.code == 7 && ran.err.contains("まだ消えていません"),
        "{ran:?}"
    );
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

/// Rule: N8 N7
#[test]
fn an_alert_that_is_not_on_two_disks_is_accepted_with_a_warning() {
    fn answers(durable: bool, replicated: bool) -> Reply {
        let alert = AlertId("a".into());
        Reply::Accepted {
            alert,
            durable,
            replicated,
        }
    }
    let stands: [(fn(&Request) -> Reply, &str); 4] = [
        (|_| answers(true, true), ""),
        (
            |_| answers(true, false),
            "clplogcmd: the alert is accepted and on this server's disk only: no other server has confirmed it\n",
        ),
        (
            |_| answers(false, true),
            "clplogcmd: the alert is accepted and on another server's disk, but not on this one's: the alert store is in trouble\n",
        ),
        (
            |_| answers(false, false),
            "clplogcmd: the alert is accepted but not on disk: the alert store is in trouble\n",
        ),
    ];
    for (script, words) in stands {
        let fake = Fake::start(cluster(ServerState::Up), Vec::new(), script);
        let ran = fake.run(&["clplogcmd", "-m", "x"]);
        assert_eq!((ran.code, &*ran.out), (0, "Command succeeded.\n"));
        assert_eq!(ran.err, words);
    }
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
            "すべての宛先へのテストメールを受け付けました。結果は noroshi alerts で確認できます。\n"
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
    let running = Fake::agreeing(cluster(ServerState::Up), Vec::new());
    assert_eq!(
        running.run(&["clpcl", "-r", "-h", "server2"]),
        failed(
            1,
            concat!(
                "clpcl: Restart server2 : a server is restarted on itself; nothing was done\n",
                "Run \"clpcl -r\" on server2.\n",
            )
        )
    );
    assert_eq!(running.asked(), [] as [String; 0]);
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
