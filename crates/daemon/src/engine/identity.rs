//! Who may hold a link: whoever holds the cluster key, and nobody else.
//!
//! An Ed25519 key pair is derived from the cluster key, and each server makes itself a certificate
//! for it at every start. Both ends of a link must prove, by TLS 1.3's signatures, that they hold
//! the private half of exactly this key. Names, dates and issuers in a certificate mean nothing
//! here: a server whose clock stands in the past is as good as any. Which server it is says the
//! first line on the link (`hello`).
//!
//! *Use.* [`Identity::new`] once; [`Identity::connect`] and [`Identity::accept`] for each link.
//! *Failure.* [`refused_for_its_key`] tells a wrong key from other trouble. Nothing secret is in
//! any error or `Debug` text.

use noroshi_wire::key::ClusterKey;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer,
    UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// The purpose under which the key pair's seed is derived from the cluster key.
const PURPOSE: &str = "link identity v1";

/// The name in every certificate and greeting; TLS wants one, nobody looks at it.
const NAME: &str = "noroshi";

/// Start of an Ed25519 private key in PKCS#8 (RFC 8410 section 7); the seed's 32 bytes follow.
const PKCS8_ED25519: [u8; 16] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
];

/// This cluster's key pair, ready for both ends of a link.
#[derive(Clone)]
pub(super) struct Identity {
    connector: TlsConnector,
    acceptor: TlsAcceptor,
    name: ServerName<'static>,
}

impl Identity {
    /// Derives the key pair and makes the certificate.
    ///
    /// # Errors
    /// When the libraries refuse the key or the certificate, which no cluster key makes them do.
    pub(super) fn new(key: &ClusterKey) -> io::Result<Identity> {
        let (certificate, pkcs8) = certificate(key).map_err(io::Error::other)?;
        Identity::from_parts(certificate, pkcs8).map_err(io::Error::other)
    }

    fn from_parts(certificate: CertificateDer<'static>, pkcs8: Vec<u8>) -> Result<Identity, Error> {
        let provider = Arc::new(ring::default_provider());
        let same_key = Arc::new(SameKey {
            public_key: ParsedCertificate::try_from(&certificate)?.subject_public_key_info(),
            algorithms: provider.signature_verification_algorithms,
        });
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8));
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::clone(&same_key) as _)
            .with_single_cert(vec![certificate.clone()], key.clone_key())?;
        // A resumed session would skip the certificates, and links live too long to profit.
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(same_key)
            .with_client_auth_cert(vec![certificate], key)?;
        client.resumption = Resumption::disabled();
        client.enable_sni = false;
        Ok(Identity {
            connector: TlsConnector::from(Arc::new(client)),
            acceptor: TlsAcceptor::from(Arc::new(server)),
            name: ServerName::try_from(NAME).map_err(|_| Error::General("name".into()))?,
        })
    }

    /// The dialling end's handshake.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector
            .connect(self.name.clone(), stream)
            .await
            .map(TlsStream::Client)
    }

    /// The accepting end's handshake.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await.map(TlsStream::Server)
    }
}

/// Whether a handshake failed because one end's key is not the other's.
pub(super) fn refused_for_its_key(error: &io::Error) -> bool {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    matches!(
        tls,
        Some(
            Error::InvalidCertificate(_)
                | Error::NoCertificatesPresented
                | Error::AlertReceived(rustls::AlertDescription::AccessDenied)
                | Error::AlertReceived(rustls::AlertDescription::CertificateUnknown)
        )
    )
}

fn certificate(key: &ClusterKey) -> Result<(CertificateDer<'static>, Vec<u8>), rcgen::Error> {
    let pkcs8 = [PKCS8_ED25519.as_slice(), &key.derive(PURPOSE)].concat();
    let pair = rcgen::KeyPair::try_from(pkcs8.as_slice())?;
    let certificate = rcgen::CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&pair)?;
    Ok((certificate.der().clone(), pkcs8))
}

/// Accepts exactly the certificates whose public key is our own.
#[derive(Debug)]
struct SameKey {
    public_key: SubjectPublicKeyInfoDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl SameKey {
    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if ParsedCertificate::try_from(certificate)?.subject_public_key_info() == self.public_key {
            Ok(())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }
}

/// What both ends ask of a signature; the two traits have the same three methods for it.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _certificate: &CertificateDer<'_>,
            _signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            // Not offered; should it ever come up, it is refused.
            Err(Error::General("TLS 1.2 is not spoken here".into()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }
    };
}

impl ServerCertVerifier for SameKey {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(certificate)
            .map(|()| ServerCertVerified::assertion())
    }

    signatures!();
}

impl ClientCertVerifier for SameKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(certificate)
            .map(|()| ClientCertVerified::assertion())
    }

    signatures!();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N2
    #[test]
    fn every_server_derives_the_same_public_key_and_another_cluster_another() {
        let public = |byte| {
            let (certificate, _) = certificate(&ClusterKey::new([byte; 32])).expect("a key");
            let parsed = ParsedCertificate::try_from(&certificate).expect("a certificate");
            parsed.subject_public_key_info().to_vec()
        };
        assert_eq!(public(1), public(1));
        assert_ne!(public(1), public(2));
    }

    /// A stolen certificate without its private key is worth nothing.
    ///
    /// Rule: N2
    #[tokio::test]
    async fn a_certificate_without_its_private_key_is_refused_by_the_signature() {
        let (good, pkcs8) = certificate(&ClusterKey::new([1; 32])).expect("a key");
        let (_, wrong) = certificate(&ClusterKey::new([2; 32])).expect("a key");
        let server = Identity::from_parts(good.clone(), pkcs8).expect("an identity");
        let provider = Arc::new(ring::default_provider());
        let key = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(wrong)).expect("a key");
        let thief = rustls::sign::CertifiedKey::new(vec![good.clone()], key);
        let same_key = Arc::new(SameKey {
            public_key: ParsedCertificate::try_from(&good)
                .expect("ours")
                .subject_public_key_info(),
            algorithms: provider.signature_verification_algorithms,
        });
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .expect("TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(same_key)
            .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(thief)));
        let (near, far) = tokio::io::duplex(64 * 1024);
        let dial = TlsConnector::from(Arc::new(client)).connect(server.name.clone(), near);
        let (accepted, _) = tokio::join!(server.acceptor.accept(far), dial);
        let error = accepted.expect_err("the signature is another key's");
        assert!(error.to_string().contains("BadSignature"), "{error}");
    }
}
