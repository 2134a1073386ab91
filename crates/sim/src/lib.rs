//! The other side: simulated lamps and inbox, worlds with faults on virtual time.

pub mod inbox;
pub mod lamp;
