//! What keeps news of Pacemaker from here though nothing has failed: names that do not match, an agent that is not
//! called (rule N3). Shown by `status` and the console, and once in the service's log.

use crate::action::Action;
use crate::node::Node;
use crate::pacemaker::{AgentTrouble, Picture};
use crate::time::Now;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Most names of one kind that are shown.
const NAMES_MAX: usize = 8;

impl Node {
    /// What is wrong beside Pacemaker, in words with what helps.
    pub(in crate::node) fn pacemaker_advice(&self, now: Now) -> Vec<String> {
        let Some(pacemaker) = &self.pacemaker else {
            return Vec::new();
        };
        let mut advice = Vec::new();
        if let Some(picture) = pacemaker.watch.picture() {
            advice.extend(self.names_words(picture));
        }
        advice.extend(pacemaker.calls.words(now, self.config.language));
        advice
    }

    /// What a picture shows of the agent and of names.
    pub(super) fn note_picture(&mut self, picture: &Picture, out: &mut Vec<Action>) {
        let words: Vec<String> = self.names_words(picture).into_iter().collect();
        let own = self.own_name();
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        pacemaker.calls.seen(&own, picture);
        let lines = words.iter();
        let new = lines.filter(|line| !pacemaker.names_logged.contains(line));
        out.extend(new.map(|line| Action::Log(line.clone())));
        pacemaker.names_logged = words;
    }

    /// What Pacemaker's configuration shows of the agent.
    pub(super) fn note_agent(&mut self, trouble: Option<AgentTrouble>, out: &mut Vec<Action>) {
        let language = self.config.language;
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        if pacemaker.calls.trouble == trouble {
            return;
        }
        let line = match &trouble {
            Some(trouble) => trouble.words(language),
            None => language
                .pick(
                    "Pacemaker's configuration has the alert agent of noroshi again",
                    "Pacemaker の設定に noroshi のアラートエージェントがあることを確認しました",
                )
                .into(),
        };
        out.push(Action::Log(line));
        pacemaker.calls.trouble = trouble;
    }

    /// Nodes of Pacemaker that are no server of clp.conf, and servers that are no node: Corosync's addresses may still
    /// join the two, but groups, faults and fencing are told by names.
    fn names_words(&self, picture: &Picture) -> Option<String> {
        let nodes = || picture.nodes.iter().filter(|node| !node.remote);
        let strangers = nodes().filter(|node| self.server_of_node(&node.name).is_none());
        let strangers: Vec<&str> = strangers.map(|node| &*node.name).collect();
        if strangers.is_empty() {
            return None;
        }
        let ids = self.config.server_ids();
        let names = ids.map(|id| self.config.server_name(id));
        let is_node = |name: &str| nodes().any(|node| node.name.eq_ignore_ascii_case(name));
        let missing: Vec<&str> = names.filter(|name| !is_node(name)).collect();
        let language = self.config.language;
        let list = |names: &[&str]| match names {
            [] => String::from(language.pick("none", "なし")),
            _ => names[..names.len().min(NAMES_MAX)].join(", "),
        };
        let (strangers, missing) = (list(&strangers), list(&missing));
        Some(language.pick(
            format!("Pacemaker's nodes {strangers} have no server of that name in clp.conf (servers that are no node there: {missing}), so what happens to their groups is told late or not at all. Give each server in clp.conf the name of its node (crm_node -l shows them), then noroshi config save and clpcfctrl --push."),
            format!("Pacemaker のノード {strangers} と同じ名前のサーバが clp.conf にありません（ノードにないサーバ名: {missing}）。これらのノードのグループの通報が遅れるか、通報されません。clp.conf のサーバ名をノード名（crm_node -l で確認）に合わせ、noroshi config save と clpcfctrl --push を実行してください。"),
        ))
    }
}
