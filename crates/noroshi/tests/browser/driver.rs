//! A small WebDriver client (W3C WebDriver 2): JSON over HTTP to a chromedriver of the test's own.
//!
//! *Use.* [`Driver::start`], then what a person does: go to a page, click, type, read. [`Driver::until`] waits for a
//! condition of the page. *Failure.* Whatever the driver refuses is a panic with its words.

use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a page, or what a click brings about, may take on a busy machine.
pub(crate) const WAIT: Duration = Duration::from_secs(30);
/// Key that a reference to an element has in JSON (WebDriver section 12.3).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How a browser is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// The languages that it asks for.
    pub(crate) language: &'static str,
    /// Whether pages may run scripts.
    pub(crate) scripts: bool,
}

/// One browser with one window; both end with this.
pub(crate) struct Driver {
    port: u16,
    session: String,
    child: Child,
    /// The browser's own files.
    _profile: tempfile::TempDir,
}

/// An element of the page that is open.
pub(crate) struct Element<'d> {
    driver: &'d Driver,
    id: String,
}

impl Driver {
    pub(crate) fn start(wish: Wish) -> Driver {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromedriver");
        command
            .args(["--port=0", "--log-level=SEVERE"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // What the browser writes goes away with the profile.
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path());
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = said.find_map(|line| {
            let line = line.ok()?;
            let port = line.split_once("successfully on port ")?.1;
            port.trim_end_matches('.').parse().ok()
        });
        let mut driver = Driver {
            port: port.expect("chromedriver says on which port it listens"),
            session: String::new(),
            child,
            _profile: profile,
        };
        // A full pipe would stop it.
        std::thread::spawn(move || said.for_each(drop));
        let answer = driver.ask("POST", "/session", &capabilities(wish));
        driver.session = answer["sessionId"].as_str().unwrap().to_owned();
        driver
    }

    /// Opens a page and waits until it is loaded.
    pub(crate) fn go(&self, address: &str) {
        self.post("/url", &json!({ "url": address }));
    }

    pub(crate) fn address(&self) -> String {
        text(&self.get("/url"))
    }

    pub(crate) fn title(&self) -> String {
        text(&self.get("/title"))
    }

    /// All of the page as HTML, as it is now.
    pub(crate) fn source(&self) -> String {
        text(&self.get("/source"))
    }

    pub(crate) fn back(&self) {
        self.post("/back", &json!({}));
    }

    pub(crate) fn reload(&self) {
        self.post("/refresh", &json!({}));
    }

    /// Runs a function's body in the page; of no use where scripts are off.
    pub(crate) fn run(&self, script: &str, arguments: &Value) -> Value {
        self.post(
            "/execute/sync",
            &json!({ "script": script, "args": arguments }),
        )
    }

    /// As [`Driver::run`]; the answer is what the script hands to its last argument.
    pub(crate) fn run_later(&self, script: &str) -> Value {
        self.post("/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// A command of the DevTools protocol: what a person does in the browser's settings.
    pub(crate) fn tool(&self, name: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": name, "params": parameters });
        self.post("/goog/cdp/execute", &body)
    }

    /// What the browser complained of since it was last asked; its advice to authors does not count.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        let lines = log.as_array().into_iter().flatten();
        let serious = |line: &&Value| line["level"] == "SEVERE" || line["level"] == "WARNING";
        lines
            .filter(serious)
            .map(|line| text(&line["message"]))
            .collect()
    }

    /// The window as PNG.
    pub(crate) fn screenshot(&self, whole: bool) -> Vec<u8> {
        let wish =
            json!({ "format": "png", "captureBeyondViewport": whole, "optimizeForSpeed": true });
        let picture = self.tool("Page.captureScreenshot", &wish);
        let picture = text(&picture["data"]);
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, picture).unwrap()
    }

    /// The first element that fits a CSS selector; waits for it.
    pub(crate) fn find(&self, selector: &str) -> Element<'_> {
        let found = || self.all(selector).into_iter().next();
        self.until(selector, found)
    }

    /// Clicks on the first element that fits a CSS selector; waits for it. What is live may be taken out and put in
    /// anew between the look and the click.
    pub(crate) fn click(&self, selector: &str) {
        let clicked = || {
            let element = self.all(selector).into_iter().next()?;
            let path = format!("/session/{}/element/{}/click", self.session, element.id);
            let (status, answer) = self.exchange("POST", &path, &json!({}));
            let gone = status == 404;
            assert!(status == 200 || gone, "click on {selector}: {answer}");
            (!gone).then_some(())
        };
        self.until(selector, clicked);
    }

    /// Whether somebody can see the first element that fits a CSS selector; waits for it.
    pub(crate) fn shown(&self, selector: &str) -> bool {
        let told = || self.all(selector).first()?.try_get("displayed");
        self.until(selector, told) == true
    }

    /// The elements that fit a CSS selector now.
    pub(crate) fn all(&self, selector: &str) -> Vec<Element<'_>> {
        let wish = json!({ "using": "css selector", "value": selector });
        let found = self.post("/elements", &wish);
        let ids = found.as_array().unwrap().iter();
        let element = |id: &Value| Element {
            driver: self,
            id: text(&id[ELEMENT]),
        };
        ids.map(element).collect()
    }

    pub(crate) fn focused(&self) -> Element<'_> {
        let id = text(&self.get("/element/active")[ELEMENT]);
        Element { driver: self, id }
    }

    /// Presses and releases a key, whatever has the focus.
    pub(crate) fn key(&self, key: &str) {
        let act = |kind| json!({ "type": kind, "value": key });
        let keys =
            json!({ "type": "key", "id": "keys", "actions": [act("keyDown"), act("keyUp")] });
        self.post("/actions", &json!({ "actions": [keys] }));
    }

    /// Waits for a condition of the page; a panic that shows the page if it does not come.
    pub(crate) fn until<T>(&self, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + WAIT;
        loop {
            if let Some(value) = condition() {
                return value;
            }
            assert!(
                Instant::now() < end,
                "no {what} on {}: {}",
                self.address(),
                self.source()
            );
            std::thread::yield_now();
        }
    }

    /// Waits until the page, as somebody reads it, has these words.
    pub(crate) fn until_says(&self, words: &str) {
        self.until(words, || self.text().contains(words).then_some(()));
    }

    /// The words that somebody reads on the page.
    pub(crate) fn text(&self) -> String {
        // A page that is just being left has none.
        let body = self.all("body").into_iter().next();
        body.and_then(|body| body.try_text()).unwrap_or_default()
    }

    fn get(&self, path: &str) -> Value {
        self.ask(
            "GET",
            &format!("/session/{}{path}", self.session),
            &Value::Null,
        )
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.exchange(method, path, body);
        assert_eq!(status, 200, "{method} {path} {body}: {answer}");
        answer
    }

    fn exchange(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        let answer = self.send(method, path, &body);
        let (status, answer) =
            answer.unwrap_or_else(|error| panic!("{method} {path}: chromedriver: {error}"));
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        (status, answer["value"].take())
    }

    /// One request on a connection of its own; the driver leaves that open, so the answer's length counts.
    fn send(&self, method: &str, path: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(2 * WAIT))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all((head + body).as_bytes())?;
        let (mut stream, mut line) = (BufReader::new(stream), String::new());
        let (mut status, mut length) = (0, 0);
        while stream.read_line(&mut line)? > 0 && !line.trim().is_empty() {
            let (name, value) = line.split_once([':', ' ']).unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "http/1.1" => {
                    status = value
                        .split(' ')
                        .next()
                        .and_then(|it| it.parse().ok())
                        .unwrap_or(0)
                }
                "content-length" => length = value.trim().parse().unwrap_or(0),
                _ => {}
            }
            line.clear();
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer)?;
        Ok((status, answer))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends its browser; a second panic would hide the first.
        let _ = self.send("DELETE", &format!("/session/{}", self.session), "");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Element<'_> {
    pub(crate) fn click(&self) {
        self.post("click", &json!({}));
    }

    /// Types into a field, at its end.
    pub(crate) fn write(&self, text: &str) {
        self.post("value", &json!({ "text": text }));
    }

    /// Empties a field.
    pub(crate) fn clear(&self) {
        self.post("clear", &json!({}));
    }

    pub(crate) fn text(&self) -> String {
        text(&self.get("text"))
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        self.get(&format!("attribute/{name}"))
            .as_str()
            .map(Into::into)
    }

    pub(crate) fn property(&self, name: &str) -> Value {
        self.get(&format!("property/{name}"))
    }

    /// Its place in a list of arguments.
    pub(crate) fn argument(&self) -> Value {
        json!({ ELEMENT: self.id })
    }

    /// Its words, if it is still there: what changes while a page is open is taken out and put in anew.
    pub(crate) fn try_text(&self) -> Option<String> {
        self.try_get("text").map(|answer| text(&answer))
    }

    fn try_get(&self, what: &str) -> Option<Value> {
        let path = format!(
            "/session/{}/element/{}/{what}",
            self.driver.session, self.id
        );
        let (status, answer) = self.driver.exchange("GET", &path, &Value::Null);
        (status == 200).then_some(answer)
    }

    fn get(&self, what: &str) -> Value {
        self.driver.get(&format!("/element/{}/{what}", self.id))
    }

    fn post(&self, what: &str, body: &Value) {
        self.driver
            .post(&format!("/element/{}/{what}", self.id), body);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn capabilities(wish: Wish) -> Value {
    let scripts = if wish.scripts { 1 } else { 2 };
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "acceptInsecureCerts": true,
        "pageLoadStrategy": "normal",
        "timeouts": { "script": 30_000, "pageLoad": 30_000, "implicit": 0 },
        "goog:loggingPrefs": { "browser": "ALL" },
        "goog:chromeOptions": {
            "args": [
                "--headless=new",
                // Tests run as root too, and open nothing but our own pages.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-first-run",
                "--hide-scrollbars",
                format!("--accept-lang={}", wish.language),
            ],
            "prefs": {
                "profile.managed_default_content_settings.javascript": scripts,
                "intl.accept_languages": wish.language,
                "credentials_enable_service": false,
            },
        },
    } } })
}
