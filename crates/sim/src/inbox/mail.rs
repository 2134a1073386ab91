//! One mail that arrived.

use std::time::Instant;

use super::decode::{Parts, decode_words};

/// One mail that arrived.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Counts the arrivals since the start, from 1.
    pub number: u64,
    /// When its dot came.
    pub arrived: Instant,
    /// Envelope sender, without its brackets.
    pub from: String,
    /// Envelope recipients that were taken, without brackets.
    pub to: Vec<String>,
    /// Everything between DATA and the dot, with dots unstuffed (RFC 5321 section 4.5.2).
    pub raw: Vec<u8>,
    /// The subject as people see it.
    pub subject: String,
    /// The text as people see it.
    pub body: String,
}

impl Mail {
    pub(super) fn new(number: u64, from: String, to: Vec<String>, raw: Vec<u8>) -> Self {
        let parts = Parts::new(&raw);
        let subject = decode_words(parts.field("subject").unwrap_or_default());
        let body = parts.text();
        // The one place where this simulator asks what time it is.
        #[allow(clippy::disallowed_methods)]
        let arrived = Instant::now();
        Self {
            number,
            arrived,
            from,
            to,
            subject,
            body,
            raw,
        }
    }

    /// The first header field of this name, its encoded words decoded.
    pub fn header(&self, name: &str) -> Option<String> {
        let parts = Parts::new(&self.raw);
        parts.field(&name.to_ascii_lowercase()).map(decode_words)
    }
}
