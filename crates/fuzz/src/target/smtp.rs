//! What a mail server says, through the whole client: greeting, STARTTLS, sign-in, mail.
//!
//! The first byte chooses the settings, the rest are the server's words, all at once. Promises: an end of the
//! conversation, bounded; after the sign-in has begun nothing of the password is in it.

use crate::stage::{wait_for, wait_within, within};
use jiff::tz::TimeZone;
use noroshi_core::config::{
    AuthMechanism, MailCharset, MailForm, MailSettings, MailTransport, Recipient, Secret, SmtpAuth,
    SmtpServer, SmtpTls,
};
use noroshi_core::text::Language;
use noroshi_core::time::Span;
use noroshi_daemon::channel::mail::{
    Conversation, MailChannel, MailContext, NotTested, STEPS_MAX, What,
};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const PASSWORD: &str = "Zq8-vN3_kW5.tR1!";

type Words = Arc<Mutex<Vec<u8>>>;

struct Post {
    words: Words,
    channels: Vec<MailChannel>,
}

static POST: LazyLock<Post> = LazyLock::new(|| {
    let (words, port) = wait_for(serve());
    let channels = settings(port).into_iter().map(|server| {
        let (inbox, _) = mpsc::channel(8);
        MailChannel::start(context(server), inbox)
    });
    let channels = within(|| channels.collect());
    Post { words, channels }
});

pub(crate) fn decode(bytes: &[u8]) {
    let post = &*POST;
    let (first, words) = bytes.split_first().unwrap_or((&0, b""));
    *post.words.lock().unwrap_or_else(PoisonError::into_inner) = words.to_vec();
    let channel = &post.channels[usize::from(*first) % post.channels.len()];
    let talk = wait_within(test(channel));
    assert!(
        talk.steps.len() <= STEPS_MAX + 1,
        "{} steps",
        talk.steps.len()
    );
    let signing_in = |step: &noroshi_daemon::channel::mail::Step| {
        step.what == What::Sent && step.text.starts_with("AUTH")
    };
    for step in talk.steps.iter().skip_while(|step| !signing_in(step)) {
        assert!(!step.text.contains(PASSWORD), "{step:?}");
    }
    for fault in &talk.faults {
        assert!(
            !fault.text.contains(PASSWORD) || talk.steps.iter().all(|step| !signing_in(step)),
            "{fault:?}"
        );
    }
}

async fn test(channel: &MailChannel) -> Conversation {
    loop {
        match channel.test_mails().send(None) {
            Ok(mut talks) => {
                let talk = talks.recv().await.expect("one recipient, one conversation");
                while talks.recv().await.is_some() {}
                return talk;
            }
            Err(NotTested::Busy) => tokio::task::yield_now().await,
            Err(other) => panic!("{other:?}"),
        }
    }
}

async fn serve() -> (Words, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let words = Words::default();
    let said = words.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let words = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let _ = socket.write_all(&words).await;
            let _ = socket.shutdown().await;
            let mut heard = [0; 4096];
            while let Ok(1..) = socket.read(&mut heard).await {}
        }
    });
    (words, port)
}

/// Without sign-in, with each mechanism, and with STARTTLS.
fn settings(port: u16) -> Vec<SmtpServer> {
    let server = |tls, auth: Option<Option<AuthMechanism>>| SmtpServer {
        host: "127.0.0.1".into(),
        port,
        sender: "noroshi@example.com".into(),
        tls,
        ca_file: None,
        verify: true,
        auth: auth.map(|mechanism| SmtpAuth {
            mechanism,
            username: "harbour".into(),
            password: Secret::new(PASSWORD.into()),
        }),
    };
    vec![
        server(SmtpTls::Plain, None),
        server(SmtpTls::Plain, Some(None)),
        server(SmtpTls::Plain, Some(Some(AuthMechanism::Plain))),
        server(SmtpTls::Plain, Some(Some(AuthMechanism::Login))),
        server(SmtpTls::Plain, Some(Some(AuthMechanism::CramMd5))),
        server(SmtpTls::StartTls, None),
    ]
}

fn context(server: SmtpServer) -> MailContext {
    MailContext {
        cluster: "harbour".into(),
        server: "sv1".into(),
        settings: MailSettings {
            recipients: vec![Recipient {
                address: "ops@example.com".into(),
                form: MailForm::Long,
            }],
            subject: "harbour".into(),
            transport: MailTransport::Smtp {
                servers: vec![server],
                timeout: Span::from_secs(5),
            },
            charset: MailCharset::Iso2022Jp,
            sender: "noroshi@example.com".into(),
        },
        language: Language::En,
        console_hint: None,
        log_directory: "/var/log/noroshi".into(),
        zone: TimeZone::UTC,
    }
}
