//! What is demanded of every page in a browser: its width, its weight, its language, silence of the browser, axe-core.

use super::{Driver, target};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// Most bytes of a page with all that it loads, as the server sends it.
const PAGE_BYTES_MAX: u64 = 100 * 1024;
/// What axe-core is asked for: WCAG 2.2 AA and all before it.
const TAGS: [&str; 5] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/// A size of window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// 360 pixels wide, as a small phone.
    Phone,
    /// 1280 pixels wide.
    Desk,
}

/// The colours that somebody's system asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// Looks at pages, and counts what it saw.
pub(crate) struct Judge<'d> {
    driver: &'d Driver,
    screen: Screen,
    scheme: Scheme,
    scripts: bool,
    /// Whatever is wrong, all of it.
    faults: Vec<String>,
    /// The heaviest page.
    heaviest: (u64, String),
    pages: usize,
}

impl Screen {
    fn name(self) -> &'static str {
        match self {
            Screen::Phone => "phone",
            Screen::Desk => "desk",
        }
    }

    fn size(self) -> (u64, u64) {
        match self {
            Screen::Phone => (360, 740),
            Screen::Desk => (1280, 800),
        }
    }
}

impl<'d> Judge<'d> {
    /// Of a browser whose pages run scripts.
    pub(crate) fn new(driver: &'d Driver) -> Judge<'d> {
        let axe = fs::read_to_string(axe_path()).unwrap();
        driver.tool(
            "Page.addScriptToEvaluateOnNewDocument",
            &json!({ "source": axe }),
        );
        Judge::of(driver, true)
    }

    /// Of one whose pages run none: there axe-core cannot run either.
    pub(crate) fn without_scripts(driver: &'d Driver) -> Judge<'d> {
        Judge::of(driver, false)
    }

    fn of(driver: &'d Driver, scripts: bool) -> Judge<'d> {
        let mut judge = Judge {
            driver,
            screen: Screen::Desk,
            scheme: Scheme::Light,
            scripts,
            faults: Vec::new(),
            heaviest: (0, String::new()),
            pages: 0,
        };
        judge.screen(Screen::Desk);
        judge.scheme(Scheme::Light);
        judge
    }

    pub(crate) fn screen(&mut self, screen: Screen) {
        self.screen = screen;
        let (width, height) = screen.size();
        let phone = screen == Screen::Phone;
        let wish =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.driver
            .tool("Emulation.setDeviceMetricsOverride", &wish);
    }

    pub(crate) fn scheme(&mut self, scheme: Scheme) {
        self.scheme = scheme;
        self.media(false);
    }

    /// Whether the system asks for calm.
    pub(crate) fn media(&self, calm: bool) {
        let scheme = if self.scheme == Scheme::Dark {
            "dark"
        } else {
            "light"
        };
        let motion = if calm { "reduce" } else { "no-preference" };
        let wish = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": motion },
        ] });
        self.driver.tool("Emulation.setEmulatedMedia", &wish);
    }

    /// Judges the page that is open, as it stands, and keeps its picture as `NAME-LANGUAGE-SCREEN[-dark].png`.
    pub(crate) fn look(&mut self, name: &str, language: &str) {
        let dark = if self.scheme == Scheme::Dark {
            "-dark"
        } else {
            ""
        };
        let name = format!("{name}-{language}-{}{dark}", self.screen.name());
        self.pages += 1;
        let mut faults = complaints(self.driver);
        self.measure(&name, language, &mut faults);
        if self.scripts {
            faults.extend(axe(self.driver));
        }
        if !self.driver.title().ends_with(" - noroshi") {
            faults.push(format!("the title is {:?}", self.driver.title()));
        }
        let folder = target().join("screenshots");
        fs::create_dir_all(&folder).unwrap();
        let picture = self.driver.screenshot(true);
        fs::write(folder.join(format!("{name}.png")), picture).unwrap();
        let faults = faults.into_iter().map(|fault| format!("{name}: {fault}"));
        self.faults.extend(faults);
    }

    fn measure(&mut self, name: &str, language: &str, faults: &mut Vec<String>) {
        let page = self.driver.run(MEASURE, &json!([]));
        let (width, _) = self.screen.size();
        if page["width"].as_u64().is_none_or(|wide| wide > width) {
            faults.push(format!("{} wide: {}", page["width"], page["widest"]));
        }
        if page["language"] != language {
            faults.push(format!("lang is {}", page["language"]));
        }
        let bytes = page["bytes"].as_u64().unwrap_or(u64::MAX);
        if bytes > PAGE_BYTES_MAX {
            faults.push(format!("weighs {bytes} bytes"));
        }
        if bytes > self.heaviest.0 {
            self.heaviest = (bytes, name.to_owned());
        }
        eprintln!("weight: {name}: {:.1} kB", bytes as f64 / 1000.0);
    }

    /// What the browser has complained of since the last page that was looked at.
    pub(crate) fn silence(&mut self) {
        self.faults.extend(complaints(self.driver));
    }

    /// Something else that is wrong.
    pub(crate) fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// What is wrong so far, which then no longer counts.
    pub(crate) fn taken(&mut self) -> Vec<String> {
        std::mem::take(&mut self.faults)
    }

    /// What axe-core finds on the page as it stands now, and nothing else; for a page that has changed.
    pub(crate) fn axe(&mut self, name: &str) {
        let faults = axe(self.driver).into_iter();
        self.faults
            .extend(faults.map(|fault| format!("{name}: {fault}")));
    }

    /// Panics with all that is wrong.
    pub(crate) fn verdict(self) {
        let (bytes, name) = &self.heaviest;
        eprintln!(
            "{} pages; the heaviest is {name} with {bytes} bytes",
            self.pages
        );
        let count = self.faults.len();
        assert!(
            self.faults.is_empty(),
            "{count} faults:\n{}",
            self.faults.join("\n")
        );
    }
}

/// Where axe-core is, if it was fetched.
pub(super) fn axe_path() -> PathBuf {
    target().join("axe-core/axe.min.js")
}

/// The browser's words without those for a page of ours that says no, as it is to, with status 4xx.
fn complaints(driver: &Driver) -> Vec<String> {
    let mut complaints = driver.complaints();
    complaints.retain(|line| {
        let refused =
            line.contains("Failed to load resource: the server responded with a status of 4");
        !refused
            || [".css", ".js", ".svg"]
                .iter()
                .any(|asset| line.contains(asset))
    });
    complaints
}

fn axe(driver: &Driver) -> Vec<String> {
    let script = format!("const done = arguments[0]; axe.run({{ runOnly: {}, resultTypes: ['violations'] }})
        .then((result) => done(result.violations.flatMap((rule) => rule.nodes.map((node) =>
            `${{rule.id}}: ${{node.target}}: ${{node.html.slice(0, 200)}}: ${{node.failureSummary}}`))),
            (error) => done([String(error)]));", json!(TAGS));
    let found = driver.run_later(&script);
    let found = found.as_array().expect("axe-core gives a list").iter();
    found
        .map(|line: &Value| line.as_str().unwrap_or_default().to_owned())
        .collect()
}

/// How wide the page is and by what, its language, and its weight without compression.
const MEASURE: &str = "
const root = document.scrollingElement;
const limit = screen.width;
let widest = '';
if (root.scrollWidth > limit) {
  for (const element of document.querySelectorAll('body *')) {
    const right = element.getBoundingClientRect().right;
    if (right > limit + 1) widest += ` ${element.tagName}.${element.className}:${Math.round(right)}`;
  }
}
const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
return {
  width: root.scrollWidth,
  widest: widest.slice(0, 600),
  language: document.documentElement.lang,
  bytes: loaded.reduce((sum, one) => sum + one.decodedBodySize, 0),
};";
