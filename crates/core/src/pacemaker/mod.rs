//! What Pacemaker does, as facts that a person understands: told once for the whole cluster (rules N3 N9).
//!
//! Two things come in. A [`Report`] is one call of the alert agent: it comes at once, but it names a
//! primitive and never its group, and N−1 nodes report some of them. A [`Picture`] is the whole cluster as
//! `crm_mon` shows it: it comes a moment later, and every node has the same. [`Watch`] puts the two together
//! and answers with [`News`], each with the name of its fact, by which all servers name it alike.
//!
//! *Who tells.* What an operation of a resource says is known to the node that ran it alone, and told there.
//! That a group runs is told by the server that it runs on; that it runs nowhere, and what holds for the
//! whole cluster, by the server of the node that decides ([`Picture::decider`]). The others see it in the
//! picture as well and tell it after [`OTHERS_WAIT`], if nobody has: they know by the fact's name.
//!
//! *Failure.* Without reports the pictures alone tell where groups are, later. Without pictures failed
//! operations and fencing are still told; that it is blind is told once.

mod agent;
mod clones;
mod fencing;
mod groups;
mod nodes;
mod picture;
mod report;
mod resources;
mod starts;
mod status;
#[cfg(test)]
mod tests;
mod watch;

pub use agent::{AgentTrouble, Calls};
pub use fencing::{A_PERSON, Fencing};
pub use groups::{AwayMemory, GROUPS_MAX, GroupMemory, Move, Why};
pub use picture::{
    Change, Failure, Group, GroupKind, Member, PacemakerNode, Past, Picture, Place, Sort,
};
pub use report::{DESCRIPTION_BYTES_MAX, Kind, NAME_BYTES_MAX, Operation, Report};
pub use resources::Fault;
pub use status::{
    GROUPS_SHOWN_MAX, GroupState, GroupStatus, PacemakerNodeStatus, PacemakerStatus,
    RESOURCES_SHOWN_MAX, ResourceStatus,
};
pub use watch::{
    FAULTS_MAX, GATHER, LATE_MAX, LOOK_EVERY, LOOK_GAP, LOOK_GAP_MAX, LOOK_REST, LOOK_UNSETTLED,
    OTHERS_WAIT, REPORTS_MAX, Watch,
};

use crate::time::Span;
use alloc::string::String;
use alloc::vec::Vec;

/// One fact worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Names the fact alike on every server that finds it; `None` where only one server can.
    pub fact: Option<String>,
    /// Others may have told it by now.
    pub late: bool,
    /// What happened.
    pub what: What,
}

/// How long something was away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// So long.
    pub span: Span,
    /// Or longer: nobody watched when it went.
    pub at_least: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A group runs that did not.
    Started {
        /// The group.
        group: String,
        /// Where.
        node: String,
        /// It had been told that it runs nowhere, and ends that: how long it was away.
        after: Option<Absence>,
    },
    /// A group was stopped by a person's wish.
    Stopped {
        /// The group.
        group: String,
        /// Where it had run.
        node: String,
    },
    /// A group runs on another node than before.
    Moved(Move),
    /// A group runs nowhere, and nobody wanted that.
    Down {
        /// The group.
        group: String,
        /// Where it had run; `None` if it was never seen to run.
        node: Option<String>,
        /// What failed, by node, the first failure first.
        failures: Vec<String>,
    },
    /// Resources of a group do not run, and nothing starts them; the others do.
    Partial {
        /// The group.
        group: String,
        /// Where the others run.
        node: String,
        /// Those that do not run.
        idle: Vec<String>,
        /// What failed, by node, the first failure first.
        failures: Vec<String>,
    },
    /// A clone's instance is gone from a node that is up.
    InstanceLost {
        /// The clone.
        group: String,
        /// The node.
        node: String,
        /// Where instances run.
        on: Vec<String>,
        /// What failed there.
        failures: Vec<String>,
        /// That it could not be started there was mailed.
        quiet: bool,
    },
    /// A group stays down because a lost node cannot be fenced.
    Held {
        /// The group.
        group: String,
        /// The lost node.
        node: String,
        /// Why it is not fenced.
        why: Unfenced,
    },
    /// A group runs on several nodes and must not.
    Several {
        /// The group.
        group: String,
        /// Where.
        nodes: Vec<String>,
    },
    /// An operation of a resource failed.
    Failed(Fault),
    /// A resource that had failed has worked for a while.
    Recovered {
        /// What had failed.
        fault: Fault,
        /// For how long.
        after: Span,
    },
    /// A node is to be fenced.
    FencingAsked {
        /// The node.
        node: String,
    },
    /// A node was fenced, or could not be.
    Fenced(Fencing),
    /// This node's side has lost its quorum.
    QuorumLost,
    /// It has it again.
    QuorumBack {
        /// For how long it had none.
        after: Span,
    },
    /// A node is not to run anything, or may again.
    Standby {
        /// The node.
        node: String,
        /// It is in standby.
        on: bool,
        /// Who wanted it, if that is known.
        by: Option<String>,
    },
    /// Resources are left alone, or seen to again.
    Maintenance {
        /// Of which node; `None` for all of them.
        node: Option<String>,
        /// They are left alone.
        on: bool,
        /// Who wanted it, if that is known.
        by: Option<String>,
    },
    /// A person stops Pacemaker on all servers.
    ClusterStops {
        /// This server is to tell it.
        tells: bool,
        /// The servers on which it is being stopped.
        nodes: Vec<String>,
    },
    /// Pacemaker runs on this server again after that.
    ClusterRuns,
    /// Pacemaker's state could not be read for a while.
    Blind {
        /// Why.
        why: String,
    },
    /// It can be read again.
    Sees,
    /// Reports were lost: more came while this service was away than are kept for it.
    Lost {
        /// How many.
        count: u64,
    },
}

impl What {
    /// The group whose trouble this ends.
    fn ends_trouble_of(&self) -> Option<&str> {
        match self {
            What::Started {
                group,
                after: Some(_),
                ..
            } => Some(group),
            What::Moved(moved) if moved.was_down => Some(&moved.group),
            _ => None,
        }
    }
}

/// Why a lost node is not fenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfenced {
    /// There is no fence device.
    NoDevice,
    /// It was tried, and did not work.
    Failed(String),
    /// It is taking too long.
    TooLong(Span),
}
