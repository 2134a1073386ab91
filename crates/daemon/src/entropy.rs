//! The only source of randomness: the system's, through ring.
//!
//! *Use.* [`session`] once at each start of the daemon, [`bytes`] for keys and seeds.
//!
//! *Failure.* When the system gives no random bytes there is no safe way to go on: a session used
//! twice would break the heartbeats' encryption. The caller ends with the error.

use noroshi_core::alert::SessionId;
use ring::rand::{SecureRandom, SystemRandom};
use std::io;

/// A name for one run of the daemon that no run ever had.
///
/// # Errors
/// When the system gives no random bytes.
pub fn session() -> io::Result<SessionId> {
    bytes().map(SessionId)
}

/// `N` random bytes, 32 for a cluster key.
///
/// # Errors
/// When the system gives no random bytes.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("the system's random source gives nothing"))?;
    Ok(bytes)
}
