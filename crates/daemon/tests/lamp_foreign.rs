//! Cross-checks with programs that we did not write: Python's HTTP server as a lamp, and
//! `rsh-redone-rsh`, `snmpset`, `snmpget`, `curl` as clients of our simulated lamps, so that driver
//! and simulator do not merely agree with each other.

mod lamp_support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use lamp_support::{Bench, LOOPBACK, done, number, root, skip};
use noroshi_core::config::LampKind;
use noroshi_core::lamp::Look;
use noroshi_daemon::channel::lamp::Deadlines;
use noroshi_sim::lamp::{Faults, Kind, RshDoor, SimLamp};

/// A program that is ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a client to its end beside our simulator. `None` after saying that it is missing.
async fn client(program: &Path, arguments: &[String]) -> Option<Output> {
    let run = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(std::time::Duration::from_secs(20), run).await {
        Ok(Ok(output)) => Some(output),
        Ok(Err(error)) => {
            skip(&format!("{}: {error}", program.display()));
            None
        }
        Err(_) => panic!("{} does not end", program.display()),
    }
}

async fn lamp(kind: Kind) -> SimLamp {
    SimLamp::start(kind, LOOPBACK.parse().unwrap(), Faults::NONE)
        .await
        .unwrap()
}

fn words(line: String) -> Vec<String> {
    line.split('|').map(String::from).collect()
}

/// Rule: N12 M13
#[tokio::test]
async fn a_foreign_http_server_takes_our_request() {
    let python = Command::new("python3")
        .args(["-u", "-c", HTTP_LAMP])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = python else {
        skip("no python3");
        return;
    };
    let mut server = Running(child);
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let port: u16 = lines.next().unwrap().unwrap().parse().unwrap();
    let at = ([127, 0, 0, 1], port).into();
    let mut bench = Bench::new(LampKind::PatliteHttp, at, Deadlines::default());
    assert_eq!(bench.show(Look::RED_BLINK).await, done(None));
    assert_eq!(lines.next().unwrap().unwrap(), "/api/control?alert=200999");
    assert_eq!(bench.read(Look::GREEN).await, done(None), "shown again");
    assert_eq!(lines.next().unwrap().unwrap(), "/api/control?alert=001999");
    assert_eq!(
        number(&bench.show(Look::OUT).await),
        (6, 1),
        "this one answers Error. to out"
    );
}

/// HTTP/1.0 without a length, and `Error.` with status 200.
const HTTP_LAMP: &str = r#"
import http.server
class Lamp(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Error." if "alert=000" in self.path else b"Success.")
server = http.server.HTTPServer(("127.0.0.1", 0), Lamp)
print(server.server_port)
server.serve_forever()
"#;

/// The client always asks for a second channel, so this proves the simulator's call-back.
///
/// Rule: N12 N13
#[tokio::test]
async fn a_foreign_rsh_client_speaks_with_our_lamp() {
    if !root() {
        skip("rsh clients need reserved ports");
        return;
    }
    let Some(rsh) = rsh_client() else {
        skip("rsh-redone-rsh can be neither found nor downloaded (package rsh-redone-client)");
        return;
    };
    let door = RshDoor {
        reserved_ports_only: true,
        remote_user: Some("lamp".into()),
        ..RshDoor::default()
    };
    for (kind, command, answer) in [
        (Kind::PatliteRsh(door.clone()), "alert 201999", "201000\n"),
        (Kind::IsaRsh(door.clone()), "ACOP 2x1xxxxx", ""),
        (
            Kind::IsaRsh(door.clone()),
            "HELO",
            "rshd: Invalid Command\n",
        ),
    ] {
        let sim = lamp(kind).await;
        let run = async |user: &str| {
            let port = sim.address().port();
            client(
                &rsh,
                &words(format!("-p|{port}|-n|-l|{user}|127.0.0.1|{command}")),
            )
            .await
        };
        let output = run("lamp").await.expect("it was found");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            answer,
            "{output:?}"
        );
        assert_eq!(sim.received(), [format!("lamp: {command}")]);
        let refused = run("other").await.expect("it was found");
        assert!(!refused.status.success(), "{refused:?}");
    }
}

/// The client as installed, or unpacked from its package.
fn rsh_client() -> Option<PathBuf> {
    let installed = Path::new("/usr/bin/rsh-redone-rsh");
    if installed.exists() {
        return Some(installed.into());
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rsh-redone-client");
    let program = folder.join("usr/bin/rsh-redone-rsh");
    if !program.exists() {
        std::fs::create_dir_all(&folder).ok()?;
        let line = "apt-get download rsh-redone-client && dpkg-deb -x rsh-redone-client_*.deb .";
        let run = Command::new("sh")
            .args(["-c", line])
            .current_dir(&folder)
            .output()
            .ok()?;
        run.status.success().then_some(())?;
    }
    program.exists().then_some(program)
}

/// Rule: N12
#[tokio::test]
async fn foreign_snmp_clients_speak_with_our_lamp() {
    let sim = lamp(Kind::PatliteSnmp {
        read: "public".into(),
        write: "private".into(),
    })
    .await;
    let at = sim.address();
    let table = "1.3.6.1.4.1.20440.4.1.5.1.2.1";
    let options = "-r|0|-t|5|-Oqn";
    for version in ["1", "2c"] {
        let head = format!("-v|{version}|{options}");
        let set = format!(
            "{head}|-c|private|{at}|{table}.2.1|i|3|{table}.3.1|i|0|{table}.2.3|i|1|{table}.3.3|i|0"
        );
        let Some(output) = client(Path::new("snmpset"), &words(set)).await else {
            return;
        };
        assert!(output.status.success(), "{output:?}");
        assert_eq!(sim.look(), Look::RED_BLINK);
        let get = words(format!("{head}|-c|public|{at}|{table}.4.1|{table}.4.3"));
        let Some(output) = client(Path::new("snmpget"), &get).await else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            said,
            format!(".{table}.4.1 3\n.{table}.4.3 1\n"),
            "{output:?}"
        );
        let forbidden = words(format!("{head}|-c|public|{at}|{table}.2.1|i|1"));
        let Some(output) = client(Path::new("snmpset"), &forbidden).await else {
            return;
        };
        assert!(!output.status.success(), "{output:?}");
        assert_eq!(sim.look(), Look::RED_BLINK);
    }
}

/// Rule: N12
#[tokio::test]
async fn a_foreign_http_client_speaks_with_our_lamp() {
    let sim = lamp(Kind::PatliteHttp).await;
    let url = |query: &str| words(format!("-s|http://{}/api/control?{query}", sim.address()));
    for (query, answer, look) in [
        ("alert=200999", "Success.", Look::RED_BLINK),
        ("alert=20099", "Error.", Look::RED_BLINK),
        ("clear=1", "Success.", Look::OUT),
    ] {
        let Some(output) = client(Path::new("curl"), &url(query)).await else {
            return;
        };
        assert_eq!(String::from_utf8_lossy(&output.stdout), answer);
        assert_eq!(sim.look(), look);
    }
}
