//! What `crm_mon` prints, and what the node makes of several such pictures after each other.
//!
//! Promises: names and reasons are one line; any row of pictures is taken without a panic.

use crate::stage::node::Server;
use noroshi_conf::cib_alerts;
use noroshi_conf::crm_mon::{error, read};
use noroshi_core::event::{Event, FromPacemaker};

/// Between two pictures of one input.
const BORDER: &str = "\n----\n";

pub(crate) fn decode(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(words) = error(&text) {
        assert!(!words.contains(char::is_control), "{words:?}");
    }
    // Pacemaker's configuration is read beside it, by a reader of the same kind.
    if let Ok(alerts) = cib_alerts::read(&text) {
        assert!(alerts.len() <= text.len());
    }
    let mut server = Server::beside_pacemaker();
    for part in text.split(BORDER).take(8) {
        if let Ok(picture) = read(part) {
            server.step(Event::Pacemaker(Box::new(FromPacemaker::Looked(Ok(
                Box::new(picture),
            )))));
            server.pass(1_000);
        }
    }
}
