//! What the engine counted: for the status, the metrics and whoever looks for a cause.

/// Heartbeats since the start, by what became of them. All wrap never: 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Handed to the network.
    pub sent: u64,
    /// Not taken by the network: unreachable, refused, no room.
    pub send_errors: u64,
    /// Told to the driver.
    pub heard: u64,
    /// From an address that is not the sender's on that interconnect. Most such datagrams are
    /// dropped by the kernel and counted nowhere.
    pub strangers: u64,
    /// No heartbeat of this version, or not for us.
    pub malformed: u64,
    /// Over the bound of frames examined for one server.
    pub limited: u64,
    /// Not made with this cluster's key, or changed on the way.
    pub forged: u64,
    /// Heard before, or too old.
    pub replayed: u64,
    /// Authentic, of a session that has not proven itself.
    pub unproven: u64,
    /// Dropped because the driver's inbox was full.
    pub inbox_full: u64,
    /// Messages between servers that were lost because a link's queue was full.
    pub queue_overflows: u64,
}
