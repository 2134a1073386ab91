//! Engines in processes of their own: this test program, run once more.

use crate::cluster::{Node, PORT_VARIABLE, config, port};
use crate::{heartbeats, probes};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Tells the program that is run once more what to be.
const PART: &str = "NOROSHI_TEST_PART";

/// A server in a process of its own. It is killed when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Server `own` of the two of the test `net`; it has started when this returns.
    pub(crate) fn start(net: u8, own: u8) -> Process {
        let mut child = part(&format!("server {net} {own}"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program runs");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let started = output
            .lines()
            .map_while(Result::ok)
            .any(|line| line.ends_with("started"));
        assert!(started, "the child ended");
        Process(child)
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let killed = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(killed.expect("kill is everywhere").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a part in a network namespace of its own, where `setup` has been done.
pub(crate) fn in_namespace(setup: &[&str], name: &str) {
    let probe = Command::new("unshare")
        .args(["-n", "ip", "link", "set", "lo", "up"])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return skip("network namespaces (unshare -n, ip): root and iproute2 are needed");
    }
    let program = std::env::current_exe().expect("a path");
    let script = format!(
        "ip link set lo up && {} && exec \"$0\" \"$@\"",
        setup.join(" && ")
    );
    let status = Command::new("unshare")
        .args(["-n", "sh", "-c", &script])
        .arg(program)
        .args([
            "--ignored",
            "--exact",
            "process::part_of_a_test",
            "--nocapture",
        ])
        .env(PART, name)
        .env(PORT_VARIABLE, port().to_string())
        .status()
        .expect("unshare ran before");
    assert!(status.success(), "{name} failed in its namespace");
}

/// Says what is skipped and why; with NOROSHI_REQUIRE_ALL=1 nothing may be.
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {why}");
    assert!(
        std::env::var_os("NOROSHI_REQUIRE_ALL").is_none_or(|it| it != "1"),
        "{why}"
    );
}

fn part(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command
        .args([
            "--ignored",
            "--exact",
            "process::part_of_a_test",
            "--nocapture",
        ])
        .env(PART, name)
        .env(PORT_VARIABLE, port().to_string());
    command
}

#[tokio::test]
// tidy: allow ignored-test: run by its parent test as a process of its own
#[ignore = "run by other tests, in a process of its own"]
async fn part_of_a_test() {
    let Ok(name) = std::env::var(PART) else {
        return;
    };
    match *name.split(' ').collect::<Vec<_>>() {
        ["ipv6"] => heartbeats::ipv6().await,
        ["black-hole"] => probes::black_hole().await,
        ["server", net, own] => {
            let number = |text: &str| text.parse().expect("a number from the other tests");
            let mut node = Node::start(&config(number(net), 2, 2), number(own));
            println!("started");
            while node.inbox.recv().await.is_some() {}
        }
        _ => panic!("no part is called {name}"),
    }
}
