//! What `status`, `clpstat` and the console show of Pacemaker.

use super::{Group, GroupKind, Member, Picture, Place, Sort, Watch};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most groups that are shown.
pub const GROUPS_SHOWN_MAX: usize = 256;
/// Most resources of one group that are shown.
pub const RESOURCES_SHOWN_MAX: usize = 32;

/// Pacemaker's cluster, as the server that tells this last saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacemakerStatus {
    /// Why it cannot be read at present; nodes and groups are empty then.
    pub trouble: Option<String>,
    /// This side has quorum.
    pub quorum: bool,
    /// Groups are left alone, all of them.
    pub maintenance: bool,
    /// Its nodes.
    pub nodes: Vec<PacemakerNodeStatus>,
    /// Its groups, at most [`GROUPS_SHOWN_MAX`].
    pub groups: Vec<GroupStatus>,
}

/// A node as Pacemaker shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacemakerNodeStatus {
    /// Its name.
    pub name: String,
    /// It takes part.
    pub online: bool,
    /// It is lost, and what runs there is unknown until it is fenced.
    pub unclean: bool,
    /// No groups run there by a person's wish.
    pub standby: bool,
    /// Groups there are left alone.
    pub maintenance: bool,
}

/// A failover group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its name.
    pub name: String,
    /// How it is to run.
    pub kind: GroupKind,
    /// How it is.
    pub state: GroupState,
    /// Where it runs; of a promotable clone, where it leads.
    pub current: Vec<String>,
    /// A person wants it stopped.
    pub disabled: bool,
    /// Pacemaker leaves it alone.
    pub maintenance: bool,
    /// Its resources, at most [`RESOURCES_SHOWN_MAX`].
    pub resources: Vec<ResourceStatus>,
}

/// How a group or a resource is, in the real product's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupState {
    /// It runs.
    Online,
    /// It is stopped.
    Offline,
    /// It is on its way, or only a part of it runs.
    Pending,
    /// It should run, and something of it failed.
    Failed,
    /// What runs is unknown: its server is lost and not fenced yet.
    Unknown,
}

/// A resource of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceStatus {
    /// Its name.
    pub name: String,
    /// What it is.
    pub sort: Sort,
    /// How it is.
    pub state: GroupState,
    /// Where it runs.
    pub current: Vec<String>,
}

impl PacemakerStatus {
    /// As a watch knows it.
    pub fn of(watch: &Watch) -> PacemakerStatus {
        let Some(picture) = watch.picture() else {
            let trouble = watch.blind_why().map(ToString::to_string);
            return PacemakerStatus {
                trouble,
                quorum: true,
                ..PacemakerStatus::default()
            };
        };
        let nodes = picture.nodes.iter().map(|node| PacemakerNodeStatus {
            name: node.name.clone(),
            online: node.online,
            unclean: node.unclean,
            standby: node.standby && node.takes_part(),
            maintenance: node.maintenance,
        });
        let groups = picture.groups.iter().take(GROUPS_SHOWN_MAX);
        PacemakerStatus {
            trouble: None,
            quorum: picture.quorum,
            maintenance: picture.maintenance,
            nodes: nodes.collect(),
            groups: groups
                .map(|group| GroupStatus::of(picture, group))
                .collect(),
        }
    }
}

impl GroupStatus {
    fn of(picture: &Picture, group: &Group) -> GroupStatus {
        let failed = |member: &Member| member.failed || member.blocked;
        let failures = || {
            let mut failures = picture.failures.iter();
            failures.any(|failure| group.has(&failure.resource))
        };
        let (state, current) = match picture.place(group) {
            Place::On(node) => (GroupState::Online, [node].into()),
            Place::Spread(nodes) if nodes.is_empty() => (GroupState::Offline, nodes),
            Place::Spread(nodes) => (GroupState::Online, nodes),
            Place::Several(nodes) => (GroupState::Failed, nodes),
            Place::Unknown(node) => (GroupState::Unknown, [node].into()),
            Place::Nowhere if !group.disabled && failures() => (GroupState::Failed, Vec::new()),
            Place::Nowhere => (GroupState::Offline, Vec::new()),
            Place::Between if group.members.iter().any(failed) => (GroupState::Failed, Vec::new()),
            Place::Part(node, _) if failures() => (GroupState::Failed, [node].into()),
            Place::Part(node, _) => (GroupState::Pending, [node].into()),
            Place::Between => (GroupState::Pending, Vec::new()),
        };
        let members = group.members.iter().take(RESOURCES_SHOWN_MAX);
        GroupStatus {
            name: group.name.clone(),
            kind: group.kind,
            state,
            current,
            disabled: group.disabled,
            maintenance: picture.left_alone(group),
            resources: members.map(|member| resource(picture, member)).collect(),
        }
    }
}

fn resource(picture: &Picture, member: &Member) -> ResourceStatus {
    let lost = |name: &String| {
        let node = picture.node(name);
        node.is_some_and(|node| node.unclean && !node.online)
    };
    let state = match member {
        one if one.failed || one.blocked => GroupState::Failed,
        one if one.busy => GroupState::Pending,
        one if one.active && one.nodes.iter().any(lost) => GroupState::Unknown,
        one if one.active => GroupState::Online,
        _ => GroupState::Offline,
    };
    ResourceStatus {
        name: member.name.clone(),
        sort: member.sort,
        state,
        current: member.nodes.clone(),
    }
}
