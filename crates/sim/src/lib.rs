//! The other side: simulated lamps and inbox, and whole clusters on virtual time.

pub mod inbox;
pub mod lamp;
pub mod scenario;
pub mod world;
