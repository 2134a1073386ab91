//! Who is at work; so far only whose heartbeats may be believed.

pub mod session;
