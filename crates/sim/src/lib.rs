//! The other side: simulated lamps and inbox, whole clusters on virtual time, and real ones.

pub mod inbox;
pub mod lamp;
pub mod rig;
pub mod scenario;
pub mod world;
