//! Why a datagram was not taken as a heartbeat.
//!
//! *Use.* Count them by kind; one alert per kind and peer is enough, since anybody can send
//! datagrams. The texts say what to do.
//!
//! *Failure.* None: these are plain values.

use core::fmt;

use super::VERSION;

/// Why a datagram was not taken as a heartbeat. It was dropped; nothing was kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// Fewer bytes than a frame has; this many.
    TooShort(usize),
    /// More bytes than a frame may have; this many.
    TooLong(usize),
    /// It does not begin with the magic: some other program's datagram.
    NotOurs,
    /// A frame version this program does not speak.
    Version(u8),
    /// A kind of frame this version does not know.
    Kind(u8),
    /// The sender's index is not one of this cluster's servers.
    Sender(u8),
    /// Our own index as sender: a reflected frame, or two servers with one index.
    Ours,
    /// Meant for the server with this index.
    ForAnother(u8),
    /// The counter is zero, which no sender uses.
    Counter,
    /// Not made with this cluster's key, or changed on the way.
    Forged,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort(bytes) => write!(f, "a datagram of {bytes} bytes is no heartbeat: too short"),
            Self::TooLong(bytes) => write!(f, "a datagram of {bytes} bytes is no heartbeat: too long"),
            Self::NotOurs => f.write_str("not a noroshi heartbeat: another program sends to this port"),
            Self::Version(version) => write!(
                f,
                "heartbeat version {version} instead of {VERSION}: bring all servers to one release"
            ),
            Self::Kind(kind) => write!(f, "heartbeat of unknown kind {kind}: bring all servers to one release"),
            Self::Sender(index) => write!(
                f,
                "heartbeat of server index {index}, which this configuration does not have: push the configuration again"
            ),
            Self::Ours => f.write_str(
                "heartbeat bearing this server's own index: a reflected datagram, or two servers with one index",
            ),
            Self::ForAnother(index) => write!(
                f,
                "heartbeat meant for server index {index}: check the interconnect addresses in the configuration"
            ),
            Self::Counter => f.write_str("heartbeat with counter 0, which no server sends"),
            Self::Forged => f.write_str(
                "heartbeat not made with this cluster's key, or changed on the way: compare the key files",
            ),
        }
    }
}

impl core::error::Error for FrameError {}
