//! A TLS door in front of the rig's plain mail server, with a throw-away certificate authority.
//!
//! The mail server's arrival times stay what they are; the way through the door comes on top.

use crate::netns;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use noroshi_sim::rig::{Error, Fallible};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// A TLS door in front of a plain mail server; closed when dropped.
pub(crate) struct Door {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    /// Opens a door at a free port of `behind`'s address: what is said there is passed on to
    /// `behind`, both in this network namespace if one is named. The authority's certificate is written to
    /// `authority`; its key is forgotten.
    ///
    /// # Errors
    /// When the door cannot be opened, or the file not written.
    pub(crate) fn open(
        behind: SocketAddr,
        authority: &Path,
        space: Option<String>,
    ) -> Fallible<Door> {
        let made = certified(behind);
        let (config, pem) = made.map_err(|error| Error::doing("a certificate", error))?;
        std::fs::write(authority, pem)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (opened, is_open) = sync_channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let (runtime, listener) = match listen(behind, space) {
                Ok((runtime, listener, address)) => {
                    let _ = opened.send(Ok(address));
                    (runtime, listener)
                }
                Err(error) => return drop(opened.send(Err(error))),
            };
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, acceptor, behind) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = is_open
            .recv()
            .map_err(|_| Error("the thread of the TLS door ended".into()))??;
        Ok(Door {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Listens on the calling thread, which lives in the namespace from then on.
fn listen(
    behind: SocketAddr,
    space: Option<String>,
) -> Fallible<(Runtime, TcpListener, SocketAddr)> {
    space.map_or(Ok(()), |name| netns::enter(&name))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind((behind.ip(), 0)))?;
    let address = listener.local_addr()?;
    Ok((runtime, listener, address))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, behind: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(pass(acceptor.clone(), stream, behind));
    }
}

/// Ends when either side does.
async fn pass(acceptor: TlsAcceptor, stream: TcpStream, behind: SocketAddr) -> std::io::Result<()> {
    let mut outside = acceptor.accept(stream).await?;
    let mut inside = TcpStream::connect(behind).await?;
    inside.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut outside, &mut inside).await?;
    Ok(())
}

fn certified(address: SocketAddr) -> Result<(ServerConfig, String), Box<dyn std::error::Error>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?;
    let leaf_key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec![address.ip().to_string()])?
        .signed_by(&leaf_key, &Issuer::new(params, key))?;
    let chain = vec![CertificateDer::from(leaf.der().to_vec())];
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, private)?;
    Ok((config, pem(authority.der())))
}

/// RFC 7468.
fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}
