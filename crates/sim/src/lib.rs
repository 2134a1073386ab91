//! The other side: simulated lamps and inbox, whole clusters on virtual time, and real ones.

pub mod chaos;
pub mod inbox;
pub mod lamp;
mod orders;
pub mod rig;
pub mod scenario;
mod skip;
pub mod world;

pub use skip::{has_program, skipped};
