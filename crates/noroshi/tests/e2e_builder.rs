//! The Builder on real daemons: settings changed in a browser's forms, in force on all servers.

mod e2e;
mod web;

use e2e::*;
use std::fs;
use web::{Console, Form, Visitor};

const SUBJECT: &str = "/root/cluster/mail/subject";
const TAKEN_BY_MAIL: &str = "/root/messages/cfmgr@1/mail";

fn conf(cluster: &Cluster, server: usize) -> Vec<u8> {
    fs::read(cluster.home(server).conf()).unwrap()
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Waits until a server has this in force; a slow one takes it after the push was answered.
fn wait_conf(cluster: &Cluster, server: usize, part: &[u8]) {
    let taken = until(SOON, "the change on a server", || {
        let bytes = conf(cluster, server);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        has(&bytes, part).then_some(()).ok_or(text)
    });
    taken.unwrap();
}

/// Fills a form in and goes through the preview; the answer is the form of its buttons.
fn previewed(visitor: &mut Visitor, form: &Form, says: &[&str]) -> Form {
    let page = visitor.send(form);
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    for words in says {
        assert!(text.contains(words), "{words} in {text}");
    }
    page.form("/builder/apply")
}

/// The number of the set that was put in force.
fn applied(visitor: &mut Visitor, form: &Form) -> u64 {
    let page = visitor.send(form);
    assert_eq!(page.status, 303, "{}", page.text());
    let to = page.location();
    let number = to
        .strip_prefix("/builder/history?done=")
        .unwrap_or_else(|| panic!("{to}"));
    number.parse().unwrap()
}

/// A subject in Japanese and a destination are changed, previewed and applied, and are in force on the daemons;
/// the file stays in its character set. Then two at once, a saved set, and a restore.
///
/// Rule: M26 M32 M11 M27 M28 N17
#[test]
fn settings_changed_in_the_builder_are_in_force_on_all_servers() {
    let cluster = plan()
        .servers(2)
        .tune(|conf| (conf.encoding, conf.console) = (Encoding::EucJp, true))
        .start()
        .unwrap();
    cluster.wait_all_up(SOON).unwrap();
    let console = Console::start(&cluster, 0);
    let mut first = console.first_user(&cluster, 0, "yamada");
    let before = conf(&cluster, 0);

    // Preview changes nothing, apply changes all.
    let form = first
        .get("/builder")
        .form("/builder/preview")
        .with(SUBJECT, "監視室");
    let buttons = previewed(&mut first, &form, &[SUBJECT, "監視室"]);
    assert_eq!(conf(&cluster, 0), before);
    let number = applied(&mut first, &buttons);
    // 監視室 in EUC-JP.
    let euc = b"<subject>\xb4\xc6\xbb\xeb\xbc\xbc</subject>";
    for server in 0..2 {
        wait_conf(&cluster, server, euc);
    }
    cluster
        .command(
            1,
            &["clplogcmd", "-m", "subject is new", "--mail", "--alert"],
        )
        .unwrap();
    let mail = cluster
        .wait_mail(SOON, |mail| mail.body.contains("subject is new"))
        .unwrap();
    assert!(mail.subject.starts_with("監視室 "), "{}", mail.subject);

    // A destination, found by a search.
    let page = first.get("/builder/destinations?q=cfmgr+taken");
    assert!(
        !page.text().contains("/root/messages/nm@2"),
        "{}",
        page.text()
    );
    let form = page.form("/builder/preview").with(TAKEN_BY_MAIL, "1");
    let buttons = previewed(&mut first, &form, &[TAKEN_BY_MAIL]);
    assert_eq!(applied(&mut first, &buttons), number + 1);

    // Two at once: both have a form of the same settings.
    let mut second = first.window();
    let theirs = first
        .get("/builder")
        .form("/builder/preview")
        .with(SUBJECT, "first");
    let late = second.get("/builder").form("/builder/preview");
    let late = late
        .with("/root/noroshi/mail/sender", "second@example.com")
        .with(SUBJECT, "mine");
    let waiting = previewed(&mut second, &late, &["second@example.com"]);
    let buttons = previewed(&mut first, &theirs, &["first"]);
    assert_eq!(applied(&mut first, &buttons), number + 2);
    let told = format!("<b>{}</b>", number + 2);
    // At the preview, and at the moment of the push.
    for form in [&late, &waiting] {
        let page = second.send(form);
        assert_eq!(page.status, 409, "{}", page.text());
        for words in [
            told.as_str(),
            "yamada (console",
            "監視室",
            "first",
            "changed by both",
        ] {
            assert!(page.text().contains(words), "{words} in {}", page.text());
        }
        wait_conf(&cluster, 1, b"<subject>first</subject>");
        let again = page.form("/builder/again").with(SUBJECT, "ignored");
        previewed(
            &mut second,
            &again,
            &["first", "mine", "second@example.com"],
        );
    }
    let page = second.send(&waiting);
    let buttons = previewed(&mut second, &page.form("/builder/again"), &["mine"]);
    assert_eq!(applied(&mut second, &buttons), number + 3);
    for words in [&b"<subject>mine</subject>"[..], b"second@example.com"] {
        wait_conf(&cluster, 1, words);
    }
    // The destination that was changed: new settings are told by mail now.
    cluster
        .wait_mail(SOON, |mail| mail.body.contains("New settings were taken"))
        .unwrap();

    saved_sets_are_pushed(&cluster, &mut first);

    // The first change of all, again; who is signed in stays so.
    let history = first.get("/builder/history").text();
    for words in [
        "yamada (console",
        "in force",
        "Difference to the one before",
    ] {
        assert!(history.contains(words), "{history}");
    }
    let look = first.get(&format!("/builder/set?number={number}"));
    assert!(look.text().contains("監視室"), "{}", look.text());
    assert!(applied(&mut first, &look.form("/builder/restore")) > number + 3);
    wait_conf(&cluster, 1, euc);
    assert_eq!(first.get("/builder").status, 200);
    let late = second.send(&look.form("/builder/restore"));
    assert_eq!(late.status, 422, "{}", late.text());
    assert!(late.text().contains("somebody else"), "{}", late.text());
}

/// Both forms of a saved set are taken by the command that the page names.
fn saved_sets_are_pushed(cluster: &Cluster, visitor: &mut Visitor) {
    let dir = tempfile::tempdir().unwrap();
    for (kind, option, name) in [
        ("tar", "-l", "noroshi-set.tar"),
        ("floppy", "-w", "noroshi-set.img"),
    ] {
        let form = visitor
            .get("/builder")
            .form("/builder/preview")
            .with(SUBJECT, kind);
        let buttons = previewed(visitor, &form, &["clpcfctrl --push -l"]);
        let set = visitor.send(&buttons.to("/builder/save").with("as", kind));
        assert_eq!(set.status, 200, "{}", set.text());
        let disposition = format!("attachment; filename=\"{name}\"");
        assert_eq!(
            set.header("content-disposition"),
            Some(disposition.as_str())
        );
        let audit = visitor.get("/audit").text();
        assert!(audit.contains("result=begun save-set"), "{audit}");
        let subject = format!("<subject>{kind}</subject>");
        assert!(!has(&conf(cluster, 0), subject.as_bytes()));
        let file = dir.path().join(name);
        fs::write(&file, &set.body).unwrap();
        let (file, none) = (file.to_str().unwrap(), dir.path().join("none"));
        let push = [
            "clpcfctrl",
            "--push",
            option,
            "-d",
            file,
            "-m",
            none.to_str().unwrap(),
        ];
        let said = cluster.command(1, &push).unwrap();
        assert_eq!(said, "command succeeded.(code:0)\n");
        wait_conf(cluster, 0, subject.as_bytes());
    }
}

/// Faults stand beside their fields, a secret is sealed before it travels and never shown, and what is no form of
/// ours is refused in words. After all of that clp.conf is what it was.
///
/// Rule: M26 M32 M29 N18
#[test]
fn what_the_builder_cannot_take_is_said_beside_the_field() {
    let cluster = plan()
        .servers(1)
        .tune(|conf| (conf.encoding, conf.console) = (Encoding::EucJp, true))
        .start()
        .unwrap();
    let console = Console::start(&cluster, 0);
    let mut visitor = console.first_user(&cluster, 0, "yamada");
    let before = conf(&cluster, 0);
    let form = visitor.get("/builder").form("/builder/preview");
    let address = "/root/cluster/mail/address";
    let long = "x".repeat(100_000);
    for (field, value, words) in [
        (SUBJECT, "😀", "has no"),
        (SUBJECT, long.as_str(), "255"),
        (SUBJECT, "a\u{1}b", "control character"),
        (address, "<script>alert(1)</script>", "not a mail address"),
        (
            "/root/cluster/mail/smtp/timeout",
            "soon",
            "not a whole number",
        ),
        ("/root/noroshi/mail/sendmail", "sendmail", "absolute path"),
        ("/root/cluster/mail/sendtype", "PIGEON", "not a known value"),
    ] {
        let page = visitor.send(&form.clone().with(field, value));
        let text = page.text();
        assert_eq!(page.status, 422, "{field}: {text}");
        let beside = text
            .find(&format!("id=\"fault:{field}\""))
            .unwrap_or_else(|| panic!("{text}"));
        let note = &text[beside..text.len().min(beside + 600)];
        assert!(note.to_lowercase().contains(words), "{words} in {note}");
        assert!(!text.contains("<script>alert"), "{text}");
    }
    let light = "/builder/warning-light?server=sv1";
    let form = visitor.get(light).form("/builder/preview");
    let page = visitor.send(&form.with("/root/server@sv1/device@20000/info", "no address"));
    assert!(
        page.text()
            .contains("id=\"fault:/root/server@sv1/device@20000/info\""),
        "{}",
        page.text()
    );

    hostile(&mut visitor);
    assert_eq!(conf(&cluster, 0), before);

    // A change by hand is not taken along unseen.
    cluster
        .command(0, &["config", "set", SUBJECT, "by hand"])
        .unwrap();
    let form = visitor.get("/builder").form("/builder/preview");
    let form = form.with("/root/noroshi/mail/sender", "a@example.com");
    previewed(
        &mut visitor,
        &form,
        &["was changed on this server since the last push"],
    );
    cluster.command(0, &["clpcfctrl", "--push"]).unwrap();

    // A password: sealed in the preview, sealed in the file, never in a page.
    let (row, ours) = (
        "/root/cluster/mail/smtp/smtpsrv@7",
        "/root/noroshi/mail/smtpsrv@7",
    );
    let form = visitor.get("/builder").form("/builder/preview");
    let id = form.fields.iter().rev().find_map(|(name, _)| {
        let id = name.strip_prefix("/root/cluster/mail/smtp/smtpsrv@")?;
        id.strip_suffix("/srvname").map(str::to_string)
    });
    let id = id.unwrap();
    let (row, ours) = (
        row.replace("@7", &format!("@{id}")),
        ours.replace("@7", &format!("@{id}")),
    );
    let form = form
        .with(&format!("{row}/srvname"), "127.0.0.1")
        .with(&format!("{row}/port"), "9")
        .with(&format!("{row}/auth"), "1")
        .with(&format!("{row}/username"), "alert")
        .with(&format!("{ours}/tls"), "tls")
        .with(&format!("new:{ours}/password"), "hunter2 & co");
    let preview = visitor.send(&form);
    let text = preview.text();
    assert!(
        text.contains("secret, changed") && !text.contains("hunter2"),
        "{text}"
    );
    assert!(text.contains("sealed:1:"), "{text}");
    applied(&mut visitor, &preview.form("/builder/apply"));
    let after = conf(&cluster, 0);
    assert!(has(&after, b"<password>sealed:1:") && !has(&after, b"hunter2"));
    for page in ["/builder", "/builder/history"] {
        let text = visitor.get(page).text();
        assert!(
            !text.contains("hunter2") && !text.contains("sealed:1:"),
            "{text}"
        );
    }
    let form = visitor.get("/builder").form("/builder/preview");
    let gone = previewed(
        &mut visitor,
        &form.with(&format!("without:{row}"), "1"),
        &["srvname"],
    );
    applied(&mut visitor, &gone);
    let gone = conf(&cluster, 0);
    assert!(!has(&gone, b"<port>9</port>") && !has(&gone, b"<tls>tls</tls>"));
}

/// What no page of ours sends.
fn hostile(visitor: &mut Visitor) {
    let base = "0".repeat(64);
    let huge = "x".repeat(1_000_000);
    for (path, fields, status, words) in [
        ("/builder/preview", &[][..], 422, "missing in the form"),
        (
            "/builder/preview",
            &[("sheet", "alert-service"), ("base", "../etc")],
            422,
            "missing in the form",
        ),
        (
            "/builder/preview",
            &[
                ("sheet", "alert-service"),
                ("base", &base),
                ("was:/root/noroshi/port", ""),
            ],
            422,
            "no field",
        ),
        ("/builder/preview", &[("sheet", &huge)], 413, "too large"),
        (
            "/builder/apply",
            &[
                ("sheet", "alert-service"),
                ("base", &base),
                ("changes", "["),
            ],
            422,
            "missing in the form",
        ),
        (
            "/builder/apply",
            &[
                ("sheet", "alert-service"),
                ("base", &base),
                ("changes", "[]"),
            ],
            409,
            "somebody else",
        ),
        (
            "/builder/restore",
            &[("number", "-1"), ("base", &base)],
            422,
            "incomplete",
        ),
        (
            "/builder/lamp-test",
            &[("server", "../../etc/passwd")],
            422,
            "no name of a server",
        ),
    ] {
        let page = visitor.post(path, fields);
        assert_eq!(page.status, status, "{path}: {}", page.text());
        assert!(page.text().contains(words), "{words} in {}", page.text());
    }
    for (path, status) in [
        ("/builder/warning-light?server=%3Cscript%3E", 404),
        ("/builder/warning-light?server=%FF%00", 404),
        ("/builder/warning-light", 404),
        ("/builder/set?number=99999999999999999999", 404),
        ("/builder/set?number=../1", 404),
        ("/builder/destinations?q=%3Cscript%3E", 200),
        ("/builder/history?done=%3Cscript%3E", 200),
    ] {
        let page = visitor.get(path);
        assert_eq!(page.status, status, "{path}: {}", page.text());
        assert!(!page.text().contains("<script>"), "{}", page.text());
    }
}
