use super::*;
use crate::alert::SessionId;
use crate::config::tests::config;
use crate::config::{Config, Engine};
use crate::event::{Heard, Phase};

const TOKEN: Span = Span::from_ms(2_200);

fn settings(servers: u8) -> Config {
    Config {
        engine: Engine::Corosync,
        ..config(servers)
    }
}

fn set(of: &[u8]) -> Servers {
    of.iter()
        .fold(Servers::default(), |set, id| set.with(ServerId(*id)))
}

fn view(ring: u64, of: &[u8], quorate: bool) -> View {
    View {
        ring,
        quorate,
        nodes: set(of),
        group: set(of),
        detects_in: TOKEN,
        ..View::default()
    }
}

fn withdrawn(ring: u64) -> News {
    let server = ServerId(2);
    News::Withdrawn { server, ring }
}

fn rejoined(ring: u64) -> News {
    let server = ServerId(2);
    News::Rejoined { server, ring }
}

/// sv1 of so many, which has seen and heard all others; the ring's wait after a connection is over.
struct Story {
    membership: Membership,
    now: Moment,
    news: Vec<News>,
}

impl Story {
    fn of(servers: u8) -> Story {
        let now = Moment(1_000_000);
        let mut story = Story {
            membership: Membership::new(now, ServerId(0), &settings(servers)),
            now,
            news: Vec::new(),
        };
        let all: Vec<u8> = (0..servers).collect();
        story.see(view(1, &all, true));
        (1..servers).for_each(|id| story.hear(id, id));
        story.pass(10_000);
        story.news.clear();
        story
    }

    fn tell(&mut self, told: Ring) {
        self.membership.ring(self.now, told, &mut self.news);
        self.membership.tick(self.now, &mut self.news);
    }

    fn see(&mut self, view: View) {
        self.tell(Ring::View(view));
    }

    fn hear(&mut self, from: u8, run: u8) {
        let heard = Heard {
            from: ServerId(from),
            path: InterconnectId(0),
            session: SessionId([run; 12]),
            phase: Phase::Running,
            missed: 0,
            config_digest: 0,
        };
        self.membership.heard(self.now, &heard, &mut self.news);
    }

    /// Time passes; whoever is in the group goes on speaking.
    fn pass(&mut self, ms: u64) {
        let until = self.now + Span::from_ms(ms);
        while self.now < until {
            let next = self.membership.next_deadline(self.now).min(until);
            self.now = next.max(self.now + Span(1));
            let group = self.membership.sight.as_ref();
            let group = group.and_then(|sight| Some(sight.view.as_ref()?.group));
            for server in self.membership.others().collect::<Vec<_>>() {
                if group.is_some_and(|group| group.has(server)) {
                    self.membership.peer_mut(server).ring.heard_at = Some(self.now);
                }
            }
            self.membership.tick(self.now, &mut self.news);
        }
    }

    fn downs(&self) -> Vec<(u8, Cause)> {
        let down = |one: &News| match one {
            News::Down { server, cause, .. } => Some((server.0, *cause)),
            _ => None,
        };
        self.news.iter().filter_map(down).collect()
    }
}

/// Rule: N3
#[test]
fn a_node_that_is_gone_is_down_at_once_and_silence_is_no_verdict() {
    let mut story = Story::of(3);
    story
        .membership
        .link_broken(story.now, ServerId(2), &mut story.news);
    story.pass(60_000);
    assert_eq!(story.news, [], "no probe, no silence");
    story.see(view(2, &[0, 1], true));
    assert_eq!(story.downs(), [(2, Cause::Lost)]);
}

/// Rule: N3 N5
#[test]
fn without_quorum_nobody_is_called_down() {
    let mut story = Story::of(3);
    story.see(view(2, &[0], false));
    let unseen = [ServerId(1), ServerId(2)].to_vec();
    let partition = News::Partition {
        unseen,
        seen: 1,
        of: 3,
    };
    assert_eq!(story.news, [partition]);
}

/// A Corosync that has just started is alone before it joins the others.
///
/// Rule: N3
#[test]
fn blindness_is_told_once_and_a_ring_of_one_after_it_is_no_loss() {
    let mut story = Story::of(3);
    story.tell(Ring::Blind(Blindness::NotRunning));
    story.pass(500);
    story.tell(Ring::Blind(Blindness::Refused));
    story.pass(30_000);
    assert_eq!(story.news, [News::Blind(Blindness::Refused)]);
    assert_eq!(story.membership.blind(), Some(Blindness::Refused));
    story.see(view(5, &[0], false));
    story.pass(1_000);
    story.see(view(6, &[0, 1, 2], true));
    story.pass(60_000);
    let after = Span::from_ms(30_500);
    assert_eq!(story.news[1..], [News::Sees { after }]);
}

/// Hosts start Corosync beside us; access and libraries do not come by themselves.
///
/// Rule: N3
#[test]
fn what_needs_a_person_is_told_at_once_and_after_another_reason_once_more() {
    let start = || Story {
        membership: Membership::new(Moment(1_000_000), ServerId(0), &settings(3)),
        now: Moment(1_000_000),
        news: Vec::new(),
    };
    for why in [Blindness::Refused, Blindness::NoLibraries] {
        let mut story = start();
        story.tell(Ring::Blind(why));
        assert_eq!(story.membership.blind(), Some(why), "a look is not put off");
        story.pass(2_000);
        assert_eq!(story.news, [News::Blind(why)]);
    }
    let (stopped, refused) = (Blindness::NotRunning, Blindness::Refused);
    let mut story = start();
    story.tell(Ring::Blind(stopped));
    story.pass(29_000);
    assert_eq!(story.news, []);
    story.pass(1_000);
    // Once it runs it turns out that it lets nobody in.
    story.tell(Ring::Blind(refused));
    story.pass(500);
    assert_eq!(story.news, [News::Blind(stopped)]);
    story.pass(60_000);
    story.tell(Ring::Blind(stopped));
    story.pass(60_000);
    story.tell(Ring::Blind(refused));
    story.pass(60_000);
    assert_eq!(story.news, [News::Blind(stopped), News::Blind(refused)]);
}

/// Rule: N3
#[test]
fn what_fell_while_this_server_was_blind_is_told_when_it_sees() {
    let mut story = Story::of(3);
    story.tell(Ring::Blind(Blindness::Hangs));
    story.pass(20_000);
    story.see(view(5, &[0, 1], true));
    assert_eq!(story.downs(), []);
    story.pass(10_000);
    assert_eq!(story.downs(), [(2, Cause::Lost)]);
}

/// A host whose power goes may lose its processes first: the ring takes its time for the rest.
///
/// Rule: N3
#[test]
fn a_process_is_called_killed_only_when_its_node_has_outlived_it() {
    let gone = View {
        group: set(&[0, 1]),
        ended: set(&[2]),
        ..view(1, &[0, 1, 2], true)
    };
    let mut story = Story::of(3);
    story.see(gone.clone());
    story.pass(2_200);
    story.see(view(2, &[0, 1], true));
    assert_eq!(story.downs(), [(2, Cause::Lost)]);
    let mut story = Story::of(3);
    story.see(gone.clone());
    story.pass(2_600);
    assert_eq!(story.downs(), []);
    story.pass(200);
    assert_eq!(story.downs(), [(2, Cause::Killed)]);
    let mut story = Story::of(3);
    story.see(gone.clone());
    story.pass(2_000);
    story.hear(2, 9);
    story.see(view(1, &[0, 1, 2], true));
    story.pass(60_000);
    assert_eq!(story.news, [News::Restarted(ServerId(2))]);
    // Its node leaves the ring within milliseconds: Corosync was stopped in order.
    let mut story = Story::of(3);
    story.see(gone);
    story.pass(10);
    story.see(view(2, &[0, 1], true));
    assert_eq!(story.news, [withdrawn(2)]);
    story.see(view(3, &[0, 1, 2], true));
    story.hear(2, 2);
    assert_eq!(story.news[1..], [rejoined(2)]);
}

/// A message of a ring may come before all of its view.
///
/// Rule: N3 N9
#[test]
fn who_is_heard_before_the_view_that_has_it_is_back_and_not_lost_again() {
    let mut story = Story::of(3);
    story.see(view(2, &[0, 1], true));
    story.news.clear();
    story.pass(2_000);
    story.hear(2, 2);
    story.membership.tick(story.now, &mut story.news);
    story.pass(100);
    assert!(matches!(
        story.news[..],
        [News::Back { same_run: true, .. }]
    ));
    story.see(view(3, &[0, 1, 2], true));
    story.pass(20_000);
    assert_eq!(story.news.len(), 1, "{:?}", story.news);
    // A view that is newer than its word, and does not have it.
    story.see(view(4, &[0, 1], true));
    story.hear(2, 2);
    story.pass(10);
    story.see(view(5, &[0, 1], true));
    assert_eq!(story.downs(), [(2, Cause::Lost), (2, Cause::Lost)]);
}

/// Before a connection is old enough for a verdict: what was seen is kept for it.
///
/// Rule: N3
#[test]
fn a_stop_and_a_quick_return_just_after_a_connection_are_told_as_what_they_are() {
    let blind = || {
        let mut story = Story::of(3);
        story.tell(Ring::Blind(Blindness::NotRunning));
        story.see(view(2, &[0, 1, 2], true));
        story.pass(1_000);
        story
    };
    let mut story = blind();
    let ended = View {
        group: set(&[0, 1]),
        ended: set(&[2]),
        ..view(2, &[0, 1, 2], true)
    };
    story.see(ended);
    story.pass(20);
    story.see(view(3, &[0, 1], true));
    story.pass(20_000);
    assert_eq!(story.news, [withdrawn(3)]);
    let mut story = blind();
    let back = View {
        group: set(&[0, 1]),
        returned: set(&[2]),
        ..view(3, &[0, 1, 2], true)
    };
    story.see(back);
    story.hear(2, 9);
    assert_eq!(story.downs(), [(2, Cause::Returned)]);
}

/// Rule: N3
#[test]
fn a_node_that_left_and_joined_at_once_has_fallen_unless_its_run_goes_on() {
    let back = View {
        group: set(&[0, 1]),
        returned: set(&[2]),
        ..view(2, &[0, 1, 2], true)
    };
    let mut story = Story::of(3);
    story.see(back.clone());
    story.pass(1_000);
    story.hear(2, 2);
    story.see(view(2, &[0, 1, 2], true));
    story.pass(60_000);
    assert_eq!(story.news, [rejoined(2)]);
    let mut story = Story::of(3);
    story.see(back.clone());
    story.pass(1_000);
    story.hear(2, 9);
    assert_eq!(story.downs(), [(2, Cause::Returned)]);
    assert!(matches!(
        story.news[1],
        News::Back {
            same_run: false,
            ..
        }
    ));
    let mut story = Story::of(3);
    story.see(back);
    story.pass(60_000);
    assert_eq!(story.downs(), [(2, Cause::Returned)]);
}

/// Rule: N3
#[test]
fn a_node_on_which_no_alert_service_was_at_work_is_told_each_time_it_is_lost() {
    let mut story = Story::of(3);
    let without = |ring| View {
        group: set(&[0, 1]),
        ..view(ring, &[0, 1, 2], true)
    };
    story.see(without(1));
    story.pass(5_000);
    story.see(view(2, &[0, 1], true));
    story.see(without(3));
    story.see(view(4, &[0, 1], true));
    let lost = |ring| (2, Cause::HostLost { ring });
    assert_eq!(story.downs(), [(2, Cause::Killed), lost(2), lost(4)]);
}

/// Rule: N3
#[test]
fn a_silent_link_is_told_before_the_verdict_and_is_none() {
    let mut story = Story::of(2);
    let link = |up| Ring::Link {
        server: ServerId(1),
        path: InterconnectId(0),
        up,
    };
    for up in [true, false, false, true, true] {
        story.tell(link(up));
    }
    let path = |up| News::Path {
        server: ServerId(1),
        path: InterconnectId(0),
        up,
    };
    assert_eq!(story.news, [path(false), path(true)]);
}

/// Rule: N3 N17
#[test]
fn settings_that_change_the_engine_bring_no_verdict_of_their_own() {
    let mut story = Story::of(3);
    let same = |id: ServerId| Some(id);
    let embedded = config(3);
    story.membership = story
        .membership
        .reconfigured(story.now, ServerId(0), &embedded, same);
    story.tell(Ring::Blind(Blindness::NotRunning));
    let start = story.now;
    for from in [1, 2] {
        story.now = start + Span::from_secs(2);
        story.hear(from, from);
    }
    assert_eq!(story.news, []);
    let ring = settings(3);
    story.membership = story
        .membership
        .reconfigured(story.now, ServerId(0), &ring, same);
    story.pass(20_000);
    assert_eq!(story.news, []);
    // The servers in another order: what is seen goes with the names.
    story.see(view(1, &[0, 1, 2], true));
    story.pass(10_000);
    let swapped = |id: ServerId| Some(ServerId([0, 2, 1][usize::from(id.0)]));
    story.see(view(2, &[0, 1], true));
    assert_eq!(story.downs(), [(2, Cause::Lost)]);
    story.membership = story
        .membership
        .reconfigured(story.now, ServerId(0), &ring, swapped);
    story.pass(60_000);
    assert_eq!(story.downs().len(), 1);
    assert_eq!(story.membership.peer(ServerId(1)).state, ServerState::Down);
}
