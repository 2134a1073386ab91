//! Taking connections, within bounds.
//!
//! How many there may be, and who gives way at that bound, stands in [`places`](super::places). A request's
//! head must come within [`HEAD_WAIT`], which is also how long an idle connection is kept; its body within
//! [`BODY_WAIT`](super::body::BODY_WAIT); and a reader who takes nothing for
//! [`WRITE_WAIT`] is given up.

use super::patient::{Patient, WRITE_WAIT};
use super::places::{Place, Places, Standing};
use super::route::router;
use super::visitor::Peer;
use super::{App, certificate};
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use noroshi_core::config::Config;
use noroshi_core::text::Language;
use socket2::SockRef;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How long the head of a request may take.
const HEAD_WAIT: Duration = Duration::from_secs(20);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Header fields of a request.
const HEADERS_MAX: usize = 64;
/// What the system keeps of answers that were not taken, a connection; it doubles this for its own use.
const SEND_BUFFER_BYTES: usize = 128 * 1024;
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
            let own = format!("/root/noroshi/console/server@{server}/address");
            language.pick(
                format!("cannot listen on {address}: {error}. Free it, or set /root/noroshi/console/port or {own}"),
                format!("{address} で待ち受けできません: {error}。空けるか、/root/noroshi/console/port または {own} を設定してください"),
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
                let _ = welcome(stream, tls, router, &place).await;
            });
        }
    }
}

async fn welcome(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: axum::Router,
    place: &Place,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let peer = |tls| Peer {
        address: place.address(),
        tls,
    };
    bound(&stream)?;
    let standing = Some(Arc::clone(&place.standing));
    let stay = async {
        match tls {
            Some(tls) => {
                let stream = timeout(HEAD_WAIT, tls.accept(stream)).await??;
                converse(stream, peer(true), standing, router).await
            }
            None => converse(stream, peer(false), standing, router).await,
        }
    };
    tokio::select! {
        ended = stay => ended,
        () = place.standing.leave() => Ok(()),
    }
}

/// Bounds what the system keeps for a reader who takes nothing, and how long for one who vanished.
fn bound(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_tcp_user_timeout(Some(WRITE_WAIT))
}

/// Answers the requests of one connection; each bears who it is from.
pub(super) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    peer: Peer,
    standing: Option<Arc<Standing>>,
    router: axum::Router,
) -> io::Result<()> {
    let router = TowerToHyperService::new(router);
    // A layer on the router would copy its whole table for each connection.
    let service = service_fn(move |mut request: Request<Incoming>| {
        let known = request.extensions_mut();
        known.insert(ConnectInfo(peer));
        if let Some(standing) = &standing {
            known.insert(Arc::clone(standing));
        }
        router.call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(Patient::new(stream)), service)
        .await
        .map_err(io::Error::other)
}
