//! What one call of the alert agent says: the variables that Pacemaker hands it.
//!
//! *Use.* [`Report::read`] in the agent; the report travels as JSON to the daemon and into
//! [`Watch`](super::Watch). *Failure.* A variable that is missing or no number counts as absent; what is
//! of no known kind is kept as [`Kind::Other`], so that a newer Pacemaker is no fault.

use crate::alert::tidy_within;
use alloc::format;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// Longest name of a node, resource or task that is kept, in bytes; a longer one is cut.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest description of a report that is kept, in bytes; a longer one is cut.
pub const DESCRIPTION_BYTES_MAX: usize = 512;

/// One call of the alert agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When it happened, in microseconds since 1970, by the clock of the node that called the agent.
    pub at_us: i64,
    /// The node's own counter of such calls.
    pub sequence: u32,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// A node joined the cluster or was lost. Every node that sees it is told.
    Node {
        /// Which.
        node: String,
        /// It joined.
        member: bool,
    },
    /// An operation of a resource ended; told on the node that ran it.
    Operation(Operation),
    /// A node was fenced, or could not be. Every surviving node is told.
    Fencing {
        /// The node that was to be fenced.
        node: String,
        /// 0 when it was.
        rc: i32,
        /// Pacemaker's words: who fenced, for whom, how it ended, the reference.
        description: String,
    },
    /// Something that decides nothing here.
    #[serde(other)]
    Other,
}

/// An operation of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The node that ran it.
    pub node: String,
    /// The resource (a primitive; never its group).
    pub resource: String,
    /// `start`, `stop`, `monitor`, `promote`, `demote` …
    pub task: String,
    /// Of a recurring one, in milliseconds; 0 for one that is run once.
    pub interval_ms: u64,
    /// How it ended, as the resource's agent says.
    pub rc: i32,
    /// How Pacemaker wanted it to end.
    pub target_rc: i32,
    /// How it was carried out: 0 done, 1 cancelled, 2 timed out, 4 failed.
    pub status: i32,
    /// In words.
    pub description: String,
}

/// Cancelled by Pacemaker itself: no news of the resource.
const CANCELLED: i32 = 1;

impl Report {
    /// Reads the variables of a call; `get` answers a variable's value. Text from outside is data: bounded,
    /// and made one line without control characters.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Report {
        let name = |key: &str| tidy_within(&get(key).unwrap_or_default(), NAME_BYTES_MAX);
        let number = |key: &str| get(key)?.trim().parse::<i64>().ok();
        let small = |key: &str, absent: i32| {
            number(key).map_or(absent, |n| i32::try_from(n).unwrap_or(absent))
        };
        let seconds = number("CRM_alert_timestamp_epoch").unwrap_or_default();
        let rest = number("CRM_alert_timestamp_usec").unwrap_or_default();
        let description = || {
            let text = get("CRM_alert_desc").unwrap_or_default();
            tidy_within(&text, DESCRIPTION_BYTES_MAX)
        };
        let kind = match get("CRM_alert_kind").as_deref() {
            Some("node") => Kind::Node {
                node: name("CRM_alert_node"),
                member: get("CRM_alert_desc").as_deref() == Some("member"),
            },
            Some("resource") => Kind::Operation(Operation {
                node: name("CRM_alert_node"),
                resource: name("CRM_alert_rsc"),
                task: name("CRM_alert_task"),
                interval_ms: number("CRM_alert_interval")
                    .and_then(|ms| u64::try_from(ms).ok())
                    .unwrap_or_default(),
                rc: small("CRM_alert_rc", 0),
                target_rc: small("CRM_alert_target_rc", 0),
                status: small("CRM_alert_status", 0),
                description: description(),
            }),
            Some("fencing") => Kind::Fencing {
                node: name("CRM_alert_node"),
                rc: small("CRM_alert_rc", -1),
                description: description(),
            },
            _ => Kind::Other,
        };
        Report {
            at_us: seconds
                .saturating_mul(1_000_000)
                .saturating_add(rest.clamp(0, 999_999)),
            sequence: small("CRM_alert_node_sequence", 0).unsigned_abs(),
            kind,
        }
    }

    /// Names the call on its node, so that one handed over twice counts once. Only `[a-z0-9.-]` occurs.
    pub fn key(&self) -> String {
        let letter = match self.kind {
            Kind::Node { .. } => 'n',
            Kind::Operation(_) => 'o',
            Kind::Fencing { .. } => 'f',
            Kind::Other => 'x',
        };
        let at = self.at_us.max(0);
        format!(
            "{:010}.{:06}-{:06}-{letter}",
            at / 1_000_000,
            at % 1_000_000,
            self.sequence
        )
    }
}

impl Operation {
    /// Whether it says anything of the resource: cancelled operations and probes do not. A probe asks once
    /// whether a resource runs where it should not; its answer is Pacemaker's affair.
    pub fn is_news(&self) -> bool {
        self.status != CANCELLED && !(self.task == "monitor" && self.interval_ms == 0)
    }

    /// It did not end as it should have.
    pub fn failed(&self) -> bool {
        self.is_news() && (self.rc != self.target_rc || self.status > CANCELLED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pacemaker::tests::read;

    /// Rule: N3
    #[test]
    fn the_variables_of_a_real_call_are_read() {
        let report = read(
            "CRM_alert_desc=not\\ running CRM_alert_exec_time=0 CRM_alert_interval=2000 CRM_alert_kind=resource \
             CRM_alert_node=n1 CRM_alert_node_sequence=5 CRM_alert_rc=7 CRM_alert_rsc=d1 CRM_alert_status=0 \
             CRM_alert_target_rc=0 CRM_alert_task=monitor CRM_alert_timestamp_epoch=1795376612 \
             CRM_alert_timestamp_usec=356538",
        );
        assert_eq!(report.key(), "1795376612.356538-000005-o");
        let Kind::Operation(operation) = report.kind else {
            panic!("{report:?}")
        };
        assert_eq!(operation.description, "not running");
        assert!(operation.failed());
    }

    /// Rule: N3
    #[test]
    fn cancelled_operations_and_probes_are_no_news() {
        let monitor = |interval_ms, rc, target_rc, status| Operation {
            task: "monitor".into(),
            interval_ms,
            rc,
            target_rc,
            status,
            ..Operation::default()
        };
        // A probe that finds what it should not, or does not find what it should: no news either.
        for (rc, target_rc) in [(7, 7), (0, 7), (7, 0)] {
            assert!(!monitor(0, rc, target_rc, 0).is_news());
        }
        assert!(!monitor(2_000, 7, 0, 1).failed());
        assert!(monitor(2_000, 7, 0, 0).failed());
        assert!(monitor(2_000, 0, 0, 2).failed());
        assert!(!monitor(2_000, 0, 0, 0).failed());
    }

    /// Rule: N3
    #[test]
    fn text_from_outside_is_bounded_and_one_line() {
        let long = "é\u{1b}[2J\n".repeat(4_096);
        let report = Report::read(|key| match key {
            "CRM_alert_kind" => Some("resource".into()),
            "CRM_alert_rc" => Some("99999999999999999999".into()),
            "CRM_alert_timestamp_usec" => Some("-5".into()),
            _ => Some(long.clone()),
        });
        let Kind::Operation(operation) = &report.kind else {
            panic!("{report:?}")
        };
        assert!(operation.node.len() <= NAME_BYTES_MAX);
        assert!(operation.description.len() <= DESCRIPTION_BYTES_MAX);
        assert!(!operation.description.chars().any(char::is_control));
        let fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        assert!(report.key().chars().all(fit));
    }
}
