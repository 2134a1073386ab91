//! `noroshi engine setup corosync` as an administrator runs it: on nodes with a real Corosync and Pacemaker, with
//! users, directories and a configuration of their own (root).
//!
//! The daemons run as user noroshi with what the unit of the operator's guide gives them, and nothing more.

mod e2e;
mod engine_setup_support;

use e2e::*;
use engine_setup_support::*;

const PAGE: &str = include_str!("../../../docs/en/pacemaker.md");
/// Ours first.
const PATH: &str = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Makes Corosync's directory of users read-only.
const LOCK_RING: &str = "mount --bind /etc/corosync/uidgid.d /etc/corosync/uidgid.d; mount -o remount,ro,bind /etc/corosync/uidgid.d";
const SETUP: [&str; 5] = ["noroshi", "engine", "setup", "corosync", "--yes"];

/// The page's five commands, without their comments.
fn five_commands() -> Vec<Vec<String>> {
    let block = PAGE.split("```sh\n").nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    let commands = block.lines().map(|line| {
        let command = line.split('#').next().unwrap_or_default();
        command.split_whitespace().map(str::to_owned).collect()
    });
    commands.collect()
}

/// Rule: N3 N20
#[test]
fn the_five_commands_bring_the_first_test_mail_and_then_what_pacemaker_says() {
    let Some(mut hosts) = hosts(3) else {
        return;
    };
    let commands = five_commands();
    let words = |at: usize| -> Vec<&str> { commands[at].iter().map(String::as_str).collect() };
    assert_eq!(commands.len(), 5);
    for server in 0..3 {
        hosts.add_user(server);
    }
    // 1. On every server. What others have done is not taken back with what fails here.
    let setup = [words(0), vec!["--yes"]].concat();
    for server in 0..3 {
        if server == 2 {
            hosts.must(2, &["sh", "-c", LOCK_RING]);
            let said = hosts.must_not(2, &setup);
            assert!(said.contains("Taken back:"), "{said}");
            hosts.must(2, &["umount", "/etc/corosync/uidgid.d"]);
            let alerts = hosts.must(2, &["cibadmin", "-Q", "-o", "alerts"]);
            assert!(alerts.contains("<alert id=\"noroshi\""), "{alerts}");
        }
        let said = hosts.must(server, &setup);
        let mark = if server == 0 { "[to do]" } else { "[there] " };
        assert!(said.contains(&format!("{mark} Pacemaker: alert")), "{said}");
        assert!(said.contains("Done on this server"), "{said}");
        // Before there is a key it names what is still to do.
        assert!(said.contains("noroshi key new"), "{said}");
        let state = hosts.state(server);
        let again = hosts.must(server, &setup);
        assert!(again.contains("Everything is set up."), "{again}");
        assert!(!again.contains("[to do]"), "{again}");
        assert_eq!(hosts.state(server), state);
        assert_set_up(&hosts, server);
    }
    // 2. On one. The site's own mail server is the rig's.
    hosts.must(0, &words(1));
    let mail = hosts.cluster.conf().smtp[0];
    let (host, port) = (mail.ip().to_string(), mail.port().to_string());
    let smtp = |what: &str| format!("/root/cluster/mail/{what}");
    let site = [
        "noroshi",
        "config",
        "set",
        &smtp("sendtype"),
        "SMTP",
        &smtp("smtp/smtpsrv@0/priority"),
        "0",
        &smtp("smtp/smtpsrv@0/srvname"),
        &host,
        &smtp("smtp/smtpsrv@0/port"),
        &port,
    ];
    hosts.must(0, &site);
    // 3. On one, then the settings to the others.
    let said = hosts.must(0, &words(2));
    assert!(said.contains("with its owner and mode"), "{said}");
    assert_eq!(
        hosts.owner(0, "/etc/noroshi/cluster.key"),
        "root:noroshi 640"
    );
    for server in 1..3 {
        hosts
            .cluster
            .copy_between(0, server, "/etc/noroshi")
            .unwrap();
    }
    // 4. On every server.
    assert_eq!(commands[3].join(" "), "systemctl enable --now noroshi");
    (0..3).for_each(|server| hosts.start_unit(server));
    for server in 0..3 {
        hosts.wait_sees(server, "sv1");
        // systemd sets the mode that the unit names at each start.
        assert_eq!(
            hosts.owner(server, "/var/lib/noroshi"),
            "noroshi:noroshi 751"
        );
    }
    // 5. On one.
    hosts.must(0, &words(4));
    let test = |mail: &Mail| mail.subject.contains("Test notice from server sv1");
    hosts.cluster.wait_mail(CLUSTER, test).unwrap();
    assert_no_needless_right(&hosts, 0);
    // An event from the real agent.
    hosts
        .cluster
        .fail_resource(0, "monitor", "out of memory")
        .unwrap();
    hosts.wait_mail("Monitoring found a fault of resource app of group web on server sv1");
    hosts.cluster.mend_resource(0, "monitor").unwrap();
    hosts.wait_mail("works again");
    assert_advice_is_the_rings(&hosts, 0);
    an_agent_that_is_gone_is_said(&mut hosts);
    an_event_waits_for_the_service(&mut hosts);
    assert_taken_back(&mut hosts);
}

/// Nothing is said to keep news away; then somebody removes the alert, and check and status say so until it is back.
fn an_agent_that_is_gone_is_said(hosts: &mut Hosts) {
    let check = ["noroshi", "check"];
    let advice = |hosts: &Hosts, wanted: &str| {
        until(CLUSTER, &format!("advice: {wanted}"), || {
            let said = hosts.must(2, &["noroshi", "status", "--json"]);
            let status: serde_json::Value = serde_json::from_str(&said).unwrap();
            let advice = status["advice"].to_string();
            if advice.contains(wanted) {
                Ok(())
            } else {
                Err(advice)
            }
        })
        .unwrap();
    };
    advice(hosts, "[]");
    for server in 0..3 {
        let said = hosts.must(server, &check);
        assert!(!said.contains("warning"), "{said}");
    }
    let alert = "<alert id=\"noroshi\"/>";
    hosts.must(0, &["cibadmin", "-o", "alerts", "-D", "-X", alert]);
    let said = hosts.must(1, &check);
    assert!(
        said.contains("(CIB) does not have the alert agent"),
        "{said}"
    );
    // The service looks at its start, and then every few minutes.
    hosts.stop_unit(2);
    hosts.start_unit(2);
    hosts.wait_sees(2, "sv1");
    advice(hosts, "(CIB) does not have the alert agent");
    let setup = ["noroshi", "engine", "setup", "corosync", "--yes"];
    let said = hosts.must(2, &setup);
    assert!(said.contains("Done on this server"), "{said}");
    advice(hosts, "[]");
}

/// While all services are away Pacemaker's user writes its event, and then it is told.
fn an_event_waits_for_the_service(hosts: &mut Hosts) {
    (0..3).for_each(|server| hosts.stop_unit(server));
    hosts
        .cluster
        .fail_resource(0, "monitor", "disk gone")
        .unwrap();
    let look =
        "find /var/lib/noroshi/pacemaker -name '*.report' -user hacluster -group noroshi -perm 660";
    let waits = until(CLUSTER, "an event waits", || {
        match hosts
            .run(0, &["sh", "-c", &format!("cat $({look}) /dev/null")])
            .1
        {
            said if said.contains("\"app\"") => Ok(()),
            said => Err(said),
        }
    });
    waits.unwrap();
    hosts.cluster.mend_resource(0, "monitor").unwrap();
    // An earlier unit closes the way to the events; the service opens it.
    let old = UNIT.replace("StateDirectoryMode=0751", "StateDirectoryMode=0750");
    assert_ne!(old, UNIT);
    for server in 0..3 {
        hosts.start_unit_of(&old, server);
    }
    for server in 0..3 {
        hosts.wait_sees(server, "sv1");
        assert_eq!(
            hosts.owner(server, "/var/lib/noroshi"),
            "noroshi:noroshi 751"
        );
    }
    let words = "Monitoring found a fault of resource app";
    let twice = until(CLUSTER, "the event is told", || {
        match mails_saying(&hosts.cluster, words) {
            2 => Ok(()),
            count => Err(format!("{count}\n{}", letters(&hosts.cluster))),
        }
    });
    twice.unwrap_or_else(|error| panic!("{error}\n{}", hosts.logs()));
}

/// What is advised stands in the map of the running Corosync.
fn assert_advice_is_the_rings(hosts: &Hosts, server: usize) {
    let said = hosts.must(server, &["noroshi", "engine", "advise", "--json"]);
    let advice: serde_json::Value = serde_json::from_str(&said).unwrap();
    let map = hosts.must(server, &["corosync-cmapctl", "-b", "runtime.config.totem."]);
    let value = |key: &str| {
        let key = format!("runtime.config.totem.{key} ");
        let line = map.lines().find(|line| line.starts_with(&key)).unwrap();
        line.rsplit_once("= ").unwrap().1.parse::<u64>().unwrap()
    };
    let (token, consensus) = (value("token"), value("consensus"));
    assert_eq!(advice["token_ms"], token, "{said}");
    assert_eq!(advice["consensus_ms"], consensus, "{said}");
    assert_eq!(advice["first_notice_ms"], token + consensus, "{said}");
    let ping = value("interface.0.knet_ping_timeout");
    assert_eq!(advice["knet_ping_timeout_ms"], ping, "{said}");
    assert_eq!(advice["servers"], 3, "{said}");
    assert_eq!(advice["source"], "as Corosync runs");
}

/// On each server, twice: the second time there is nothing.
fn assert_taken_back(hosts: &mut Hosts) {
    let undo = ["noroshi", "engine", "setup", "corosync", "--undo", "--yes"];
    for server in 0..3 {
        hosts.stop_unit(server);
        let conf = hosts.must(server, &["cat", "/etc/noroshi/clp.conf"]);
        let said = hosts.must(server, &undo);
        assert!(said.contains("Taken back on this server"), "{said}");
        assert!(said.contains("/root/noroshi/engine embedded"), "{said}");
        assert_eq!(said.contains("alert \"noroshi\""), server == 0, "{said}");
        let again = hosts.must(server, &undo);
        assert!(again.contains("There is nothing to take back."), "{again}");
        for path in [
            "/var/lib/noroshi/pacemaker",
            "/usr/local/bin/noroshi-pacemaker-alert",
            "/etc/corosync/uidgid.d/noroshi",
        ] {
            hosts.must_not(server, &["ls", "-d", path]);
        }
        assert_eq!(
            hosts.must(server, &["id", "-nG", "noroshi"]).trim(),
            "noroshi"
        );
        let keys = hosts.run(server, &["corosync-cmapctl", "-b", "uidgid."]).1;
        assert!(!keys.contains("uidgid.config"), "{keys}");
        let alerts = hosts.must(server, &["cibadmin", "-Q", "-o", "alerts"]);
        assert!(!alerts.contains("noroshi"), "{alerts}");
        assert_eq!(hosts.must(server, &["cat", "/etc/noroshi/clp.conf"]), conf);
    }
}

/// Rule: N3 N20
#[test]
fn a_setup_shows_before_it_does_refuses_what_is_wrong_and_leaves_no_half() {
    let Some(mut hosts) = hosts(1) else {
        return;
    };
    let preview = ["noroshi", "engine", "setup", "corosync"];
    let said = hosts.must_not(0, &SETUP);
    assert!(said.contains("useradd --system"), "{said}");
    hosts.add_user(0);
    let before = hosts.state(0);
    let said = hosts.must_not(0, &preview);
    assert_eq!(said.matches("[to do]").count(), 8, "{said}");
    for words in [
        "/var/lib/noroshi: directory of the service's data",
        "/etc/noroshi: directory of the settings",
        "/etc/noroshi/clp.conf: a first one",
        "<server name=\"sv1\">",
        "/var/lib/noroshi/pacemaker: directory for Pacemaker's events",
        "/usr/local/bin/noroshi-pacemaker-alert: link to /usr/local/bin/noroshi,",
        "user noroshi: member of group haclient",
        "/etc/corosync/uidgid.d/noroshi: user noroshi may speak with Corosync",
        "<alert id=\"noroshi\" path=\"/usr/local/bin/noroshi-pacemaker-alert\">",
        "say --yes to have it done. Nothing was done.",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let asked = "printf 'n\\n' | script -qec 'noroshi engine setup corosync' /dev/null";
    let said = hosts.must_not(0, &["sh", "-c", asked]);
    assert!(
        said.contains("Do this? [y/N]") && said.contains("Nothing was done."),
        "{said}"
    );
    assert_eq!(hosts.state(0), before);
    refuses_beside_another(&hosts, &before);
    refuses_wrong_files(&hosts, &before);
    takes_back_after_a_failure(&hosts, &before);
    names_the_engine_in_settings_that_are_there(&hosts);
    // Without Pacemaker neither way leaves anything unsaid.
    hosts.cluster.stop_pacemaker(0).unwrap();
    for words in [&SETUP[..], &[&SETUP[..], &["--undo"]].concat()] {
        let said = hosts.must_not(0, words);
        assert!(said.contains("Pacemaker must run on this server"), "{said}");
    }
    hosts.must_not(0, &["ls", "/etc/corosync/uidgid.d/noroshi"]);
    hosts.cluster.start_pacemaker(0).unwrap();
    hosts.cluster.wait_online(0, 1, CLUSTER).unwrap();
    hosts.must(0, &[&SETUP[..], &["--undo"]].concat());
    let alerts = hosts.must(0, &["cibadmin", "-Q", "-o", "alerts"]);
    assert!(!alerts.contains("noroshi"), "{alerts}");
}

/// The last step: if it fails the alert goes as well.
fn names_the_engine_in_settings_that_are_there(hosts: &Hosts) {
    let dir = "install -d -g noroshi -m 770 /etc/noroshi";
    hosts.must(0, &["sh", "-c", dir]);
    write(
        hosts,
        "/etc/noroshi/clp.conf",
        &SETTINGS.replace("web1", "sv1"),
    );
    let before = hosts.state(0);
    let lock = "mount --bind /etc/noroshi /etc/noroshi; mount -o remount,ro,bind /etc/noroshi";
    hosts.must(0, &["sh", "-c", lock]);
    let said = hosts.must_not(0, &SETUP);
    assert!(
        said.contains("[to do] /etc/noroshi/clp.conf: /root/noroshi/engine is corosync"),
        "{said}"
    );
    let (_, back) = said.split_once("Taken back:").unwrap();
    assert!(back.contains("Pacemaker: alert \"noroshi\""), "{said}");
    hosts.must(0, &["umount", "/etc/noroshi"]);
    assert_eq!(hosts.state(0), before, "{said}");
    hosts.must(0, &SETUP);
    let again = hosts.must(0, &SETUP);
    assert!(again.contains("Everything is set up."), "{again}");
    let engine = ["noroshi", "config", "get", "/root/noroshi/engine"];
    assert!(hosts.must(0, &engine).contains("corosync"));
    let former = hosts.must(0, &["cat", "/etc/noroshi/clp.conf.bak"]);
    assert_eq!(former, SETTINGS.replace("web1", "sv1"));
}

const SETTINGS: &str = "<?xml version=\"1.0\"?>\n<root>\n<cluster><name>c</name></cluster>\n<server name=\"web1\">\n\
    <priority>0</priority>\n<device id=\"0\"><type>lan</type><info>198.18.0.1</info></device>\n</server>\n\
    <heartbeat><types name=\"lankhb\"/><lankhb name=\"lankhb1\"><priority>0</priority><device>0</device>\
    </lankhb></heartbeat>\n</root>\n";

fn write(hosts: &Hosts, path: &str, text: &str) {
    let script = "mkdir -p \"$(dirname \"$0\")\"; printf '%s' \"$1\" > \"$0\"";
    hosts.must(0, &["sh", "-c", script, path, text]);
}

/// Two at once would each take back what the other has found done.
fn refuses_beside_another(hosts: &Hosts, before: &str) {
    for more in [&[][..], &["--undo"]] {
        let said = hosts.must_not(0, &[&["flock", "/etc/corosync"], &SETUP[..], more].concat());
        assert!(
            said.contains("another \"noroshi engine setup\" is at work"),
            "{said}"
        );
    }
    assert_eq!(hosts.state(0), before);
}

/// What is wrong is named with its file, line and value, and nothing is done.
fn refuses_wrong_files(hosts: &Hosts, before: &str) {
    let other = |dir: &'static str| [&SETUP[..], &["--corosync", dir]].concat();
    let said = hosts.must_not(0, &other("/run/none"));
    assert!(said.contains("/run/none/corosync.conf"), "{said}");
    assert!(
        said.contains("Is Corosync set up on this server?"),
        "{said}"
    );
    write(
        hosts,
        "/run/old/corosync.conf",
        "totem {\n  token = 1000\n}\n",
    );
    let said = hosts.must_not(0, &other("/run/old"));
    assert!(
        said.contains("/run/old/corosync.conf") && said.contains("line 2"),
        "{said}"
    );
    assert!(
        said.contains("token = 1000") && said.contains("corosync -t"),
        "{said}"
    );
    // Pacemaker would call this node by its host's name.
    let nameless = "nodelist {\n  node {\n    nodeid: 1\n    ring0_addr: 198.18.0.1\n  }\n}\n";
    write(hosts, "/run/old/corosync.conf", nameless);
    let said = hosts.must_not(0, &other("/run/old"));
    assert!(
        said.contains("/run/old/corosync.conf:2: the node 198.18.0.1 has no name"),
        "{said}"
    );
    assert!(said.contains("crm_node -l"), "{said}");
    write(hosts, "/etc/noroshi/clp.conf", SETTINGS);
    let with_settings = hosts.state(0);
    let said = hosts.must_not(0, &SETUP);
    assert!(
        said.contains("/etc/noroshi/clp.conf:4: \"web1\" is no node of corosync.conf"),
        "{said}"
    );
    assert!(
        said.contains("/etc/corosync/corosync.conf:") && said.contains("\"sv1\" is no server"),
        "{said}"
    );
    assert!(said.contains("must have the same names"), "{said}");
    assert_eq!(hosts.state(0), with_settings);
    hosts.must(0, &["rm", "-r", "/etc/noroshi"]);
    assert_eq!(hosts.state(0), before);
}

/// Whichever step fails, those before it are named and gone.
fn takes_back_after_a_failure(hosts: &Hosts, before: &str) {
    let fails = |with: &str, without: &str, words: &[&str]| {
        hosts.must(0, &["sh", "-c", with]);
        let said = hosts.must_not(
            0,
            &[
                "env", PATH, SETUP[0], SETUP[1], SETUP[2], SETUP[3], SETUP[4],
            ],
        );
        hosts.must(0, &["sh", "-c", without]);
        let (_, back) = said
            .split_once("Taken back:")
            .unwrap_or_else(|| panic!("{said}"));
        for one in words {
            assert!(said.contains(one), "{one}: {said}");
        }
        assert!(!back.contains("NOT TAKEN BACK"), "{said}");
        assert!(
            back.contains("user noroshi: member of group haclient"),
            "{said}"
        );
        assert!(
            back.contains("/etc/noroshi/clp.conf: a first one"),
            "{said}"
        );
        assert_eq!(hosts.state(0), before, "{said}");
    };
    fails(
        LOCK_RING,
        "umount /etc/corosync/uidgid.d",
        &["/etc/corosync/uidgid.d/noroshi", "Read-only file system"],
    );
    fails(
        "printf 'uidgid {\\n uid: nosuchuser\\n}\\n' > /etc/corosync/uidgid.d/other",
        "rm /etc/corosync/uidgid.d/other",
        &[
            "Could not reload configuration",
            "Corosync's log on each node",
        ],
    );
    let cibadmin = "#!/bin/sh\ncase \"$*\" in *-M*) echo refused by the test >&2; exit 1 ;; esac\nexec /usr/sbin/cibadmin \"$@\"\n";
    fails(
        &format!(
            "printf '%s' '{cibadmin}' > /usr/local/bin/cibadmin; chmod 755 /usr/local/bin/cibadmin"
        ),
        "rm /usr/local/bin/cibadmin",
        &["refused by the test", "/etc/corosync/uidgid.d/noroshi"],
    );
}

/// Each step, as it stands on the node.
fn assert_set_up(hosts: &Hosts, server: usize) {
    for (path, owner) in [
        ("/var/lib/noroshi", "noroshi:noroshi 751"),
        ("/var/lib/noroshi/pacemaker", "hacluster:noroshi 2770"),
        ("/etc/noroshi", "root:noroshi 770"),
        ("/etc/noroshi/clp.conf", "root:noroshi 640"),
        ("/etc/corosync/uidgid.d/noroshi", "root:root 644"),
    ] {
        assert_eq!(hosts.owner(server, path), owner, "{path}");
    }
    let to = hosts.must(
        server,
        &["readlink", "/usr/local/bin/noroshi-pacemaker-alert"],
    );
    assert_eq!(to.trim(), "/usr/local/bin/noroshi");
    assert!(
        hosts
            .must(server, &["id", "-nG", "noroshi"])
            .contains("haclient")
    );
    let uid = hosts.must(server, &["id", "-u", "noroshi"]);
    let keys = hosts.must(server, &["corosync-cmapctl", "-b", "uidgid."]);
    assert!(
        keys.contains(&format!("uidgid.config.uid.{} ", uid.trim())),
        "{keys}"
    );
    let alerts = hosts.must(server, &["cibadmin", "-Q", "-o", "alerts"]);
    assert_eq!(alerts.matches("<alert ").count(), 1, "{alerts}");
    assert!(
        alerts.contains("path=\"/usr/local/bin/noroshi-pacemaker-alert\""),
        "{alerts}"
    );
    // Where it is installed, people look with this.
    if hosts.run(server, &["pcs", "--version"]).0 {
        let shown = hosts.must(server, &["pcs", "alert", "config"]);
        assert!(shown.contains("noroshi-pacemaker-alert"), "{shown}");
    }
    let engine = ["noroshi", "config", "get", "/root/noroshi/engine"];
    assert!(hosts.must(server, &engine).contains("corosync"));
}

/// The daemon runs as its user with nothing but the port of the lamps.
fn assert_no_needless_right(hosts: &Hosts, server: usize) {
    let pid = hosts.must(server, &["cat", "/run/noroshi/noroshi.lock"]);
    let status = hosts.must(server, &["cat", &format!("/proc/{}/status", pid.trim())]);
    let uid = hosts.must(server, &["id", "-u", "noroshi"]);
    let line = |key: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(key));
        found.unwrap_or_default().trim().to_owned()
    };
    assert!(line("Uid:").split_whitespace().all(|one| one == uid.trim()));
    for set in ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        // CAP_NET_BIND_SERVICE is the tenth.
        assert_eq!(line(set), "0000000000000400", "{set}");
    }
}
