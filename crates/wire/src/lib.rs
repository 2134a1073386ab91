//! Bytes to values and back: heartbeat frames, sealed settings and warning-light protocols.
//!
//! One codec per protocol serves the daemon (the side that asks), the simulator (the side
//! that answers) and the fuzzer alike.
//!
//! *Use.* Callers own every socket, clock and source of randomness; they hand in bytes and
//! random values and get back values or bytes.
//!
//! *Failure.* A decoder given bytes from outside never panics and never keeps more than its
//! named bound. It answers with an error that says what was wrong; nothing is left half
//! applied, because nothing here keeps state except where a type's documentation says so.
#![no_std]

extern crate alloc;

pub mod heartbeat;
pub mod key;
pub mod lamp;
pub mod replay;
pub mod seal;
