//! The simulated mail server against clients that we did not write, and each of its faults.

use std::net::SocketAddr;
use std::time::Duration;

use noroshi_sim::inbox::{Fault, Faults, Inbox, LINE_BYTES_MAX, MAIL_BYTES_MAX, SimInbox, Verb};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

async fn open(faults: Faults) -> SimInbox {
    Inbox::start("127.0.0.1:0".parse().unwrap(), faults)
        .await
        .unwrap()
}

/// A client that says what the test wants, line by line.
struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(at: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(at).await.unwrap()))
    }

    /// The last line of the next reply; empty when the server closed.
    async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.0.read_line(&mut line))
                .await
                .unwrap();
            if read.unwrap_or(0) == 0 {
                return String::new();
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_string();
            }
        }
    }

    async fn send(&mut self, bytes: &str) {
        self.0.get_mut().write_all(bytes.as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n")).await;
        self.reply().await
    }

    /// A mail from the greeting to the dot: the codes of all replies.
    async fn mail(at: SocketAddr, to: &[&str], text: &str) -> Vec<String> {
        let mut client = Self::connect(at).await;
        let mut lines = vec![
            "EHLO me".to_string(),
            "MAIL FROM:<cluster@example.com>".into(),
        ];
        lines.extend(to.iter().map(|to| format!("RCPT TO:<{to}>")));
        lines.push("DATA".into());
        lines.push(format!("{text}\r\n."));
        let mut codes = vec![code(&client.reply().await)];
        for line in lines {
            codes.push(code(&client.ask(&line).await));
        }
        codes
    }
}

fn code(reply: &str) -> String {
    reply.chars().take(3).collect()
}

/// Rule: M2
#[tokio::test]
async fn a_mail_is_kept_with_all_that_belongs_to_it() {
    let inbox = open(Faults::none()).await;
    let mut arrivals = inbox.arrivals();
    let text = "Subject: =?iso-2022-jp?B?GyRCJTUhPCVQGyhC?= down\r\nX-Two: a\r\n b\r\n\
                Content-Transfer-Encoding: base64\r\n\r\n44K144O844OQ";
    let codes = Client::mail(inbox.address(), &["a@x.example", "b@x.example"], text).await;
    assert_eq!(codes, ["220", "250", "250", "250", "250", "354", "250"]);
    let mail = timeout(PATIENCE, arrivals.recv()).await.unwrap().unwrap();
    assert_eq!(mail.from, "cluster@example.com");
    assert_eq!(mail.to, ["a@x.example", "b@x.example"]);
    assert_eq!(
        (mail.subject.as_str(), mail.body.as_str()),
        ("サーバ down", "サーバ")
    );
    assert_eq!(mail.header("X-Two").as_deref(), Some("a b"));
    assert_eq!(mail.raw, format!("{text}\r\n").into_bytes());
    assert_eq!((*inbox.count().borrow(), inbox.mails().len()), (1, 1));
}

/// Rule: M2
#[tokio::test]
async fn stuffed_dots_and_order_of_commands_are_minded() {
    let inbox = open(Faults::none()).await;
    let mut client = Client::connect(inbox.address()).await;
    client.reply().await;
    for (line, expected) in [
        ("HELO me", "250"),
        ("DATA", "503"),
        ("RCPT TO:<a@x.example>", "503"),
        ("MAIL FROM:nobody", "501"),
        ("MAIL FROM:<> SIZE=10", "250"),
        ("MAIL FROM:<a@x.example>", "503"),
        ("RCPT TO:<>", "501"),
        ("rcpt to:<a@x.example>", "250"),
        ("RSET", "250"),
        ("DATA", "503"),
        ("MAIL FROM:<a@x.example>", "250"),
        ("RCPT TO:<b@x.example>", "250"),
        ("DATA", "354"),
        ("Subject: x\r\n\r\n..dot\r\n.", "250"),
        ("NOOP", "250"),
        ("VRFY x", "500"),
        ("QUIT", "221"),
    ] {
        assert_eq!(code(&client.ask(line).await), expected, "{line}");
    }
    assert_eq!(client.reply().await, "", "closed");
    assert_eq!(inbox.mails()[0].body, ".dot\r\n");
}

/// Rule: M2
#[tokio::test]
async fn foreign_clients_deliver() {
    let inbox = open(Faults::none()).await;
    let at = inbox.address();
    let python = format!(
        "import smtplib,email.message as m\n\
         e=m.EmailMessage(); e['Subject']='サーバ sv2'; e.set_content('停止\\n.x\\n')\n\
         s=smtplib.SMTP('127.0.0.1',{}); s.send_message(e,'a@x.example',['b@x.example']); s.quit()",
        at.port()
    );
    let output = tokio::process::Command::new("python3")
        .args(["-c", &python])
        .output()
        .await;
    let Ok(output) = output else {
        assert!(
            std::env::var_os("NOROSHI_REQUIRE_ALL").is_none(),
            "python3 is missing"
        );
        eprintln!("skipped: no python3");
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let mails = inbox.mails();
    assert_eq!(mails[0].subject, "サーバ sv2");
    assert_eq!(mails[0].body.replace("\r\n", "\n"), "停止\n.x\n");
    assert_eq!(mails[0].to, ["b@x.example"]);
}

/// Rule: N10
#[tokio::test]
async fn refusals_come_at_the_chosen_place() {
    let inbox = open(Faults::none()).await;
    let cases = [
        (Verb::Greeting, 0),
        (Verb::Hello, 1),
        (Verb::Mail, 2),
        (Verb::Rcpt, 3),
        (Verb::Data, 4),
        (Verb::Dot, 5),
    ];
    for (at, place) in cases {
        for refusal in [421, 554] {
            let faults = Faults::only(Fault::Answer { at, code: refusal });
            inbox.set_faults(faults).await.unwrap();
            let mut client = Client::connect(inbox.address()).await;
            let mut found = vec![code(&client.reply().await)];
            let lines = [
                "EHLO me",
                "MAIL FROM:<a@x.example>",
                "RCPT TO:<b@x.example>",
                "DATA",
                ".",
            ];
            for line in lines.iter().take(place) {
                found.push(code(&client.ask(line).await));
            }
            assert_eq!(found.pop(), Some(refusal.to_string()), "{at:?} {found:?}");
            assert!(
                found.iter().all(|code| !code.starts_with(['4', '5'])),
                "{at:?} {found:?}"
            );
        }
    }
    assert!(inbox.mails().is_empty(), "a refused mail is not kept");
}

/// Rule: N10
#[tokio::test]
async fn one_recipient_is_refused_and_the_others_are_not() {
    let fault = Fault::Recipient {
        address: "B@x.example".into(),
        code: 550,
    };
    let inbox = open(Faults::only(fault)).await;
    let to = ["a@x.example", "b@X.example", "c@x.example"];
    let codes = Client::mail(inbox.address(), &to, "Subject: x\r\n\r\ny").await;
    assert_eq!(
        codes,
        ["220", "250", "250", "250", "550", "250", "354", "250"]
    );
    assert_eq!(inbox.mails()[0].to, ["a@x.example", "c@x.example"]);
}

/// Rule: N10
#[tokio::test]
async fn a_closed_server_refuses_and_opens_again_at_the_same_port() {
    let inbox = open(Faults::only(Fault::Refuse)).await;
    assert!(TcpStream::connect(inbox.address()).await.is_err());
    inbox.set_faults(Faults::none()).await.unwrap();
    let mut client = Client::connect(inbox.address()).await;
    assert_eq!(code(&client.reply().await), "220");
    inbox.set_faults(Faults::only(Fault::Refuse)).await.unwrap();
    assert_eq!(client.reply().await, "", "sessions end too");
}

/// Rule: N10
#[tokio::test]
async fn silence_after_the_dot_keeps_the_mail_and_closing_within_it_does_not() {
    let inbox = open(Faults::only(Fault::Hang(Verb::Dot))).await;
    let mut count = inbox.count();
    let mut client = Client::connect(inbox.address()).await;
    client.reply().await;
    for line in [
        "EHLO me",
        "MAIL FROM:<a@x.example>",
        "RCPT TO:<b@x.example>",
        "DATA",
    ] {
        client.ask(line).await;
    }
    client.send("Subject: x\r\n\r\ny\r\n.\r\n").await;
    timeout(PATIENCE, count.changed()).await.unwrap().unwrap();
    let mut byte = [0];
    let early = timeout(Duration::from_millis(50), client.0.read(&mut byte)).await;
    assert!(early.is_err(), "not a byte, and no close");

    inbox
        .set_faults(Faults::only(Fault::CloseInData))
        .await
        .unwrap();
    let codes = Client::mail(inbox.address(), &["b@x.example"], "Subject: x").await;
    assert_eq!(codes[4..], ["354", ""]);
    assert_eq!(inbox.mails().len(), 1);
}

/// Rule: N10
#[tokio::test]
async fn replies_drip_or_never_end() {
    let inbox = open(Faults::only(Fault::SlowDrip(Duration::from_millis(1)))).await;
    let mut client = Client::connect(inbox.address()).await;
    let mut first = [0; 1];
    client.0.read_exact(&mut first).await.unwrap();
    assert_eq!(client.0.buffer(), b"", "a byte at a time");
    assert_eq!(client.reply().await, "20 inbox.invalid ESMTP");

    inbox
        .set_faults(Faults::only(Fault::EndlessReply(Verb::Hello)))
        .await
        .unwrap();
    let mut client = Client::connect(inbox.address()).await;
    client.reply().await;
    client.send("EHLO me\r\n").await;
    let mut much = vec![0; 100_000];
    timeout(PATIENCE, client.0.read_exact(&mut much))
        .await
        .unwrap()
        .unwrap();
    assert!(much.starts_with(b"250-and so on\r\n250-"));
}

/// Rule: N10
#[tokio::test]
async fn bounds_hold() {
    let inbox = open(Faults::none()).await;
    let line = "x".repeat(1000);
    let long = vec![line.as_str(); MAIL_BYTES_MAX / 1000].join("\r\n");
    let codes = Client::mail(inbox.address(), &["a@x.example"], &long).await;
    assert_eq!(codes[4..], ["354", "552"]);
    assert!(inbox.mails().is_empty());
    let mut client = Client::connect(inbox.address()).await;
    client.reply().await;
    assert_eq!(
        client.ask(&"N".repeat(LINE_BYTES_MAX + 1)).await,
        "",
        "hung up on"
    );
}
