//! What Pacemaker hands to its alert agent, and what the agent left on disk.
//!
//! An input is lines `NAME=value`, which are the environment; all of it is also taken for a file of the spool.
//! Promises: a report is bounded, of one line, reads the same from its file, and any is taken by the node.

use crate::stage::node::Server;
use noroshi_core::event::{Event, FromPacemaker};
use noroshi_core::pacemaker::Report;
use noroshi_daemon::fuzzing;
use noroshi_daemon::pacemaker::spool::FILE_BYTES_MAX;

pub(crate) fn decode(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let report = Report::read(|name| {
        let mut lines = text.lines();
        lines.find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix('=')
                .map(str::to_owned)
        })
    });
    let file = serde_json::to_vec(&report).expect("a report is plain data");
    assert!(file.len() <= FILE_BYTES_MAX, "{} bytes", file.len());
    assert_eq!(fuzzing::report(&file).as_ref(), Some(&report));
    let key = report.key();
    assert!(!key.contains(['/', '\0']) && key.len() < 128, "{key:?}");
    let mut server = Server::beside_pacemaker();
    server.step(Event::Pacemaker(Box::new(FromPacemaker::Report(report))));
    if let Some(report) = fuzzing::report(bytes) {
        let key = report.key();
        assert!(!key.contains(['/', '\0']) && key.len() < 128, "{key:?}");
        server.step(Event::Pacemaker(Box::new(FromPacemaker::Report(report))));
    }
    server.pass(20_000);
}
