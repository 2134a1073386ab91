//! The console in a browser that runs no scripts: everything is read and done all the same.

mod browser;
mod e2e;
mod web;

use browser::{Driver, Judge, PASSWORD, Screen, Wish};
use e2e::*;
use noroshi_daemon::control::AlertLine;

/// Rule: N21 M26 M31 M32 N24 N15
#[test]
fn everything_is_read_and_done_without_scripts() {
    let plain = Wish {
        language: "ja,en",
        scripts: false,
    };
    let Some((mut cluster, _, driver, site)) = browser::site(browser::consoles(), plain) else {
        return;
    };
    let mut judge = Judge::without_scripts(&driver);
    judge.screen(Screen::Phone);

    first_start(&cluster, &driver, &mut judge, &site);
    alerts(&cluster, &driver, &mut judge, &site);
    builder(&cluster, &driver, &mut judge, &site);
    lamp_off(&cluster, &driver, &site);
    users(&driver, &mut judge, &site);
    cluster.kill(2).unwrap();
    cluster.wait_sees(0, 2, ServerState::Down, LATER).unwrap();
    driver.go(&site);
    let card = driver.find("article[aria-label=sv3]").text();
    assert!(
        card.contains("down") && card.contains("last heartbeat 2"),
        "{card}"
    );
    judge.look("plain-cluster", "en");
    judge.verdict();
}

/// The code is typed by hand: no script takes it from the link. The language is the browser's, then the chosen one.
fn first_start(cluster: &Cluster, driver: &Driver, judge: &mut Judge<'_>, site: &str) {
    let said = cluster.command(0, &["user", "link"]).unwrap();
    let link = said.lines().next().unwrap();
    driver.go(link);
    judge.look("plain-set-up", "ja");
    driver.click("footer button[value=en]");
    driver.find("html[lang=en]");
    driver
        .find("input[name=code]")
        .write(link.split_once('#').unwrap().1);
    driver.find("input[name=name]").write("yamada");
    driver.find("input[name=password]").write(PASSWORD);
    driver.find("input[name=again]").write(PASSWORD);
    driver.click("form[action='/set-up'] button");
    driver.find("#cluster");
    driver.click(".sign-out button");
    browser::sign_in(driver, "yamada", "wrong horse");
    driver.find("form[action='/sign-in'] [role=alert]");
    browser::sign_in(driver, "yamada", PASSWORD);
    driver.find("#cluster");
    assert_eq!(driver.address(), format!("{site}/"));
    assert!(
        !driver.shown("#lost"),
        "nobody is told of a stream that there is not"
    );
}

fn alerts(cluster: &Cluster, driver: &Driver, judge: &mut Judge<'_>, site: &str) {
    driver.go(&format!("{site}/alerts"));
    cluster
        .command(1, &["clplogcmd", "-m", "The disk is full", "--alert"])
        .unwrap();
    cluster
        .wait_alert(0, SOON, |line| line.text == "The disk is full")
        .unwrap();
    driver.reload();
    judge.look("plain-alerts", "en");
    driver.click(".filter summary");
    driver.find(".filter input[name=text]").write("disk");
    driver.click(".filter button.primary");
    driver.until("the filtered page", || {
        driver.address().contains("text=disk").then_some(())
    });
    assert_eq!(driver.all("#alerts tr").len(), 1);
    driver.click("#alerts td.text a");
    driver.find("textarea[name=remark]").write("seen");
    driver.click("form[action='/alerts/acknowledge'] button");
    driver.find("p.good");
    let seen = |line: &AlertLine| {
        line.acknowledged
            .as_ref()
            .is_some_and(|one| one.by == "yamada")
    };
    cluster.wait_alert(2, SOON, seen).unwrap();
}

fn builder(cluster: &Cluster, driver: &Driver, judge: &mut Judge<'_>, site: &str) {
    driver.go(&format!("{site}/builder"));
    driver
        .find("input[name='/root/noroshi/mail/sender']")
        .write("nobody");
    driver.click("form.builder button.primary");
    let field = driver.find("input[name='/root/noroshi/mail/sender'][aria-invalid=true]");
    judge.look("plain-builder-wrong", "en");
    field.clear();
    field.write("alert@example.com");
    driver.click("form.builder button.primary");
    driver.find(".difference");
    driver.click("form[action='/builder/apply'] button.primary");
    driver.until("the history", || {
        driver
            .address()
            .contains("/builder/history?done=")
            .then_some(())
    });
    browser::wait_conf(cluster, 2, "alert@example.com");
    driver.go(&format!("{site}/builder/destinations"));
    driver.find("input[name=q]").write("lamp");
    driver.click("form.search button");
    driver.until("the search", || {
        driver.address().contains("q=lamp").then_some(())
    });
    let rows = driver.all(".destinations tbody tr").len();
    assert!((1..20).contains(&rows), "{rows}");
}

/// The question stands in the page, closed, and is opened by the browser itself.
fn lamp_off(cluster: &Cluster, driver: &Driver, site: &str) {
    driver.go(site);
    let ask = "article[aria-label=sv2] details:has([action='/lamp-off'])";
    assert!(!driver.shown(&format!("{ask} button")));
    driver.click(&format!("{ask} summary"));
    driver.click(&format!("{ask} button"));
    cluster.wait_lamp(1, Look::OUT, SOON).unwrap();
}

fn users(driver: &Driver, judge: &mut Judge<'_>, site: &str) {
    driver.go(&format!("{site}/users"));
    driver
        .find("form[action='/users/add'] input[name=name]")
        .write("sato");
    driver
        .find("form[action='/users/add'] input[name=password]")
        .write("another horse");
    driver
        .find("form[action='/users/add'] input[name=again]")
        .write("another horse");
    driver.click("form[action='/users/add'] button");
    driver.until_says("sato");
    for path in [
        "licence", "logs", "test", "audit", "account", "about", "users",
    ] {
        driver.go(&format!("{site}/{path}"));
        judge.look(&format!("plain-{path}"), "en");
    }
    driver.go(&format!("{site}/test"));
    driver.click("form[action='/test/mail'] button");
    driver.until("what became of the mail", || {
        let text = driver.text();
        // Without a script somebody loads it again.
        if !text.contains("250 2.0.0") {
            driver.reload();
        }
        text.contains("250 2.0.0").then_some(())
    });
}
