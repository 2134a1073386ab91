//! Every page of the console in a real browser: both languages, phone and desk, light and dark.

mod browser;
mod e2e;
mod web;

use browser::{Driver, Judge, PASSWORD, Scheme, Screen, Wish};
use e2e::*;
use noroshi_core::text::Language;
use web::Visitor;

/// Pages that an address alone leads to: the name of the picture, and the path.
const PAGES: &[(&str, &str)] = &[
    ("cluster", "/"),
    ("alerts", "/alerts"),
    (
        "alerts-filtered",
        "/alerts?severity=error&since=yesterday-ish",
    ),
    ("alerts-none", "/alerts?text=nothing+of+the+kind"),
    ("figures", "/alerts/figures"),
    ("builder", "/builder"),
    ("builder-destinations", "/builder/destinations"),
    ("builder-destinations-found", "/builder/destinations?q=lamp"),
    ("builder-warning-light", "/builder/warning-light?server=sv1"),
    ("builder-history", "/builder/history"),
    ("builder-set", "/builder/set?number=1"),
    ("builder-no-server", "/builder/warning-light?server=sv9"),
    ("licence", "/licence"),
    ("logs", "/logs"),
    ("test", "/test"),
    ("users", "/users"),
    ("account", "/account"),
    ("audit", "/audit"),
    ("about", "/about"),
    ("missing", "/nowhere"),
];

const SUBJECT: &str = "input[name='/root/cluster/mail/subject']";

/// In the language that the browser asks for.
///
/// Rule: N21 M26 M31 M32
#[test]
fn every_page_fits_every_window_in_japanese() {
    every_page("ja", "ja");
}

/// In a language that was chosen at the foot of a page.
///
/// Rule: N21 M26 M31 M32
#[test]
fn every_page_fits_every_window_in_english() {
    every_page("ja", "en");
}

/// Each page is as wide as its window, weighs at most 100 kB, is silent in the browser's log, tells its language, and
/// axe-core finds nothing in it by WCAG 2.2 AA.
fn every_page(asked: &'static str, language: &'static str) {
    let wish = Wish {
        language: asked,
        scripts: true,
    };
    let alerts_in = match language {
        "ja" => Language::Ja,
        _ => Language::En,
    };
    let plan = plan().tune(move |conf| (conf.console, conf.language) = (true, Some(alerts_in)));
    let Some((mut cluster, console, driver, site)) = browser::site(plan, wish) else {
        return;
    };
    let mut judge = Judge::new(&driver);

    driver.go(&format!("{site}/set-up"));
    if language != asked {
        driver.find(&format!("html[lang={asked}]"));
        driver.click(&format!("footer button[value={language}]"));
        driver.find(&format!("html[lang={language}]"));
    }
    looked(&mut judge, "set-up", language);
    let link = cluster.command(0, &["user", "link"]).unwrap();
    browser::set_up(&driver, link.lines().next().unwrap(), "yamada");
    let mut other = console.visitor();
    other.post(
        "/sign-in",
        &[("name", "yamada"), ("password", PASSWORD), ("to", "/")],
    );
    changed(&mut other, "Cluster");
    let alert = happenings(&mut cluster);
    for (name, path) in PAGES {
        driver.go(&format!("{site}{path}"));
        looked(&mut judge, name, language);
    }
    driver.go(&format!("{site}/alerts/{alert}"));
    looked(&mut judge, "alert", language);
    by_forms(&mut judge, &driver, &mut other, &site, language);
    judge_is_awake(&mut judge, &driver, &site, language);
    driver.click(".sign-out button");
    driver.find("form[action='/sign-in']");
    looked(&mut judge, "sign-in", language);
    browser::sign_in(&driver, "yamada", "wrong horse");
    driver.find("form[action='/sign-in'] .bad");
    looked(&mut judge, "sign-in-wrong", language);
    as_viewer(&mut judge, &driver, &mut other, &site, language);
    judge.verdict();
}

/// What there is to see: a fallen server, alerts of every kind, one of them acknowledged; the row of that one.
fn happenings(cluster: &mut Cluster) -> u64 {
    cluster.kill(2).unwrap();
    cluster.wait_sees(0, 2, ServerState::Down, LATER).unwrap();
    for text in [
        "The disk of the archive is full",
        "バックアップが完了しました。",
    ] {
        cluster
            .command(0, &["clplogcmd", "-m", text, "--mail", "--alert"])
            .unwrap();
    }
    let line = cluster
        .wait_alert(0, SOON, |line| line.text.contains("archive is full"))
        .unwrap();
    cluster
        .client(0)
        .unwrap()
        .change(noroshi_core::request::Request::Acknowledge {
            alert: line.id.clone(),
            by: "yamada".into(),
            remark: "Old logs deleted; a larger disk is ordered.".into(),
        })
        .unwrap();
    line.row
}

/// Pages that are answers to forms.
fn by_forms(
    judge: &mut Judge<'_>,
    driver: &Driver,
    other: &mut Visitor,
    site: &str,
    language: &str,
) {
    driver.go(&format!("{site}/builder"));
    let subject = driver.find(SUBJECT);
    subject.clear();
    subject.write("Cluster in room 4");
    driver.click("form.builder button.primary");
    driver.find(".difference");
    looked(judge, "builder-preview", language);

    driver.go(&format!("{site}/builder"));
    let sender = driver.find("input[name='/root/noroshi/mail/sender']");
    sender.clear();
    sender.write("nobody");
    driver.click("form.builder button.primary");
    driver.find("[aria-invalid]");
    looked(judge, "builder-wrong", language);

    // Somebody else was quicker.
    driver.go(&format!("{site}/builder"));
    driver.find(SUBJECT).write(" 2");
    changed(other, &format!("Cluster, as of {language}"));
    driver.click("form.builder button.primary");
    driver.find("form[action='/builder/again']");
    looked(judge, "builder-conflict", language);

    driver.go(&format!("{site}/test"));
    driver.click("form[action='/test/mail'] button");
    driver.find("section[role=status]");
    looked(judge, "test-mail", language);

    // Removing the last administrator is refused.
    driver.go(&format!("{site}/users"));
    driver.run(
        "for (const one of document.querySelectorAll('details')) one.open = true",
        &serde_json::json!([]),
    );
    looked(judge, "users-open", language);
    driver.click("form[action='/users/remove'] button");
    driver.find("[role=alert]");
    looked(judge, "refused", language);

    driver.go(&format!("{site}/"));
    driver.run(
        "for (const one of document.querySelectorAll('details')) one.open = true",
        &serde_json::json!([]),
    );
    looked(judge, "cluster-open", language);
}

/// Pages of somebody who may only look.
fn as_viewer(
    judge: &mut Judge<'_>,
    driver: &Driver,
    other: &mut Visitor,
    site: &str,
    language: &str,
) {
    let user = [
        ("name", "sato"),
        ("role", "view"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let added = other.post("/users/add", &user);
    // One server is down, which the answer says.
    assert!(matches!(added.status, 200 | 303), "{}", added.text());
    browser::sign_in(driver, "sato", PASSWORD);
    driver.find("#cluster");
    looked(judge, "cluster-viewer", language);
    driver.go(&format!("{site}/builder"));
    looked(judge, "forbidden", language);
}

/// Another window of the administrator applies another subject.
fn changed(other: &mut Visitor, subject: &str) {
    let form = other.get("/builder").form("/builder/preview");
    let preview = other.send(&form.with("/root/cluster/mail/subject", subject));
    let done = other.send(&preview.form("/builder/apply"));
    assert_eq!(done.status, 303, "{}", done.text());
}

/// A page that is wide, without a name for its picture and with a style of its own is found out.
fn judge_is_awake(judge: &mut Judge<'_>, driver: &Driver, site: &str, language: &str) {
    let sound = judge.taken();
    driver.go(&format!("{site}/about"));
    let spoil = "const picture = document.createElement('img'); picture.src = '/icon.svg';
        picture.style.width = '2000px'; document.body.append(picture);
        document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">red</p>');";
    driver.run(spoil, &serde_json::json!([]));
    judge.look("judge", language);
    let found = judge.taken().join("\n");
    for words in ["image-alt", " wide: ", "Content Security Policy"] {
        assert!(found.contains(words), "{words} in {found}");
    }
    sound.into_iter().for_each(|fault| judge.fault(fault));
}

/// Looks at the page that is open: each language has each width once and each colour once.
fn looked(judge: &mut Judge<'_>, name: &str, language: &str) {
    let (phone, desk) = match language {
        "ja" => (Scheme::Dark, Scheme::Light),
        _ => (Scheme::Light, Scheme::Dark),
    };
    for (screen, scheme) in [(Screen::Phone, phone), (Screen::Desk, desk)] {
        judge.screen(screen);
        judge.scheme(scheme);
        judge.look(name, language);
    }
}
