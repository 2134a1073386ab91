use super::*;
use crate::sys::fake::{self, Call, List};
use proptest::prelude::*;

fn libraries() -> Libraries {
    Libraries(Arc::new(fake::api()))
}

fn ring() -> Ring {
    Ring::connect(&libraries(), "noroshi").expect("the fake takes everybody in")
}

fn say(calls: impl IntoIterator<Item = Call>) {
    fake::with(|state| {
        state
            .script
            .extend(calls.into_iter().map(|call| (true, call)))
    });
}

fn list() -> impl Strategy<Value = List> {
    prop_oneof![
        proptest::collection::vec(any::<u32>(), 0..40).prop_map(List::Honest),
        any::<u32>().prop_map(List::Null),
        (1_025..=u32::MAX).prop_map(List::Huge),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let bytes = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..80));
    prop_oneof![
        (bytes, any::<bool>()).prop_map(|(bytes, honest)| {
            let there = bytes.as_ref().map_or(3, Vec::len);
            Call::Deliver(bytes, if honest { there } else { usize::MAX / 2 })
        }),
        (list(), list()).prop_map(|(one, two)| Call::Group(one, two)),
        Just(Call::Totem),
        any::<u32>().prop_map(Call::Quorum),
        (list(), list(), list()).prop_map(|(one, two, three)| Call::Nodes(one, two, three)),
    ]
}

fn is_honest(list: &List) -> bool {
    matches!(list, List::Honest(_) | List::Null(0))
}

fn makes_sense(call: &Call) -> bool {
    match call {
        Call::Deliver(bytes, claimed) => bytes.is_some() || *claimed == 0 || *claimed > 1_024,
        Call::Group(one, two) => is_honest(one) && is_honest(two),
        Call::Nodes(one, two, three) => [one, two, three].into_iter().all(is_honest),
        Call::Totem | Call::Quorum(_) => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// Whatever the library calls back with, it is understood whole or ends the connection.
    ///
    /// Rule: N3
    #[test]
    fn what_makes_no_sense_is_never_believed(calls in proptest::collection::vec(call(), 0..20)) {
        let ring = ring();
        say(calls.clone());
        let mut told = Vec::new();
        let result = ring.dispatch(&mut told);
        let sense = calls.iter().all(makes_sense);
        prop_assert_eq!(result, if sense { Ok(()) } else { Err(Error::Faulty) });
        if sense {
            let long = |call: &&Call| matches!(call, Call::Deliver(_, claimed) if *claimed > 1_024);
            prop_assert_eq!(told.len(), calls.len() - calls.iter().filter(long).count());
        }
        drop(ring);
        prop_assert_eq!(fake::open_handles(), 0);
    }

    /// Rule: N3
    #[test]
    fn any_error_anywhere_leaves_nothing_open(
        at in proptest::sample::select(vec![
            "cpg_model_initialize", "quorum_model_initialize", "cmap", "cpg_join", "quorum_trackstart",
        ]),
        code in 2i32..40,
    ) {
        let libraries = libraries();
        fake::with(|state| state.codes.insert(at, code));
        prop_assert!(Ring::connect(&libraries, "noroshi").is_err());
        prop_assert_eq!(fake::open_handles(), 0);
    }
}

/// Rule: N3
#[test]
fn a_view_comes_as_it_was_told() {
    let ring = ring();
    say([
        Call::Totem,
        Call::Group(List::Honest(vec![1, 2]), List::Honest(vec![3, 5])),
        Call::Deliver(Some(b"word".to_vec()), 4),
        Call::Nodes(
            List::Honest(vec![1, 2, 3]),
            List::Honest(vec![3]),
            List::Honest(vec![3]),
        ),
        Call::Quorum(1),
    ]);
    let mut told = Vec::new();
    ring.dispatch(&mut told).expect("all of it makes sense");
    let id = RingId {
        node: 1,
        sequence: 44,
    };
    let member = |node| Member { node, pid: 1 };
    let left = vec![
        (member(3), Reason::NodeDown),
        (member(5), Reason::ProcessGone),
    ];
    let expected = [
        Notice::Ring(id),
        Notice::Group {
            members: vec![member(1), member(2)],
            left,
        },
        Notice::Message {
            from: Member { node: 1, pid: 2 },
            bytes: b"word".to_vec(),
        },
        Notice::Nodes {
            ring: id,
            members: vec![1, 2, 3],
            joined: vec![3],
            left: vec![3],
        },
        Notice::Quorum {
            quorate: true,
            ring: id,
        },
    ];
    assert_eq!(told, expected);
}

/// Rule: N3
#[test]
fn callbacks_for_another_connection_or_for_none_are_not_heard() {
    let libraries = libraries();
    // Closing makes the fake speak once more.
    drop(Ring::connect(&libraries, "noroshi"));
    let ring = Ring::connect(&libraries, "noroshi").expect("the fake takes everybody in");
    let calls = [Call::Totem, Call::Quorum(0)];
    fake::with(|state| state.script.extend(calls.map(|call| (false, call))));
    let mut told = Vec::new();
    assert_eq!(ring.dispatch(&mut told), Ok(()));
    assert_eq!(told, []);
}

/// Rule: N3
#[test]
fn a_flood_of_callbacks_is_bounded_and_said() {
    let ring = ring();
    say((0..10_000).map(|_| Call::Totem));
    let mut told = Vec::new();
    assert_eq!(ring.dispatch(&mut told), Err(Error::Faulty));
    assert_eq!(told.len(), sys::QUEUE_MAX);
}

/// Rule: N3
#[test]
fn codes_say_who_is_at_the_other_end() {
    let told = |call: &'static str, code: i32| {
        let ring = ring();
        fake::with(|state| state.codes.insert(call, code));
        ring.dispatch(&mut Vec::new())
    };
    assert_eq!(told("cpg_dispatch", 2), Err(Error::NotRunning));
    assert_eq!(told("quorum_dispatch", 9), Err(Error::NotRunning));
    assert_eq!(told("cpg_dispatch", 6), Ok(()), "nothing to tell just now");
    let call = "quorum_dispatch";
    assert_eq!(told(call, 31), Err(Error::Code { call, code: 31 }));
    let ring = ring();
    fake::with(|state| state.codes.insert("cpg_mcast_joined", 6));
    assert_eq!(ring.send(b"word"), Err(Error::Busy));
    fake::with(|state| state.codes.insert("cpg_join", 11));
    assert_eq!(ring.leave("noroshi"), Err(Error::Refused));
    assert_eq!(fake::with(|state| state.sent.clone()), [b"word"]);
    assert_eq!(ring.own_node(), Ok(7));
}

fn map(entries: &[(&'static str, &[u8], usize)]) -> Ring {
    let ring = ring();
    let entries = entries
        .iter()
        .map(|(key, value, bytes)| (*key, value.to_vec(), *bytes));
    fake::with(|state| state.map = entries.collect());
    ring
}

/// Rule: N3
#[test]
fn nodes_links_and_times_are_read_from_the_map() {
    let ring = map(&[
        ("nodelist.node.1.nodeid", &2u32.to_ne_bytes(), 4),
        ("nodelist.node.1.name", b"sv2\0rest", 8),
        ("nodelist.node.1.ring1_addr", b"192.0.2.2\0", 10),
        ("nodelist.node.1.ring0_addr", b"sv2-hb\x1b\0", 8),
        ("nodelist.node.0.nodeid", &1u32.to_ne_bytes(), 4),
        ("nodelist.local_node_pos", &0u32.to_ne_bytes(), 4),
        ("nodelist.node.x.name", b"?\0", 2),
        ("nodelist.node.9.name", b"no number\0", 10),
        ("runtime.config.totem.token", &1_000u32.to_ne_bytes(), 4),
        ("runtime.config.totem.consensus", &1_200u32.to_ne_bytes(), 4),
        ("stats.knet.node2.link0.connected", &[1], 1),
        ("stats.knet.node2.link1.connected", &[0], 1),
        ("stats.knet.node2.link1.mtu", &[9], 1),
    ]);
    let addresses = vec![(0, "sv2-hb".to_owned()), (1, "192.0.2.2".to_owned())];
    let expected = [
        Node {
            id: 1,
            ..Node::default()
        },
        Node {
            id: 2,
            name: Some("sv2".to_owned()),
            addresses,
        },
    ];
    assert_eq!(ring.nodes().expect("the map can be read"), expected);
    assert_eq!(ring.detects_in(), Ok(Duration::from_millis(2_200)));
    let link = |link, connected| Link {
        node: 2,
        link,
        connected,
    };
    let nodes = ring.nodes().expect("the map can be read");
    assert_eq!(ring.links(&nodes), Ok(vec![link(0, true), link(1, false)]));
    assert_eq!(ring.links(&[]), Ok(vec![]));
}

/// As many keys as thirty-two servers with two links have, the one that matters last.
///
/// Rule: N3
#[test]
fn the_last_link_of_the_largest_cluster_is_seen_too() {
    let key = |text: String| -> &'static str { text.leak() };
    let mut entries = Vec::new();
    let mut nodes = Vec::new();
    for id in 1..=32u32 {
        let addresses = (0..2).map(|link| (link, String::new())).collect();
        nodes.push(Node {
            id,
            name: None,
            addresses,
        });
        for link in 0..2 {
            for n in 0..40 {
                let name = format!("stats.knet.node{id}.link{link}.a{n}");
                entries.push((key(name), &[0u8; 8][..], 8));
            }
            let name = format!("stats.knet.node{id}.link{link}.connected");
            entries.push((key(name), &[1u8][..], 1));
        }
    }
    let links = map(&entries).links(&nodes).expect("the map can be read");
    assert_eq!(links.len(), 64);
}

/// Rule: N3
#[test]
fn a_key_that_has_just_been_taken_away_ends_no_connection() {
    let ring = map(&[
        ("nodelist.node.0.nodeid", &1u32.to_ne_bytes(), 4),
        ("nodelist.node.0.name", b"sv1\0", 4),
        ("nodelist.node.0.ring0_addr", b"192.0.2.1\0", 10),
    ]);
    for gone in ["nodelist.node.0.name", "nodelist.node.0.ring0_addr"] {
        fake::with(|state| state.gone.push(gone));
        let nodes = ring.nodes().expect("the rest can be read");
        assert_eq!(nodes.len(), 1, "{nodes:?}");
    }
    fake::with(|state| state.gone.push("nodelist.node.0.nodeid"));
    assert_eq!(ring.nodes(), Ok(Vec::new()));
    assert_eq!(ring.detects_in(), Err(Error::Faulty));
}

/// Rule: N3
#[test]
fn values_that_claim_to_be_longer_or_are_too_short_do_no_harm() {
    let ring = map(&[
        ("nodelist.node.0.name", &[b'n'; 300], usize::MAX),
        ("nodelist.node.0.nodeid", &3u32.to_ne_bytes(), usize::MAX),
        ("runtime.config.totem.token", &[1], 1),
        ("stats.knet.node1.link0.connected", &[], 0),
    ]);
    let nodes = ring.nodes().expect("what is there can be read");
    assert_eq!(nodes[0].id, 3);
    assert_eq!(nodes[0].name.as_ref().map(String::len), Some(256));
    assert_eq!(ring.detects_in(), Err(Error::Faulty));
    let nodes = [Node {
        id: 1,
        name: None,
        addresses: vec![(0, String::new())],
    }];
    let links = ring.links(&nodes).expect("an empty value is one");
    assert!(!links[0].connected);
}

/// Rule: N3
#[test]
fn a_host_without_the_libraries_says_which_is_missing() {
    // With them they load, which is all that can be said without a Corosync.
    if let Err(why) = Libraries::load() {
        assert!(why.contains("libcpg.so.4"), "{why}");
    }
}
