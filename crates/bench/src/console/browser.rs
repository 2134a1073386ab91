//! In Debian's Chromium, driven by chromedriver (W3C WebDriver): the first paint, and an alert in the page.
//!
//! Without them the figures are left out, and that is said.

use super::site::Site;
use super::web::Web;
use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::stage::jitter;
use noroshi_sim::rig::{Error, Fallible, until};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

const RUNS: usize = 20;
const PAINT_BOUND_MS: f64 = 300.0;
const LIVE_RUNS: usize = 100;
const LIVE_BOUND_MS: f64 = 200.0;
const DRIVER_WAIT: Duration = Duration::from_secs(30);
/// How long a paint or an alert in the page is waited for.
const PAGE_WAIT: Duration = Duration::from_secs(10);
const PROGRAMS: [&str; 2] = ["chromium", "chromedriver"];
/// When the page was first painted, in ms from the start of its loading.
const FIRST_PAINT: &str = "const paint = performance.getEntriesByName('first-contentful-paint')[0]; \
    return paint ? paint.startTime : null;";
/// Has the page note when each row came into it, in ms since 1970.
const WATCH: &str = "window.came = []; new MutationObserver(changes => { for (const change of changes) \
    for (const row of change.addedNodes) window.came.push([performance.timeOrigin + performance.now(), \
    row.textContent]); }).observe(document.getElementById('alerts'), { childList: true });";
/// When a row with the words came.
const CAME: &str = "const row = window.came.find(row => row[1].includes(arguments[0])); \
    return row ? row[0] : null;";

/// First paints, cold and warm, and alerts in the page.
///
/// # Errors
/// When Chromium is there and does not do what it should.
pub(crate) fn run(site: &Site, runs: Option<usize>) -> Fallible<Vec<Figure>> {
    let there = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    if let Some(missing) = PROGRAMS.iter().find(|program| !there(program)) {
        println!("console: no first paint: {missing} is not installed");
        return Ok(Vec::new());
    }
    let mut browser = Browser::open()?;
    let measured = measure(site, &mut browser, runs);
    browser.close();
    measured
}

fn measure(site: &Site, browser: &mut Browser, runs: Option<usize>) -> Fallible<Vec<Figure>> {
    let place = format!("http://{}", site.address(0));
    // A cookie can be set only on a page of its site.
    browser.go(&format!("{place}/sign-in"))?;
    let (name, value) = site.cookie(0).split_once('=').unwrap_or_default();
    browser.call(
        "cookie",
        &json!({ "cookie": { "name": name, "value": value } }),
    )?;
    // The first page of all has Chromium's own start in it.
    browser.first_paint(&format!("{place}/"), true)?;
    let mut figures = Vec::new();
    for (title, path) in [("cluster", "/"), ("alerts", "/alerts")] {
        for cold in [true, false] {
            let mut times = Vec::new();
            for _ in 0..runs.unwrap_or(RUNS) {
                interrupt::check()?;
                times.push(browser.first_paint(&format!("{place}{path}"), cold)?);
            }
            let state = if cold { "cold" } else { "warm" };
            figures.push(
                Figure::new(
                    format!("console: first paint of {title}, {state}"),
                    "ms",
                    times,
                )
                .at_most(Stat::Max, PAINT_BOUND_MS),
            );
        }
    }
    figures.push(alerts_in_page(site, browser, runs)?);
    Ok(figures)
}

fn alerts_in_page(site: &Site, browser: &mut Browser, runs: Option<usize>) -> Fallible<Figure> {
    browser.script(WATCH, &[])?;
    let mut times = Vec::new();
    for run in 0..runs.unwrap_or(LIVE_RUNS) {
        interrupt::pause(jitter(run) / 4)?;
        let text = format!("In the page, run {run} end.");
        site.raise(0, &text, false)?;
        let on_disk = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let on_disk = on_disk.map_or(0.0, |since| since.as_secs_f64() * 1e3);
        let came = until(PAGE_WAIT, "the alert is in the page", || {
            let came = browser.script(CAME, &[json!(text)]);
            let came = came.map_err(|error| error.0)?.as_f64();
            came.ok_or_else(String::new)
        })?;
        times.push((came - on_disk).max(0.0));
    }
    Ok(
        Figure::new("console: alert to Chromium's page", "ms", times)
            .at_most(Stat::P99, LIVE_BOUND_MS),
    )
}

/// A session of Chromium.
struct Browser {
    driver: Child,
    web: Web,
    session: String,
}

impl Browser {
    fn open() -> Fallible<Browser> {
        // Free at this moment; a driver that does not get it says so.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let mut driver = Command::new("chromedriver");
        driver.arg(format!("--port={port}"));
        let driver = driver.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let web = until(DRIVER_WAIT, "chromedriver listens", || {
            Web::connect(address, "").map_err(|error| error.0)
        });
        let mut browser = Browser {
            driver,
            web: web?,
            session: String::new(),
        };
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage"
        ]);
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": { "args": arguments } } } });
        let answer = browser.post("/session", &wanted)?;
        browser.session = answer["sessionId"].as_str().unwrap_or_default().to_owned();
        Ok(browser)
    }

    fn post(&mut self, path: &str, body: &Value) -> Fallible<Value> {
        let kind = "application/json; charset=utf-8";
        let answer = self.web.ask("POST", path, kind, &body.to_string())?;
        let mut value: Value = serde_json::from_slice(&answer.body)
            .map_err(|error| Error::doing("chromedriver", error))?;
        match answer.status {
            200 => Ok(value["value"].take()),
            _ => Err(Error(format!("chromedriver: {path}: {value}"))),
        }
    }

    fn call(&mut self, what: &str, body: &Value) -> Fallible<Value> {
        let path = format!("/session/{}/{what}", self.session);
        self.post(&path, body)
    }

    fn go(&mut self, url: &str) -> Fallible<()> {
        self.call("url", &json!({ "url": url })).map(drop)
    }

    fn script(&mut self, script: &str, arguments: &[Value]) -> Fallible<Value> {
        self.call(
            "execute/sync",
            &json!({ "script": script, "args": arguments }),
        )
    }

    /// Loads a page and tells when it was first painted.
    fn first_paint(&mut self, url: &str, cold: bool) -> Fallible<f64> {
        if cold {
            let clear = json!({ "cmd": "Network.clearBrowserCache", "params": {} });
            self.call("goog/cdp/execute", &clear)?;
        }
        self.go(url)?;
        until(PAGE_WAIT, "a first paint", || {
            let painted = self.script(FIRST_PAINT, &[]).map_err(|error| error.0)?;
            painted.as_f64().ok_or_else(String::new)
        })
    }

    /// Ends the browser, then its driver.
    fn close(&mut self) {
        let path = format!("/session/{}", self.session);
        let _ = self.web.ask("DELETE", &path, "text/plain", "");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
