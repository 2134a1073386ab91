//! Seeded faults, then healing, then convergence: what must hold whatever happened.
//!
//! A seed makes a story ([`tell`]): a cluster, faults in the order in which they happen, healing, a look
//! whether all is well, quiet, faults again. What must hold is watched by the world at every step
//! ([`crate::world::Invariant`]). A story is told again from what happened in it ([`Story::replay`]), so that
//! parts of it can be left out ([`shrink`]), and is written as a scenario that the runner of
//! `scenarios/` plays. The program `noroshi-sim` does all of that.

mod faults;
mod plan;
mod shrink;
mod story;

pub use faults::Faults;
pub use plan::Plan;
pub use shrink::shrink;
pub use story::{Act, Step, Story, Told, tell};
