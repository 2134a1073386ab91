//! What a person or the ring did to nodes: standby, maintenance, quorum.

use super::picture::{Picture, same};
use super::{News, What};
use crate::time::{Moment, Now, Span, WallTime};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A quorum must be lost for this long: while the ring forms anew it is gone for a moment.
const QUORUM_WAIT: Span = Span::from_secs(1);
/// A change of the configuration this long ago may be the one that did it.
const CHANGE_MAX: Span = Span::from_secs(60);
/// Programs of Pacemaker itself, which change the configuration as well.
const DAEMONS: [&str; 7] = [
    "crmd",
    "pacemaker-controld",
    "attrd",
    "pacemaker-attrd",
    "pacemaker-schedulerd",
    "pacemaker-fenced",
    "pacemakerd",
];

impl Picture {
    /// The last change of the configuration, if a person made it: by whom and with what, and when.
    pub(super) fn by_person(&self) -> Option<(String, Option<WallTime>)> {
        let change = self.change.as_ref()?;
        if change.client.is_empty() || DAEMONS.contains(&change.client.as_str()) {
            return None;
        }
        let user = match change.user.as_str() {
            "" => "?",
            user => user,
        };
        let (client, origin) = (&change.client, &change.origin);
        Some((format!("{user}, {client}, {origin}"), change.at))
    }
}

/// The quorum of this node's side.
#[derive(Clone, Debug, Default)]
pub(super) struct Quorum {
    /// Since when there is none.
    lost: Option<(Moment, WallTime)>,
    told: bool,
}

impl Quorum {
    pub(super) fn look(
        &mut self,
        now: Now,
        before: Option<&Picture>,
        picture: &Picture,
    ) -> Option<News> {
        if picture.quorum {
            let since = self.lost.take().map(|(_, since)| since);
            let told = core::mem::take(&mut self.told);
            return since.filter(|_| told).map(|since| {
                own(What::QuorumBack {
                    after: now.wall.since(since),
                })
            });
        }
        // What was never there was not lost.
        if before.is_some_and(|before| before.quorum) {
            self.lost.get_or_insert((now.at, now.wall));
        }
        self.tick(now)
    }

    pub(super) fn tick(&mut self, now: Now) -> Option<News> {
        let (since, _) = self.lost?;
        (!self.told && now.at.since(since) >= QUORUM_WAIT).then(|| {
            self.told = true;
            own(What::QuorumLost)
        })
    }

    pub(super) fn next_deadline(&self) -> Option<Moment> {
        let (since, _) = self.lost.filter(|_| !self.told)?;
        Some(since + QUORUM_WAIT)
    }
}

/// Standby and maintenance: the node itself tells, or the one that decides.
pub(super) fn compare(now: Now, own_name: &str, before: &Picture, picture: &Picture) -> Vec<News> {
    let mut news = Vec::new();
    let decides = picture
        .decider
        .as_deref()
        .is_some_and(|name| same(name, own_name));
    let recent = |at: &Option<WallTime>| at.is_none_or(|at| now.wall.since(at) <= CHANGE_MAX);
    let by = || {
        picture
            .by_person()
            .filter(|(_, at)| recent(at))
            .map(|(by, _)| by)
    };
    if decides && before.maintenance != picture.maintenance {
        news.push(own(What::Maintenance {
            node: None,
            on: picture.maintenance,
            by: by(),
        }));
    }
    for node in &picture.nodes {
        let Some(old) = before.node(&node.name) else {
            continue;
        };
        let ours = match node.online {
            true => same(&node.name, own_name),
            false => decides,
        };
        // A node that is gone shows none of its marks, and Pacemaker shows one that is joining as in standby.
        if !ours || !old.takes_part() || !node.takes_part() {
            continue;
        }
        let name = node.name.clone();
        if old.standby != node.standby {
            let on = node.standby;
            news.push(own(What::Standby {
                node: name.clone(),
                on,
                by: by(),
            }));
        }
        // All of them are, while Pacemaker as a whole leaves resources alone.
        let whole = before.maintenance || picture.maintenance;
        if old.maintenance != node.maintenance && !whole {
            let on = node.maintenance;
            news.push(own(What::Maintenance {
                node: Some(name),
                on,
                by: by(),
            }));
        }
    }
    news
}

/// Only one server finds it.
fn own(what: What) -> News {
    News {
        fact: None,
        late: false,
        what,
    }
}
