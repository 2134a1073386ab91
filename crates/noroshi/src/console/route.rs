//! The one table of pages: method, path, who may, and what answers.
//!
//! A page that is not here does not exist; the tests walk this table with every role.

use super::body::FORM_BYTES_MAX;
use super::visitor::gate;
use super::{App, api, page};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use noroshi_core::config::Role;
use std::sync::Arc;

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
    Route { method: "POST", path: "/logs/collect", access: OPERATE, handler: || post(page::gathering::begin) },
    Route { method: "GET", path: "/logs/progress", access: OPERATE, handler: || get(page::gathering::progress) },
    Route { method: "GET", path: "/logs/all", access: OPERATE, handler: || get(page::gathering::download) },
    Route { method: "POST", path: "/logs/delete", access: OPERATE, handler: || post(page::gathering::delete) },
    Route { method: "GET", path: "/test", access: OPERATE, handler: || get(page::test::show) },
    Route { method: "POST", path: "/test/mail", access: OPERATE, handler: || post(page::test::mail) },
    Route { method: "POST", path: "/test/conversation", access: OPERATE, handler: || post(page::conversation::begin) },
    Route { method: "GET", path: "/test/conversation", access: OPERATE, handler: || get(page::conversation::show) },
    Route { method: "GET", path: "/users", access: ADMINISTER, handler: || get(page::users::show) },
    Route { method: "POST", path: "/users/add", access: ADMINISTER, handler: || post(page::users::add) },
    Route { method: "POST", path: "/users/password", access: ADMINISTER, handler: || post(page::users::password) },
    Route { method: "POST", path: "/users/role", access: ADMINISTER, handler: || post(page::users::role) },
    Route { method: "POST", path: "/users/remove", access: ADMINISTER, handler: || post(page::users::remove) },
    Route { method: "GET", path: "/account", access: VIEW, handler: || get(page::account::show) },
    Route { method: "POST", path: "/account", access: VIEW, handler: || post(page::account::password) },
    Route { method: "POST", path: "/account/token", access: VIEW, handler: || post(page::account::token) },
    Route { method: "POST", path: "/account/token/revoke", access: VIEW, handler: || post(page::account::revoke) },
    Route { method: "GET", path: "/audit", access: ADMINISTER, handler: || get(page::audit::show) },
    Route { method: "GET", path: "/about", access: VIEW, handler: || get(page::about::show) },
    Route { method: "GET", path: "/alerts/figures", access: VIEW, handler: || get(page::figures::show) },
    Route { method: "GET", path: "/alerts/{row}", access: VIEW, handler: || get(page::alert::show) },
    Route { method: "POST", path: "/alerts/acknowledge", access: OPERATE, handler: || post(page::alert::acknowledge) },
    Route { method: "GET", path: "/alerts.csv", access: VIEW, handler: || get(page::export::csv) },
    Route { method: "GET", path: "/alerts.json", access: VIEW, handler: || get(page::export::json) },
    Route { method: "GET", path: "/live", access: VIEW, handler: || get(page::news::stream) },
    Route { method: "GET", path: "/sign-in", access: Access::Anyone, handler: || get(page::sign_in::show) },
    Route { method: "POST", path: "/sign-in", access: Access::Anyone, handler: || post(page::sign_in::enter) },
    Route { method: "POST", path: "/sign-out", access: Access::Anyone, handler: || post(page::sign_in::leave) },
    Route { method: "GET", path: "/set-up", access: Access::Anyone, handler: || get(page::set_up::show) },
    Route { method: "POST", path: "/set-up", access: Access::Anyone, handler: || post(page::set_up::make) },
    Route { method: "POST", path: "/language", access: Access::Anyone, handler: || post(page::sign_in::language) },
    Route { method: "GET", path: "/builder", access: ADMINISTER, handler: || get(page::builder::alert_service) },
    Route { method: "GET", path: "/builder/destinations", access: ADMINISTER, handler: || get(page::builder::destinations) },
    Route { method: "GET", path: "/builder/warning-light", access: ADMINISTER, handler: || get(page::builder::warning_light) },
    Route { method: "POST", path: "/builder/lamp-test", access: ADMINISTER, handler: || post(page::builder::lamp_test) },
    Route { method: "POST", path: "/builder/preview", access: ADMINISTER, handler: || post(page::builder::preview::show) },
    Route { method: "GET", path: "/builder/preview", access: ADMINISTER, handler: || get(page::builder::begin) },
    Route { method: "GET", path: "/builder/again", access: ADMINISTER, handler: || get(page::builder::begin) },
    Route { method: "GET", path: "/builder/edit", access: ADMINISTER, handler: || get(page::builder::begin) },
    Route { method: "POST", path: "/builder/again", access: ADMINISTER, handler: || post(page::builder::preview::again) },
    Route { method: "POST", path: "/builder/edit", access: ADMINISTER, handler: || post(page::builder::preview::edit) },
    Route { method: "POST", path: "/builder/apply", access: ADMINISTER, handler: || post(page::builder::preview::apply) },
    Route { method: "POST", path: "/builder/save", access: ADMINISTER, handler: || post(page::builder::preview::save) },
    Route { method: "GET", path: "/builder/history", access: ADMINISTER, handler: || get(page::builder::history::list) },
    Route { method: "GET", path: "/builder/set", access: ADMINISTER, handler: || get(page::builder::history::look) },
    Route { method: "POST", path: "/builder/restore", access: ADMINISTER, handler: || post(page::builder::history::restore) },
    Route { method: "GET", path: "/api/v1/openapi.json", access: VIEW, handler: || get(api::read::openapi) },
    Route { method: "GET", path: "/api/v1/about", access: VIEW, handler: || get(api::read::about) },
    Route { method: "GET", path: "/api/v1/me", access: VIEW, handler: || get(api::read::me) },
    Route { method: "GET", path: "/api/v1/status", access: VIEW, handler: || get(api::read::status) },
    Route { method: "GET", path: "/api/v1/alerts", access: VIEW, handler: || get(api::read::alerts) },
    Route { method: "GET", path: "/api/v1/alerts/{id}", access: VIEW, handler: || get(api::read::alert) },
    Route { method: "GET", path: "/api/v1/licence", access: ADMINISTER, handler: || get(api::read::licence) },
    Route { method: "POST", path: "/api/v1/raise", access: OPERATE, handler: || post(api::act::raise) },
    Route { method: "POST", path: "/api/v1/acknowledge", access: OPERATE, handler: || post(api::act::acknowledge) },
    Route { method: "POST", path: "/api/v1/lamp-off", access: OPERATE, handler: || post(api::act::lamp_off) },
    Route { method: "POST", path: "/api/v1/lamp-test", access: OPERATE, handler: || post(api::act::lamp_test) },
    Route { method: "POST", path: "/api/v1/mail-test", access: OPERATE, handler: || post(api::act::mail_test) },
    Route { method: "POST", path: "/api/v1/stop", access: OPERATE, handler: || post(api::act::stop) },
    Route { method: "POST", path: "/api/v1/shut-down", access: ADMINISTER, handler: || post(api::act::shut_down) },
    Route { method: "GET", path: "/console.css", access: Access::Anyone, handler: || get(page::asset::style) },
    Route { method: "GET", path: "/console.js", access: Access::Anyone, handler: || get(page::asset::script) },
    Route { method: "GET", path: "/icon.svg", access: Access::Anyone, handler: || get(page::asset::icon) },
];

/// The table as a service.
pub(super) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        debug_assert!(!route.method.is_empty(), "{}", route.path);
        let guard = from_fn_with_state((Arc::clone(&app), route.access), gate);
        router = router.route(route.path, (route.handler)().layer(guard));
    }
    let anyone = from_fn_with_state((Arc::clone(&app), Access::Anyone), gate);
    router
        .fallback_service(axum::routing::any(page::missing).layer(anyone))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: M32 N21
    #[test]
    fn settings_are_changed_by_administrators_alone() {
        let builder = ROUTES.iter().filter(|it| it.path.starts_with("/builder"));
        for route in builder {
            assert_eq!(route.access, ADMINISTER, "{} {}", route.method, route.path);
        }
    }
}
