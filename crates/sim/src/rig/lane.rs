//! Addresses that no other rig on this host uses.
//!
//! *Use.* [`Lane::take`] gives one /24 out of 127.65.0.0/16; it is free again when the [`Lane`] is
//! dropped. Taken is a lane whose name, an abstract socket address, is bound: the kernel keeps these
//! names for the same network namespace as the addresses themselves, for all users, and lets go of
//! them with the process, however that ends. Daemons inherit it: one that outlives its rig, because
//! the rig's process was killed, keeps its lane taken.

use super::{Error, Fallible};
use rustix::io::{FdFlags, fcntl_setfd};
use std::net::{IpAddr, Ipv4Addr};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// One /24 below 127.0.0.0/8, held by this rig.
#[derive(Debug)]
pub struct Lane {
    net: [u8; 2],
    _name: UnixDatagram,
}

/// Second octet of all lanes.
const NET: u8 = 65;

impl Lane {
    /// Takes a free lane.
    ///
    /// # Errors
    /// When all 256 lanes are taken.
    pub fn take() -> Fallible<Lane> {
        for third in 0..=u8::MAX {
            let name = SocketAddr::from_abstract_name(format!("noroshi-rig-127.{NET}.{third}"))?;
            if let Ok(socket) = UnixDatagram::bind_addr(&name) {
                // Not closed in child processes; the name is taken as long as one has it.
                fcntl_setfd(&socket, FdFlags::empty())
                    .map_err(|error| Error::doing("lane", error))?;
                return Ok(Lane {
                    net: [NET, third],
                    _name: socket,
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
