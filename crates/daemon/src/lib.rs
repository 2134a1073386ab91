//! All input and output of the alert service.
//!
//! [`app`] wires everything in one straight line and tears it down in reverse; [`driver`] is the
//! loop that carries events into `core` and actions out of it. Each other module is one way in or
//! out, and none knows another.

pub mod app;
pub mod channel;
pub mod clock;
pub mod control;
pub mod engine;
mod driver;
pub mod home;
pub mod entropy;
pub mod inbox;
pub mod reload;
pub mod store;
