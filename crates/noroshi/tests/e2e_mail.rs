//! Mail on real processes: many recipients, a mail server that hangs, languages, forms.

mod e2e;

use e2e::*;

/// Rule: N10
#[test]
fn one_refused_address_never_stops_the_others() {
    let three = |conf: &mut Conf| {
        conf.recipients = ["ops", "gone", "boss"]
            .map(|who| format!("{who}@example.com"))
            .into();
    };
    let mut cluster = plan().tune(three).start().unwrap();
    let refusal = inbox::Fault::Recipient {
        address: "gone@example.com".into(),
        code: 550,
    };
    cluster
        .set_mail_faults(inbox::Faults::only(refusal))
        .unwrap();
    cluster.kill(2).unwrap();
    for who in ["ops@example.com", "boss@example.com"] {
        cluster.wait_mail(SOON, |mail| mail.to == [who]).unwrap();
    }
    let given_up = cluster.wait_message(0, "mail", 1005, SOON).unwrap();
    assert!(
        given_up.text.contains("gone@example.com"),
        "{}",
        given_up.text
    );
    assert!(given_up.text.contains("550"), "{}", given_up.text);
    let told = cluster.wait_alert(0, SOON, |line| {
        let mails = |state| {
            let of = |notice: &&noroshi_daemon::control::NoticeLine| {
                notice.channel == Channel::Mail && notice.state == state
            };
            line.notices.iter().filter(of).count()
        };
        let ended = mails(NoticeState::Refused) + mails(NoticeState::Delivered) == 3;
        line.event == 2 && ended
    });
    for notice in told.unwrap().notices {
        if notice.channel == Channel::Mail {
            let gone = notice.recipient == "gone@example.com";
            assert_eq!(notice.state == NoticeState::Refused, gone, "{notice:?}");
        }
    }
    flush(&cluster, 0);
    assert_eq!(mails(&cluster).len(), 2, "{}", letters(&cluster));
}

/// Rule: M1 N10
#[test]
fn a_mail_server_that_hangs_delays_no_lamp_and_no_mail_is_lost() {
    let impatient = |conf: &mut Conf| conf.smtp_timeout_s = Some(2);
    let mut cluster = plan().tune(impatient).start().unwrap();
    let verbs = [
        Verb::Greeting,
        Verb::Hello,
        Verb::Mail,
        Verb::Rcpt,
        Verb::Data,
        Verb::Dot,
    ];
    for verb in verbs {
        cluster
            .set_mail_faults(inbox::Faults::only(inbox::Fault::Hang(verb)))
            .unwrap();
        let at = cluster.kill(2).unwrap();
        let red = cluster.wait_lamp(2, Look::RED_BLINK, SOON).unwrap() - at;
        latency(&format!("mail server hangs at {verb:?}: lamp"), red);
        assert!(red < Duration::from_secs(2), "{red:?} at {verb:?}");
        cluster.start(2).unwrap();
        cluster.wait_sees(0, 2, ServerState::Up, SOON).unwrap();
        cluster.wait_lamp(2, RED_AND_GREEN, SOON).unwrap();
        cluster.command(0, &["clpdn1000s", "-h", "sv3"]).unwrap();
        cluster.wait_lamp(2, Look::OUT, SOON).unwrap();
    }
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    let told = |mails: &[std::sync::Arc<Mail>], words: &str| {
        let of = mails.iter().filter(|mail| mail.body.contains(words));
        of.filter_map(|mail| mail.header("Message-ID"))
            .collect::<std::collections::BTreeSet<_>>()
    };
    let all = cluster.outside().wait(
        Duration::from_secs(60),
        "every fall and return",
        |mails, _| {
            let done = told(mails, "is down").len() == 6 && told(mails, "is back").len() == 6;
            done.then_some(())
        },
    );
    all.unwrap();
    flush(&cluster, 0);
    assert_eq!(told(&mails(&cluster), "Message: Server").len(), 12);
}

/// Rule: N19 M2
#[test]
fn a_text_of_a_script_arrives_as_it_was_given() {
    let cluster = plan().start().unwrap();
    let text = "Datenträger voll: 50% <\"&> 狼煙";
    let at = Instant::now();
    cluster
        .command(
            1,
            &[
                "clplogcmd",
                "-m",
                text,
                "-l",
                "ERR",
                "-i",
                "77",
                "--mail",
                "--alert",
            ],
        )
        .unwrap();
    let mail = cluster
        .wait_mail(SOON, |mail| mail.body.contains(text))
        .unwrap();
    latency("clplogcmd, with its start: mail", mail.arrived - at);
    assert!(mail.body.contains("ID: 77"), "{}", mail.body);
    assert!(
        mail.body.contains("Noticed by server: sv2"),
        "{}",
        mail.body
    );
    for server in 0..3 {
        let line = cluster
            .wait_alert(server, SOON, |line| line.event == 77)
            .unwrap();
        assert_eq!(line.text, text);
        assert_eq!(line.server, "sv2");
    }
    let listed = cluster.command(2, &["alerts", "--json"]).unwrap();
    assert!(listed.contains("\"event\":77"), "{listed}");
}

/// Rule: M4
#[test]
fn a_phone_gets_the_short_form_and_the_others_the_long_one() {
    let phone = |conf: &mut Conf| {
        conf.recipients = vec!["ops@example.com".into(), "phone@example.com".into()];
        conf.short = vec!["phone@example.com".into()];
    };
    let mut cluster = plan().tune(phone).start().unwrap();
    cluster.kill(1).unwrap();
    let short = cluster
        .wait_mail(SOON, |mail| mail.to == ["phone@example.com"])
        .unwrap();
    let long = cluster
        .wait_mail(SOON, |mail| mail.to == ["ops@example.com"])
        .unwrap();
    let text = short.body.trim();
    assert!(text.chars().count() <= 70, "{text}");
    assert!(text.contains("sv2") && text.contains("down"), "{text}");
    assert!(text.contains(':'), "no time in {text}");
    assert!(long.body.contains("Where to look"), "{}", long.body);
    assert_ne!(short.header("Message-ID"), long.header("Message-ID"));
}

/// Rule: M29 N10
#[test]
fn a_japanese_cluster_speaks_japanese_in_iso_2022_jp() {
    let japanese = |conf: &mut Conf| {
        conf.cluster = "狼煙クラスタ".into();
        conf.subject = Some("本番系".into());
        conf.encoding = Encoding::EucJp;
        conf.language = None;
        conf.mail_charset = Some("ISO-2022-JP".into());
    };
    let mut cluster = plan().tune(japanese).start().unwrap();
    cluster.kill(2).unwrap();
    let mail = cluster
        .wait_mail(SOON, |mail| mail.subject.contains("ダウン"))
        .unwrap();
    assert!(mail.subject.starts_with("本番系 "), "{}", mail.subject);
    assert!(mail.raw.is_ascii());
    assert!(
        mail.header("Content-Type")
            .unwrap()
            .to_uppercase()
            .contains("ISO-2022-JP")
    );
    assert!(mail.body.contains("狼煙クラスタ"), "{}", mail.body);
    assert!(mail.body.contains("対象サーバ: sv3"), "{}", mail.body);
    let line = cluster.wait_message(1, "nm", 2, SOON).unwrap();
    assert!(line.text.contains("ダウン"), "{}", line.text);
}
