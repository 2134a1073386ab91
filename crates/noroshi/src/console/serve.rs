//! Taking connections, within bounds.
//!
//! At most [`CONNECTIONS_MAX`] at once and [`OF_ONE_ADDRESS_MAX`] of them from one address, so that one
//! visitor with thousands of idle connections keeps nobody else out. One too many is closed at once.
//! A request's head must come within [`HEAD_WAIT`], which is also how long an idle connection is kept.

use super::route::router;
use super::visitor::Peer;
use super::{App, certificate};
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use noroshi_core::config::Config;
use noroshi_core::text::Language;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Connections at once.
const CONNECTIONS_MAX: usize = 256;
/// Of them from one address other than this host's.
const OF_ONE_ADDRESS_MAX: usize = 32;
/// How long the head of a request may take.
const HEAD_WAIT: Duration = Duration::from_secs(20);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Header fields of a request.
const HEADERS_MAX: usize = 64;
/// Pause after a failed accept, so that a lack of file descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves on every address of `server` until standard input ends.
///
/// # Errors
/// When it cannot listen on one of them.
pub(super) async fn serve(
    app: Arc<App>,
    config: &Config,
    server: &str,
    language: Language,
) -> Result<(), String> {
    let mut listeners = Vec::new();
    let mut tls = None;
    for address in addresses(config, server) {
        let open = scheme(address) == "http";
        if !open && tls.is_none() {
            tls = Some(certificate::acceptor(&app.home, config, server)?);
        }
        let tls = tls.clone().filter(|_| !open);
        let listener = TcpListener::bind(address).await.map_err(|error| {
            language.pick(
                format!("cannot listen on {address}: {error}"),
                format!("{address} で待ち受けできません: {error}"),
            )
        })?;
        // The daemon passes it on to its log.
        eprintln!("{}://{address}/", scheme(address));
        listeners.push((listener, tls));
    }
    let places = Arc::new(Places::default());
    let router = router(app);
    let mut tasks = JoinSet::new();
    for (listener, tls) in listeners {
        tasks.spawn(accept(listener, tls, router.clone(), Arc::clone(&places)));
    }
    // The daemon holds the other end: whatever ends it ends us.
    let (ended, end) = oneshot::channel();
    let wait = std::thread::Builder::new().name("daemon".into());
    wait.spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = ended.send(());
    })
    .map_err(|error| error.to_string())?;
    let _ = end.await;
    Ok(())
}

/// What leaves this host is encrypted, always.
pub(crate) fn scheme(address: SocketAddr) -> &'static str {
    match address.ip().is_loopback() {
        true => "http",
        false => "https",
    }
}

/// Where `server` listens: this host alone, unless its settings say more.
pub(crate) fn addresses(config: &Config, server: &str) -> Vec<SocketAddr> {
    let console = &config.console;
    let own = config
        .server_named(server)
        .and_then(|own| console.addresses.get(usize::from(own.0)));
    let own = own.map_or(&[][..], Vec::as_slice);
    let here = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let own = if own.is_empty() { &here[..] } else { own };
    own.iter()
        .map(|address| SocketAddr::new(*address, console.port))
        .collect()
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: axum::Router,
    places: Arc<Places>,
) {
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let address = from.ip().to_canonical();
        if let Some(place) = Places::take(&places, address) {
            let (router, tls) = (router.clone(), tls.clone());
            tokio::spawn(async move {
                // An error is the visitor's going away.
                let _ = welcome(stream, tls, address, router).await;
                drop(place);
            });
        }
    }
}

async fn welcome(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    address: IpAddr,
    router: axum::Router,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let peer = |tls| Peer { address, tls };
    match tls {
        Some(tls) => {
            let stream = timeout(HEAD_WAIT, tls.accept(stream)).await??;
            converse(stream, peer(true), router).await
        }
        None => converse(stream, peer(false), router).await,
    }
}

pub(super) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    peer: Peer,
    router: axum::Router,
) -> io::Result<()> {
    let router = router.layer(axum::Extension(ConnectInfo(peer)));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await
        .map_err(io::Error::other)
}

/// How many connections each address has.
#[derive(Default)]
struct Places(Mutex<HashMap<IpAddr, usize>>);

/// Gives its place back when it is dropped.
struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    fn take(places: &Arc<Places>, address: IpAddr) -> Option<Place> {
        let mut all = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken: usize = all.values().sum();
        let own = all.get(&address).copied().unwrap_or(0);
        if taken >= CONNECTIONS_MAX || (own >= OF_ONE_ADDRESS_MAX && !address.is_loopback()) {
            return None;
        }
        all.insert(address, own + 1);
        drop(all);
        Some(Place {
            places: Arc::clone(places),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = all.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                all.remove(&self.address);
            }
        }
    }
}
