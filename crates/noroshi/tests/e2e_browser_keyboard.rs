//! The console without a pointer: everything is reached by Tab, seen when it is, and worked by Enter and Space.

mod browser;
mod e2e;
mod web;

use browser::{Driver, ENTER, PASSWORD, SPACE, TAB, Wish};
use e2e::*;
use serde_json::json;

/// Most presses of Tab on one page before it is called a trap.
const TABS_MAX: usize = 150;

/// Rule: N21
#[test]
fn everything_is_done_by_keyboard() {
    let english = Wish {
        language: "en",
        scripts: true,
    };
    let two = browser::consoles().servers(2);
    let Some((cluster, console, driver, site)) = browser::site(two, english) else {
        return;
    };
    console.first_user(&cluster, 0, "yamada");

    // The first field has the focus when the page opens.
    driver.go(&site);
    driver.find("input[name=name]:focus");
    typed(&driver, "yamada");
    driver.key(TAB);
    typed(&driver, PASSWORD);
    driver.key(ENTER);
    driver.find("#cluster");

    cluster
        .command(0, &["clplogcmd", "-m", "The disk is full", "--alert"])
        .unwrap();
    for path in [
        "/",
        "/alerts",
        "/alerts/1",
        "/builder",
        "/builder/destinations?q=disk",
        "/users",
        "/test",
        "/logs",
    ] {
        driver.go(&format!("{site}{path}"));
        walk(&driver, path);
    }
    skip_link(&driver, &site);
    questions(&cluster, &driver, &site);
}

/// Tab goes over everything once, shows where it is, and leaves the page again.
fn walk(driver: &Driver, path: &str) {
    let count = driver.run(MARK, &json!([])).as_u64().unwrap();
    let mut reached = vec![false; count as usize];
    for _ in 0..TABS_MAX {
        driver.key(TAB);
        let now = driver.run(FOCUS, &json!([]));
        // Past the last one the focus is the page's own again.
        let Some(at) = now["at"].as_u64() else { break };
        assert!(
            now["shown"] == true,
            "{path}: the focus cannot be seen on {}",
            now["what"]
        );
        assert!(!reached[at as usize], "{path}: a trap at {}", now["what"]);
        reached[at as usize] = true;
    }
    let missed: Vec<usize> = (0..reached.len()).filter(|at| !reached[*at]).collect();
    let names =
        "return arguments[0].map((at) => document.querySelector(`[data-walk='${at}']`)?.outerHTML)";
    let missed = driver.run(names, &json!([missed]));
    assert_eq!(missed, json!([]), "{path}: not reached");
}

/// The first Tab finds the way past the navigation.
fn skip_link(driver: &Driver, site: &str) {
    driver.go(site);
    driver.key(TAB);
    assert_eq!(driver.find(".skip:focus").text(), "Skip to the content");
    driver.key(ENTER);
    driver.find("main#content:focus");
    driver.key(TAB);
    driver.find("main :focus");
}

/// A question opens by Enter, and is answered by Space; what has the focus stays while the page is live.
fn questions(cluster: &Cluster, driver: &Driver, site: &str) {
    driver.go(site);
    let ask = "article[aria-label=sv2] details:has([action='/lamp-off'])";
    driver.run(
        "document.querySelector(arguments[0] + ' summary').focus()",
        &json!([ask]),
    );
    driver.key(ENTER);
    driver.find(&format!("{ask}[open]"));
    driver.key(TAB);
    driver.find(&format!("{ask} button:focus"));
    // Its state changes meanwhile, and the question stays under the hand.
    cluster
        .command(
            0,
            &["clplogcmd", "-m", "Something else", "--mail", "--alert"],
        )
        .unwrap();
    driver.key(SPACE);
    cluster.wait_lamp(1, Look::OUT, SOON).unwrap();
    driver.until_says("should be out");
}

fn typed(driver: &Driver, text: &str) {
    for key in text.chars() {
        driver.key(&key.to_string());
    }
}

/// Numbers all that can be worked and seen, on a page that keeps still: it is told that it is left, so that nothing
/// live is put in anew in the midst of the walk.
const MARK: &str = "
dispatchEvent(new Event('pagehide'));
document.activeElement?.blur();
const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary')];
const there = all.filter((one) => one.checkVisibility() && one.type !== 'hidden' && one.tabIndex >= 0 && !one.disabled);
there.forEach((one, at) => { one.dataset.walk = at; });
return there.length;";

/// Which one has the focus, and whether somebody can see that.
const FOCUS: &str = "
const one = document.activeElement;
if (!one || one === document.body) return {};
const style = getComputedStyle(one);
const place = one.getBoundingClientRect();
const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
const inside = place.width > 0 && place.bottom > 0 && place.top < innerHeight && place.right > 0 && place.left < innerWidth;
return { at: one.dataset.walk === undefined ? null : Number(one.dataset.walk), shown: ring && inside, what: one.outerHTML };";
