//! The service as its unit runs it: a user without privileges but one, in its sandbox. Also what systemd itself says
//! of the unit.
//!
//! Without systemd as the first process its sandbox is played (`sandbox/play.py` says what of it): with the kernel's own
//! means, and with systemd's and libseccomp's own lists. A call that the filter does not know ends the process here.

mod e2e;
mod web;

use e2e::*;
use noroshi_sim::rig::Corosync;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use web::Console;

/// The user that plays `noroshi`.
const USER: u32 = 65_534;
/// CAP_NET_BIND_SERVICE in the sets of /proc/PID/status.
const ONE_CAPABILITY: &str = "0000000000000400";
/// Highest exposure that `systemd-analyze security` may find, in tenths.
const EXPOSURE_MAX: &str = "20";
/// A deadline for what a ring on a busy machine may need two rounds for.
const RING: Duration = Duration::from_secs(60);

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/systemd/noroshi.service")
}

fn possible() -> bool {
    if !rustix::process::geteuid().is_root() {
        noroshi_sim::skipped("becoming another user in a sandbox needs root");
        return false;
    }
    ["setpriv", "python3", "systemd-analyze"]
        .into_iter()
        .all(noroshi_sim::has_program)
}

/// The executable behind its sandbox, where every user can read it.
fn confined() -> (TempDir, PathBuf) {
    let dir = tempfile::Builder::new()
        .prefix("noroshi-unit-")
        .tempdir()
        .unwrap();
    let here = |name: &str| dir.path().join(name);
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let own = Path::new(env!("CARGO_BIN_EXE_noroshi"));
    // By a process of its own: a child of another test would keep our end open, and the file busy.
    for (from, to) in [
        (own, "noroshi"),
        (&tests.join("sandbox/play.py"), "play.py"),
        (&unit(), "noroshi.service"),
    ] {
        let copied = Command::new("cp").arg(from).arg(here(to)).status();
        assert!(copied.unwrap().success(), "{to}");
    }
    let script = format!(
        "#!/bin/sh\nexec python3 {0}/play.py {0}/noroshi.service \"$NOROSHI_HOME\" {0}/noroshi \"$@\"\n",
        dir.path().display()
    );
    fs::write(here("confined"), script).unwrap();
    for name in ["", "noroshi", "confined"] {
        fs::set_permissions(here(name), PermissionsExt::from_mode(0o755)).unwrap();
    }
    let program = here("confined");
    (dir, program)
}

/// Gives the homes to the service's user, as `StateDirectory=` and its like do.
fn hand_over(cluster: &Cluster) {
    let mode = PermissionsExt::from_mode(0o755);
    fs::set_permissions(cluster.dir(), mode).unwrap();
    for server in 0..cluster.len() {
        let home = cluster.home(server);
        let mut command = Command::new("chown");
        command
            .args(["-R", &format!("{USER}:{USER}")])
            .arg(home.root().unwrap());
        assert!(command.status().unwrap().success());
    }
}

fn status_of(cluster: &mut Cluster, server: usize, field: &str) -> String {
    let pid = cluster.daemon(server).pid();
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.unwrap_or_default()
        .trim_start_matches(':')
        .trim()
        .to_owned()
}

/// Heartbeats, probes, lamps by rsh from a reserved port and by HTTP, mails, pushes, logs, console, clean stop.
///
/// Rule: N2 N10 N12 N17 N21 M30
#[test]
fn a_service_in_its_sandbox_does_all_that_it_is_for() {
    if !possible() {
        return;
    }
    let (_dir, program) = confined();
    let door = lamp::RshDoor {
        reserved_ports_only: true,
        ..lamp::RshDoor::default()
    };
    let kinds = vec![
        Kind::PatliteRsh(door.clone()),
        Kind::IsaRsh(door),
        Kind::PatliteHttp,
    ];
    let plan = Plan::new(program).lamps(Lamps::Mixed(kinds));
    let mut cluster = plan.tune(|conf| conf.console = true).prepare().unwrap();
    hand_over(&cluster);
    cluster
        .start_all()
        .unwrap_or_else(|error| panic!("{error}\n{}", cluster.logs()));
    for (field, value) in [
        ("CapEff", ONE_CAPABILITY),
        ("CapPrm", ONE_CAPABILITY),
        ("CapBnd", ONE_CAPABILITY),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        assert_eq!(status_of(&mut cluster, 0, field), value, "{field}");
    }
    assert!(status_of(&mut cluster, 0, "Uid").starts_with(&USER.to_string()));

    cluster.command(0, &["test", "mail"]).unwrap();
    cluster
        .wait_mail(SOON, |mail| mail.subject.contains("est"))
        .unwrap();
    cluster
        .command(
            0,
            &["config", "set", "/root/cluster/mail/subject", "pushed"],
        )
        .unwrap();
    let pushed = cluster.command(0, &["clpcfctrl", "--push"]).unwrap();
    assert!(pushed.contains("command succeeded.(code:0)"), "{pushed}");

    let console = Console::start(&cluster, 0);
    let mut visitor = console.first_user(&cluster, 0, "yamada");
    let page = visitor.get("/").text();
    assert!(page.contains("sv3"), "{page}");

    cluster.kill(1).unwrap();
    cluster
        .wait_mail(SOON, |mail| mail.body.contains("sv2 is down"))
        .unwrap();
    cluster.wait_lamp(1, Look::RED_BLINK, SOON).unwrap();

    let out = cluster.home(0).root().unwrap().join("collected");
    fs::create_dir(&out).unwrap();
    std::os::unix::fs::chown(&out, Some(USER), None).unwrap();
    let collected = cluster.run(0, &["clplogcc", "-t", "type2", "-o", out.to_str().unwrap()]);
    let collected = collected.unwrap();
    // The dead server cannot be collected, which the exit code says; the two others are.
    let archives = fs::read_dir(&out).unwrap().count();
    assert_eq!(
        (collected.status.code(), archives),
        (Some(1), 2),
        "{collected:?}"
    );

    assert!(
        cluster.terminate(0).unwrap().success(),
        "{}",
        cluster.logs()
    );
    cluster.wait_lamp(0, Look::OUT, SOON).unwrap();
}

/// With Corosync: its libraries, their shared memory and sockets, and `crm_mon` as a child with the agent's directory.
///
/// Rule: N3
#[test]
fn a_service_in_its_sandbox_works_beside_corosync_and_pacemaker() {
    if !possible() {
        return;
    }
    if let Err(why) = Corosync::available() {
        noroshi_sim::skipped(&why);
        return;
    }
    let (_dir, program) = confined();
    let mut cluster = Plan::new(program).corosync().prepare().unwrap();
    for server in 0..cluster.len() {
        let home = cluster.home(server);
        let bin = home.root().unwrap().join("bin");
        fs::create_dir_all(home.pacemaker()).unwrap();
        fs::create_dir_all(&bin).unwrap();
        // What stands in for `crm_mon` says who runs it.
        let said = "#!/bin/sh\ngrep -E 'Seccomp:|CapEff' /proc/self/status > \"$NOROSHI_HOME/asked\"\n\
                    echo '<pacemaker-result><nodes/><resources/></pacemaker-result>'\n";
        fs::write(bin.join("crm_mon"), said).unwrap();
        fs::set_permissions(bin.join("crm_mon"), PermissionsExt::from_mode(0o755)).unwrap();
        cluster.corosync(server).admit(USER).unwrap();
    }
    hand_over(&cluster);
    cluster
        .start_all()
        .unwrap_or_else(|error| panic!("{error}\n{}", cluster.logs()));
    assert_eq!(status_of(&mut cluster, 0, "Seccomp"), "2");
    let asked = cluster.home(0).root().unwrap().join("asked");
    until(LATER, "crm_mon was asked", || {
        let said = fs::read_to_string(&asked).map_err(|error| error.to_string())?;
        match said.contains("Seccomp:\t2") && said.contains(ONE_CAPABILITY) {
            true => Ok(()),
            false => Err(said),
        }
    })
    .unwrap();
    // As Pacemaker's own user would, through the directory that is the agent's.
    let mut agent = cluster.launch(0).command(&["pacemaker-alert"]);
    agent
        .env("CRM_alert_kind", "node")
        .env("CRM_alert_node", "sv2")
        .env("CRM_alert_desc", "member");
    assert!(agent.status().unwrap().success());
    cluster.corosync(2).kill().unwrap();
    cluster.kill(2).unwrap();
    let lost = cluster.wait_mail(RING, |mail| mail.body.contains("Server sv3 is down"));
    lost.unwrap_or_else(|error| panic!("{error}\n{}", letters(&cluster)));
    assert!(cluster.terminate(0).unwrap().success());
}

/// The played sandbox is none that lets everything through.
#[test]
fn the_played_sandbox_refuses_what_the_unit_forbids() {
    if !possible() {
        return;
    }
    let (dir, _program) = confined();
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(USER), None).unwrap();
    let played = |program: &[&str]| {
        let mut command = Command::new("python3");
        command
            .args([&dir.path().join("play.py"), &unit(), &home])
            .args(program);
        command.current_dir("/").output().unwrap()
    };
    let inside = home.join("x");
    let touched = played(&["/usr/bin/touch", inside.to_str().unwrap()]);
    assert!(touched.status.success() && inside.exists(), "{touched:?}");
    let python = |code: &str| played(&["/usr/bin/python3", "-c", code]);
    assert!(
        python("import socket; socket.socket(socket.AF_UNIX)")
            .status
            .success()
    );
    for forbidden in [
        "open('/var/tmp/noroshi-sandbox', 'w')",
        "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)",
        "import os; os.chown('/', 0, 0)",
        "import ctypes; assert ctypes.CDLL(None).unshare(0x10000000) == 0",
    ] {
        assert!(!python(forbidden).status.success(), "{forbidden}");
    }
}

/// What systemd itself finds in the unit.
#[test]
fn the_units_exposure_stays_low() {
    if !noroshi_sim::has_program("systemd-analyze") {
        return;
    }
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager"]);
    command
        .arg(format!("--threshold={EXPOSURE_MAX}"))
        .arg(unit());
    let told = command.output().unwrap();
    let text = String::from_utf8_lossy(&told.stdout);
    let verdict = text.lines().last().unwrap_or_default();
    assert!(
        told.status.success(),
        "{verdict}\n{}",
        String::from_utf8_lossy(&told.stderr)
    );
    eprintln!("{verdict}");
}

/// With Pacemaker the service's own directory must let Pacemaker's user through at each start.
///
/// Rule: N3
#[test]
fn the_unit_lets_pacemakers_agent_through() {
    let text = fs::read_to_string(unit()).unwrap();
    assert!(text.lines().any(|line| line == "StateDirectoryMode=0751"));
}

/// Settings that forbid a service to gain privileges, by themselves or implied (systemd.exec(5), `NoNewPrivileges=`).
const NO_NEW_PRIVILEGES: [&str; 16] = [
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "NoNewPrivileges",
    "PrivateDevices",
    "ProtectClock",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "SystemCallArchitectures",
    "SystemCallFilter",
    "DynamicUser",
];

/// What is added to the unit for mail through sendmail takes all of it back.
///
/// Rule: M7
#[test]
fn the_units_addition_for_sendmail_leaves_nothing_that_forbids_it() {
    let read = |name: &str| fs::read_to_string(unit().with_file_name(name)).unwrap();
    let (unit, addition) = (read("noroshi.service"), read("sendmail.conf"));
    let value = |text: &str, name: &str| {
        let mut lines = text.lines().rev();
        lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    };
    for name in NO_NEW_PRIVILEGES {
        if value(&unit, name).is_some() {
            let back = value(&addition, name);
            assert!(
                matches!(back.as_deref(), Some("" | "no")),
                "{name}: {back:?}"
            );
        }
    }
}
