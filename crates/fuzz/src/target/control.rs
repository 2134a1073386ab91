//! The command socket: what any program of the host may send to it.
//!
//! Promises: every line that comes back is an answer of the protocol; a call that is read is written and reads the
//! same; the socket answers the next caller.

use crate::stage::desk::Place;
use crate::stage::{wait_within, within};
use noroshi_daemon::control::{Answer, Call};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

thread_local! {
    static PLACE: Place = within(Place::open);
}

pub(crate) fn decode(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(call) = serde_json::from_slice::<Call>(line) {
            let again = serde_json::to_vec(&call).expect("a call is plain data");
            assert_eq!(serde_json::from_slice::<Call>(&again).ok(), Some(call));
        }
    }
    let socket = PLACE.with(|place| place.home.socket());
    let answers = wait_within(async {
        let stream = UnixStream::connect(&socket).await;
        let (mut from, mut to) = stream.expect("somebody listens").into_split();
        // The other end may close before it has read everything.
        let say = async {
            let _ = to.write_all(bytes).await;
            drop(to);
        };
        let mut answers = Vec::new();
        let hear = from.read_to_end(&mut answers);
        let _ = tokio::join!(say, hear);
        answers
    });
    for line in answers.split(|byte| *byte == b'\n') {
        let sound = line.is_empty() || serde_json::from_slice::<Answer>(line).is_ok();
        assert!(sound, "{}", String::from_utf8_lossy(line));
    }
}
