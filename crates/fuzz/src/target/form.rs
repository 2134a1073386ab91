//! Every page, form and call of the API, asked for by an administrator with a query and a body of any content.
//!
//! An input is: the number of the route, flags, a line with the query (and for a path with a name in it, that name
//! before a blank), then the body. Promises: never a fault of ours (500); every answer has its guard against scripts;
//! what is asked for never becomes a tag of the page.

use crate::stage::console::{answer, cookie};
use std::time::Duration;

/// What begins a tag that no page of ours has.
const TAG: &[u8] = b"<zz";
/// For a page that asks the daemon, or hashes a password.
const PATIENCE: Duration = Duration::from_secs(8);
/// Paths that start a program or stream without end.
const LEFT_OUT: [&str; 5] = [
    "/live",
    "/logs/archive",
    "/logs/collect",
    "/logs/all",
    "/logs/progress",
];

pub(crate) fn decode(bytes: &[u8]) {
    let [number, flags, rest @ ..] = bytes else {
        return;
    };
    let routes: Vec<_> = noroshi::fuzzing::routes();
    let (method, path) = routes[usize::from(*number) % routes.len()];
    if LEFT_OUT.contains(&path) {
        return;
    }
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, body) = rest.split_at(end.unwrap_or(rest.len()));
    let body = body.get(1..).unwrap_or_default();
    let line: String = line
        .iter()
        .filter(|byte| byte.is_ascii_graphic() || **byte == b' ')
        .map(|byte| char::from(*byte))
        .collect();
    let (name, query) = match path.contains('{') {
        true => line.split_once(' ').unwrap_or((&line, "")),
        false => ("", line.as_str()),
    };
    let path = path.split('{').next().unwrap_or_default();
    let query = query.replace(' ', "+");
    let mark = if query.is_empty() { "" } else { "?" };
    let language = if flags & 1 == 0 { "en" } else { "ja" };
    let api = path.starts_with("/api/");
    let kind = match api ^ (flags & 2 == 2) {
        true => "application/json",
        false => "application/x-www-form-urlencoded",
    };
    let head = format!(
        "{method} {path}{name}{mark}{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {}\r\n\
         Accept-Language: {language}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        cookie(),
        body.len()
    );
    let answer = answer(&[head.as_bytes(), body].concat(), PATIENCE);
    let split = answer.windows(4).position(|end| end == b"\r\n\r\n");
    let (head, page) = answer.split_at(split.unwrap_or(answer.len()));
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    assert!(!head.starts_with("http/1.1 500"), "{method} {path}: {head}");
    // A head that HTTP itself refuses, such as one with a bad path, has no page.
    if head.starts_with("http/1.1 400") && page.len() <= 4 {
        return;
    }
    assert!(
        head.contains("content-security-policy: default-src 'none'"),
        "{method} {path}: {head}"
    );
    if head.contains("content-type: text/html") {
        assert!(
            !page.windows(TAG.len()).any(|part| part == TAG),
            "{method} {path}"
        );
    }
}
