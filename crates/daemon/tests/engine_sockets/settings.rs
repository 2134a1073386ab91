//! New settings at work: servers come, go and are numbered anew.

use crate::cluster::{Node, address, config, message, port};
use noroshi_core::config::ServerId;
use noroshi_core::event::Event;
use std::time::Duration;

/// Rule: N2 N6
#[tokio::test]
async fn servers_numbered_anew_keep_their_links_and_are_heard_by_their_new_numbers() {
    let three = config(50, 3, 2);
    let mut two = three.clone();
    two.servers.remove(0);
    let (mut second, mut third) = (Node::start(&three, 1), Node::start(&three, 2));
    second.wait_link(2, true).await;
    third.wait_link(1, true).await;
    third.wait_heard(1, 0).await;
    second.wait_heard(2, 0).await;
    let sessions = (second.session, third.session);

    second
        .engine
        .reconfigure(&two, ServerId(0))
        .expect("nothing new to open");
    third
        .engine
        .reconfigure(&two, ServerId(1))
        .expect("nothing new to open");
    while second.inbox.try_recv().is_ok() || third.inbox.try_recv().is_ok() {}
    assert_eq!(second.wait_heard(1, 1).await.session, sessions.1);
    assert_eq!(third.wait_heard(0, 1).await.session, sessions.0);
    second.engine.tell(ServerId(1), &message("still linked"));
    let told = third.wait("a message over the old link", |event| match event {
        Event::Peer(from, _) => Some(Ok(*from)),
        Event::LinkDown(_) | Event::LinkUp(_) => Some(Err(event.clone())),
        _ => None,
    });
    assert_eq!(told.await, Ok(ServerId(0)));

    // And a server that comes back into the settings is linked and heard.
    second
        .engine
        .reconfigure(&three, ServerId(1))
        .expect("nothing new to open");
    third
        .engine
        .reconfigure(&three, ServerId(2))
        .expect("nothing new to open");
    let mut first = Node::start(&three, 0);
    for server in [1, 2] {
        first.wait_heard(server, 1).await;
    }
    second.wait_link(0, true).await;
    third.wait_link(0, true).await;
}

/// Rule: N2
#[tokio::test]
async fn a_new_interconnect_is_used_and_a_removed_one_is_left() {
    let two = config(51, 2, 2);
    let mut only_second = two.clone();
    only_second.interconnects.remove(0);
    for server in &mut only_second.servers {
        server.addresses.remove(0);
    }
    let mut nodes = [Node::start(&two, 0), Node::start(&two, 1)];
    for (node, server) in nodes.iter_mut().zip([1, 0]) {
        node.wait_link(server, true).await;
    }
    for (node, own) in nodes.iter().zip([0, 1]) {
        node.engine
            .reconfigure(&only_second, ServerId(own))
            .expect("nothing new to open");
    }
    for (node, server) in nodes.iter_mut().zip([1, 0]) {
        node.wait_link(server, false).await;
        node.wait_link(server, true).await;
        node.wait_heard(server, 0).await;
    }
    let free =
        std::net::UdpSocket::bind((address(51, 0, 0), port())).expect("its socket is closed");
    let error = nodes[0]
        .engine
        .reconfigure(&two, ServerId(0))
        .expect_err("a taken port");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let _ = nodes[0].listen(Duration::from_millis(50)).await;
    nodes[0].wait_heard(1, 0).await;
    drop(free);
}

/// A network card without a cable at boot.
///
/// Rule: N2
#[tokio::test]
async fn an_own_address_that_is_not_there_keeps_nobody_from_starting() {
    let mut config = config(52, 2, 2);
    for (server, last) in config.servers.iter_mut().zip([1, 2]) {
        // TEST-NET-1 (RFC 5737) is on no host.
        server.addresses[0] = Some([192, 0, 2, last].into());
    }
    let (mut one, mut other) = (Node::start(&config, 0), Node::start(&config, 1));
    one.wait_heard(1, 1).await;
    other.wait_heard(0, 1).await;
    one.wait_link(1, true).await;
}
