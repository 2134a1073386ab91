//! The certificate that browsers are shown: the administrator's own, or one that this server makes once
//! and keeps, so that an exception in a browser stays good.
//!
//! It is of P-256, as browsers take no Ed25519, so it cannot be the one of the links; its fingerprint
//! stands in the log and is printed by `noroshi user link`, for comparing.

use super::private_file;
use noroshi_core::config::{CertificateFiles, Config};
use noroshi_daemon::clock;
use noroshi_daemon::home::Home;
use rcgen::{CertificateParams, DnType, KeyPair};
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// A certificate of ours is made anew after this time, at a start; browsers refuse those that hold for
/// more than 825 days.
const AGE_MAX: Duration = Duration::from_secs(700 * 24 * 3_600);
const VALID_DAYS: i64 = 820;

/// Where a server keeps the one that it made.
fn own_file(home: &Home) -> PathBuf {
    home.var().join("console.pem")
}

/// The fingerprint of the certificate that browsers are shown, the administrator's or the one that this
/// server has made, if there is one: SHA-256, as browsers print it.
pub(crate) fn fingerprint(home: &Home, config: &Config) -> Option<String> {
    let chain = match &config.console.certificate {
        Some(files) => chain(Path::new(&files.chain)).ok()?,
        None => chain(&own_file(home)).ok()?,
    };
    let hash = digest(&SHA256, chain.first()?);
    let bytes = hash.as_ref().iter().map(|byte| format!("{byte:02X}"));
    Some(bytes.collect::<Vec<_>>().join(":"))
}

/// What TLS needs.
///
/// # Errors
/// When a file cannot be read or used, or ours not be written; the text names it.
pub(super) fn acceptor(home: &Home, config: &Config, server: &str) -> Result<TlsAcceptor, String> {
    let (chain, key) = match &config.console.certificate {
        Some(files) => theirs(files)?,
        None => ours(home, config, server)?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| format!("the certificate cannot be used: {error}"))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn theirs(files: &CertificateFiles) -> Result<Pair, String> {
    let (chain_file, key_file) = (Path::new(&files.chain), Path::new(&files.key));
    Ok((chain(chain_file)?, key(key_file)?))
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let chain = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| told(&error))?;
    match chain.is_empty() {
        true => Err(told(&"no certificate in PEM form")),
        false => Ok(chain),
    }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| format!("{}: {error}", file.display()))
}

fn ours(home: &Home, config: &Config, server: &str) -> Result<Pair, String> {
    let file = own_file(home);
    let age = fs::metadata(&file).and_then(|file| file.modified());
    let fresh = age.is_ok_and(|made| clock::wall_since(made).is_none_or(|age| age < AGE_MAX));
    if fresh && let (Ok(chain), Ok(key)) = (chain(&file), key(&file)) {
        return Ok((chain, key));
    }
    let pem = make(config, server).map_err(|error| error.to_string())?;
    private_file::replace(&file, &pem).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok((chain(&file)?, key(&file)?))
}

/// Certificate and key in PEM form, for the server's name and all its addresses.
fn make(config: &Config, server: &str) -> Result<String, rcgen::Error> {
    let own = config.server_named(server);
    let of_console = own.and_then(|own| config.console.addresses.get(usize::from(own.0)));
    let of_paths = own.map(|own| &config.server(own).addresses);
    let mut names = vec![server.to_string(), "localhost".to_string()];
    names.extend(of_console.into_iter().flatten().map(ToString::to_string));
    let of_paths = of_paths.into_iter().flatten().flatten();
    names.extend(of_paths.map(ToString::to_string));
    names.dedup();
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, format!("noroshi {server}"));
    let now = std::time::SystemTime::from(clock::timestamp());
    let day = Duration::from_secs(24 * 3_600);
    params.not_before = (now - day).into();
    params.not_after = (now + day * VALID_DAYS as u32).into();
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()))
}
