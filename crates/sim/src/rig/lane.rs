//! Addresses that no other rig on this host uses.
//!
//! *Use.* [`Lane::take`] gives one /24 out of 127.64.0.0/10; it is free again when the [`Lane`] is
//! dropped. The kernel's lock on a file per lane keeps rigs of all processes apart, and is gone
//! with a process, however that ends.

use super::{Error, Fallible};
use std::fs::{DirBuilder, File, OpenOptions};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::DirBuilderExt;

/// One /24 below 127.0.0.0/8, held by this rig.
#[derive(Debug)]
pub struct Lane {
    net: [u8; 2],
    _lock: File,
}

/// First second octet of lanes; each user of the host begins at an own one.
const NETS_FROM: u8 = 64;
/// Users that are kept apart; two that fall together are kept apart by their bind errors only.
const USERS: u32 = 64;

impl Lane {
    /// Takes a free lane.
    ///
    /// # Errors
    /// When lock files cannot be made, or all 256 lanes of this user are taken.
    pub fn take() -> Fallible<Lane> {
        let uid = rustix::process::getuid().as_raw();
        let dir = std::env::temp_dir().join(format!("noroshi-rig-{uid}"));
        let named = |error| Error::doing(dir.display(), error);
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(named)?;
        let second = NETS_FROM + (uid % USERS) as u8;
        for third in 0..=u8::MAX {
            let mut options = OpenOptions::new();
            let file = options.write(true).create(true).truncate(false);
            let file = file.open(dir.join(third.to_string())).map_err(named)?;
            if file.try_lock().is_ok() {
                return Ok(Lane {
                    net: [second, third],
                    _lock: file,
                });
            }
        }
        Err(Error(
            "all 256 lanes of loopback addresses are in use".into(),
        ))
    }

    /// The address of this lane that ends in `last`.
    pub fn address(&self, last: u8) -> IpAddr {
        Ipv4Addr::new(127, self.net[0], self.net[1], last).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lanes_are_never_the_same() {
        let (one, other) = (Lane::take().unwrap(), Lane::take().unwrap());
        assert_ne!(one.address(1), other.address(1));
        assert!(one.address(1).is_loopback());
    }
}
