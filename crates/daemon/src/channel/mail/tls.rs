//! Trust for TLS towards an SMTP server: the system's authorities, or those of one file.
//!
//! Trust roots take memory and 10 ms to read, so they are read when a connection needs them, off
//! the runtime's thread, and dropped with it (DESIGN.md, "Memory"). Certificates are checked unless
//! the settings switch that off by name.

use super::certificate;
use super::talk::{Listener, What};
use crate::log;
use noroshi_core::config::SmtpServer;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Places for reading authorities; a disk that hangs keeps its place, and with it its thread.
static READING: Semaphore = Semaphore::const_new(super::ATTEMPTS_MAX);

/// The TLS settings and the name to be proved by `server`. Waits for the disk: the caller sets the
/// deadline.
pub(super) async fn settings(
    server: &SmtpServer,
    listener: &Listener,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), String> {
    let host = server
        .host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.');
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        log::language().pick(
            format!("{host:?} is no name that a certificate can prove"),
            format!("{host:?} は証明書で確認できる名前ではありません"),
        )
    })?;
    let (verify, ca_file) = (server.verify, server.ca_file.clone());
    let listener = listener.clone();
    let place = READING.acquire().await;
    let place = place.map_err(|error| error.to_string())?;
    let config = tokio::task::spawn_blocking(move || {
        let _place = place;
        config(verify, ca_file.as_deref(), listener)
    });
    let config = config.await.map_err(|error| error.to_string())??;
    Ok((Arc::new(config), name))
}

fn config(verify: bool, ca_file: Option<&str>, listener: Listener) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let verifier: Arc<dyn ServerCertVerifier> = if verify {
        let roots = Arc::new(roots(ca_file)?);
        WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| error.to_string())?
    } else {
        Arc::new(Unchecked(provider))
    };
    let verifier = match listener.is_on() {
        true => Arc::new(Witness { verifier, listener }),
        false => verifier,
    };
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// Whether the certificate authorities in a file can be used, as a mail would.
///
/// # Errors
/// Why not, for people.
pub(crate) fn try_ca_file(path: &str) -> Result<(), String> {
    roots(Some(path)).map(drop)
}

fn roots(ca_file: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unreadable = |error| {
                log::language().pick(
                    format!("the authorities in {path} cannot be read: {error}"),
                    format!("{path} の認証局を読み込めません: {error}"),
                )
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                let certificate = certificate.map_err(unreadable)?;
                roots.add(certificate).map_err(|error| {
                    log::language().pick(
                        format!("the authorities in {path} are no use: {error}"),
                        format!("{path} の認証局は使用できません: {error}"),
                    )
                })?;
            }
        }
        // Single unreadable files among the system's are no reason to trust none of them.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        let language = log::language();
        let place =
            ca_file.unwrap_or(language.pick("the system's store", "システムの証明書ストア"));
        return Err(language.pick(
            format!("no certificate authority in {place}"),
            format!("{place} に認証局がありません"),
        ));
    }
    Ok(roots)
}

/// Takes any certificate, where the settings say so; signatures are still checked.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Tells a listener which certificate came, before it is judged.
#[derive(Debug)]
struct Witness {
    verifier: Arc<dyn ServerCertVerifier>,
    listener: Listener,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.listener.note(What::Certificate, || {
            certificate::shown(end_entity).unwrap_or_else(|| "?".into())
        });
        self.verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
