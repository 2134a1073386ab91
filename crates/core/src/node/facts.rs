//! From what membership found to what people are told: alerts, lamps, the thread of a fault.

use super::Node;
use super::raise::About;
use crate::action::{Action, Item};
use crate::alert::{AlertId, Message};
use crate::config::{Engine, ServerId};
use crate::event::{StoreTrouble, View};
use crate::membership::{Cause, News};
use crate::status::ServerState;
use crate::time::{Now, Span};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Node {
    /// Takes what membership found.
    pub(super) fn take(&mut self, now: Now, news: Vec<News>, out: &mut Vec<Action>) {
        for one in news {
            self.take_one(now, one, out);
        }
    }

    fn take_one(&mut self, now: Now, news: News, out: &mut Vec<Action>) {
        match news {
            News::Probe(server, path) => out.push(Action::Probe { server, path }),
            News::Path { server, path, up } => {
                let message = match (self.config.engine, up) {
                    (Engine::Embedded, true) => Message::PathUp,
                    (Engine::Embedded, false) => Message::PathDown,
                    (Engine::Corosync, true) => Message::RingLinkUp,
                    (Engine::Corosync, false) => Message::RingLinkDown,
                };
                let name = self.config.server_name(server).to_string();
                let path = self.config.interconnects[usize::from(path.0)].name.clone();
                let about = About {
                    server: Some(server),
                    ..About::default()
                };
                self.raise(now, message, &[&name, &path], about, out);
            }
            News::Started { server, same_run } => self.server_started(now, server, same_run, out),
            News::Back {
                server,
                away,
                same_run,
                was,
            } => {
                self.server_back(now, server, Some(away), same_run, was, out);
            }
            News::Restarted(server) => {
                self.about_server(now, Message::ServiceRestarted, server, &[], out);
                self.seen(now, server);
            }
            News::Left { server, cluster } => self.server_left(now, server, cluster, out),
            News::Withdrawn { server, ring } => self.withdrawn(now, server, ring, out),
            News::Rejoined { server, ring } => self.rejoined(now, server, ring, out),
            News::Blind(why) => self.blind(now, why, out),
            News::Sees { after } => self.sees(now, after, out),
            News::Stalled(server) => {
                self.about_server(now, Message::ServiceSilent, server, &[], out);
                self.assigned = false;
            }
            News::Answers { server, after } => {
                self.about_server(
                    now,
                    Message::ServiceAnswers,
                    server,
                    &[&after.to_string()],
                    out,
                );
                self.assigned = false;
            }
            News::Down {
                server,
                cause,
                seen,
                of,
            } => {
                self.server_down(now, server, cause, (seen, of), out);
            }
            News::Partition { unseen, seen, of } => self.partitioned(now, &unseen, (seen, of), out),
            News::AllUp => {
                // Named after the runs that are up, so that it is one alert for all of them.
                let others = self.membership.others();
                let mut runs: Vec<_> = others
                    .filter_map(|id| self.membership.peer(id).session)
                    .collect();
                runs.push(self.session);
                runs.sort_unstable();
                let fact = Some(runs.iter().map(ToString::to_string).collect());
                self.raise(
                    now,
                    Message::AllUp,
                    &[],
                    About {
                        fact,
                        ..About::default()
                    },
                    out,
                );
                // All are here; how the lamps are they say a moment later, over their links.
                if let Some(at) = self.settled_at.take() {
                    self.lamps_settled_at = Some(at).filter(|_| !self.heard_of_lamps);
                }
                self.assigned = false;
            }
            News::StartWaitOver(missing) => {
                let names = self.names(&missing);
                self.raise(
                    now,
                    Message::StartWaitOver,
                    &[&names],
                    About::default(),
                    out,
                );
            }
        }
    }

    /// This server is at work: its lamp turns green (rule M15).
    pub(super) fn started(&mut self, now: Now, trouble: Option<StoreTrouble>) {
        // Nobody is linked yet, so nothing needs telling; the batch goes out with this step.
        let mut out = Vec::new();
        let name = self.own_name();
        self.raise(
            now,
            Message::DaemonStarted,
            &[&name],
            About::default(),
            &mut out,
        );
        let fact = format!("started {name} {}", self.session);
        let about = About {
            server: Some(self.own),
            fact: Some(fact),
            ..About::default()
        };
        let alert = self.raise(now, Message::ServerStarted, &[&name], about, &mut out);
        self.latches.lit(self.stamps.now(now.at), self.own);
        self.latch_changed(now, self.own, alert, &mut out);
        match trouble {
            Some(StoreTrouble::SetAside(file)) => {
                let arguments = [name.as_str(), &file];
                self.raise(
                    now,
                    Message::StoreSetAside,
                    &arguments,
                    About::default(),
                    &mut out,
                );
            }
            Some(StoreTrouble::Unusable(why)) => self.store_failed(now, &why, &mut out),
            None => {}
        }
        let others: Vec<ServerId> = self.membership.others().collect();
        if !others.is_empty() {
            let names = self.names(&others);
            self.raise(
                now,
                Message::StartWaiting,
                &[&names],
                About::default(),
                &mut out,
            );
        }
    }

    fn server_started(
        &mut self,
        now: Now,
        server: ServerId,
        same_run: bool,
        out: &mut Vec<Action>,
    ) {
        if self.faults[usize::from(server.0)].is_some() {
            // We restarted during its fault, or it stopped cleanly after it.
            let was = match same_run && self.is_partition(server) {
                true => ServerState::Unseen,
                false => ServerState::Down,
            };
            return self.server_back(now, server, None, same_run, was, out);
        }
        let name = self.config.server_name(server).to_string();
        let session = self.membership.peer(server).session.unwrap_or_default();
        let about = About {
            server: Some(server),
            fact: Some(format!("started {name} {session}")),
            ..About::default()
        };
        // Its lamp it lights itself: only it knows that nobody has put it out since.
        self.raise(now, Message::ServerStarted, &[&name], about, out);
        self.seen(now, server);
    }

    fn server_back(
        &mut self,
        now: Now,
        server: ServerId,
        away: Option<Span>,
        same_run: bool,
        was: ServerState,
        out: &mut Vec<Action>,
    ) {
        let lost_by_us = same_run && was == ServerState::Unseen;
        let waits = lost_by_us && self.gather_return(now, server, away);
        if !waits {
            let message = match (same_run, was) {
                (true, ServerState::Stalled) => Message::ServiceAnswers,
                (true, _) => Message::PartitionOver,
                (false, _) => Message::ServerBack,
            };
            self.tell_return(now, server, away, message, out);
        }
        if same_run {
            // Others may have seen it all the time: they must count this return as well, or they
            // would name its next fault otherwise than we do, and it would be told twice.
            let returns = self.returns(&[server]);
            self.tell_all(&crate::peer::PeerMessage::Returns { returns }, out);
            // It may have told what waits here while we did not see each other.
            self.outbox.doubt();
        }
        match same_run {
            true => self.disbelieve(now, server, out),
            // The run before it has fallen, and that one's red stays.
            false => self.prove(now, server, out),
        }
        self.seen(now, server);
    }

    fn tell_return(
        &mut self,
        now: Now,
        server: ServerId,
        away: Option<Span>,
        message: Message,
        out: &mut Vec<Action>,
    ) {
        let name = self.config.server_name(server).to_string();
        let peer = self.membership.peer(server);
        let session = peer.session.unwrap_or_default();
        let about = About {
            server: Some(server),
            fact: Some(format!("back {name} {session} {}", peer.returns)),
            thread: self.end_fault(server),
            maybe_told: away.is_none(),
            // It ends a fault that was mailed, though its own row may be a quiet one.
            mail: message == Message::ServiceAnswers,
            ..About::default()
        };
        let away = self.away_words(away);
        self.raise(now, message, &[&name, &away], about, out);
    }

    /// A daemon with another key, or of another cluster, stands where a server should be: it will be
    /// missed, and nobody would look for that reason.
    pub(super) fn refused(&mut self, now: Now, name: &str, why: &str, out: &mut Vec<Action>) {
        let Some(server) = self.config.server_named(name) else {
            return;
        };
        // Each of the others sees it too; it is said again when it has lasted.
        let hour = now.wall.0 / 3_600_000;
        let about = About {
            server: Some(server),
            fact: Some(format!("refused {name} {hour}")),
            ..About::default()
        };
        self.raise(now, Message::ServerRefused, &[name, why], about, out);
    }

    fn server_left(&mut self, now: Now, server: ServerId, cluster: bool, out: &mut Vec<Action>) {
        let name = self.config.server_name(server).to_string();
        let session = self.membership.peer(server).session.unwrap_or_default();
        let about = About {
            server: Some(server),
            fact: Some(format!("left {name} {session}")),
            thread: self.end_fault(server),
            // It tells of its stop itself, with its last words.
            maybe_told: true,
            ..About::default()
        };
        let alert = self.raise(now, Message::ServerLeft, &[&name], about, out);
        // Who stops cleanly had been running.
        self.disbelieve(now, server, out);
        self.latches.left(server);
        self.latch_changed(now, server, alert, out);
        self.assigned = false;
        self.seen(now, server);
        if cluster && self.leaving.is_none() {
            self.leave(now, true, None, out);
        }
    }

    fn server_down(
        &mut self,
        now: Now,
        server: ServerId,
        cause: Cause,
        sides: (usize, usize),
        out: &mut Vec<Action>,
    ) {
        let name = self.config.server_name(server).to_string();
        let mut fact = self.fault_fact("down", &[server]);
        if let Cause::HostLost { ring } = cause {
            // Its run, if there was one, had ended before.
            fact.push_str(&format!(" {ring}"));
        }
        let about = About {
            server: Some(server),
            fact: Some(fact),
            maybe_told: cause == Cause::NotSeenSinceStart,
            ..About::default()
        };
        // Its host says so: it is not we who are cut off.
        let certain = matches!(cause, Cause::Killed | Cause::Returned);
        let (cause, side) = (
            self.cause_words(cause, sides),
            self.side_words(cause, sides),
        );
        let alert = self.raise(
            now,
            Message::ServerDown,
            &[&name, cause, &side],
            about.clone(),
            out,
        );
        let named = about.fact.as_deref().map(Node::fact_id);
        self.faults[usize::from(server.0)] = named;
        self.lost_by_ring(now, &name);
        self.fallen(now, server, alert, certain, out);
    }

    fn partitioned(
        &mut self,
        now: Now,
        unseen: &[ServerId],
        (seen, of): (usize, usize),
        out: &mut Vec<Action>,
    ) {
        let names = self.names(unseen);
        let fact = self.fault_fact("partition", unseen);
        let about = About {
            fact: Some(fact.clone()),
            ..About::default()
        };
        let arguments = [&self.own_name(), &seen.to_string(), &of.to_string(), &names];
        let arguments = arguments.map(|text| text.as_str());
        let alert = self.raise(now, Message::Partition, &arguments, about, out);
        for server in unseen {
            self.faults[usize::from(server.0)] = Some(Node::fact_id(&fact));
            self.fallen(now, *server, alert.clone(), false, out);
            // It is we who are few: a cut that ends at this moment is heard of within these.
            let wait = self.config.heartbeat.interval.times(3);
            if let (Some(lamp), true) = (self.config.server(*server).lamp, seen * 2 < of) {
                self.lamps[usize::from(lamp.0)].wait_until(now.at + wait);
            }
        }
    }

    /// What follows when a server fell: its lamp, its notices, its link.
    fn fallen(
        &mut self,
        now: Now,
        server: ServerId,
        alert: Option<AlertId>,
        certain: bool,
        out: &mut Vec<Action>,
    ) {
        self.assigned = false;
        self.assign(now);
        // We may be the last to find out, and a person has seen to it already.
        if !self.was_put_out(server) {
            if !certain {
                let before = self.latches.of(server).clone();
                self.before_fall[usize::from(server.0)].get_or_insert(before);
            }
            self.latches.fallen(self.stamps.now(now.at), server);
            self.latch_changed(now, server, alert, out);
        }
        self.seen(now, server);
        out.push(Action::DropLink(server));
        self.linked = self.linked.without(server);
        self.outbox.gone(now.at, server);
    }

    /// The fault of a server is one that it shares with others: they were lost from sight together.
    fn is_partition(&self, server: ServerId) -> bool {
        let fault = &self.faults[usize::from(server.0)];
        fault.is_some() && self.faults.iter().filter(|other| *other == fault).count() > 1
    }

    /// How long a server was away, as far as we know.
    pub(super) fn away_words(&self, away: Option<Span>) -> String {
        let unknown = self.config.language.pick("a while", "不明");
        away.map_or_else(|| unknown.to_string(), |away| away.to_string())
    }

    pub(super) fn end_fault(&mut self, server: ServerId) -> Option<AlertId> {
        self.assigned = false;
        self.faults[usize::from(server.0)].take()
    }

    /// Keeps what is known of a server over restarts of this daemon.
    pub(super) fn seen(&mut self, _now: Now, server: ServerId) {
        let peer = self.membership.peer(server);
        let Some(session) = peer.session else { return };
        self.items.push(Item::View(View {
            server: self.config.server_name(server).to_string(),
            session,
            returns: peer.returns,
            up: peer.is_member(),
            fault: self.faults[usize::from(server.0)].clone(),
        }));
        self.assigned = false;
    }

    pub(super) fn about_server(
        &mut self,
        now: Now,
        message: Message,
        server: ServerId,
        more: &[&str],
        out: &mut Vec<Action>,
    ) {
        let name = self.config.server_name(server).to_string();
        let mut arguments = alloc::vec![name.as_str()];
        // The table's second argument, so that `%2` is the same thing in every row about a server.
        arguments.extend(more);
        let about = About {
            server: Some(server),
            ..About::default()
        };
        self.raise(now, message, &arguments, about, out);
    }

    /// Names a fault of servers alike on everyone who sees it: after the run that fell, and how
    /// often that run had come back before.
    pub(super) fn fault_fact(&self, kind: &str, servers: &[ServerId]) -> String {
        let mut fact = String::from(kind);
        for server in servers {
            let peer = self.membership.peer(*server);
            let session = peer.session.unwrap_or_default();
            let name = self.config.server_name(*server);
            fact.push_str(&format!(" {name} {session} {}", peer.returns));
        }
        fact
    }

    fn cause_words(&self, cause: Cause, (seen, of): (usize, usize)) -> &'static str {
        let language = self.config.language;
        match cause {
            Cause::Lost | Cause::HostLost { .. } | Cause::Returned => {
                super::ring::cause_words(language, cause, seen * 2 > of)
            }
            Cause::Killed if self.config.engine == Engine::Corosync => language.pick(
                "its alert service has ended without a word, while its node is still in the Corosync ring",
                "ノードは Corosync のリングに残っていますが、アラートサービスが予告なく終了しました",
            ),
            Cause::Killed => language.pick(
                "its alert service has ended without a word, while its host still answers",
                "ホストは応答していますが、アラートサービスが予告なく終了しました",
            ),
            Cause::Silent if seen * 2 > of => language.pick(
                "no heartbeat on any interconnect, and its host does not answer; it has stopped or is cut off",
                "すべてのインタコネクトでハートビートが途絶え、ホストも応答しません。停止したか、ネットワークから切り離されています",
            ),
            Cause::Silent => language.pick(
                "it is not seen on any interconnect; it has stopped, or the network between the servers is cut (network partition)",
                "すべてのインタコネクトで見えなくなりました。停止したか、サーバ間のネットワークが分断されています（ネットワークパーティション）",
            ),
            Cause::Stalled => language.pick(
                "its host answers, but its alert service has not answered for too long",
                "ホストは応答していますが、アラートサービスが長時間応答しません",
            ),
            Cause::NotSeenSinceStart => language.pick(
                "it was at work before this server started and has not been seen since",
                "このサーバの起動前は動作していましたが、起動後に一度も確認できません",
            ),
        }
    }

    fn side_words(&self, cause: Cause, (seen, of): (usize, usize)) -> String {
        if matches!(cause, Cause::Lost | Cause::HostLost { .. }) {
            return super::ring::side_words(self.config.language, seen, of);
        }
        if cause != Cause::Silent {
            return String::new();
        }
        let majority = seen * 2 > of;
        match (self.config.language, majority) {
            (crate::text::Language::En, true) => {
                format!("This side sees {seen} of {of} servers, the majority.")
            }
            (crate::text::Language::En, false) => {
                format!("This side sees {seen} of {of} servers, no majority.")
            }
            (crate::text::Language::Ja, true) => {
                format!("こちら側からは {of} 台中 {seen} 台が見えており、過半数です。")
            }
            (crate::text::Language::Ja, false) => {
                format!("こちら側からは {of} 台中 {seen} 台が見えており、過半数ではありません。")
            }
        }
    }

    pub(super) fn names(&self, servers: &[ServerId]) -> String {
        let mut names = String::new();
        for server in servers {
            if !names.is_empty() {
                names.push_str(", ");
            }
            names.push_str(self.config.server_name(*server));
        }
        names
    }

    /// The store failed: said once, told from memory (invariant 1).
    pub(super) fn store_failed(&mut self, now: Now, why: &str, out: &mut Vec<Action>) {
        self.store_trouble = Some(why.to_string());
        self.store_calm_at = None;
        if !core::mem::replace(&mut self.store_told, true) {
            let name = self.own_name();
            self.raise(
                now,
                Message::StoreFaulty,
                &[&name, why],
                About::default(),
                out,
            );
        }
    }

    /// The store took a batch. It is said to work again only when it has done so for a while: on a
    /// full disk a small batch finds room now and then.
    pub(super) fn store_works(&mut self, now: Now) {
        if self.store_trouble.is_some() {
            self.store_calm_at.get_or_insert(now.at + super::STORE_CALM);
        }
    }

    pub(super) fn tell_store_calm(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.store_calm_at.is_none_or(|at| at > now.at) {
            return;
        }
        (self.store_calm_at, self.store_trouble) = (None, None);
        if core::mem::take(&mut self.store_told) {
            let name = self.own_name();
            let about = About {
                // It ends a fault that was mailed (rule N11).
                mail: true,
                ..About::default()
            };
            self.raise(now, Message::StoreBack, &[&name], about, out);
        }
    }
}
