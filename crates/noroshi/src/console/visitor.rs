//! Who asks for a page: its user, language and address; and the gate that every request passes.
//!
//! A change comes only from a page of ours: the session's cookie is `SameSite=Strict`, and browsers say
//! where a request comes from (`Sec-Fetch-Site`, `Origin`), which must be here. Programs show an API token instead.

use super::places::Standing;
use super::route::Access;
use super::{App, api, body, host};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, COOKIE, HOST, HeaderName,
    HeaderValue, LOCATION, ORIGIN, REFERER,
};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use noroshi_core::config::Role;
use noroshi_core::text::Language;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// Name of the cookie with a session's token.
pub(super) const SESSION_COOKIE: &str = "noroshi-session";
/// Name of the cookie with the chosen language.
pub(super) const LANGUAGE_COOKIE: &str = "noroshi-language";
/// How long a page may take; what is streamed after its head does not count.
const ANSWER_WAIT: Duration = Duration::from_secs(90);

/// Whoever asks.
#[derive(Clone)]
pub(super) struct Visitor {
    /// Chosen, or its browser's.
    pub(super) language: Language,
    /// Signed in as.
    pub(super) user: Option<User>,
    /// From where.
    pub(super) address: IpAddr,
    /// The page that it asked for, for the way back after a sign-in.
    pub(super) path: String,
    /// It came over TLS.
    pub(super) tls: bool,
    /// It showed an API token instead of a session.
    pub(super) by_token: bool,
}

/// A signed-in user.
#[derive(Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) role: Role,
}

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
    pub(super) tls: bool,
}

impl Visitor {
    /// The user's name; a dash for nobody.
    pub(super) fn name(&self) -> &str {
        self.user.as_ref().map_or("-", |user| &user.name)
    }

    /// Who it is, for histories and the audit trail.
    pub(super) fn by(&self) -> String {
        let way = if self.by_token { "API" } else { "console" };
        format!("{} ({way}, {})", self.name(), self.address)
    }

    /// It may do what `role` may.
    pub(super) fn may(&self, role: Role) -> bool {
        self.user.as_ref().is_some_and(|user| user.role >= role)
    }

    pub(super) fn pick<T>(&self, en: T, ja: T) -> T {
        self.language.pick(en, ja)
    }
}

/// Lets a request through to its page when whoever asks may see it.
pub(super) async fn gate(
    State((app, access)): State<(Arc<App>, Access)>,
    request: Request,
    next: Next,
) -> Response {
    with_headers(pass(&app, access, request, next).await)
}

async fn pass(app: &Arc<App>, access: Access, request: Request, next: Next) -> Response {
    app.accounts.look().await;
    let api = request.uri().path().starts_with(api::PLACE);
    let mut visitor = visitor(app, &request);
    if let Some(status) = host::fault(&request, visitor.tls) {
        let text = match status {
            StatusCode::MISDIRECTED_REQUEST => visitor.pick(
                "This request is for another host. On the server itself the console answers at its address or at localhost.",
                "他のホスト宛ての要求です。サーバ自身では、アドレスまたは localhost でアクセスしてください。",
            ),
            _ => "",
        };
        let closing = [(CONNECTION, "close")];
        return match api && !text.is_empty() {
            true => (
                closing,
                api::problem::answer(visitor.language, status, text),
            )
                .into_response(),
            false => (status, closing, text).into_response(),
        };
    }
    if api && let Err(refusal) = api::gate::with_token(app, &mut visitor, request.headers()).await {
        return refusal;
    }
    if let (Some(user), Some(standing)) =
        (&visitor.user, request.extensions().get::<Arc<Standing>>())
    {
        standing.know(&user.name);
    }
    let changes = request.method() != Method::GET && request.method() != Method::HEAD;
    // No browser adds a token by itself for another site's page, as it adds a cookie: whoever has it meant it.
    if changes && !visitor.by_token && !from_here(request.headers()) {
        let text = visitor.pick(
            "This request comes from another site.",
            "他のサイトからの要求です。",
        );
        let status = StatusCode::FORBIDDEN;
        return match api {
            true => api::problem::answer(visitor.language, status, text),
            false => (status, text).into_response(),
        };
    }
    let refused = match access {
        Access::Anyone => None,
        Access::Role(role) if visitor.may(role) => None,
        Access::Role(_) => Some(visitor.user.is_some()),
    };
    match refused {
        None => {}
        Some(known) if api => return api::gate::refusal(&visitor, known),
        Some(true) => return super::page::forbidden(&visitor),
        Some(false) => return to_sign_in(app, &visitor, changes),
    }
    let language = visitor.language;
    let mut request = match body::read_whole(request, visitor.user.is_some()).await {
        Ok(request) => request,
        Err(status) => {
            let mut answer = match api {
                true => api::problem::in_form(language, status.into_response()),
                false => super::page::not_read(&visitor, status),
            };
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
            return answer;
        }
    };
    request.extensions_mut().insert(visitor.clone());
    let answered = tokio::time::timeout(ANSWER_WAIT, next.run(request)).await;
    let answer = answered.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response());
    match answer.status() {
        _ if api => api::problem::in_form(language, answer),
        status if status.is_client_error() && is_plain(&answer) => {
            super::page::not_understood(&visitor, status)
        }
        _ => answer,
    }
}

/// Plain text is what the reader of forms and queries says of one that it cannot read: in English, and with
/// the visitor's words in it.
fn is_plain(answer: &Response) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn to_sign_in(app: &App, visitor: &Visitor, changes: bool) -> Response {
    let to = match (app.accounts.is_new(), changes) {
        (true, _) => "/set-up".to_string(),
        (false, true) => "/sign-in".to_string(),
        (false, false) => format!("/sign-in?to={}", encoded(&visitor.path)),
    };
    see(&to)
}

/// Another page instead: what a form answers.
pub(super) fn see(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let to = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, to);
    response
}

/// A text inside a query (RFC 3986 section 2).
pub(super) fn encoded(text: &str) -> String {
    let mut to = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.push_str(&format!("%{byte:02X}"));
        }
    }
    to
}

fn visitor(app: &App, request: &Request) -> Visitor {
    let headers = request.headers();
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    let nobody = Peer {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        tls: false,
    };
    let peer = peer.map_or(nobody, |peer| peer.0);
    let user = cookie(headers, SESSION_COOKIE).and_then(|token| {
        app.sessions.user(&token, |name| {
            let user = app.accounts.user(name)?;
            let hash = user.password.reveal().to_string();
            let (name, role) = (user.name, user.role);
            Some((User { name, role }, hash))
        })
    });
    Visitor {
        language: language(headers),
        user,
        address: peer.address,
        path: way_back(request),
        tls: peer.tls,
        by_token: false,
    }
}

/// The page that is asked for; for a form the one that it stood on, since a form's own path is no page.
fn way_back(request: &Request) -> String {
    let page = request.uri().path_and_query().map(ToString::to_string);
    let page = if request.method() == Method::GET {
        page
    } else {
        let from = request.headers().get(REFERER);
        let from = from.and_then(|value| value.to_str().ok()?.parse::<Uri>().ok());
        from.and_then(|from| from.path_and_query().map(ToString::to_string))
    };
    page.unwrap_or_else(|| "/".into())
}

/// The chosen language, else the first that the browser names and we have.
fn language(headers: &HeaderMap) -> Language {
    let chosen = cookie(headers, LANGUAGE_COOKIE);
    let wanted = headers.get(ACCEPT_LANGUAGE);
    let wanted = wanted.and_then(|value| value.to_str().ok()).unwrap_or("");
    let first = wanted
        .split(',')
        .map(str::trim)
        .find(|tag| tag.starts_with("ja") || tag.starts_with("en"));
    Language::from_locale(chosen.as_deref().or(first).unwrap_or("en"))
}

/// The value of a cookie.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter();
    let pairs = all.filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';'));
    pairs.find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then(|| value.to_string())
    })
}

fn from_here(headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(HeaderValue::to_str);
    match text(&HeaderName::from_static("sec-fetch-site")) {
        Some(Ok("same-origin")) => return true,
        Some(_) => return false,
        None => {}
    }
    match (text(&ORIGIN), text(&HOST)) {
        // No browser leaves both out of a form; scripts send neither.
        (None, _) => true,
        (Some(Ok(origin)), Some(Ok(host))) => origin
            .split_once("://")
            .is_some_and(|(_, authority)| authority == host),
        _ => false,
    }
}

/// What every answer carries: nothing from elsewhere runs or is loaded, nothing frames us, nothing is
/// kept by anybody on the way.
fn with_headers(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
        connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
