//! The style, the one script and the icon: built in, nothing from elsewhere.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

const STYLE: &str = include_str!("../assets/console.css");
const SCRIPT: &str = include_str!("../assets/console.js");
const ICON: &str = include_str!("../assets/icon.svg");
/// A new release has other assets under the same names.
const KEPT: &str = "max-age=300";

pub(in crate::console) async fn style() -> impl IntoResponse {
    answer("text/css; charset=utf-8", STYLE)
}

pub(in crate::console) async fn script() -> impl IntoResponse {
    answer("text/javascript; charset=utf-8", SCRIPT)
}

pub(in crate::console) async fn icon() -> impl IntoResponse {
    answer("image/svg+xml", ICON)
}

fn answer(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, KEPT)], text)
}
