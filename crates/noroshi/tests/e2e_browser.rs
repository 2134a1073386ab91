//! Stories of a night, in a real browser on real daemons.

mod browser;
mod e2e;
mod web;

use browser::{Driver, Judge, PASSWORD, Screen, Wish};
use e2e::*;
use noroshi_daemon::control::AlertLine;
use serde_json::json;
use std::fs;
use web::{Console, Visitor};

const ENGLISH: Wish = Wish {
    language: "en",
    scripts: true,
};
const SUBJECT: &str = "input[name='/root/cluster/mail/subject']";
const SENDER: &str = "input[name='/root/noroshi/mail/sender']";
const PREVIEW: &str = "form.builder button.primary";

/// From the set-up link to a fallen server: what an operator does and sees in one night, without loading a page again.
///
/// Rule: N21 M31 N7 N24 N15 M18
#[test]
fn an_operators_night() {
    let Some((mut cluster, _, driver, site)) = browser::site(browser::consoles(), ENGLISH) else {
        return;
    };
    let mut judge = Judge::new(&driver);
    first_start(&cluster, &driver, &site);
    sign_in(&driver, &site);
    alerts_come(&cluster, &driver, &mut judge, &site);
    acknowledge(&cluster, &driver);
    filter(&driver, &site);
    lamps(&cluster, &driver, &site);
    judge.screen(Screen::Phone);
    hostile(&cluster, &driver, &mut judge, &site);
    fallen(&mut cluster, &driver, &mut judge, &site);
    judge.silence();
    lost(&mut cluster, &driver, &mut judge, &site);
    judge.verdict();
}

/// The link's code is filled in, even where the page is open already, and a slip does not cost it.
fn first_start(cluster: &Cluster, driver: &Driver, site: &str) {
    driver.go(site);
    driver.find("form[action='/set-up']");
    let said = cluster.command(0, &["user", "link"]).unwrap();
    let link = said.lines().next().unwrap();
    assert!(link.starts_with(&format!("{site}/set-up#")), "{link}");
    driver.go(link);
    let code = link.split_once('#').unwrap().1;
    let filled = || (driver.find("input[name=code]").property("value") == code).then_some(());
    driver.until("the code of the link", filled);
    assert!(!driver.address().contains('#'), "{}", driver.address());
    driver.find("input[name=name]").write("yamada");
    driver.find("input[name=password]").write(PASSWORD);
    driver.find("input[name=again]").write("correct house");
    driver.click("form[action='/set-up'] button");
    driver.until_says("The two passwords differ.");
    assert_eq!(driver.find("input[name=code]").property("value"), code);
    driver.find("input[name=password]").write(PASSWORD);
    driver.find("input[name=again]").write(PASSWORD);
    driver.click("form[action='/set-up'] button");
    driver.find("#cluster");
}

/// A session ends with the button; a wrong password is told; the page that was asked for comes after the right one.
fn sign_in(driver: &Driver, site: &str) {
    driver.click(".sign-out button");
    driver.find("form[action='/sign-in']");
    driver.go(&format!("{site}/alerts?severity=error"));
    browser::sign_in(driver, "yamada", "correct house");
    driver.find("form[action='/sign-in'] [role=alert]");
    // The name stands there already.
    driver.find("input[name=password]:focus");
    browser::sign_in(driver, "yamada", PASSWORD);
    driver.find("tbody#alerts");
    assert!(
        driver.address().ends_with("/alerts?severity=error"),
        "{}",
        driver.address()
    );
}

/// An alert of another server stands on top of the open page.
fn alerts_come(cluster: &Cluster, driver: &Driver, judge: &mut Judge<'_>, site: &str) {
    driver.go(&format!("{site}/alerts"));
    driver.run("window.first = true", &json!([]));
    raise(cluster, 1, "The disk of the archive is full");
    let top = || {
        let row = driver
            .all("#alerts tr:first-child td.text")
            .into_iter()
            .next()?;
        row.try_text()?.contains("archive is full").then_some(())
    };
    driver.until("the alert on top", top);
    assert_eq!(
        driver.run("return window.first", &json!([])),
        true,
        "the page was loaded again"
    );
    judge.axe("alerts after one came");
    judge.look("alerts-live", "en");
}

/// With a remark, under the name that is signed in; every server knows it, and the open alert view shows it.
fn acknowledge(cluster: &Cluster, driver: &Driver) {
    driver.click("#alerts tr:first-child td.text a");
    driver
        .find("textarea[name=remark]")
        .write("Old logs deleted <b>twice</b>");
    driver.click("form[action='/alerts/acknowledge'] button");
    driver.until_says("Old logs deleted <b>twice</b>");
    let known = |line: &AlertLine| {
        let said = line.acknowledged.as_ref();
        said.is_some_and(|one| one.by == "yamada" && one.remark.contains("Old logs"))
    };
    cluster.wait_alert(2, SOON, known).unwrap();
    driver.click("main > p > a[href='/alerts']");
    driver.until_says("seen by yamada");
}

/// A filter is a form whose answer has an address of its own.
fn filter(driver: &Driver, site: &str) {
    driver.go(&format!("{site}/alerts"));
    driver.click(".filter summary");
    driver.find(".filter input[name=text]").write("archive");
    driver.click(".filter button.primary");
    driver.until("the filtered page", || {
        driver.address().contains("text=archive").then_some(())
    });
    driver.find("tbody#alerts tr");
    let others = "return [...document.querySelectorAll('#alerts tr')].filter((row) => !row.textContent.includes('archive')).length";
    assert_eq!(driver.run(others, &json!([])), 0);
    driver.click(".filter a.button");
    driver.until_says("has started");
}

/// A lamp is put out, and tested, only after a question.
fn lamps(cluster: &Cluster, driver: &Driver, site: &str) {
    driver.go(site);
    let card = "article[aria-label=sv2]";
    let button = format!("{card} form[action='/lamp-off'] button");
    assert!(!driver.shown(&button));
    driver
        .find(&format!(
            "{card} details.ask:has([action='/lamp-off']) summary"
        ))
        .click();
    driver.until_says("Put the light of sv2 out? Its red is gone then for everybody in the room.");
    assert_eq!(
        cluster.look(1).unwrap(),
        Look::GREEN,
        "a question alone does nothing"
    );
    driver.click(&button);
    driver.until("the cluster again", || {
        (!driver.shown(&button)).then_some(())
    });
    cluster.wait_lamp(1, Look::OUT, SOON).unwrap();
    let shown = || {
        driver
            .find(card)
            .try_text()?
            .contains("should be out")
            .then_some(())
    };
    driver.until("the light that is out", shown);

    let from = cluster.outside().shines(0).len();
    let ask = "article[aria-label=sv1] details.ask:has([action='/lamp-test'])";
    driver.click(&format!("{ask} summary"));
    driver.click(&format!("{ask} button"));
    let tested = || {
        let shines = cluster.outside().shines(0);
        let red = shines[from..]
            .iter()
            .any(|shine| shine.look.red == Glow::On);
        red.then_some(())
    };
    driver.until("red on the light", tested);
    cluster.wait_lamp(0, Look::GREEN, SOON).unwrap();
}

/// Texts of others are text: no tag, no direction, no width of theirs gets into a page.
fn hostile(cluster: &Cluster, driver: &Driver, judge: &mut Judge<'_>, site: &str) {
    driver.go(&format!("{site}/alerts"));
    let long = "W".repeat(4_000);
    let evil = [
        "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>",
        "</bdi></td></table><style>*{display:none}</style> & \u{202e}desrever\u{2066}",
        "bell\u{7}escape\u{1b}[2J line\nnext\r\nevent: reload",
        &long,
    ];
    for text in evil {
        raise(cluster, 0, text);
    }
    let came = || (driver.all("#alerts tr.new").len() >= evil.len()).then_some(());
    driver.until("the hostile alerts", came);
    let text = driver.text();
    for words in [
        "<img src=x onerror=",
        "<script>document.title",
        "</bdi></td></table><style>",
        "desrever",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(
        !text.contains(['\u{202e}', '\u{2066}', '\u{7}', '\u{1b}']),
        "{text}"
    );
    assert!(driver.all("main img, main script, main style").is_empty());
    judge.look("alerts-hostile", "en");
    let rows = driver.all("#alerts tr.new td.text a");
    let links: Vec<_> = rows
        .iter()
        .filter_map(|row| row.attribute("href"))
        .collect();
    for (at, link) in links.iter().enumerate() {
        driver.go(&format!("{site}{link}"));
        judge.look(&format!("alert-hostile-{at}"), "en");
    }
    driver.go(&format!(
        "{site}/alerts?text=%3Cimg+src%3Dx&module=%22%3E%3Cscript%3E"
    ));
    judge.look("alerts-hostile-filter", "en");
}

/// A server that is killed while its page is open is shown as that, with its last word; its light blinks unless the
/// reader's system asks for calm.
fn fallen(cluster: &mut Cluster, driver: &Driver, judge: &mut Judge<'_>, site: &str) {
    driver.go(site);
    driver.run("window.first = true", &json!([]));
    // Somebody has a question open, and the focus in it: the picture goes on all the same.
    let question = "article[aria-label=sv2] form[action='/lamp-test']";
    driver.run(
        "document.querySelector(arguments[0]).parentElement.querySelector('summary').click()",
        &json!([question]),
    );
    driver.run(
        "document.querySelector(arguments[0]).parentElement.querySelector('summary').focus()",
        &json!([question]),
    );
    cluster.kill(2).unwrap();
    let down = || {
        let card = driver
            .all("article[aria-label=sv3].bad")
            .into_iter()
            .next()?
            .try_text()?;
        let said = [
            "down",
            "silent",
            "last heartbeat 2",
            "clpcl -s",
            "red blinking",
        ];
        said.iter().all(|words| card.contains(words)).then_some(())
    };
    driver.until("the fallen server", down);
    assert_eq!(
        driver.run("return window.first", &json!([])),
        true,
        "the page was loaded again"
    );
    let kept = "const place = document.querySelector(arguments[0])?.parentElement; \
        return place?.open && place.contains(document.activeElement)";
    assert_eq!(
        driver.run(kept, &json!([question])),
        true,
        "the question was taken from under the hand"
    );
    // Whether the mail went out and whether somebody sees to it stands on top, with the way to the alert.
    let told = || {
        let top = driver.all("#cluster > p.bad").into_iter().next()?;
        let top = top.try_text()?;
        (top.contains("sv3: down") && top.contains("Mail: sent")).then_some(top)
    };
    let top = driver.until("the mail of the fallen server", told);
    assert!(top.contains("Nobody sees to it yet. I see to it…"), "{top}");
    let moving = "return document.getAnimations().filter((one) => one.effect.target.matches('.lens')).length";
    judge.media(true);
    assert_eq!(
        driver.run(moving, &json!([])),
        0,
        "moves although calm was asked for"
    );
    judge.look("cluster-calm", "en");
    judge.media(false);
    assert_eq!(driver.run(moving, &json!([])), 1);
    judge.look("cluster-fallen", "en");
}

/// The server whose page is open goes away: the page says that it may be old. When the server is back, so is the page.
fn lost(cluster: &mut Cluster, driver: &Driver, judge: &mut Judge<'_>, site: &str) {
    driver.go(site);
    assert!(!driver.shown("#lost"));
    cluster.terminate(0).unwrap();
    driver.until("the word that the connection is lost", || {
        driver.shown("#lost").then_some(())
    });
    let said = driver.find("#lost").text();
    assert!(said.contains("may be out of date"), "{said}");
    assert!(
        driver.shown("article[aria-label=sv2]"),
        "what was known stays"
    );
    judge.axe("cluster, lost");
    cluster.start(0).unwrap();
    driver.find("form[action='/sign-in']");
    browser::sign_in(driver, "yamada", PASSWORD);
    driver.find("#cluster");
}

/// A change from a wrong field over the preview to all servers; of two administrators the second sees the first's
/// change; the language stays as chosen.
///
/// Rule: M26 M27 M32 N17 N21
#[test]
fn a_setting_from_its_field_to_every_server() {
    let Some((cluster, console, driver, site)) = browser::site(browser::consoles(), ENGLISH) else {
        return;
    };
    let mut judge = Judge::new(&driver);
    let said = cluster.command(0, &["user", "link"]).unwrap();
    browser::set_up(&driver, said.lines().next().unwrap(), "yamada");

    driver.click("header a[href='/builder']");
    fill(&driver, SUBJECT, "Room 4");
    fill(&driver, SENDER, "nobody");
    driver.click(PREVIEW);
    let wrong = driver.find(&format!("{SENDER}[aria-invalid=true]"));
    let note = wrong.attribute("aria-describedby").unwrap();
    let note = note
        .split(' ')
        .find(|id| id.starts_with("fault:"))
        .unwrap()
        .to_owned();
    let note = format!("[id='{note}']");
    let told = driver.find(&note).text();
    assert!(
        driver.shown(&note) && told.contains("not a mail address"),
        "{told}"
    );
    assert_eq!(
        driver.find(SUBJECT).property("value"),
        "Room 4",
        "what was typed is kept"
    );
    fill(&driver, SENDER, "alert@example.com");
    driver.click(PREVIEW);
    driver.until_says("Nothing is changed yet. This would be:");
    driver.until_says("alert@example.com");
    assert!(!conf(&cluster, 1).contains("Room 4"));
    apply(&driver);
    for server in 0..3 {
        browser::wait_conf(&cluster, server, "<subject>Room 4</subject>");
    }

    two_administrators(&cluster, &console, &driver, &site);
    judge.screen(Screen::Phone);
    judge.look("builder-history-long", "en");
    language(&driver, &site);
    judge.silence();
    judge.verdict();
}

fn two_administrators(cluster: &Cluster, console: &Console, driver: &Driver, site: &str) {
    driver.go(&format!("{site}/builder"));
    fill(driver, SUBJECT, "Mine");
    driver.click(PREVIEW);
    driver.find(".difference");
    let mut other: Visitor = console.visitor();
    other.post(
        "/sign-in",
        &[("name", "yamada"), ("password", PASSWORD), ("to", "/")],
    );
    let form = other.get("/builder").form("/builder/preview");
    let form = other.send(&form.with("/root/cluster/mail/subject", "Theirs"));
    let done = other.send(&form.form("/builder/apply"));
    assert_eq!(done.status, 303, "{}", done.text());

    driver.click("form[action='/builder/apply'] button.primary");
    driver.until_says("Changed by somebody else");
    driver.until_says("changed by both");
    driver.until_says("Theirs");
    assert!(
        conf(cluster, 0).contains("<subject>Theirs</subject>"),
        "nothing was taken unseen"
    );
    driver.click("form[action='/builder/again'] button.primary");
    driver.until_says("Nothing is changed yet. This would be:");
    apply(driver);
    browser::wait_conf(cluster, 2, "<subject>Mine</subject>");
}

/// By the browser's setting first, then as chosen at the foot, on this page and all others.
fn language(driver: &Driver, site: &str) {
    driver.click("footer button[value=ja]");
    driver.find("html[lang=ja]");
    assert!(
        driver.address().contains("/builder/history"),
        "{}",
        driver.address()
    );
    driver.go(&format!("{site}/about"));
    assert_eq!(driver.title(), "製品情報 - noroshi");
    driver.click("footer button[value=en]");
    driver.find("html[lang=en]");
    assert_eq!(driver.title(), "About - noroshi");
}

fn apply(driver: &Driver) {
    driver.click("form[action='/builder/apply'] button.primary");
    driver.until("the history", || {
        driver
            .address()
            .contains("/builder/history?done=")
            .then_some(())
    });
}

fn fill(driver: &Driver, field: &str, text: &str) {
    let field = driver.find(field);
    field.clear();
    field.write(text);
}

fn raise(cluster: &Cluster, server: usize, text: &str) {
    cluster
        .command(server, &["clplogcmd", "-m", text, "--alert"])
        .unwrap();
}

fn conf(cluster: &Cluster, server: usize) -> String {
    fs::read_to_string(cluster.home(server).conf()).unwrap()
}
