//! When to try again, as a function of the attempts made.

use crate::time::Span;

/// How long a mail is tried: 5 days (rule N10), the life of a message in a mail queue.
pub const MAIL_LIFE: Span = Span::from_secs(5 * 24 * 3_600);

/// How long a line is kept for a local syslog daemon that is away: longer than it takes to restart.
pub const SYSLOG_LIFE: Span = Span::from_secs(600);

/// Wait before attempt `attempts + 1` of a mail: 1 s, doubling, at most 5 minutes. The first tries
/// come fast because a mail server that restarts is back in seconds, and this is the first notice.
pub fn mail_retry(attempts: u32) -> Span {
    Span::from_secs(1 << attempts.saturating_sub(1).min(9)).min(Span::from_secs(300))
}

/// What the waits between `attempts` attempts of a mail add up to: so old it is at least, whatever the
/// clock says.
pub fn mail_waited(attempts: u32) -> Span {
    // From the tenth on each wait is the longest one.
    let growing = (1..attempts.min(10)).map(mail_retry);
    let growing = growing.fold(Span::ZERO, |sum, wait| sum + wait);
    growing + Span::from_secs(300).times(u64::from(attempts.saturating_sub(10)))
}

/// Waits between the three tries of one lamp command (rule N14: two retries).
pub const LAMP_RETRIES: [Span; 2] = [Span::from_secs(1), Span::from_secs(3)];

/// How often a lamp that failed is tried again, and a working one is read back (rule N14).
pub const LAMP_REASSERT: Span = Span::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N10
    #[test]
    fn mail_waits_double_up_to_five_minutes() {
        let waits: [u64; 5] = [1, 2, 3, 9, 50].map(|n| mail_retry(n).as_ms() / 1_000);
        assert_eq!(waits, [1, 2, 4, 256, 300]);
        for attempts in 0..2_000 {
            let sum = (1..attempts).map(|n| mail_retry(n).0).sum();
            assert_eq!(mail_waited(attempts), Span(sum), "{attempts} attempts");
        }
    }
}
