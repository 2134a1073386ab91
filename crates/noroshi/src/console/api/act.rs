//! What is done: each by the function that the page's form calls too.

use super::given::Body;
use super::read::NAME_CHARS_MAX;
use super::{not_done, problem, shown};
use crate::command::clplogcmd;
use crate::console::App;
use crate::console::deed::{self, Done};
use crate::console::visitor::Visitor;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use noroshi_core::alert::Severity;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use std::sync::Arc;

/// About one server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::console) struct OfServer {
    #[serde(deserialize_with = "name")]
    server: String,
}

/// That somebody sees to an alert.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::console) struct Seen {
    #[serde(deserialize_with = "name")]
    alert: String,
    #[serde(default)]
    remark: String,
}

/// The name of the cluster, to be sure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::console) struct Whole {
    cluster: String,
}

/// Nothing is to be said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::console) struct Nothing {}

/// An alert, with what `clplogcmd` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::console) struct Raised {
    text: String,
    #[serde(default = "info")]
    severity: Severity,
    #[serde(default = "one", deserialize_with = "whole")]
    event: u32,
    #[serde(default)]
    alert: bool,
    #[serde(default)]
    syslog: bool,
    #[serde(default)]
    mail: bool,
    #[serde(default)]
    trap: bool,
}

fn info() -> Severity {
    Severity::Info
}

fn one() -> u32 {
    1
}

/// A name as the command socket takes it.
fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(plain) {
        let why = "no name: letters, digits and . _ - only, at most 255";
        return Err(D::Error::custom(why));
    }
    Ok(name)
}

/// A whole number; JSON does not tell 1 from 1.0.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let number = Number::deserialize(from)?;
    let as_float = || {
        let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
        // Every u32 is exact in it; others are saturated and then differ.
        let whole = number as u64;
        (whole as f64 == number).then_some(whole)
    };
    let whole = number.as_u64().or_else(as_float);
    let whole = whole.and_then(|whole| u32::try_from(whole).ok());
    whole.ok_or_else(|| D::Error::custom(format!("{number}: no whole number up to {}", u32::MAX)))
}

fn answer(app: &App, visitor: &Visitor, done: Done) -> Response {
    match done {
        Ok(reply) => shown(visitor, &reply),
        Err(undone) => not_done(app, visitor, undone),
    }
}

pub(in crate::console) async fn lamp_off(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Body(of): Body<OfServer>,
) -> Response {
    let done = deed::lamp_off(&app, &visitor, of.server).await;
    answer(&app, &visitor, done)
}

pub(in crate::console) async fn lamp_test(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Body(of): Body<OfServer>,
) -> Response {
    let done = deed::lamp_test(&app, &visitor, of.server).await;
    answer(&app, &visitor, done)
}

pub(in crate::console) async fn mail_test(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Body(Nothing {}): Body<Nothing>,
) -> Response {
    let done = deed::mail_test(&app, &visitor).await;
    answer(&app, &visitor, done)
}

pub(in crate::console) async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Body(seen): Body<Seen>,
) -> Response {
    let done = deed::acknowledge(&app, &visitor, seen.alert, &seen.remark).await;
    answer(&app, &visitor, done)
}

pub(in crate::console) async fn raise(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Body(raised): Body<Raised>,
) -> Response {
    let to = clplogcmd::To {
        alert: raised.alert,
        syslog: raised.syslog,
        mail: raised.mail,
        trap: raised.trap,
    };
    let request = clplogcmd::request(&raised.text, raised.severity, raised.event, to);
    let Some(request) = request else {
        let text = visitor.pick("text: empty", "text: 空です");
        return problem::answer(visitor.language, StatusCode::UNPROCESSABLE_ENTITY, text);
    };
    let done = deed::raise(&app, &visitor, request).await;
    answer(&app, &visitor, done)
}

pub(in crate::console) async fn stop(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Body(of): Body<OfServer>,
) -> Response {
    let done = deed::stop(&app, &visitor, of.server).await;
    answer(&app, &visitor, done)
}

pub(in crate::console) async fn shut_down(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Body(of): Body<Whole>,
) -> Response {
    let done = deed::shut_down(&app, &visitor, &of.cluster).await;
    answer(&app, &visitor, done)
}
