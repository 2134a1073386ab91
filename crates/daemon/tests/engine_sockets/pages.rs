//! Archives of logs over links: what ends a collection, and what it says then.

use crate::cluster::{Node, config};
use noroshi_daemon::collect::Scope;
use noroshi_daemon::home::Home;

/// All of a collection: its bytes, and why it ended before its end.
async fn collect(node: &Node, server: &str) -> (usize, Option<String>) {
    let collector = node.engine.collector();
    let mut pieces = collector.collect(server.into(), Scope::Type1);
    let mut bytes = 0;
    while let Some(piece) = pieces.recv().await {
        match piece {
            Ok(piece) => bytes += piece.len(),
            Err(why) => return (bytes, Some(why)),
        }
    }
    (bytes, None)
}

/// Rule: M30
#[tokio::test]
async fn a_collection_that_cannot_be_says_why() {
    let config = config(77, 3, 1);
    let (mut one, mut other) = (Node::start(&config, 0), Node::start(&config, 1));
    one.wait_link(1, true).await;
    other.wait_link(0, true).await;
    let why = |ended: (usize, Option<String>)| {
        assert_eq!(ended.0, 0);
        ended.1.expect("it failed")
    };
    for away in ["sv3", "nobody"] {
        assert!(why(collect(&one, away).await).contains("no link"), "{away}");
    }
    let refused = why(collect(&one, "sv2").await);
    assert!(refused.contains("delivers no logs"), "{refused}");
    // Its executable is this test, which does not know such arguments.
    let dir = tempfile::tempdir().unwrap();
    other.engine.deliver_logs(Home::at(dir.path()));
    for _ in 0..5 {
        // Ended collections leave no place taken.
        let failed = why(collect(&one, "sv2").await);
        assert!(failed.contains("its clplogcc ended with"), "{failed}");
    }
    // The link has carried on.
    other.engine.tell(
        noroshi_core::config::ServerId(0),
        &crate::cluster::message("after it"),
    );
    let wanted = crate::cluster::message("after it");
    one.wait("a message", |event| {
        matches!(event, noroshi_core::event::Event::Peer(_, told) if **told == wanted).then_some(())
    })
    .await;
}
