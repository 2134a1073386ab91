//! The other side: simulated lamps and inbox, and whole clusters on virtual time.

pub mod scenario;
pub mod world;
