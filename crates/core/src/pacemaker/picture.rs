//! The cluster as Pacemaker shows it at one moment: nodes, groups, what failed.
//!
//! The daemon reads it with `crm_mon`; every node of a cluster shows the same one, a moment apart.

use crate::time::WallTime;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The cluster as Pacemaker shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// The node whose controller decides at present.
    pub decider: Option<String>,
    /// This node's side has quorum.
    pub quorum: bool,
    /// Lost nodes are to be fenced (`stonith-enabled`).
    pub fencing: bool,
    /// Pacemaker leaves all resources alone (`maintenance-mode`).
    pub maintenance: bool,
    /// The last change of the configuration.
    pub change: Option<Change>,
    /// The nodes.
    pub nodes: Vec<PacemakerNode>,
    /// The groups; a primitive of its own is one, a clone is one.
    pub groups: Vec<Group>,
    /// Operations in the nodes' histories.
    pub operations: Vec<Past>,
    /// Failed operations that nobody has cleaned up yet.
    pub failures: Vec<Failure>,
    /// Nodes that are being fenced.
    pub being_fenced: Vec<String>,
}

/// Who changed the configuration last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// When, to the second.
    pub at: Option<WallTime>,
    /// The user.
    pub user: String,
    /// The program.
    pub client: String,
    /// The node that it ran on.
    pub origin: String,
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacemakerNode {
    /// Its name.
    pub name: String,
    /// It takes part.
    pub online: bool,
    /// It is about to take part.
    pub pending: bool,
    /// It is lost, and what it runs is unknown until it is fenced.
    pub unclean: bool,
    /// It runs nothing by a person's wish.
    pub standby: bool,
    /// Its resources are left alone.
    pub maintenance: bool,
    /// It is leaving cleanly, or has left so.
    pub leaving: bool,
    /// It runs resources without Corosync (`pacemaker_remote`), so it is no server.
    pub remote: bool,
}

/// Resources that run together: a failover group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name: of the group, of the clone, or of the primitive that has none.
    pub name: String,
    /// How it is to run.
    pub kind: GroupKind,
    /// A person wants it stopped (`target-role`).
    pub disabled: bool,
    /// Pacemaker sees to it.
    pub managed: bool,
    /// Its resources; of a clone each instance.
    pub members: Vec<Member>,
}

/// How a group is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// On one node.
    #[default]
    Single,
    /// On several nodes at a time.
    Clone,
    /// On several nodes, on one of them in the leading role.
    Promotable,
}

/// What a resource is, told by its agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// A floating IP address (`IPaddr2`).
    FloatingIp,
    /// A file system on a shared or mirrored disk (`Filesystem`).
    FileSystem,
    /// A shared disk: volumes, sessions and reservations on it (LVM, iSCSI, SCSI reservations).
    SharedDisk,
    /// A mirror disk (DRBD).
    MirrorDisk,
    /// A fence device.
    FenceDevice,
    /// Any other.
    #[default]
    Other,
}

/// A resource of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What it is.
    pub sort: Sort,
    /// `Started`, `Stopped`, `Promoted`, `Unpromoted` …
    pub role: String,
    /// It runs.
    pub active: bool,
    /// Its last operation failed.
    pub failed: bool,
    /// Pacemaker does nothing about it until a person cleans up.
    pub blocked: bool,
    /// An operation of it is under way.
    pub busy: bool,
    /// A person wants it stopped (`target-role`).
    pub disabled: bool,
    /// Pacemaker leaves it alone.
    pub unmanaged: bool,
    /// Of a clone or bundle: which of its instances this belongs to.
    pub instance: usize,
    /// Where it runs.
    pub nodes: Vec<String>,
}

/// An operation in a node's history; only those that begin or end a resource's run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The node.
    pub node: String,
    /// The resource.
    pub resource: String,
    /// `start`, `stop`, `promote`, `demote`.
    pub task: String,
    /// The node's number of it.
    pub call: u32,
    /// It ended well.
    pub done: bool,
    /// When, to the second.
    pub at: Option<WallTime>,
}

/// A failed operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The node.
    pub node: String,
    /// The resource.
    pub resource: String,
    /// What was tried.
    pub task: String,
    /// When, to the second.
    pub at: Option<WallTime>,
    /// Why, in the agent's words.
    pub why: String,
}

/// Where a group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// All of it runs on this node.
    On(String),
    /// Nowhere.
    Nowhere,
    /// On its way: some of it runs, or an operation is under way.
    Between,
    /// On this node, but without these resources, and nothing is under way.
    Part(String, Vec<String>),
    /// What runs is unknown: this node is lost and not fenced yet.
    Unknown(String),
    /// It runs on several nodes and must not.
    Several(Vec<String>),
    /// On these nodes, as a clone may.
    Spread(Vec<String>),
}

/// Roles of the leading instance; the second is what older releases call it.
const LEADING: [&str; 2] = ["Promoted", "Master"];

impl Picture {
    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&PacemakerNode> {
        self.nodes.iter().find(|node| same(&node.name, name))
    }

    /// The group that a resource belongs to. An instance of a clone may bear a number (`disk:1`).
    pub fn group_of(&self, resource: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.has(resource))
    }

    /// What a resource is.
    pub fn sort_of(&self, resource: &str) -> Sort {
        let members = self.groups.iter().flat_map(|group| &group.members);
        let mut named = members.filter(|member| bare(&member.name) == bare(resource));
        named.next().map_or(Sort::Other, |member| member.sort)
    }

    /// Nobody is served by Pacemaker as it is: all groups, or this one, are left alone.
    pub fn left_alone(&self, group: &Group) -> bool {
        self.maintenance || !group.managed
    }

    /// When a group was last started on a node: the name and time of that run, the same on every node.
    pub fn run(&self, group: &Group, node: &str) -> Option<&Past> {
        let task = match group.kind {
            GroupKind::Promotable => "promote",
            _ => "start",
        };
        let of_group = self.operations.iter().filter(|past| {
            past.done && past.task == task && same(&past.node, node) && group.has(&past.resource)
        });
        of_group.max_by_key(|past| (past.at, past.call))
    }

    /// When a group's stop on a node began, if that is in the node's history; only those for which `counts` holds:
    /// the history has each resource's last stop, however long ago that was.
    pub fn stopped(
        &self,
        group: &Group,
        node: &str,
        counts: impl Fn(WallTime) -> bool,
    ) -> Option<WallTime> {
        let task = match group.kind {
            GroupKind::Promotable => "demote",
            _ => "stop",
        };
        self.first((group, node), task, counts)
    }

    /// The same of its start.
    pub fn started(
        &self,
        group: &Group,
        node: &str,
        counts: impl Fn(WallTime) -> bool,
    ) -> Option<WallTime> {
        let task = match group.kind {
            GroupKind::Promotable => "promote",
            _ => "start",
        };
        self.first((group, node), task, counts)
    }

    fn first(
        &self,
        (group, node): (&Group, &str),
        task: &str,
        counts: impl Fn(WallTime) -> bool,
    ) -> Option<WallTime> {
        let of_group = self.operations.iter().filter(|past| {
            past.task == task && same(&past.node, node) && group.has(&past.resource)
        });
        let times = of_group.filter_map(|past| past.at);
        times.filter(|at| counts(*at)).min()
    }

    /// Where a group is.
    pub fn place(&self, group: &Group) -> Place {
        match group.kind {
            GroupKind::Single => self.place_of_single(group),
            GroupKind::Promotable => {
                let leading = group
                    .members
                    .iter()
                    .filter(|member| member.active && LEADING.contains(&member.role.as_str()));
                let nodes = nodes_of(leading);
                match (nodes.len(), nodes.into_iter().next()) {
                    (1, Some(node)) if self.is_unclean(&node) => Place::Unknown(node),
                    (1, Some(node)) => Place::On(node),
                    (0, _) if group.members.iter().any(|member| member.busy) => Place::Between,
                    (0, _) => Place::Nowhere,
                    _ => Place::Between,
                }
            }
            GroupKind::Clone => Place::Spread(nodes_of(
                group.members.iter().filter(|member| member.active),
            )),
        }
    }

    fn place_of_single(&self, group: &Group) -> Place {
        let active = || group.members.iter().filter(|member| member.active);
        let nodes = nodes_of(active());
        if let Some(twice) = active().find(|member| member.nodes.len() > 1) {
            return Place::Several(twice.nodes.clone());
        }
        if let Some(lost) = nodes.iter().find(|node| self.is_unclean(node)) {
            return Place::Unknown(lost.clone());
        }
        let wanted = |member: &&Member| !member.disabled || group.disabled;
        let whole = group
            .members
            .iter()
            .filter(wanted)
            .all(|member| member.active);
        let joined = |node: &String| {
            self.node(node)
                .is_none_or(|node| node.online && !node.pending)
        };
        let well =
            active().all(|member| !member.failed && !member.busy) && nodes.iter().all(joined);
        match nodes.as_slice() {
            [] if group.members.iter().any(|member| member.busy) => Place::Between,
            [] => Place::Nowhere,
            [node] if whole && well => Place::On(node.clone()),
            [node]
                if well
                    && !group
                        .members
                        .iter()
                        .any(|member| member.busy || member.disabled || member.unmanaged) =>
            {
                let idle = group.members.iter().filter(|member| !member.active);
                Place::Part(
                    node.clone(),
                    idle.map(|member| member.name.clone()).collect(),
                )
            }
            _ => Place::Between,
        }
    }

    /// The nodes on which a whole instance of a clone or bundle runs.
    pub fn instances(&self, group: &Group) -> Vec<String> {
        let mut numbers: Vec<usize> = group.members.iter().map(|one| one.instance).collect();
        numbers.dedup();
        let place = |number: usize| {
            let of = || group.members.iter().filter(|one| one.instance == number);
            let whole = of().all(|one| one.active && !one.failed);
            let nodes = nodes_of(of());
            whole.then_some(nodes).filter(|nodes| nodes.len() == 1)
        };
        let mut nodes: Vec<String> = numbers.into_iter().filter_map(place).flatten().collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }

    /// Every node that takes part is leaving: a person stops the cluster. A side without quorum is not the cluster.
    pub fn is_stopping(&self) -> bool {
        let mut online = self.nodes.iter().filter(|node| node.online).peekable();
        self.quorum && online.peek().is_some() && online.all(|node| node.leaving)
    }

    fn is_unclean(&self, node: &str) -> bool {
        self.node(node)
            .is_some_and(|node| node.unclean && !node.online)
    }
}

impl PacemakerNode {
    /// It has left Pacemaker in order, or is about to. One that has left is online and pending as long as its
    /// Corosync runs.
    pub fn has_left(&self) -> bool {
        self.leaving || (self.online && self.pending)
    }

    /// It is online and has joined. Pacemaker shows a node that is joining as in standby.
    pub fn takes_part(&self) -> bool {
        self.online && !self.pending
    }
}

impl Group {
    /// Whether a resource belongs to it.
    pub fn has(&self, resource: &str) -> bool {
        self.members
            .iter()
            .any(|member| bare(&member.name) == bare(resource))
    }
}

impl Failure {
    /// What failed, where and why.
    pub(super) fn words(&self) -> String {
        let (resource, task, node, why) = (&self.resource, &self.task, &self.node, &self.why);
        format!("{resource} {task} ({node}): {why}")
    }
}

/// Node names are host names: letters' case does not count.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// A resource's name without the number of a clone's instance.
pub(super) fn bare(resource: &str) -> &str {
    resource.split(':').next().unwrap_or(resource)
}

fn nodes_of<'a>(members: impl Iterator<Item = &'a Member>) -> Vec<String> {
    let mut nodes: Vec<String> = members.flat_map(|member| member.nodes.clone()).collect();
    nodes.sort();
    nodes.dedup();
    nodes
}
