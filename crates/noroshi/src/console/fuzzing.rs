//! The console as a search through its decoders asks it: whole connections, and somebody who is signed in. For the
//! crate `noroshi-fuzz` alone.

use super::{App, account, route, serve, visitor};
use noroshi_daemon::home::Home;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A console without a port.
pub struct Console {
    app: Arc<App>,
    router: axum::Router,
}

impl Console {
    /// Of this home; its daemon is whoever answers at the home's command socket.
    pub fn of(home: Home) -> Console {
        let accounts = account::Accounts::new(home.clone());
        let app = Arc::new(App::new(home, accounts));
        let router = route::router(Arc::clone(&app));
        Console { app, router }
    }

    /// Signs a user of the settings in, whose password has this hash; the answer is the cookie.
    ///
    /// # Panics
    /// When the system gives no random bytes.
    pub fn sign_in(&self, user: &str, password_hash: &str) -> String {
        let token = self.app.sessions.begin(user, password_hash);
        let token = token.expect("without random bytes nothing of this is searched");
        format!("{}={token}", visitor::SESSION_COOKIE)
    }

    /// Answers the requests of one connection, as from this host without TLS.
    pub async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send) {
        let peer = visitor::Peer {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: false,
        };
        // An error is the visitor's going away.
        let _ = serve::converse(stream, peer, None, self.router.clone()).await;
    }
}

/// Method and path of every page, form and call of the API.
pub fn routes() -> Vec<(&'static str, &'static str)> {
    let all = route::ROUTES.iter();
    all.map(|route| (route.method, route.path)).collect()
}
