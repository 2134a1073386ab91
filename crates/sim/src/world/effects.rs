//! What the surroundings do with a daemon's actions.

use super::{Due, Mail, World};
use crate::scenario::MailBehaviour;
use noroshi_core::action::Action;
use noroshi_core::config::ServerId;
use noroshi_core::event::{Event, Heard, HostAnswer, LicencesRead, Phase};
use noroshi_core::notice::{Channel, Outcome, Sending};
use noroshi_core::request::{Request, RequestId};

/// One way through the network.
pub(super) const HOP_US: u64 = 300;
/// Links that do not stand are dialled this often.
pub(super) const RELINK_US: u64 = 50_000;
/// One sync of a disk.
const SYNC_US: u64 = 2_000;
/// Probes, connects and replies give up after this.
const PROBE_WAIT_US: u64 = 300_000;

impl World {
    pub(super) fn act(&mut self, server: usize, action: Action) {
        match action {
            Action::Beat(phase) => self.beat(server, phase),
            Action::Probe { server: to, path } => {
                let to_at = usize::from(to.0);
                let reachable = self.servers[to_at].powered
                    && self.network.both_ways(server, to_at, path.0)
                    && !self.is_lost(path.0);
                let running = self.servers[to_at].node.is_some() && self.is_heard(server, to_at);
                let (in_us, answer) = match (reachable, running) {
                    (false, _) => (PROBE_WAIT_US, HostAnswer::Silent),
                    (true, true) => (2 * HOP_US, HostAnswer::Accepted),
                    (true, false) => (2 * HOP_US, HostAnswer::Refused),
                };
                self.give(
                    in_us,
                    server,
                    Event::Probed {
                        server: to,
                        path,
                        answer,
                    },
                );
            }
            Action::Tell(to, message) => {
                let to = usize::from(to.0);
                if self.servers[server].links[to] && self.can_link(server, to) {
                    self.give(HOP_US, to, Event::Peer(ServerId(server as u8), message));
                }
            }
            Action::DropLink(other) => {
                let other = usize::from(other.0);
                self.servers[server].links[other] = false;
                if std::mem::take(&mut self.servers[other].links[server]) {
                    let reachable = self.network.any_path(server, other);
                    if reachable {
                        self.give(HOP_US, other, Event::LinkDown(ServerId(server as u8)));
                    }
                }
            }
            Action::Record { batch, items } => {
                let run = self.servers[server].run;
                self.due(
                    SYNC_US,
                    Due::Synced {
                        server,
                        run,
                        batch,
                        items,
                    },
                );
            }
            Action::Load(page) => {
                let (notices, more) = self.servers[server].disk.stored_after(&page);
                self.give(SYNC_US, server, Event::Loaded { notices, more });
            }
            Action::Find(to, keys) => {
                let disk = &self.servers[server].disk;
                let found = keys.iter().filter_map(|key| disk.notice(key).cloned());
                let found = found.collect();
                let found = Event::Found {
                    server: to,
                    asked: keys,
                    notices: found,
                };
                self.give(SYNC_US, server, found);
            }
            Action::Send(sending) => self.send(server, &sending),
            Action::Lamp {
                lamp,
                number,
                order,
            } => self.order_lamp(server, (lamp, number), order),
            Action::LampCancel { number, .. } => self.cancel_lamp(server, number),
            Action::Reply(id, reply) => self.replies.push((id, reply)),
            Action::Exit => self.kill(server),
            Action::ReadLicences(id) => self.read_licences(server, LicencesRead::Asked(id)),
            Action::JoinLicences {
                from,
                number,
                register,
            } => self.join_licences(server, &register, LicencesRead::Joined { from, number }),
            Action::RememberLicences(memory) => self.remember_licences(server, memory),
            Action::FetchSet { from, label } => self.fetch_set(server, usize::from(from.0), label),
            Action::AdoptSet(label) => self.adopt_set(server, label),
            Action::FormerWays(wanted) => {
                self.former_ways(server, wanted);
                self.drop_moved_links(server);
            }
            Action::Reconfigure(_) => self.drop_moved_links(server),
            // Nothing here runs Pacemaker.
            Action::LookAtPacemaker | Action::ForgetReports(_) | Action::Log(_) => {}
        }
    }

    /// Whether a packet is lost. What loses nothing asks no chance.
    fn is_lost(&mut self, path: u8) -> bool {
        let loss = self.network.loss(path);
        loss > 0 && self.random.chance(loss)
    }

    fn beat(&mut self, server: usize, phase: Phase) {
        if self.has_ring() {
            return self.speak(server, phase);
        }
        let session = self.servers[server]
            .node
            .as_ref()
            .map(noroshi_core::node::Node::session);
        let Some(session) = session else { return };
        for to in (0..self.servers.len()).filter(|to| *to != server) {
            for path in 0..self.config.interconnects.len() as u8 {
                let counter = self.servers[server]
                    .counters
                    .entry((to as u8, path))
                    .or_insert(0);
                *counter += 1;
                let counter = *counter;
                let lost = self.is_lost(path);
                let there = self.servers[to].node.is_some() && self.is_heard(server, to);
                if lost || !there || !self.network.passes(server, to, path) {
                    continue;
                }
                // The receiver's engine counts what is missing; it shares our table here.
                let key = (0x80 | server as u8, path);
                let last = self.servers[to]
                    .counters
                    .insert(key, counter)
                    .unwrap_or(counter - 1);
                let heard = Heard {
                    from: ServerId(server as u8),
                    path: noroshi_core::config::InterconnectId(path),
                    session,
                    phase,
                    missed: counter.saturating_sub(last + 1) as u32,
                    config_digest: 1,
                };
                self.give(HOP_US, to, Event::Heard(heard));
            }
        }
    }

    fn send(&mut self, server: usize, sending: &Sending) {
        self.watch_sending(server, sending);
        let delivered = || Outcome::Delivered {
            reply: "250 2.0.0 Ok".into(),
        };
        let retry = |cause: &str, maybe_taken| Outcome::Retry {
            cause: cause.into(),
            maybe_taken,
        };
        if sending.key.channel == Channel::Syslog {
            return self.give(
                100,
                server,
                Event::Outcome(sending.key.clone(), delivered()),
            );
        }
        let behaviour = if self.network.reaches_outside(server) {
            self.mail.clone()
        } else {
            MailBehaviour::Away
        };
        let (in_us, taken, outcome) = match behaviour {
            MailBehaviour::Rejects(address) if address == sending.key.recipient => (
                1_000,
                false,
                Outcome::Refused {
                    cause: "550 5.1.1 no such user".into(),
                },
            ),
            MailBehaviour::Hangs(address) if address == sending.key.recipient => {
                (30_000_000, false, retry("no answer in time", false))
            }
            MailBehaviour::Slow(ms) => (ms * 1_000, true, delivered()),
            MailBehaviour::Accepts | MailBehaviour::Rejects(_) | MailBehaviour::Hangs(_) => {
                (1_000, true, delivered())
            }
            MailBehaviour::Defers => (1_000, false, retry("451 4.3.0 try later", false)),
            MailBehaviour::Swallows => (30_000_000, true, retry("no reply to the end", true)),
            MailBehaviour::Away => (3_000_000, false, retry("cannot connect", false)),
        };
        if taken {
            self.watch_mail(Mail {
                at_ms: self.now_ms(),
                to: sending.key.recipient.clone(),
                from: self.servers[server].name.clone(),
                alert: sending.alert.clone(),
                possible_repeat: sending.possible_repeat,
            });
        }
        self.give(in_us, server, Event::Outcome(sending.key.clone(), outcome));
    }

    /// Dials the links that do not stand and could.
    pub(super) fn relink(&mut self) {
        for one in 0..self.servers.len() {
            for other in one + 1..self.servers.len() {
                let alive = |at: usize| {
                    let server = &self.servers[at];
                    server.node.is_some() && !server.suspended
                };
                let both = alive(one) && alive(other) && self.can_link(one, other);
                let stands = self.servers[one].links[other] && self.servers[other].links[one];
                if both && !stands {
                    for (at, to) in [(one, other), (other, one)] {
                        if std::mem::replace(&mut self.servers[at].links[to], true) {
                            // A half-dead link is replaced: its end is told first.
                            self.give(0, at, Event::LinkDown(ServerId(to as u8)));
                        }
                        self.give(HOP_US, at, Event::LinkUp(ServerId(to as u8)));
                    }
                }
            }
        }
        self.due(RELINK_US, Due::Relink);
        self.may_be_quiet = !self.exact;
    }

    /// Asks a server's daemon for something.
    pub fn ask(&mut self, server: usize, request: Request) -> RequestId {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.give(0, server, Event::Request(id, request));
        id
    }

    /// Lets a suspended process go on: everything that waited comes at once.
    pub fn resume(&mut self, server: usize) {
        self.servers[server].suspended = false;
        for event in std::mem::take(&mut self.servers[server].waiting) {
            self.step(server, event);
        }
    }
}
