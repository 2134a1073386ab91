//! Who signs licences: Ed25519 (RFC 8032) keys in PEM, as `openssl genpkey` and `openssl pkey`
//! write and read them (RFC 8410).

use super::fault::{Fault, Problem};
use super::lines::{Lines, hex, hex_text};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;

/// Most signers that are trusted at a time: one, and a few more while one follows another.
pub const SIGNERS_MAX: usize = 8;

/// Most bytes of a file with keys.
const PEM_BYTES_MAX: usize = 16 * 1024;
/// What precedes the 32 bytes of a public key: SubjectPublicKeyInfo (RFC 8410 section 4).
const PUBLIC_PREFIX: [u8; 12] = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
/// What precedes the 32 bytes of a private key: PKCS #8 (RFC 8410 section 7).
const PRIVATE_PREFIX: [u8; 16] =
    *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// Names a signer: the first 8 bytes of the SHA-256 of its public key, in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignerId([u8; 8]);

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// Why a signed text is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Signed by somebody else than those whom we trust.
    Signer,
    /// The signature does not fit the text.
    Signature,
}

/// The public keys of those whose licences are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signers(Vec<(SignerId, [u8; 32])>);

/// The private key of somebody who issues licences. Never on a customer's machine.
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl Signers {
    /// Reads the public keys of a file: one or more blocks `PUBLIC KEY`; other lines are remarks.
    ///
    /// # Errors
    /// [`Fault`] when a block is no Ed25519 key, or there is none, or there are too many.
    pub fn parse(bytes: &[u8]) -> Result<Signers, Fault> {
        let mut signers = Vec::new();
        for (line, body) in blocks(bytes, "PUBLIC KEY")? {
            if signers.len() == SIGNERS_MAX {
                return Err(Fault::new(line, "", Problem::TooMany { max: SIGNERS_MAX }));
            }
            let key =
                key_in(&body, &PUBLIC_PREFIX).ok_or_else(|| Fault::new(line, "", Problem::Pem))?;
            signers.push((SignerId::of(&key), key));
        }
        match signers.is_empty() {
            true => Err(Fault::new(1, "", Problem::Pem)),
            false => Ok(Signers(signers)),
        }
    }

    /// Whether `text` was signed by one of them.
    ///
    /// # Errors
    /// [`Doubt`] says why not.
    pub fn check(&self, signer: SignerId, text: &str, signature: &Signature) -> Result<(), Doubt> {
        let known = self.0.iter().find(|known| known.0 == signer);
        let (_, key) = known.ok_or(Doubt::Signer)?;
        UnparsedPublicKey::new(&ED25519, key)
            .verify(text.as_bytes(), &signature.0)
            .map_err(|_| Doubt::Signature)
    }

    /// Their names.
    pub fn ids(&self) -> impl Iterator<Item = SignerId> + '_ {
        self.0.iter().map(|known| known.0)
    }
}

impl SigningKey {
    /// The key that 32 bytes from the system's random source make.
    pub fn from_random(seed: [u8; 32]) -> SigningKey {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .expect("any 32 bytes are an Ed25519 private key (RFC 8032 section 5.1.5)");
        SigningKey { seed, pair }
    }

    /// Reads a private key: one block `PRIVATE KEY`, not enciphered.
    ///
    /// # Errors
    /// [`Fault`], which shows nothing of the file.
    pub fn parse(bytes: &[u8]) -> Result<SigningKey, Fault> {
        let blocks = blocks(bytes, "PRIVATE KEY").map_err(|mut fault| {
            fault.value.clear();
            fault
        })?;
        let [(line, body)] = blocks.as_slice() else {
            return Err(Fault::new(1, "", Problem::Pem));
        };
        let seed =
            key_in(body, &PRIVATE_PREFIX).ok_or_else(|| Fault::new(*line, "", Problem::Pem))?;
        Ok(SigningKey::from_random(seed))
    }

    /// The private key's file. Secret.
    pub fn to_private_pem(&self) -> String {
        let body = BASE64_STANDARD.encode([&PRIVATE_PREFIX[..], &self.seed].concat());
        format!(
            "noroshi licence signer 1: private key {}; keep it secret\n{}",
            self.id(),
            pem("PRIVATE KEY", &body)
        )
    }

    /// The public key's file, as [`Signers::parse`] reads it.
    pub fn to_public_pem(&self) -> String {
        format!(
            "noroshi licence signer 1: public key {}\n{}",
            self.id(),
            public_pem_of_body(&self.public_body())
        )
    }

    /// The public key as one line of base64, for a build that has it built in.
    pub fn public_body(&self) -> String {
        BASE64_STANDARD.encode([&PUBLIC_PREFIX[..], &self.public()].concat())
    }

    /// Its name.
    pub fn id(&self) -> SignerId {
        SignerId::of(&self.public())
    }

    /// Signs a text.
    pub fn sign(&self, text: &str) -> Signature {
        let signed = self.pair.sign(text.as_bytes());
        let mut signature = [0; 64];
        signature.copy_from_slice(signed.as_ref());
        Signature(signature)
    }

    fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.id())
    }
}

/// The PEM block around the base64 text of a public key.
pub fn public_pem_of_body(body: &str) -> String {
    pem("PUBLIC KEY", body)
}

impl SignerId {
    fn of(public: &[u8; 32]) -> SignerId {
        let sum = digest(&SHA256, public);
        let mut id = [0; 8];
        id.copy_from_slice(&sum.as_ref()[..8]);
        SignerId(id)
    }

    pub(super) fn parse(text: &str) -> Option<SignerId> {
        hex(text).map(SignerId)
    }
}

impl fmt::Display for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_text(&self.0))
    }
}

impl fmt::Debug for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Signature {
    pub(super) fn parse(text: &str) -> Option<Signature> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        bytes.try_into().ok().map(Signature)
    }

    /// Its 64 bytes.
    pub fn bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn pem(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// The base64 text of each block with this label, with the line where the block begins.
fn blocks(bytes: &[u8], label: &str) -> Result<Vec<(u32, String)>, Fault> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let mut lines = Lines::all(bytes, PEM_BYTES_MAX)?;
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if line != begin {
            continue;
        }
        let start = lines.line();
        let mut body = String::new();
        loop {
            match lines.next() {
                Some(line) if line == end => break,
                Some(line) => body.push_str(line.trim()),
                None => return Err(Fault::new(start, "", Problem::Pem)),
            }
        }
        blocks.push((start, body));
    }
    Ok(blocks)
}

fn key_in(body: &str, prefix: &[u8]) -> Option<[u8; 32]> {
    let bytes = BASE64_STANDARD.decode(body).ok()?;
    bytes.strip_prefix(prefix)?.try_into().ok()
}
