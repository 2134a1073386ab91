//! Whether Pacemaker calls our alert agent: without its calls a failed operation, and why, is told late or not at all.
//!
//! Two things show it. The daemon looks into Pacemaker's configuration now and then ([`AgentTrouble`]). And a picture
//! has operations of this node: one that nothing was reported of within [`REPORT_WAIT`] says that no call arrives,
//! whatever the configuration has.

use super::Picture;
use super::picture::same;
use crate::text::Language;
use crate::time::{Now, Span, WallTime};
use alloc::format;
use alloc::string::{String, ToString};

/// How long the report of an operation may take. Reports come at once; a picture knows seconds only.
const REPORT_WAIT: Span = Span::from_secs(60);
/// A picture's times are whole seconds, a report's are not.
const ROUNDED: Span = Span::from_secs(2);

/// Why calls of the agent do not arrive, as the configuration and this host have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentTrouble {
    /// No alert of the configuration calls it.
    NotRegistered,
    /// The configuration names a program that cannot be run on this host.
    NoProgram {
        /// The program.
        path: String,
        /// Why not.
        why: String,
    },
    /// The configuration names another directory than this service reads.
    Elsewhere {
        /// The directory.
        named: String,
        /// The one that is read.
        read: String,
    },
    /// Pacemaker's user may not write into the directory.
    Closed {
        /// The directory.
        path: String,
    },
}

impl AgentTrouble {
    /// What is wrong, and what helps.
    pub fn words(&self, language: Language) -> String {
        match self {
            AgentTrouble::NotRegistered => language.pick(
                "Pacemaker's configuration (CIB) does not have the alert agent of noroshi (\"pcs alert\" lists them), so failed operations are told late or not at all. As root: noroshi engine setup corosync",
                "Pacemaker の設定（CIB）に noroshi のアラートエージェントがありません（pcs alert で確認できます）。操作の失敗が遅れて通報されるか、通報されません。root で noroshi engine setup corosync を実行してください",
            ).to_string(),
            AgentTrouble::NoProgram { path, why } => language.pick(
                format!("Pacemaker is to call the alert agent {path}, which cannot be run on this server: {why}. As root: noroshi engine setup corosync"),
                format!("Pacemaker が呼び出すアラートエージェント {path} をこのサーバで実行できません: {why}。root で noroshi engine setup corosync を実行してください"),
            ),
            AgentTrouble::Elsewhere { named, read } => language.pick(
                format!("Pacemaker's alert agent hands its reports over in {named}, but this service reads {read}. As root: noroshi engine setup corosync"),
                format!("Pacemaker のアラートエージェントの報告先は {named} ですが、このサービスは {read} を読みます。root で noroshi engine setup corosync を実行してください"),
            ),
            AgentTrouble::Closed { path } => language.pick(
                format!("Pacemaker's user hacluster may not write into {path}, so none of its reports arrives. As root: noroshi engine setup corosync"),
                format!("Pacemaker のユーザ hacluster が {path} に書き込めないため、報告が届きません。root で noroshi engine setup corosync を実行してください"),
            ),
        }
    }
}

/// What is known of the agent's calls.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// What the configuration shows; `None` while nothing is wrong, or it cannot be read.
    pub trouble: Option<AgentTrouble>,
    /// When this watch began.
    since: Option<WallTime>,
    /// The time of the last report.
    last: Option<WallTime>,
    /// The last operation of this node that a picture has.
    operation: Option<(WallTime, String)>,
}

impl Calls {
    /// A watch that begins now.
    pub fn since(now: Now) -> Calls {
        Calls {
            since: Some(now.wall),
            ..Calls::default()
        }
    }

    /// A call has arrived, of this time in microseconds.
    pub fn came(&mut self, at_us: i64) {
        let at = WallTime(at_us / 1_000);
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
    }

    /// What a picture has of the node `own`.
    pub fn seen(&mut self, own: &str, picture: &Picture) {
        let ours = picture.operations.iter().filter(|one| same(&one.node, own));
        let ended = ours.filter_map(|one| Some((one.at?, &one.resource)));
        let last = ended.max_by_key(|(at, _)| *at);
        self.operation = last.map(|(at, resource)| (at, resource.clone()));
    }

    /// What is wrong, in words with what helps; `None` while nothing shows that anything is.
    pub fn words(&self, now: Now, language: Language) -> Option<String> {
        let last = || match self.last {
            Some(at) => {
                let span = now.wall.since(at);
                language.pick(
                    format!("Its last report came {span} ago."),
                    format!("最後の報告は {span} 前です。"),
                )
            }
            None => language
                .pick(
                    "No report has come since this service started.",
                    "このサービスの起動後、報告は届いていません。",
                )
                .to_string(),
        };
        if let Some(trouble) = &self.trouble {
            let words = trouble.words(language);
            return Some(language.pick(
                format!("{words}. {}", last()),
                format!("{words}。{}", last()),
            ));
        }
        let (at, resource) = self.operation.as_ref()?;
        let told = self.last.is_some_and(|last| at.since(last) <= ROUNDED);
        // What it did before this service watched may have been told to the run before.
        let ours = self.since.is_some_and(|since| at.since(since) > ROUNDED);
        if told || !ours || now.wall.since(*at) < REPORT_WAIT {
            return None;
        }
        let ago = now.wall.since(*at);
        let last = last();
        Some(language.pick(
            format!("Pacemaker worked on {resource} here {ago} ago, and its alert agent reported nothing of that: its calls do not arrive. {last} Look at Pacemaker's log for noroshi-pacemaker-alert (and, with SELinux, ausearch -m avc)."),
            format!("Pacemaker はこのサーバで {ago} 前に {resource} を操作しましたが、アラートエージェントからの報告がありません。{last}Pacemaker のログで noroshi-pacemaker-alert を確認してください（SELinux 使用時は ausearch -m avc も）。"),
        ))
    }
}
