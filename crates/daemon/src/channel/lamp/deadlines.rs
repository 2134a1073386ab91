//! How long each part of a lamp command may take.

use std::time::Duration;

/// Longest wait for a connection (rule N14).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest whole exchange, connection included (rule N14). A program gets as long.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(5);
/// An SNMP request without an answer is sent again after this time: a datagram may be lost.
pub const RESEND_AFTER: Duration = Duration::from_secs(1);
/// Most times that one SNMP request is sent; then its answer is waited for until the end.
pub const SENDS_MAX: u32 = 3;

/// The time limits of one lamp command; tests use shorter ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Until the connection stands.
    pub connect: Duration,
    /// For everything, connection included.
    pub exchange: Duration,
    /// Between two sendings of one SNMP request.
    pub resend: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: CONNECT_TIMEOUT,
            exchange: EXCHANGE_TIMEOUT,
            resend: RESEND_AFTER,
        }
    }
}
