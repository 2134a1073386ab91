//! Secrets of clp.conf under the key of this home (rule N18): [`noroshi_wire::seal`] with the key
//! file and the system's random source.

use super::Home;
use super::key::KeyFileError;
use noroshi_conf::sealed::Opened;
use noroshi_wire::seal::{self, NONCE_BYTES, SealError};
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;

/// Why a secret was not sealed.
#[derive(Debug)]
pub enum SecretError {
    /// The cluster key cannot be read.
    Key(KeyFileError),
    /// The secret cannot be sealed.
    Seal(SealError),
}

impl Home {
    /// Seals `secret` for the setting at `path`.
    ///
    /// # Errors
    /// Without a readable key or random bytes, and for a secret that is too long.
    pub fn seal_secret(&self, path: &str, secret: &str) -> Result<String, SecretError> {
        let key = self.read_key().map_err(SecretError::Key)?;
        let mut nonce = [0; NONCE_BYTES];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| SecretError::Key(KeyFileError::NoRandomness))?;
        seal::seal(&key, path, nonce, secret).map_err(SecretError::Seal)
    }

    /// Opens the sealed secret at `path`: an opener for [`noroshi_conf::read_with`].
    pub fn open_secret(&self, path: &str, text: &str) -> Opened {
        let key = match self.read_key() {
            Ok(key) => key,
            Err(error) => {
                let file = self.key();
                let file = file.display();
                return Opened::Failed(
                    format!("the cluster key {file} cannot be read: {error}"),
                    format!("クラスタ鍵 {file} を読み込めません: {error}"),
                );
            }
        };
        match seal::open(&key, path, text) {
            Ok(secret) => Opened::Secret(secret),
            Err(SealError::Forged) => Opened::Failed(
                "it was sealed under another cluster key or for another path, or was changed"
                    .into(),
                "別のクラスタ鍵または別のパスで暗号化されたか、変更されています".into(),
            ),
            Err(_) => Opened::Failed(
                "it was cut, or sealed by a later release".into(),
                "途切れているか、新しい版で暗号化されています".into(),
            ),
        }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretError::Key(error) => write!(f, "{error}"),
            SecretError::Seal(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for SecretError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::key::random_key;

    /// Rule: N18
    #[test]
    fn a_secret_is_opened_in_a_home_with_the_same_key_only() {
        let path = "/root/noroshi/lamp@sv1/password";
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let homes = [Home::at(one.path()), Home::at(other.path())];
        for home in &homes {
            std::fs::create_dir(home.etc()).unwrap();
        }
        assert!(matches!(
            homes[0].seal_secret(path, "hunter2"),
            Err(SecretError::Key(_))
        ));
        assert!(matches!(
            homes[0].open_secret(path, "sealed:1:00"),
            Opened::Failed(..)
        ));
        for home in &homes {
            home.write_key(&random_key().unwrap(), false).unwrap();
        }
        let text = homes[0].seal_secret(path, "hunter2").unwrap();
        assert_ne!(text, homes[0].seal_secret(path, "hunter2").unwrap());
        assert!(matches!(homes[0].open_secret(path, &text), Opened::Secret(s) if s == "hunter2"));
        assert!(matches!(
            homes[1].open_secret(path, &text),
            Opened::Failed(..)
        ));
        assert!(matches!(
            homes[0].open_secret("/root/x", &text),
            Opened::Failed(..)
        ));
    }
}
