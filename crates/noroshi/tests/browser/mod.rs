//! A console of a real cluster in a real browser: Debian's Chromium, driven by its chromedriver.
//!
//! *Use.* [`there`] says whether this host has what is needed; [`Driver`] is one browser; [`look`] judges the page that
//! is open and takes its picture into `target/screenshots/`.

#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod driver;
mod look;

pub(crate) use driver::{Driver, Wish};
pub(crate) use look::{Judge, Scheme, Screen};

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
pub(crate) fn there() -> bool {
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
