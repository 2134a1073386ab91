//! The embedded engine on real sockets: rules N2, N4 and N6.
//!
//! Each test has addresses of its own in 127.0.0.0/8, and each process a port of its own, so that all may
//! run at once, those of two checkouts as well.

mod cluster;
mod flood;
mod gates;
mod heartbeats;
mod links;
mod pages;
mod probes;
mod process;
mod relay;
mod settings;
