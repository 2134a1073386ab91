//! What Corosync shows or hides, in words (rule N3).

use super::Node;
use super::raise::About;
use crate::action::Action;
use crate::alert::{Alert, AlertId, Message};
use crate::config::ServerId;
use crate::membership::Cause;
use crate::membership::ring::Blindness;
use crate::status::ServerState;

use crate::text::Language;
use crate::time::{Moment, Now, Span};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What was told of it that Corosync shows nothing here.
#[derive(Clone, Debug, Default)]
pub(super) struct ToldBlind {
    /// The alert that told it, while that lasts.
    alert: Option<AlertId>,
    /// A person has stopped Corosync here, so it was not mailed.
    planned: bool,
    /// When another server said that this one's Corosync was stopped in order.
    stopped_at: Option<Moment>,
    /// When another server's Corosync was last seen to be stopped in order.
    other_stopped_at: Option<Moment>,
}

/// How long after the others' word that Corosync was stopped in order here a blindness is what they speak of.
const STOP_TOLD_MAX: Span = Span::from_secs(10);

/// How long after the last of the others was stopped in order the stop here belongs to the same work: a person stops the
/// whole cluster, one server after the other.
const SHUTDOWN_GAP_MAX: Span = Span::from_secs(60);

impl Node {
    /// This server sees nobody any more: said once, and no other server is judged. That a person has stopped its
    /// Corosync is told by those who go on, and wakes nobody; of a cluster that has no others the mail is due.
    pub(super) fn blind(&mut self, now: Now, why: Blindness, out: &mut Vec<Action>) {
        let name = self.own_name();
        let told = self.told_blind.stopped_at.take();
        let told = told.is_some_and(|at| now.at.since(at) <= STOP_TOLD_MAX);
        let others = self.membership.living().any(|id| id != self.own);
        let stopped = why == Blindness::NotRunning;
        self.told_blind.planned = stopped && (told || (others && self.leaves_pacemaker()));
        if stopped && told {
            self.told_blind.alert = None;
            return;
        }
        if stopped && self.is_last_of_a_shutdown(now) {
            self.shutdown_seen(now, out);
        }
        let about = About {
            server: Some(self.own),
            unmailed: self.is_blind_by_shutdown(why) || self.told_blind.planned,
            ..About::default()
        };
        let (why, remedy) = blind_words(self.config.language, why);
        self.told_blind.alert =
            self.raise(now, Message::RingBlind, &[&name, why, remedy], about, out);
    }

    /// All others were stopped in order, the last of them a moment ago. What Pacemaker shows of a shutdown may be over
    /// before anybody looks.
    fn is_last_of_a_shutdown(&self, now: Now) -> bool {
        let left = |id| self.membership.peer(id).state == ServerState::Left;
        let at = self.told_blind.other_stopped_at;
        at.is_some_and(|at| now.at.since(at) <= SHUTDOWN_GAP_MAX)
            && self.membership.others().all(left)
    }

    /// It sees again; what happened meanwhile is told from what it sees.
    pub(super) fn sees(&mut self, now: Now, after: Span, out: &mut Vec<Action>) {
        let name = self.own_name();
        let planned = core::mem::take(&mut self.told_blind.planned);
        let thread = self.told_blind.alert.take();
        let about = About {
            server: Some(self.own),
            // It ends a fault that was mailed (rule N11).
            mail: !self.was_blind_by_shutdown() && !planned,
            thread,
            ..About::default()
        };
        if planned && about.thread.is_none() {
            // The others say that it is back.
            return;
        }
        let after = after.to_string();
        self.raise(now, Message::RingSees, &[&name, &after], about, out);
    }

    /// Corosync was stopped in order on another server: one fact for all that see it, and for that server itself,
    /// which is told over its link. Its alert service runs on, so its lamp stays as it is.
    pub(super) fn withdrawn(
        &mut self,
        now: Now,
        server: ServerId,
        ring: u64,
        out: &mut Vec<Action>,
    ) {
        self.told_blind.other_stopped_at = Some(now.at);
        let living: Vec<ServerId> = self.membership.living().collect();
        let seen_by = self.names(&living);
        let fact = self.ring_fact("left", server, ring);
        let about = About {
            server: Some(server),
            fact: Some(fact),
            ..About::default()
        };
        let name = self.config.server_name(server).to_string();
        self.raise(now, Message::RingLeft, &[&name, &seen_by], about, out);
        self.assigned = false;
        self.seen(now, server);
    }

    /// It is back, and its alert service had run all the time.
    pub(super) fn rejoined(
        &mut self,
        now: Now,
        server: ServerId,
        ring: u64,
        out: &mut Vec<Action>,
    ) {
        let left = self.ring_fact("left", server, ring);
        let about = About {
            server: Some(server),
            fact: Some(self.ring_fact("back", server, ring)),
            thread: Some(Node::fact_id(&left)),
            ..About::default()
        };
        let name = self.config.server_name(server).to_string();
        self.raise(now, Message::RingRejoined, &[&name], about, out);
        self.seen(now, server);
    }

    /// Names a change of the ring alike on all that see it.
    fn ring_fact(&self, what: &str, server: ServerId, ring: u64) -> String {
        let name = self.config.server_name(server);
        let session = self.membership.peer(server).session.unwrap_or_default();
        format!("ring {what} {name} {session} {ring}")
    }

    /// Another server says of this one that its Corosync was stopped in order.
    pub(super) fn hear_of_stop(&mut self, now: Now, alert: &Alert) {
        let is_stop = alert.message == crate::alert::row(Message::RingLeft).id();
        let own = alert.about.as_deref() == Some(&*self.own_name());
        // Whoever repeats it speaks of a stop that we know.
        let known = self.knows_fact(&alert.id) || self.facts_on_disk.contains(&alert.id);
        if is_stop && own && !known {
            self.told_blind.stopped_at = Some(now.at);
        }
    }

    /// Why this server sees nobody, and what helps.
    pub(super) fn blind_why(&self) -> Option<String> {
        Some(self.membership.blind()?.words(self.config.language))
    }
}

impl Blindness {
    /// Why nothing is seen, and what helps.
    pub fn words(self, language: Language) -> String {
        let (why, remedy) = blind_words(language, self);
        language.pick(format!("{why}. {remedy}"), format!("{why}。{remedy}"))
    }
}

/// Why nothing is seen, and what helps.
fn blind_words(language: Language, why: Blindness) -> (&'static str, &'static str) {
    match why {
        Blindness::NotRunning => (
            language.pick("Corosync does not run on it", "Corosync が動作していません"),
            language.pick(
                "Start it: pcs cluster start, or systemctl start corosync.",
                "pcs cluster start または systemctl start corosync で起動してください。",
            ),
        ),
        Blindness::Refused => (
            language.pick(
                "Corosync does not let the alert service's user in",
                "Corosync がアラートサービスのユーザの接続を許可していません",
            ),
            language.pick(
                "Run \"noroshi engine setup corosync\" on it as root; it puts a uidgid entry into /etc/corosync/uidgid.d and runs corosync-cfgtool -R.",
                "そのサーバで root として noroshi engine setup corosync を実行してください。/etc/corosync/uidgid.d に uidgid の記述を置き、corosync-cfgtool -R を実行します。",
            ),
        ),
        Blindness::Hangs => (
            language.pick("Corosync on it does not answer", "Corosync が応答しません"),
            language.pick(
                "Look at its state and log: systemctl status corosync.",
                "systemctl status corosync で状態とログを確認してください。",
            ),
        ),
        Blindness::NoLibraries => (
            language.pick(
                "Corosync's libraries (libcpg.so.4, libquorum.so.5, libcmap.so.4) are not on it",
                "Corosync のライブラリ（libcpg.so.4, libquorum.so.5, libcmap.so.4）がありません",
            ),
            language.pick(
                "Install corosync, or the packages that have them: libcpg4, libquorum5, libcmap4 (Debian, Ubuntu) or corosynclib (RHEL). They are used as soon as they are there. Without Corosync set noroshi/engine to embedded.",
                "corosync、またはこれらを含むパッケージ libcpg4、libquorum5、libcmap4（Debian、Ubuntu）、corosynclib（RHEL）をインストールしてください。再起動しなくても使用されます。Corosync を使わない場合は noroshi/engine を embedded に設定してください。",
            ),
        ),
        Blindness::Failing => (
            language.pick("Corosync answers with an error", "Corosync がエラーを返します"),
            language.pick(
                "noroshi's log names it; look at Corosync's log as well.",
                "noroshi のログと Corosync のログを確認してください。",
            ),
        ),
    }
}

/// Why a server is down, as Corosync has it. Without a majority of servers quorum is no proof: of two
/// either has it.
pub(super) fn cause_words(language: Language, cause: Cause, majority: bool) -> &'static str {
    match cause {
        Cause::Returned => language.pick(
            "it had stopped and was back before the cluster noticed; its node left and joined the Corosync ring at once",
            "停止した後、クラスタが検出する前に復帰しました。ノードが Corosync のリングから離脱し同時に再参加しました",
        ),
        Cause::HostLost { .. } => language.pick(
            "Corosync lost its node, on which no alert service was at work",
            "アラートサービスが動作していなかったノードを Corosync が見失いました",
        ),
        _ if majority => language.pick(
            "Corosync lost it; it has stopped or is cut off",
            "Corosync が見失いました。停止したか、ネットワークから切り離されています",
        ),
        _ => language.pick(
            "Corosync lost it; it has stopped, or the network between the servers is cut (network partition)",
            "Corosync が見失いました。停止したか、サーバ間のネットワークが分断されています（ネットワークパーティション）",
        ),
    }
}

/// What this side is.
pub(super) fn side_words(language: Language, seen: usize, of: usize) -> String {
    language.pick(
        format!("This side sees {seen} of {of} servers and has quorum."),
        format!("こちら側からは {of} 台中 {seen} 台が見えており、クォーラムがあります。"),
    )
}
