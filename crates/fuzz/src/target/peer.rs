//! What another server of the cluster says over its link: the greeting, messages, pages of logs.
//!
//! Each line of the input is a message of server 2 or 3. Promises: a message that is read is written and reads the
//! same; any row of messages is taken by the node.

use crate::stage::node::Server;
use noroshi_core::config::ServerId;
use noroshi_core::event::Event;
use noroshi_core::peer::PeerMessage;
use noroshi_daemon::fuzzing;

/// Messages of one input.
const LINES_MAX: usize = 16;

pub(crate) fn decode(bytes: &[u8]) {
    stays(bytes, fuzzing::greeting_again);
    let mut server = Server::begin();
    let lines = bytes.split(|byte| *byte == b'\n').take(LINES_MAX);
    for (at, line) in (0u8..).zip(lines) {
        stays(line, fuzzing::page_again);
        let Ok(message) = serde_json::from_slice::<PeerMessage>(line) else {
            continue;
        };
        let again = serde_json::to_vec(&message).expect("a message is plain data");
        let again = serde_json::from_slice::<PeerMessage>(&again);
        assert_eq!(again.ok().as_ref(), Some(&message));
        server.step(Event::Peer(ServerId(1 + at % 2), Box::new(message)));
        server.pass(100);
    }
    server.pass(20_000);
}

/// What was read and written is read and written the same.
fn stays(line: &[u8], again: fn(&[u8]) -> Option<Vec<u8>>) {
    if let Some(written) = again(line) {
        assert_eq!(again(&written), Some(written));
    }
}
