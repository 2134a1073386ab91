//! The console's API on real daemons: a script's whole story by curl, and all of it by schemathesis, which
//! makes requests of the description and holds the answers to it.

mod e2e;
mod web;

use e2e::*;
use noroshi_sim::{has_program, skipped};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use web::Console;

const PASSWORD: &[u8] = b"correct horse battery\n";

/// A script: curl with a token, which stands in no argument.
struct Script {
    place: String,
    token: String,
}

/// What curl got.
struct Got {
    status: u16,
    kind: String,
    body: Value,
}

impl Script {
    fn new(console: &Console, token: &str) -> Script {
        Script {
            place: format!("http://{}/api/v1", console.address),
            token: token.into(),
        }
    }

    fn get(&self, path: &str) -> Got {
        self.ask(path, None)
    }

    fn post(&self, path: &str, body: &Value) -> Got {
        self.ask(path, Some(body))
    }

    fn ask(&self, path: &str, body: Option<&Value>) -> Got {
        let mut command = Command::new("curl");
        command
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "60",
                "--config",
                "-",
            ])
            .args(["--write-out", "\n%{http_code} %{content_type}"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(body) = body {
            command.arg("--json").arg(body.to_string());
        }
        let mut child = command
            .arg(format!("{}{path}", self.place))
            .spawn()
            .unwrap();
        let header = format!("header = \"Authorization: Bearer {}\"\n", self.token);
        child
            .stdin
            .take()
            .unwrap()
            .write_all(header.as_bytes())
            .unwrap();
        let text = child.wait_with_output().unwrap().stdout;
        let text = String::from_utf8(text).unwrap();
        let (body, end) = text.rsplit_once('\n').unwrap();
        let (status, kind) = end.split_once(' ').unwrap();
        Got {
            status: status.parse().unwrap(),
            kind: kind.into(),
            body: serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}")),
        }
    }
}

impl Got {
    /// The body of an answer with this status.
    #[track_caller]
    fn with(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        let problem = self.kind == "application/problem+json";
        assert_eq!(problem, status >= 400, "{}", self.kind);
        assert!(!problem || self.body["status"] == status, "{}", self.body);
        self.body
    }
}

fn cluster_with_consoles() -> (Cluster, Console) {
    let plan = plan().servers(2).tune(|conf| conf.console = true);
    let cluster = plan.start().unwrap();
    cluster.wait_all_up(SOON).unwrap();
    cluster.wait_lamps_green(SOON).unwrap();
    let console = Console::start(&cluster, 0);
    (cluster, console)
}

/// A user with a token, made on the first server.
fn token(cluster: &Cluster, name: &str, role: &str) -> String {
    let mut add = cluster
        .launch(0)
        .command(&["user", "add", name, "--role", role]);
    let mut add = add
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    add.stdin.take().unwrap().write_all(PASSWORD).unwrap();
    assert!(add.wait().unwrap().success());
    let printed = cluster.command(0, &["user", "token", name]).unwrap();
    assert!(printed.starts_with("noroshi_") && printed.ends_with('\n'));
    printed.trim().to_owned()
}

/// A token is made, an alert raised, found and acknowledged, a light put out; then the wrong ones try.
///
/// Rule: N21 N7 N24 M18 N20
#[test]
fn a_script_does_with_a_token_what_its_user_may() {
    if !has_program("curl") {
        return;
    }
    let (cluster, console) = cluster_with_consoles();
    let operator = Script::new(&console, &token(&cluster, "otto", "operate"));
    let viewer = Script::new(&console, &token(&cluster, "vera", "view"));

    let status = operator.get("/status").with(200);
    let printed = cluster.command(0, &["status", "--json"]).unwrap();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let members = |it: &Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&status), members(&printed), "one form");
    assert_eq!(
        members(&status["servers"][0]),
        members(&printed["servers"][0])
    );
    assert_eq!(
        operator.get("/me").with(200),
        json!({"name": "otto", "role": "operate", "token": true})
    );

    let backup = json!({"text": "backup failed", "severity": "error", "alert": true, "mail": true});
    let raised = operator.post("/raise", &backup).with(200);
    assert_eq!(
        (&raised["answer"], &raised["durable"]),
        (&json!("accepted"), &json!(true))
    );
    let id = raised["alert"].as_str().unwrap();
    cluster
        .wait_mail(SOON, |mail| mail.body.contains("backup failed"))
        .unwrap();
    let found = viewer
        .get("/alerts?text=BACKUP&severity=error&limit=1")
        .with(200);
    assert_eq!(found["alerts"][0]["id"], id);
    let seen = json!({"alert": id, "remark": "disk is full"});
    assert_eq!(
        operator.post("/acknowledge", &seen).with(200),
        json!({"answer": "done"})
    );
    // On the other server by its name, which is the same there; its row is not.
    let there = Script::new(&Console::start(&cluster, 1), &viewer.token);
    let acknowledged = until(SOON, "the acknowledgement on the other server", || {
        let alert = there.get(&format!("/alerts/{id}")).with(200);
        let by = alert["acknowledged"]["by"] == "otto";
        by.then(|| alert["acknowledged"].clone())
            .ok_or(alert.to_string())
    });
    assert_eq!(acknowledged.unwrap()["remark"], "disk is full");
    viewer.get("/alerts/no.such-1").with(404);

    let light = json!({"server": "sv2"});
    viewer.post("/lamp-off", &light).with(403);
    cluster.wait_lamps_green(SOON).unwrap();
    operator.post("/lamp-off", &light).with(200);
    cluster.wait_lamp(1, Look::OUT, SOON).unwrap();
    let refused = operator
        .post("/lamp-off", &json!({"server": "sv9"}))
        .with(409);
    assert!(
        refused["detail"].as_str().unwrap().contains("sv9"),
        "{refused}"
    );
    operator
        .post("/shut-down", &json!({"cluster": status["cluster"]}))
        .with(403);
    let trail = std::fs::read_to_string(cluster.home(0).log().join("audit.log.cur")).unwrap();
    assert!(trail.contains("otto (API, 127."), "{trail}");
    assert!(!trail.contains(&operator.token));

    Script::new(&console, "noroshi_of-nobody")
        .get("/status")
        .with(401);
    cluster
        .command(0, &["user", "token", "otto", "--revoke"])
        .unwrap();
    operator.get("/status").with(401);
    until(SOON, "the revocation on the other server", || {
        let status = Script::new(&Console::start(&cluster, 1), &operator.token)
            .get("/me")
            .status;
        (status == 401).then_some(()).ok_or(status.to_string())
    })
    .unwrap();
    assert_eq!(
        cluster
            .run(0, &["user", "token", "otto", "--revoke"])
            .unwrap()
            .status
            .code(),
        Some(5)
    );
    for conf in [cluster.home(0).conf(), cluster.home(1).conf()] {
        let text = String::from_utf8_lossy(&std::fs::read(conf).unwrap()).into_owned();
        assert!(
            !text.contains(&viewer.token) && text.contains("<token>"),
            "{text}"
        );
    }
    let administrator = Script::new(&console, &token(&cluster, "anna", "administer"));
    stops(&cluster, &administrator);
}

/// Stops the second server and sees it gone.
fn stops(cluster: &Cluster, script: &Script) {
    script.post("/stop", &json!({"server": "sv2"})).with(200);
    cluster.wait_sees(0, 1, ServerState::Left, LATER).unwrap();
    let wrong = script
        .post("/shut-down", &json!({"cluster": "another"}))
        .with(409);
    assert!(
        wrong["detail"]
            .as_str()
            .unwrap()
            .contains("Nothing was stopped"),
        "{wrong}"
    );
}

/// Where `cargo xtask setup` installs it.
fn schemathesis() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = root.join("target/schemathesis/bin/st");
    if !program.is_file() {
        skipped("there is no target/schemathesis; cargo xtask setup installs it");
        return None;
    }
    Some(program)
}

/// One run of schemathesis with the description as it is served; its words when it found anything.
fn judged(cluster: &Cluster, script: &Script, options: &[&str]) {
    let Some(program) = schemathesis() else {
        return;
    };
    let dir = cluster.dir().join("schemathesis");
    std::fs::create_dir_all(&dir).unwrap();
    let described = script.get("/openapi.json").with(200);
    // The examples are of another cluster; of this one they get further.
    let described = described.to_string().replace("\"server1\"", "\"sv1\"");
    std::fs::write(dir.join("openapi.json"), described).unwrap();
    // The token comes from the environment, which nobody else reads.
    let settings = "[auth.openapi.token]\nbearer = \"${NOROSHI_TOKEN}\"\n";
    std::fs::write(dir.join("schemathesis.toml"), settings).unwrap();
    let url = script.place.strip_suffix("/api/v1").unwrap();
    let ran = Command::new(program)
        .current_dir(&dir)
        .env("NOROSHI_TOKEN", &script.token)
        .args([
            "--config-file",
            "schemathesis.toml",
            "run",
            "openapi.json",
            "--url",
            url,
        ])
        .args([
            "--checks",
            "all",
            "--generation-deterministic",
            "--no-color",
        ])
        .args(["--continue-on-failure", "--request-timeout", "60"])
        .args(options)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(said.contains("No issues found"), "{said}");
}

/// Rule: N21 N20
#[test]
fn schemathesis_finds_the_description_true() {
    if !has_program("curl") || schemathesis().is_none() {
        return;
    }
    let (cluster, console) = cluster_with_consoles();
    let script = Script::new(&console, &token(&cluster, "anna", "administer"));
    // It learns names from answers, and would stop the very server that it asks: these two get only what is wrong.
    let stops = ["stop", "shutDown"];
    let stopping = |option: &'static str| stops.iter().flat_map(move |it| [option, it]);
    // This check sends one wrong token for each operation, and ten of them shut a console's door: so half of the
    // operations at one, half at the other, before all else.
    let other = Script::new(&Console::start(&cluster, 1), &script.token);
    for (script, method) in [(&script, "GET"), (&other, "POST")] {
        let mut auth = vec!["--checks", "ignored_auth", "--phases", "examples,coverage"];
        auth.extend(["--generation-with-security-parameters", "false"]);
        auth.extend(["--include-method", method]);
        auth.extend(stopping("--exclude-operation-id"));
        judged(&cluster, script, &auth);
    }
    let mut all = vec!["--max-examples", "12", "--checks", "all"];
    all.extend(["--exclude-checks", "ignored_auth"]);
    all.extend(stopping("--exclude-operation-id"));
    judged(&cluster, &script, &all);
    let mut wrong = vec!["--mode", "negative", "--phases", "coverage,fuzzing"];
    wrong.extend(["--max-examples", "12", "--checks", "all"]);
    wrong.extend(stopping("--include-operation-id"));
    judged(&cluster, &script, &wrong);
    let status = script.get("/status").with(200);
    for server in status["servers"].as_array().unwrap() {
        assert_eq!(server["state"], "up", "{status}");
    }
}
