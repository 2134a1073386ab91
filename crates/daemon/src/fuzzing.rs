//! Decoders of bytes from outside that no public function of this crate leads to, and what a search through those
//! that are public stands on. For the crate `noroshi-fuzz` alone.

use crate::alert_view::AlertView;
use crate::control::AlertSource;
use crate::store::Store;
use crate::{channel, engine, pacemaker};
use noroshi_core::pacemaker::Report;
use std::sync::Arc;

/// The greeting of another server, read and written again.
pub fn greeting_again(line: &[u8]) -> Option<Vec<u8>> {
    engine::greeting_again(line)
}

/// A line of another server that is part of a collection of logs, read and written again.
pub fn page_again(line: &[u8]) -> Option<Vec<u8>> {
    engine::pages::again(line)
}

/// A report in a file of the alert agent.
pub fn report(file: &[u8]) -> Option<Report> {
    pacemaker::spool::parse(file)
}

/// A mail server's certificate in words.
pub fn certificate(der: &[u8]) -> Option<String> {
    channel::mail::certificate_in_words(der)
}

/// The alerts of a store, for a command socket.
pub fn alerts(store: &Store) -> Arc<dyn AlertSource> {
    Arc::new(AlertView(store.reader()))
}
