//! The mail channel against Postfix's smtp-sink.

mod mail_support;

use mail_support::{Office, STEP_MAX, context, context_with, plain, sending, smtp_sink};
use noroshi_core::config::MailTransport;
use noroshi_core::notice::Outcome;
use noroshi_core::time::Span;
use std::time::{Duration, Instant};

/// Rule: N10 N8
#[tokio::test]
async fn refusals_and_ends_at_each_verb() {
    let (delivered, retry, maybe, refused) = ("delivered", "retry", "maybe", "refused");
    let name = |outcome: &Outcome| match outcome {
        Outcome::Delivered { .. } => delivered,
        Outcome::Retry {
            maybe_taken: false, ..
        } => retry,
        Outcome::Retry {
            maybe_taken: true, ..
        } => maybe,
        Outcome::Refused { .. } => refused,
    };
    let hard = ["-B", "550 5.1.1 no"];
    let cases: [(&str, &str, &str); 19] = [
        ("-f", "CONNECT", retry),
        // Without EHLO it is greeted by HELO.
        ("-f", "EHLO", retry),
        ("-f", "MAIL", refused),
        ("-f", "RCPT", refused),
        ("-f", "DATA", refused),
        ("-f", ".", refused),
        ("-r", "CONNECT", retry),
        ("-r", "EHLO", retry),
        ("-r", "MAIL", retry),
        ("-r", "RCPT", retry),
        ("-r", "DATA", retry),
        ("-r", ".", retry),
        ("-q", "CONNECT", retry),
        ("-q", "EHLO", retry),
        ("-q", "MAIL", retry),
        ("-q", "RCPT", retry),
        ("-q", "DATA", retry),
        ("-q", ".", maybe),
        ("-Q", ".", retry),
    ];
    for (option, verb, wanted) in cases {
        let Some((_sink, address)) = smtp_sink(&[hard[0], hard[1], option, verb]) else {
            return;
        };
        let mut office = Office::open(context(vec![plain(address)]));
        let outcome = office.send(sending("ops@example.test", "a")).await;
        assert_eq!(name(&outcome), wanted, "{option} {verb}: {outcome:?}");
    }
}

/// A server that is slow to say yes is waited for, within the wait for one answer.
/// Rule: N10
#[tokio::test]
async fn a_slow_yes_is_a_yes_and_a_slower_one_may_be() {
    let Some((_sink, address)) = smtp_sink(&["-W", ".:1"]) else {
        return;
    };
    let servers = vec![plain(address)];
    let patient = MailTransport::Smtp {
        servers: servers.clone(),
        timeout: Span::from_secs(10),
    };
    let outcome = Office::open(context_with(patient))
        .send(sending("a@example.test", "a"))
        .await;
    assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    let hasty = MailTransport::Smtp {
        servers,
        timeout: Span::from_ms(400),
    };
    let mut office = Office::open(context_with(hasty));
    let outcome = office.send(sending("a@example.test", "b")).await;
    assert!(
        matches!(
            outcome,
            Outcome::Retry {
                maybe_taken: true,
                ..
            }
        ),
        "{outcome:?}"
    );
    // The wait for the last reply grows with the attempts, so copies do not go on for ever.
    let mut again = sending("a@example.test", "b");
    again.attempt = 5;
    let outcome = office.send(again).await;
    assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
}

/// The first notice does not wait for a delayed acknowledgement (40 ms), nor does the next for a
/// new connection.
/// Rule: M2 N10
#[tokio::test]
async fn from_hand_over_to_the_last_reply_takes_about_a_millisecond() {
    let Some((_sink, address)) = smtp_sink(&[]) else {
        return;
    };
    let mut office = Office::open(context(vec![plain(address)]));
    let mut times = Vec::new();
    for at in 0..500 {
        let begun = Instant::now();
        let outcome = office
            .send(sending("ops@example.test", &format!("a{at}")))
            .await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        times.push(begun.elapsed());
    }
    let first = times[0];
    times.sort_unstable();
    let (p50, p99) = (times[250], times[495]);
    eprintln!("first {first:?}, p50 {p50:?}, p99 {p99:?}");
    assert!(
        p50 < Duration::from_millis(20),
        "p50 {p50:?}: is the Nagle algorithm on?"
    );
}

/// Rule: N10
#[tokio::test]
async fn many_mails_to_many_recipients() {
    let Some((_sink, address)) = smtp_sink(&[]) else {
        return;
    };
    let mut office = Office::open(context(vec![plain(address)]));
    let begun = Instant::now();
    const COUNT: usize = 1_000;
    for at in 0..COUNT {
        let to = format!("r{}@example.test", at % 10);
        office
            .channel
            .send(Box::new(sending(&to, &format!("a{at}"))));
    }
    for _ in 0..COUNT {
        let (_, outcome) = office.answer().await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    }
    let took = begun.elapsed();
    eprintln!(
        "{COUNT} mails in {took:?}: {:.0}/s",
        COUNT as f64 / took.as_secs_f64()
    );
    assert!(took < STEP_MAX);
}
