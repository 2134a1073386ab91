//! The decisions of the alert service, without input or output.
//!
//! Everything that can happen enters [`Node::step`](node::Node::step) as one [`event::Event`];
//! everything that is to be done leaves it as [`action::Action`]s. Nothing in this crate reads a
//! clock, a file, a socket or a random number: time and entropy are handed in. So the same code
//! runs in the daemon, on the virtual time of the simulator, and under a fuzzer.
//!
//! # What stays true
//! * Nothing is sent before its record was confirmed ([`event::Event::Recorded`]), unless the
//!   store itself is the fault; then the notice says so.
//! * Mail and warning light never wait for each other.
//! * A lamp goes out only at its server's clean stop, at cluster shutdown or by `clpdn1000s`.
//! * An own pause is never turned into a verdict about another server.
#![no_std]

extern crate alloc;

pub mod action;
pub mod alert;
pub mod backoff;
pub mod config;
pub mod duty;
pub mod event;
pub mod lamp;
pub mod licence;
pub mod membership;
pub mod node;
pub mod notice;
pub mod pacemaker;
pub mod peer;
pub mod request;
pub mod set;
pub mod status;
pub mod text;
pub mod time;
