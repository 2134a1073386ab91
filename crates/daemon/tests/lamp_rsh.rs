//! rsh against servers that we did not write: rsh-redone's and netkit's `in.rshd`.
//!
//! A throw-away system user's login shell behaves like a lamp, so a real server carries the real
//! commands. Needs root, both servers and a PAM stack for rsh; else it says what it skips.

mod lamp_support;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use lamp_support::{Bench, done, number, root, skip, text, users};
use noroshi_core::config::LampKind;
use noroshi_core::lamp::{LampOrder, Look};
use noroshi_daemon::channel::lamp::Deadlines;
use noroshi_sim::lamp::{Faults, Kind, RshDoor, SimLamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const REDONE: &str = "/usr/sbin/in.rshd";

/// A system user whose login shell is a lamp; removed when dropped.
struct LampUser {
    name: String,
    home: PathBuf,
    _lock: fs::File,
}

impl LampUser {
    /// `local` is whom it trusts. Tests that make users take turns, in all processes.
    fn new(local: &str) -> Self {
        let lock = fs::File::create(std::env::temp_dir().join("noroshi-lamp-user.lock")).unwrap();
        lock.lock().unwrap();
        let name = format!("nrslamp{}", std::process::id());
        let home = std::env::temp_dir().join(&name);
        // Left behind by a run that was killed.
        let _ = Command::new("userdel")
            .arg(&name)
            .stderr(Stdio::null())
            .status();
        let _ = fs::remove_dir_all(&home);
        fs::create_dir(&home).unwrap();
        let shell = home.join("lamp");
        fs::write(&shell, SHELL).unwrap();
        fs::set_permissions(&shell, fs::Permissions::from_mode(0o755)).unwrap();
        let made = Command::new("useradd")
            .args(["--system", "--no-create-home", "--home-dir"])
            .arg(&home)
            .arg("--shell")
            .arg(&shell)
            .arg(&name)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let user = Self {
            name,
            home,
            _lock: lock,
        };
        let ids = |option: &str| {
            let output = Command::new("id")
                .args([option, &user.name])
                .output()
                .unwrap();
            String::from_utf8(output.stdout)
                .unwrap()
                .trim()
                .parse::<u32>()
                .unwrap()
        };
        let (uid, gid) = (ids("-u"), ids("-g"));
        let trust = user.home.join(".rhosts");
        fs::write(
            &trust,
            format!("localhost {local}\n127.0.0.1 {local}\n::1 {local}\n"),
        )
        .unwrap();
        fs::set_permissions(&trust, fs::Permissions::from_mode(0o600)).unwrap();
        for path in [&user.home, &trust] {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
        user
    }

    fn received(&self) -> Vec<String> {
        let text = fs::read_to_string(self.home.join("log")).unwrap_or_default();
        text.lines().map(String::from).collect()
    }
}

impl Drop for LampUser {
    fn drop(&mut self) {
        let _ = Command::new("userdel")
            .arg(&self.name)
            .stderr(Stdio::null())
            .status();
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// The lamp: `alert`, `status` and `ACOP` as the manuals have them, kept in the home directory.
const SHELL: &str = r#"#!/bin/sh
cd "$HOME" || exit 1
printf '%s\n' "$2" >>log
set -- $2
merge() { # old new keep: place by place
    old=$1 new=$2 out=
    while [ -n "$new" ]; do
        o=${old%"${old#?}"} n=${new%"${new#?}"}
        case $n in 9|x|X) out=$out$o ;; *) out=$out$n ;; esac
        old=${old#?} new=${new#?}
    done
    printf '%s' "$out"
}
tower=$(cat tower 2>/dev/null || echo 000000)
isa=$(cat isa 2>/dev/null || echo 00000000)
case "$1 $2" in
"status ") echo "$tower" ;;
"alert "[0-9][0-9][0-9][0-9][0-9][0-9]) merge "$tower" "$2" >tower; cat tower; echo ;;
"ACOP ") echo "$isa" ;;
"ACOP "????????) merge "$isa" "$2" >isa ;;
*) echo "rshd: Invalid Command" ;;
esac
"#;

/// An accept loop that runs a real server for each client, as inetd does.
struct Inetd {
    at: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Inetd {
    fn start(server: &Path, at: &str) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let at = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (server, stopped) = (server.to_path_buf(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut children = Vec::new();
            for client in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let stream = OwnedFd::from(client.unwrap());
                let child = Command::new(&server)
                    .stdin(stream.try_clone().unwrap())
                    .stdout(stream.try_clone().unwrap())
                    .stderr(stream)
                    .spawn();
                children.push(child.unwrap());
            }
            for mut child in children {
                let _ = child.kill();
                let _ = child.wait();
            }
        });
        Self {
            at,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Inetd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.at);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The real servers that are here, with their names; empty after saying what is missing.
fn servers() -> Vec<(&'static str, PathBuf)> {
    if !root() {
        skip("real rsh servers need root");
        return Vec::new();
    }
    if !Path::new("/etc/pam.d/rsh").exists() {
        skip("real rsh servers need /etc/pam.d/rsh (package rsh-redone-server)");
        return Vec::new();
    }
    let mut servers = Vec::new();
    if Path::new(REDONE).exists() {
        servers.push(("rsh-redone", PathBuf::from(REDONE)));
    } else {
        skip("no /usr/sbin/in.rshd (package rsh-redone-server)");
    }
    match netkit() {
        Some(path) => servers.push(("netkit", path)),
        None => drop(skip("netkit's in.rshd can be neither found nor downloaded")),
    }
    servers
}

/// Netkit's server, unpacked: the two packages exclude each other.
fn netkit() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let unpacked = root.join("target/netkit-rsh/usr/sbin/in.rshd");
    if unpacked.exists() {
        return Some(unpacked);
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("netkit-rsh");
    let server = folder.join("usr/sbin/in.rshd");
    if !server.exists() {
        fs::create_dir_all(&folder).ok()?;
        let run = |program: &str, arguments: &[&str]| {
            let status = Command::new(program)
                .args(arguments)
                .current_dir(&folder)
                .output();
            status.ok().filter(|output| output.status.success())
        };
        run("apt-get", &["download", "rsh-server"])?;
        run("sh", &["-c", "dpkg-deb -x rsh-server_*.deb ."])?;
    }
    server.exists().then_some(server)
}

fn isa(local: &str, remote: &str) -> LampKind {
    LampKind::IsaRsh {
        users: users(local, remote),
        password: None,
    }
}

fn patlite(local: &str, remote: &str) -> LampKind {
    LampKind::PatliteRsh {
        users: users(local, remote),
    }
}

/// Rule: N13 N12
#[tokio::test]
async fn real_servers_carry_both_dialects() {
    for (name, server) in servers() {
        let user = LampUser::new("watcher");
        let inetd = Inetd::start(&server, "127.0.0.1:0");
        for (kind, tells_after_set) in [
            (isa("watcher", &user.name), false),
            (patlite("watcher", &user.name), true),
        ] {
            let mut bench = Bench::new(kind, inetd.at, Deadlines::default());
            for look in [Look::GREEN, Look::RED_BLINK, Look::OUT] {
                let told = tells_after_set.then_some(look);
                assert_eq!(bench.show(look).await, done(told), "{name}");
                assert_eq!(bench.read(look).await, done(Some(look)), "{name}");
            }
            let wrong = bench.ask(LampOrder::ReadBack(Look::GREEN)).await;
            assert_eq!(
                wrong,
                done(Some(Look::OUT)),
                "{name}: it says what it shows"
            );
        }
        let received = user.received();
        assert!(
            received.contains(&"ACOP 200xxxxx".to_string()),
            "{name}: {received:?}"
        );
        assert!(
            received.contains(&"alert 001999".to_string()),
            "{name}: {received:?}"
        );
    }
}

/// Rule: N13 M13
#[tokio::test]
async fn a_refused_user_is_told_in_the_servers_words() {
    for (name, server) in servers() {
        let user = LampUser::new("watcher");
        let inetd = Inetd::start(&server, "127.0.0.1:0");
        for kind in [isa("stranger", &user.name), patlite("stranger", &user.name)] {
            let mut bench = Bench::new(kind, inetd.at, Deadlines::default());
            let result = bench.show(Look::GREEN).await;
            // rsh-redone says no after the 00 of success, netkit after 01.
            let (expected, words) = match name {
                "netkit" => ((6, 1), "Permission denied"),
                _ => ((6, 2), "Authentication failure"),
            };
            assert_eq!(number(&result), expected, "{name}: {result:?}");
            assert!(text(&result).contains(words), "{name}: {result:?}");
        }
        assert!(user.received().is_empty(), "{name}");
    }
}

/// A lamp that does not know the command, and one that is not there any more.
///
/// Rule: N13 M13
#[tokio::test]
async fn an_unknown_command_is_told_in_the_lamps_words() {
    for (name, server) in servers() {
        let user = LampUser::new("watcher");
        fs::write(
            user.home.join("lamp"),
            "#!/bin/sh\necho 'rshd: Invalid Command'\n",
        )
        .unwrap();
        let inetd = Inetd::start(&server, "127.0.0.1:0");
        for (kind, expected) in [
            (isa("watcher", &user.name), (6, 1)),
            (patlite("watcher", &user.name), (6, 2)),
        ] {
            let mut bench = Bench::new(kind, inetd.at, Deadlines::default());
            let result = bench.show(Look::GREEN).await;
            assert_eq!(number(&result), expected, "{name}: {result:?}");
            assert!(
                text(&result).contains("rshd: Invalid Command"),
                "{name}: {result:?}"
            );
        }
        let at = inetd.at;
        drop(inetd);
        let mut bench = Bench::new(isa("watcher", &user.name), at, Deadlines::default());
        assert_eq!(
            number(&bench.show(Look::GREEN).await),
            (7, 21),
            "{name}: nobody listens"
        );
    }
}

/// A lamp whose command hangs, behind a real server.
///
/// Rule: N14
#[tokio::test]
async fn a_command_that_hangs_is_given_up() {
    for (name, server) in servers() {
        let user = LampUser::new("watcher");
        fs::write(
            user.home.join("lamp"),
            "#!/bin/sh\ncd; echo $$ >pid; exec sleep 1000\n",
        )
        .unwrap();
        let inetd = Inetd::start(&server, "127.0.0.1:0");
        let limit = std::time::Duration::from_secs(1);
        let deadlines = Deadlines {
            exchange: limit,
            ..Deadlines::default()
        };
        let mut bench = Bench::new(isa("watcher", &user.name), inetd.at, deadlines);
        let result = bench.show(Look::GREEN).await;
        // The server's 00 came: it is an answer that does not end. Both servers may also keep it.
        assert!(
            [(6, 3), (7, 23)].contains(&number(&result)),
            "{name}: {result:?}"
        );
        end_process(&user.home.join("pid"));
    }
}

/// Ends the login shell that wrote its number there, so that the user can be removed.
fn end_process(file: &Path) {
    let number = fs::read_to_string(file)
        .unwrap_or_default()
        .trim()
        .parse()
        .ok();
    if let Some(process) = number.and_then(rustix::process::Pid::from_raw) {
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    }
}

/// Rule: N13 N6
#[tokio::test]
async fn real_servers_are_reached_over_ipv6() {
    for (name, server) in servers() {
        let user = LampUser::new("watcher");
        let inetd = Inetd::start(&server, "[::1]:0");
        let mut bench = Bench::new(
            patlite("watcher", &user.name),
            inetd.at,
            Deadlines::default(),
        );
        assert_eq!(
            bench.show(Look::RED_BLINK).await,
            done(Some(Look::RED_BLINK)),
            "{name}"
        );
    }
}

/// What a source port outside 512-1023 gives: not one byte, from real servers and from our simulated
/// lamp alike. The driver's code 4 stands for it.
///
/// Rule: N13
#[tokio::test]
async fn other_source_ports_are_hung_up_on_without_a_byte() {
    let door = RshDoor {
        reserved_ports_only: true,
        ..RshDoor::default()
    };
    let at = "127.0.0.1:0".parse().unwrap();
    let sim = SimLamp::start(Kind::PatliteRsh(door), at, Faults::NONE)
        .await
        .unwrap();
    let inetds: Vec<_> = servers()
        .iter()
        .map(|(_, server)| Inetd::start(server, "127.0.0.1:0"))
        .collect();
    for at in inetds.iter().map(|inetd| inetd.at).chain([sim.address()]) {
        let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
        // It may have hung up by now.
        let _ = stream.write_all(b"0\0root\0root\0status\0").await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert_eq!(answer, b"");
    }
    assert!(sim.received().is_empty());
}
