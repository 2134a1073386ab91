//! All input and output of the alert service.
//!
//! [`app`] wires everything in one straight line and tears it down in reverse; [`driver`] is the
//! loop that carries events into `core` and actions out of it. Each other module is one way in or
//! out, and none knows another.

pub mod alert_view;
pub mod app;
pub mod channel;
pub mod clock;
pub mod collect;
mod console;
pub mod control;
mod driver;
pub mod engine;
pub mod entropy;
mod happenings;
pub mod home;
pub mod host_files;
pub mod inbox;
pub mod licence;
pub mod log;
pub mod own_server;
pub mod pacemaker;
pub mod reload;
mod replica;
pub mod sets;
pub mod store;
