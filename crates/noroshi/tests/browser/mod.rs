//! A console of a real cluster in a real browser: Debian's Chromium, driven by its chromedriver.
//!
//! *Use.* [`site`] starts all of it, where this host has what is needed; [`Judge`] judges the page
//! that is open and takes its picture into `target/screenshots/`.

#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod driver;
mod look;

pub(crate) use driver::{Driver, Wish};
pub(crate) use look::{Judge, Scheme, Screen};

use crate::e2e::{Cluster, Plan, SOON, until};
use crate::web::Console;
use std::path::{Path, PathBuf};

/// Keys as WebDriver has them (section 17.4.2).
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const SPACE: &str = " ";

/// The password of everybody here.
pub(crate) const PASSWORD: &str = "correct horse";

/// The workspace's folder `target/`.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}

/// Whether this host has a browser, its driver and axe-core; says what is missing.
fn there() -> bool {
    let programs = ["chromium", "chromedriver"];
    let missing = programs.into_iter().find(|name| !has(name));
    let axe = (!look::axe_path().is_file()).then_some("target/axe-core/axe.min.js");
    let Some(missing) = missing.or(axe) else {
        return true;
    };
    skip(&format!(
        "{missing} is missing; `cargo xtask setup` fetches it"
    ))
}

/// The default cluster with a console on each server.
pub(crate) fn consoles() -> Plan {
    crate::e2e::plan().tune(|conf| conf.console = true)
}

/// A cluster with consoles, that of its first server, a browser, and the console's address for it; none where this
/// host lacks something, which is said.
pub(crate) fn site(plan: Plan, wish: Wish) -> Option<(Cluster, Console, Driver, String)> {
    if !there() {
        return None;
    }
    let cluster = plan.start().unwrap();
    let console = Console::start(&cluster, 0);
    let address = format!("http://{}", console.address);
    Some((cluster, console, Driver::start(wish), address))
}

/// Waits until a server has this in its clp.conf: a slow one takes a push after it was answered.
pub(crate) fn wait_conf(cluster: &Cluster, server: usize, part: &str) {
    let taken = until(SOON, "the change on a server", || {
        let text = std::fs::read_to_string(cluster.home(server).conf()).unwrap();
        text.contains(part).then_some(()).ok_or(text)
    });
    taken.unwrap();
}

/// Whether a program can be started by its name.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Says what is skipped, or panics where nothing may be.
pub(crate) fn skip(why: &str) -> bool {
    let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
    assert!(!required, "NOROSHI_REQUIRE_ALL is set, but {why}");
    eprintln!("skipped: {why}");
    false
}

/// Signs in on the page that asks for it.
pub(crate) fn sign_in(driver: &Driver, name: &str, password: &str) {
    let field = driver.find("input[name=name]");
    field.clear();
    field.write(name);
    driver.find("input[name=password]").write(password);
    driver.click("form[action='/sign-in'] button");
}

/// Makes the first user with the link that a command on the server prints, and waits for the cluster.
pub(crate) fn set_up(driver: &Driver, link: &str, name: &str) {
    driver.go(link);
    driver.find("input[name=name]").write(name);
    driver.find("input[name=password]").write(PASSWORD);
    driver.find("input[name=again]").write(PASSWORD);
    driver.click("form[action='/set-up'] button");
    driver.find("#cluster");
}
