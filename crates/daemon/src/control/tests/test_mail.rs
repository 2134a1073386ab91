//! Test mails over the command socket.

use super::*;
use crate::channel::mail::{self, Ending, Step, What};
use noroshi_core::status::{LicenceStatus, Status};

/// The driver's answer when it is asked how things are.
fn told(licence: Option<LicenceStatus>) -> Status {
    Status {
        cluster: "cluster".into(),
        server: "sv1".into(),
        time: WallTime(1),
        engine: noroshi_core::config::Engine::Embedded,
        blind: None,
        advice: Vec::new(),
        servers: Vec::new(),
        on_duty: None,
        notices_waiting: 0,
        waiting: Vec::new(),
        backlog: false,
        store_trouble: None,
        lamps_used: false,
        licence,
        pacemaker: None,
    }
}

/// Each conversation as it ends; none without a licence, and a second test is told that one is under way.
///
/// Rule: N10 N25 M25
#[tokio::test]
async fn a_test_mails_conversations_are_handed_on_as_they_end() {
    let talk = |recipient: &str| Conversation {
        recipient: recipient.into(),
        server: "sv1".into(),
        took_ms: 1,
        delivered: Some("250 ok".into()),
        faults: Vec::new(),
        steps: Vec::new(),
        cut: false,
    };
    let withheld = LicenceStatus {
        notices: false,
        message: Some(1),
        text: Some("The license is not registered.".into()),
        withheld: 0,
        sent_by: None,
    };
    let both = ["ops@example.com", "boss@example.com"];
    for (licence, recipient, expected) in [
        (None, None, Ok(&both[..])),
        (None, Some("ops@example.com"), Ok(&both[..1])),
        (None, Some("busy@example.com"), Err(Fault::Busy)),
        (None, Some("who@example.com"), Err(Fault::NotTested)),
        (Some(withheld), None, Err(Fault::NotTested)),
    ] {
        let (server, caller) = tokio::net::UnixStream::pair().unwrap();
        let (ask, mut asks) = mpsc::channel(1);
        let sends = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let sent = sends.clone();
        let desk = Desk {
            sets: None,
            audit: None,
            ask,
            alerts: Memory::with(Vec::new()),
            logs: no_logs(),
            test_mails: Arc::new(move |recipient| {
                sent.store(true, std::sync::atomic::Ordering::Relaxed);
                let to: Vec<&str> = match recipient {
                    Some("busy@example.com") => return Err(NotTested::Busy),
                    Some("who@example.com") => return Err(NotTested::Unknown),
                    Some(one) => vec![one],
                    None => both.to_vec(),
                };
                let (say, talks) = mpsc::channel(2);
                for one in to {
                    say.try_send(talk(one)).unwrap();
                }
                Ok(talks)
            }),
        };
        let is_withheld = licence.is_some();
        tokio::spawn(async move {
            while let Some(Asked::Status(place)) = asks.recv().await {
                let _ = place.send(told(licence.clone()));
            }
        });
        tokio::spawn(server::answer_one(server, desk));
        let stream = caller.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        let recipient = recipient.map(str::to_owned);
        let (heard, ended) = tokio::task::spawn_blocking(move || {
            let mut heard = Vec::new();
            let mut client = Client::over(stream, CLIENT_WAIT);
            let ended = client.test_mail(recipient, None, |talk| {
                heard.push(talk.recipient);
                ControlFlow::Continue(())
            });
            (heard, ended)
        })
        .await
        .unwrap();
        match expected {
            Ok(all) => assert_eq!(
                (heard.as_slice(), ended.is_ok()),
                (
                    &all.iter().map(|it| it.to_string()).collect::<Vec<_>>()[..],
                    true
                )
            ),
            Err(expected) => match ended {
                Err(Trouble::Refused(fault, _)) => assert_eq!(fault, expected),
                other => panic!("{other:?}"),
            },
        }
        assert_eq!(
            sends.load(std::sync::atomic::Ordering::Relaxed),
            !is_withheld
        );
    }
}

/// The form of the call and of its answers is an interface for scripts: do not edit.
///
/// Rule: N20
#[test]
fn test_mails_have_a_pinned_form() {
    let call = |recipient: Option<&str>, by: Option<&str>| Call::TestMail {
        recipient: recipient.map(str::to_owned),
        by: by.map(str::to_owned),
    };
    for (line, call) in [
        (r#"{"call":"test-mail"}"#, call(None, None)),
        (
            r#"{"call":"test-mail","recipient":"ops@example.com","by":"alice (console, 192.0.2.7)"}"#,
            call(Some("ops@example.com"), Some("alice (console, 192.0.2.7)")),
        ),
    ] {
        assert_eq!(serde_json::from_str::<Call>(line).unwrap(), call);
    }
    let answer = Answer::Conversation {
        conversation: Box::new(Conversation {
            recipient: "ops@example.com".into(),
            server: "sv1".into(),
            took_ms: 7,
            delivered: None,
            faults: vec![mail::Fault {
                at: "mx:25".into(),
                ending: Ending::NoSuchUser,
                text: "550 no".into(),
            }],
            steps: vec![Step {
                at_ms: 5,
                took_ms: 2,
                what: What::Received,
                text: "220 mx".into(),
            }],
            cut: false,
        }),
    };
    let line = r#"{"is":"conversation","conversation":{"recipient":"ops@example.com","server":"sv1","took_ms":7,"delivered":null,"faults":[{"at":"mx:25","ending":"no-such-user","text":"550 no"}],"steps":[{"at_ms":5,"took_ms":2,"what":"received","text":"220 mx"}],"cut":false}}"#;
    assert_eq!(serde_json::to_string(&answer).unwrap(), line);
    assert_eq!(serde_json::from_str::<Answer>(line).unwrap(), answer);
    let fault = serde_json::to_string(&Fault::NotTested).unwrap();
    assert_eq!(fault, r#""not-tested""#);
}
