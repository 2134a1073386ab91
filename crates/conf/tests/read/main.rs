//! Whole files through [`noroshi_conf::read`].

mod charsets;
mod helpers;
mod lamps;
mod mail;
mod refused;
mod robust;
mod samples;
mod secrets;
mod servers;
mod spelling;
