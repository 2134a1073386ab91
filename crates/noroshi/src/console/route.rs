//! The one table of pages: method, path, who may, and what answers.
//!
//! A page that is not here does not exist; the tests walk this table with every role.

use super::visitor::gate;
use super::{App, page};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use noroshi_core::config::Role;
use std::sync::Arc;

/// Largest form in bytes.
const FORM_BYTES_MAX: usize = 256 * 1024;

/// Who may ask for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody, signed in or not.
    Anyone,
    /// Whoever has this role or a higher one.
    Role(Role),
}

/// One page or form.
pub(super) struct Route {
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests walk the table"))]
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) access: Access,
    handler: fn() -> MethodRouter<Arc<App>>,
}

const VIEW: Access = Access::Role(Role::View);
const OPERATE: Access = Access::Role(Role::Operate);
const ADMINISTER: Access = Access::Role(Role::Administer);

/// All of them.
#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    Route { method: "GET", path: "/", access: VIEW, handler: || get(page::cluster::show) },
    Route { method: "POST", path: "/lamp-off", access: OPERATE, handler: || post(page::cluster::lamp_off) },
    Route { method: "GET", path: "/alerts", access: VIEW, handler: || get(page::alerts::show) },
    Route { method: "POST", path: "/lamp-test", access: OPERATE, handler: || post(page::cluster::lamp_test) },
    Route { method: "POST", path: "/stop", access: OPERATE, handler: || post(page::cluster::stop) },
    Route { method: "POST", path: "/shut-down", access: ADMINISTER, handler: || post(page::cluster::shut_down) },
    Route { method: "GET", path: "/licence", access: ADMINISTER, handler: || get(page::licence::show) },
    Route { method: "POST", path: "/licence/file", access: ADMINISTER, handler: || post(page::licence::file) },
    Route { method: "POST", path: "/licence/key", access: ADMINISTER, handler: || post(page::licence::key) },
    Route { method: "POST", path: "/licence/remove", access: ADMINISTER, handler: || post(page::licence::take_out) },
    Route { method: "GET", path: "/logs", access: OPERATE, handler: || get(page::logs::show) },
    Route { method: "GET", path: "/logs/archive", access: OPERATE, handler: || get(page::logs::archive) },
    Route { method: "GET", path: "/test", access: OPERATE, handler: || get(page::test::show) },
    Route { method: "POST", path: "/test/mail", access: OPERATE, handler: || post(page::test::mail) },
    Route { method: "GET", path: "/users", access: ADMINISTER, handler: || get(page::users::show) },
    Route { method: "POST", path: "/users/add", access: ADMINISTER, handler: || post(page::users::add) },
    Route { method: "POST", path: "/users/password", access: ADMINISTER, handler: || post(page::users::password) },
    Route { method: "POST", path: "/users/role", access: ADMINISTER, handler: || post(page::users::role) },
    Route { method: "POST", path: "/users/remove", access: ADMINISTER, handler: || post(page::users::remove) },
    Route { method: "GET", path: "/account", access: VIEW, handler: || get(page::account::show) },
    Route { method: "POST", path: "/account", access: VIEW, handler: || post(page::account::password) },
    Route { method: "GET", path: "/audit", access: ADMINISTER, handler: || get(page::audit::show) },
    Route { method: "GET", path: "/about", access: VIEW, handler: || get(page::about::show) },
    Route { method: "GET", path: "/live", access: VIEW, handler: || get(page::news::stream) },
    Route { method: "GET", path: "/sign-in", access: Access::Anyone, handler: || get(page::sign_in::show) },
    Route { method: "POST", path: "/sign-in", access: Access::Anyone, handler: || post(page::sign_in::enter) },
    Route { method: "POST", path: "/sign-out", access: Access::Anyone, handler: || post(page::sign_in::leave) },
    Route { method: "GET", path: "/set-up", access: Access::Anyone, handler: || get(page::set_up::show) },
    Route { method: "POST", path: "/set-up", access: Access::Anyone, handler: || post(page::set_up::make) },
    Route { method: "POST", path: "/language", access: Access::Anyone, handler: || post(page::sign_in::language) },
    Route { method: "GET", path: "/console.css", access: Access::Anyone, handler: || get(page::asset::style) },
    Route { method: "GET", path: "/console.js", access: Access::Anyone, handler: || get(page::asset::script) },
    Route { method: "GET", path: "/icon.svg", access: Access::Anyone, handler: || get(page::asset::icon) },
];

/// The table as a service.
pub(super) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let guard = from_fn_with_state((Arc::clone(&app), route.access), gate);
        router = router.route(route.path, (route.handler)().layer(guard));
    }
    let anyone = from_fn_with_state((Arc::clone(&app), Access::Anyone), gate);
    router
        .fallback_service(axum::routing::any(page::missing).layer(anyone))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(app)
}
