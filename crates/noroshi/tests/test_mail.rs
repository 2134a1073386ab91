//! `noroshi test mail --verbose` with the real daemon, and a mail server that knows one of two recipients.

mod common;

use common::*;
use noroshi_daemon::home::Home;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

/// Speaks SMTP as far as a test mail needs it.
fn serve(stream: TcpStream) -> Option<()> {
    let mut to = stream.try_clone().ok()?;
    let mut say = |line: &str| to.write_all(format!("{line}\r\n").as_bytes()).ok();
    say("220 mx.example.com")?;
    let mut is_data = false;
    for line in BufReader::new(stream).lines() {
        let line = line.ok()?;
        match line.as_str() {
            "." => {
                is_data = false;
                say("250 2.0.0 queued")?;
            }
            _ if is_data => {}
            "DATA" => {
                is_data = true;
                say("354 go on")?;
            }
            _ if line.contains("gone@") => say("550 5.1.1 nobody of that name")?,
            _ if line.starts_with("EHLO") => say("250-mx.example.com\r\n250 8BITMIME")?,
            _ => say("250 2.1.0 ok")?,
        }
    }
    Some(())
}

/// A home of `server1` with two recipients and that mail server, on an address that no other run has.
fn single(last: u8) -> (tempfile::TempDir, Home) {
    let (dir, home) = empty_home();
    assert_eq!(run_in(dir.path(), &["key", "new"]).code, 0);
    let pid = std::process::id();
    let address = format!("127.{}.{}.{last}", pid >> 8 & 0x7f | 0x80, pid & 0xff);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    let conf = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <cluster><name>cluster</name><mail><address>ops@example.com,gone@example.com</address>
    <sendtype>SMTP</sendtype>
    <smtp><smtpsrv id="0"><priority>0</priority><srvname>127.0.0.1</srvname><port>{port}</port></smtpsrv></smtp></mail></cluster>
  <server name="server1"><priority>0</priority>
    <device id="0"><type>lan</type><info>{address}</info></device>
  </server>
  <heartbeat><types name="lankhb"/>
    <lankhb name="lankhb1"><priority>0</priority><device>0</device></lankhb>
  </heartbeat>
  <noroshi><console><use>0</use></console></noroshi>
</root>
"#
    );
    fs::write(home.conf(), conf).unwrap();
    (dir, home)
}

/// Ends the daemon of a failed test too.
struct Stopped<'a>(&'a Path);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        run_in(self.0, &["clpcl", "-t"]);
    }
}

/// Rule: N10 N20 N25
#[test]
fn the_conversation_is_shown_with_what_helps_in_both_languages_and_for_programs() {
    let (dir, home) = single(91);
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    let _stopped = Stopped(dir.path());
    assert_eq!(run(&["clpcl", "-s"]).code, 0);
    let shown = run(&["test", "mail", "--verbose"]);
    assert_eq!(shown.code, 1, "{shown:?}");
    for words in [
        "ops@example.com: taken, sent by server1 in ",
        ": 250 2.0.0 queued",
        "gone@example.com: NOT TAKEN, sent by server1",
        ": The mail server does not know, or does not take, this recipient.",
        "Remedy: Check the address for slips",
        "> RCPT TO:<gone@example.com>",
        "< 550 5.1.1 nobody of that name",
        "* connected: 127.0.0.1:",
    ] {
        assert!(shown.out.contains(words), "{words}: {}", shown.out);
    }
    assert!(
        shown.err.contains("1 of 2 test mails were not taken"),
        "{shown:?}"
    );
    let japanese = run(&["test", "mail", "--to", "gone@example.com", "--lang", "ja"]);
    assert_eq!(japanese.code, 1);
    assert!(
        japanese.out.contains("対処: アドレスの誤りを確認し"),
        "{japanese:?}"
    );
    let one = run(&["test", "mail", "--to", "ops@example.com"]);
    assert_eq!((one.code, &*one.err), (0, ""), "{one:?}");
    // Nobody but those of the settings.
    let foreign = run(&["test", "mail", "--to", "somebody@example.org"]);
    assert_eq!(foreign.code, 4, "{foreign:?}");
    assert!(foreign.err.contains("none of the settings'"), "{foreign:?}");
    let json = run(&["test", "mail", "--to", "gone@example.com", "--json"]);
    let object: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(object["recipient"], "gone@example.com");
    assert_eq!(object["server"], "server1");
    assert_eq!(object["delivered"], serde_json::Value::Null);
    assert_eq!(object["faults"][0]["ending"], "no-such-user");
    let last = object["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(last["what"], "received", "{last}");
    assert!(object["took_ms"].is_u64() && last["at_ms"].is_u64() && last["took_ms"].is_u64());
    let audit = fs::read_to_string(home.log().join("audit.log.cur")).unwrap();
    assert!(
        audit.contains("result=begun test-mail recipient=\"ops@example.com\""),
        "{audit}"
    );
    assert!(
        audit.contains("test-mail recipient=\"somebody@example.org\""),
        "{audit}"
    );
}
