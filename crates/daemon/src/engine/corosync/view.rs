//! From what Corosync tells, piece by piece, to one view.
//!
//! Group, nodes and quorum are told one after the other, each with the ring that it belongs to. A view is
//! told when all of them speak of one ring, so that nobody is judged by the nodes of one ring and the quorum of
//! another; or after [`PATIENCE`], should a release tell less. While nodes are gone that counted for the quorum which
//! was told last it waits for the next one up to [`QUORUM_PATIENCE`], and has none if that does not come.
//!
//! Whoever may use Corosync can join the group. A process counts as a server's alert service once it has
//! spoken a frame under the cluster key ([`Scene::prove`]).

use noroshi_core::config::ServerId;
use noroshi_core::membership::ring::View;
use noroshi_core::notice::outbox::Servers;
use noroshi_core::time::{Moment, Span};
use noroshi_corosync::{Member, Notice, Reason, RingId};
use std::collections::{BTreeMap, BTreeSet};

/// How long a view waits for its pieces.
const PATIENCE: Span = Span::from_ms(500);
/// The same for the quorum of fewer nodes: whether they are lost or this side is cut off hangs on it, and a busy
/// Corosync may stop between the two. Longer than it is waited for before a hang is told.
const QUORUM_PATIENCE: Span = Span::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Scene {
    group_ring: Option<RingId>,
    quorum: Option<(bool, RingId)>,
    nodes: Option<(RingId, BTreeSet<u32>)>,
    /// The nodes of the ring whose quorum was told last. None where nothing tells a ring's quorum.
    quorum_nodes: BTreeSet<u32>,
    group: Vec<Member>,
    /// By node: the process that is its alert service. Outlives a connection.
    proven: BTreeMap<u32, Member>,
    ended: BTreeSet<u32>,
    returned: BTreeSet<u32>,
    /// Something is to be told, since when.
    changed_at: Option<Moment>,
}

impl Scene {
    /// Takes a piece. Answers the nodes with a process in the group that had not been there.
    pub(super) fn take(&mut self, now: Moment, notice: Notice) -> Vec<u32> {
        let mut new = Vec::new();
        match notice {
            Notice::Group { members, left } => {
                for (member, reason) in left {
                    let is_service = self.proven.get(&member.node) == Some(&member);
                    if is_service && reason != Reason::NodeDown {
                        self.ended.insert(member.node);
                    }
                }
                let was = |member: &&Member| !self.group.contains(member);
                new = members.iter().filter(was).map(|one| one.node).collect();
                self.group = members;
            }
            Notice::Ring(ring) => self.group_ring = Some(ring),
            Notice::Quorum { quorate, ring } => self.quorum = Some((quorate, ring)),
            Notice::Nodes {
                ring,
                members,
                joined,
                left,
            } => {
                let back = joined.iter().filter(|node| left.contains(node));
                self.returned.extend(back);
                self.nodes = Some((ring, members.into_iter().collect()));
            }
            Notice::Message { .. } => return new,
        }
        self.changed_at.get_or_insert(now);
        new
    }

    /// A process has spoken under the cluster key. Answers whether that was news.
    pub(super) fn prove(&mut self, now: Moment, member: Member) -> bool {
        let news = self.proven.insert(member.node, member) != Some(member);
        if news {
            self.changed_at.get_or_insert(now);
        }
        news
    }

    /// The connection is gone: all is told anew by the next.
    pub(super) fn disconnect(&mut self) {
        *self = Scene {
            proven: std::mem::take(&mut self.proven),
            ..Scene::default()
        };
    }

    /// The whole view is to be told again.
    pub(super) fn repeat(&mut self, now: Moment) {
        if self.nodes.is_some() {
            self.changed_at.get_or_insert(now);
        }
    }

    /// Nodes with a process in the group.
    pub(super) fn listeners(&self) -> impl Iterator<Item = u32> + '_ {
        self.group.iter().map(|member| member.node)
    }

    /// When a view is due that its pieces have not completed.
    pub(super) fn due(&self) -> Option<Moment> {
        self.changed_at.map(|at| at + self.patience())
    }

    fn patience(&self) -> Span {
        match self.awaits_quorum() {
            true => QUORUM_PATIENCE,
            false => PATIENCE,
        }
    }

    /// The quorum is of another ring than the nodes, and some that counted for it are gone.
    fn awaits_quorum(&self) -> bool {
        match (&self.quorum, &self.nodes) {
            (Some((_, of)), Some((ring, nodes))) => {
                of != ring && !self.quorum_nodes.is_subset(nodes)
            }
            _ => false,
        }
    }

    /// The view, if there is a new one to tell.
    pub(super) fn view(
        &mut self,
        now: Moment,
        detects_in: Span,
        server: impl Fn(u32) -> Option<ServerId>,
    ) -> Option<View> {
        let changed_at = self.changed_at?;
        let ((quorate, quorum_ring), (ring, nodes)) = self.quorum.zip(self.nodes.as_ref())?;
        let one_ring = quorum_ring == *ring && self.group_ring == Some(*ring);
        if !one_ring && now.since(changed_at) < self.patience() {
            return None;
        }
        let quorate = quorate && !self.awaits_quorum();
        let set = |nodes: &mut dyn Iterator<Item = u32>| {
            let servers = nodes.filter_map(&server);
            servers.fold(Servers::default(), Servers::with)
        };
        let is_service = |member: &&Member| self.proven.get(&member.node) == Some(member);
        let services = self.group.iter().filter(is_service);
        let view = View {
            ring: ring.sequence,
            quorate,
            nodes: set(&mut nodes.iter().copied()),
            group: set(&mut services.map(|member| member.node)),
            ended: set(&mut self.ended.iter().copied()),
            returned: set(&mut self.returned.iter().copied()),
            detects_in,
        };
        if quorum_ring == *ring {
            self.quorum_nodes.clone_from(nodes);
        }
        self.ended.clear();
        self.returned.clear();
        self.changed_at = None;
        Some(view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Span = Span::from_ms(2_200);

    fn ring(sequence: u64) -> RingId {
        RingId { node: 1, sequence }
    }

    fn member(node: u32) -> Member {
        Member {
            node,
            pid: 100 + node,
        }
    }

    fn group(of: &[u32], left: &[(u32, Reason)]) -> Notice {
        Notice::Group {
            members: of.iter().copied().map(member).collect(),
            left: left
                .iter()
                .map(|(node, why)| (member(*node), *why))
                .collect(),
        }
    }

    fn nodes(sequence: u64, of: &[u32], joined: &[u32], left: &[u32]) -> Notice {
        Notice::Nodes {
            ring: ring(sequence),
            members: of.to_vec(),
            joined: joined.to_vec(),
            left: left.to_vec(),
        }
    }

    fn quorum(quorate: bool, sequence: u64) -> Notice {
        let ring = ring(sequence);
        Notice::Quorum { quorate, ring }
    }

    fn set(of: &[u8]) -> Servers {
        of.iter()
            .map(|id| ServerId(*id))
            .fold(Servers::default(), Servers::with)
    }

    /// Nodes 1 to 3 are servers 0 to 2.
    fn server(node: u32) -> Option<ServerId> {
        (1..=3).contains(&node).then(|| ServerId(node as u8 - 1))
    }

    fn scene() -> Scene {
        let mut scene = Scene::default();
        let now = Moment(0);
        for notice in [
            nodes(13, &[1, 2, 3], &[], &[]),
            quorum(true, 13),
            Notice::Ring(ring(13)),
            group(&[1, 2, 3], &[]),
        ] {
            scene.take(now, notice);
        }
        assert!((2..=3).all(|node| scene.prove(now, member(node))));
        let view = scene.view(now, TOKEN, server).expect("it is complete");
        assert_eq!((view.nodes, view.group), (set(&[0, 1, 2]), set(&[1, 2])));
        assert_eq!(scene.view(now, TOKEN, server), None, "it was told");
        scene
    }

    /// As measured: the group's change first, then its ring, nodes, quorum.
    ///
    /// Rule: N3 N5
    #[test]
    fn nobody_is_judged_by_pieces_of_two_rings() {
        let mut scene = scene();
        let now = Moment(1_000_000);
        let pieces = [
            group(&[1], &[(2, Reason::NodeDown), (3, Reason::NodeDown)]),
            Notice::Ring(ring(17)),
            nodes(17, &[1], &[], &[2, 3]),
        ];
        scene.take(now, pieces[0].clone());
        let view = scene.view(now, TOKEN, server).expect("of the old ring");
        assert_eq!((view.nodes, view.quorate), (set(&[0, 1, 2]), true));
        assert_eq!(view.ended, set(&[]), "their nodes went with them");
        for piece in &pieces[1..] {
            scene.take(now, piece.clone());
            assert_eq!(scene.view(now, TOKEN, server), None);
        }
        scene.take(now, quorum(false, 17));
        let view = scene
            .view(now, TOKEN, server)
            .expect("all speak of one ring");
        assert_eq!((view.nodes, view.quorate), (set(&[0]), false));
        // A release that does not repeat the quorum.
        scene.take(now, nodes(21, &[1, 2], &[2], &[]));
        assert_eq!(scene.view(now, TOKEN, server), None);
        let late = scene.due().expect("it is due some time");
        assert!(scene.view(late, TOKEN, server).is_some());
    }

    /// A Corosync that stops between the two, as on a busy machine, must not have a side without quorum call the
    /// others down.
    ///
    /// Rule: N3 N5
    #[test]
    fn fewer_nodes_are_not_judged_by_the_quorum_of_more() {
        for late_ms in [900, 4_900, 6_000] {
            let mut scene = scene();
            let at = |ms: u64| Moment(1_000_000) + Span::from_ms(ms);
            scene.take(at(0), Notice::Ring(ring(17)));
            scene.take(at(0), nodes(17, &[1], &[], &[2, 3]));
            for ms in (0..late_ms).step_by(100) {
                if let Some(view) = scene.view(at(ms), TOKEN, server) {
                    assert!(ms >= 5_000 && !view.quorate, "{ms}: {view:?}");
                }
                assert!(scene.due().is_none_or(|due| due > at(ms)), "{ms}");
            }
            scene.take(at(late_ms), quorum(false, 17));
            let view = scene.view(at(late_ms), TOKEN, server);
            let view = view.expect("all speak of one ring");
            assert_eq!((view.nodes, view.quorate), (set(&[0]), false));
        }
        // Without a quorum of each ring nothing is waited for.
        let mut scene = Scene::default();
        let at = |ms: u64| Moment(0) + Span::from_ms(ms);
        scene.take(at(0), nodes(13, &[1, 2, 3], &[], &[]));
        scene.take(at(0), quorum(true, 0));
        assert!(scene.view(at(500), TOKEN, server).is_some());
        scene.take(at(1_000), nodes(17, &[1, 2], &[], &[3]));
        let view = scene.view(at(1_500), TOKEN, server);
        assert!(view.is_some_and(|view| view.quorate));
    }

    /// Rule: N3
    #[test]
    fn who_has_not_spoken_under_the_key_is_no_alert_service() {
        let mut scene = scene();
        let now = Moment(1_000_000);
        let stranger = Member { node: 2, pid: 9 };
        let members = vec![member(1), member(2), member(3), stranger];
        let left = Vec::new();
        assert_eq!(scene.take(now, Notice::Group { members, left }), [2]);
        let view = scene.view(now, TOKEN, server).expect("it has changed");
        assert_eq!(view.group, set(&[1, 2]));
        let left = vec![(stranger, Reason::ProcessGone)];
        let members = vec![member(1), member(2), member(3)];
        scene.take(now, Notice::Group { members, left });
        let view = scene.view(now, TOKEN, server).expect("it has changed");
        assert_eq!(view.ended, set(&[]));
        scene.take(now, group(&[1, 3], &[(2, Reason::ProcessGone)]));
        let view = scene.view(now, TOKEN, server).expect("it has changed");
        assert_eq!((view.ended, view.group), (set(&[1]), set(&[2])));
    }

    /// Rule: N3
    #[test]
    fn a_node_that_left_and_joined_at_once_is_named_and_a_new_connection_tells_all() {
        let mut scene = scene();
        let now = Moment(1_000_000);
        let all = [
            Notice::Ring(ring(17)),
            nodes(17, &[1, 2, 3], &[3], &[3]),
            quorum(true, 17),
        ];
        for piece in all {
            scene.take(now, piece);
        }
        let view = scene
            .view(now, TOKEN, server)
            .expect("all speak of one ring");
        assert_eq!(view.returned, set(&[2]));
        scene.disconnect();
        scene.repeat(now);
        assert_eq!(scene.view(Moment(u64::MAX), TOKEN, server), None);
        scene.take(now, nodes(21, &[1, 2], &[], &[]));
        scene.take(now, quorum(true, 21));
        scene.take(now, Notice::Ring(ring(21)));
        scene.take(now, group(&[1, 2], &[]));
        let view = scene
            .view(now, TOKEN, server)
            .expect("all speak of one ring");
        assert_eq!((view.group, view.returned), (set(&[1]), set(&[])));
    }
}
