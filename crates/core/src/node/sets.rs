//! A push of the configuration: offered to all living servers, taken by all or by none (rule N17).
//!
//! The server that is asked offers the set's label to every living server. Each fetches the set, checks
//! it whole for itself, puts it on disk beside the one in force, and votes. When all have voted yes within
//! [`VOTE_WAIT`] the set is committed: everybody puts it in force. One "no", or one that does not answer,
//! and it is dropped everywhere; whoever asked hears each server's reason.
//!
//! A server that dies is not waited for any more: who comes back, or missed the commit, hears of the
//! set from any server that has it (`sets_taken`), and takes it then. If the set changed how servers are
//! reached, those that have it keep looking for the others in the earlier way as well ([`Seeking`]).

use super::Node;
use crate::action::Action;
use crate::config::{Config, ServerId};
use crate::peer::PeerMessage;
use crate::request::{Reply, RequestId};
use crate::set::SetLabel;
use crate::time::{Moment, Now, Span};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

/// How long the living servers have to fetch, check and vote. The largest set takes some seconds.
pub const VOTE_WAIT: Span = Span::from_secs(10);
/// How long the answer to a push waits for all to have the set in force.
pub const TAKE_WAIT: Span = Span::from_secs(3);
/// How long a server that voted yes keeps out of other pushes when it hears no more of this one.
/// Longer than the vote, so that nobody forgets a yes that still counts.
pub const PROMISE_WAIT: Span = Span::from_secs(20);

/// What a server knows of sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    pub(super) in_force: SetLabel,
    /// By server name: what it said to have in force.
    pub(super) of_others: BTreeMap<String, SetLabel>,
    pub(super) offer: Option<Offer>,
    pub(super) promise: Option<Promise>,
    /// Being fetched because another server has it in force.
    pub(super) fetching: Option<(SetLabel, Moment)>,
    /// Being put in force.
    pub(super) adopting: Option<SetLabel>,
    /// By its digest, a set in force elsewhere that cannot be taken here, so that it is told once.
    pub(super) unfit: Option<String>,
    /// When a set that could not be taken is tried again.
    pub(super) retry_at: Option<Moment>,
    /// Whether servers without our set are looked for where earlier sets had them.
    pub(super) seeking: Seeking,
}

/// Whether servers that have not said that they have our set in force are looked for where earlier sets
/// had them as well: they know no other addresses, port or cluster name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Seeking {
    #[default]
    No,
    /// From then on, if they have not said so before.
    From(Moment),
    Yes,
}

/// A push that this server was asked for.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) label: SetLabel,
    request: RequestId,
    /// Servers by name that have not voted, or after the commit not said that it is in force there.
    waiting: Vec<String>,
    /// Those that agreed.
    agreed: Vec<String>,
    refusals: Vec<(String, String)>,
    committed: bool,
    /// This server has it in force.
    taken: bool,
    until: Moment,
}

/// A set that this server agreed to take, or is about to.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) label: SetLabel,
    pub(super) from: String,
    /// It is on disk here, checked.
    pub(super) staged: bool,
    until: Moment,
}

impl Node {
    /// A server that has this set in force, from an earlier run.
    #[must_use]
    pub fn with_set(mut self, label: SetLabel) -> Node {
        self.sets.in_force = label;
        self
    }

    /// Begins a push of the set that is staged here under `digest`; with the digest of another one as its base
    /// only while that is in force.
    pub(super) fn push_asked(
        &mut self,
        now: Now,
        request: RequestId,
        (digest, base): (String, Option<String>),
        by: String,
        out: &mut Vec<Action>,
    ) -> Option<Reply> {
        if let Some(why) = self.busy_with_sets() {
            return Some(Reply::Refused { why });
        }
        if let Some(not) = base.and_then(|base| self.overtaken(&base)) {
            return Some(not);
        }
        let own = &self.sets.in_force;
        let others: Vec<&SetLabel> = self.sets.of_others.values().collect();
        let highest = others.iter().map(|label| label.number).max();
        let label = SetLabel {
            number: own.number.max(highest.unwrap_or(0)).saturating_add(1),
            digest,
            by,
            server: self.own_name(),
            at: now.wall,
            former: own.formers(&others),
        };
        let waiting = self.living_others();
        for name in &waiting {
            let label = label.clone();
            self.tell_named(name, PeerMessage::SetOffer { label }, out);
        }
        self.sets.offer = Some(Offer {
            label,
            request,
            waiting,
            agreed: Vec::new(),
            refusals: Vec::new(),
            committed: false,
            taken: false,
            until: now.at + VOTE_WAIT,
        });
        None
    }

    /// Why a set that was made from `base` would take back what its maker has not seen. What the other side of a cut
    /// has pushed does not count: the next push ends that, and somebody has to.
    fn overtaken(&self, base: &str) -> Option<Reply> {
        let own = &self.sets.in_force;
        let SetLabel {
            number, by, server, ..
        } = own;
        if own.digest != base {
            let why = self.config.language.pick(
                format!("set {number}, pushed by {by} on {server}, is in force, and yours was not made from it; nothing was changed"),
                format!("別の構成情報 {number}（{server} 上で {by} が配布）が有効になっています。何も変更していません"),
            );
            return Some(Reply::Overtaken {
                number: *number,
                why,
            });
        }
        // It has a later one that has not come here yet, or cannot be taken here.
        let living = self.living_others();
        let mut later = self.sets.of_others.iter();
        let (name, label) =
            later.find(|(name, label)| living.contains(name) && label.follows(own))?;
        let (number, by) = (label.number, &label.by);
        let why = self.config.language.pick(
            format!("{name} has set {number} in force, pushed by {by}, and this server has not yet; nothing was changed. Try again, or make the change on {name}"),
            format!("{name} では構成情報 {number}（{by} が配布）が有効ですが、このサーバにはまだ反映されていません。何も変更していません。再実行するか、{name} で変更してください"),
        );
        Some(Reply::Refused { why })
    }

    /// Why no push can begin or be agreed to now, in the language of the settings.
    pub(super) fn busy_with_sets(&self) -> Option<String> {
        let sets = &self.sets;
        let pick = |en: String, ja: String| Some(self.config.language.pick(en, ja));
        if self.leaving.is_some() {
            return pick(
                "this server is stopping".into(),
                "このサーバは停止処理中です".into(),
            );
        }
        let under_way = sets.offer.as_ref().map(|offer| &offer.label);
        let promised = sets.promise.as_ref().map(|promise| &promise.label);
        let taking = sets.fetching.as_ref().map(|(label, _)| label);
        let label = under_way
            .or(promised)
            .or(sets.adopting.as_ref())
            .or(taking)?;
        let (by, server) = (&label.by, &label.server);
        pick(
            format!("another push is under way, by {by} on {server}; try again"),
            format!("別の配布が進行中です（{server} 上で {by}）。再実行してください"),
        )
    }

    /// A server's answer to our offer.
    pub(super) fn voted(&mut self, from: ServerId, digest: &str, refusal: Option<String>) {
        let name = self.config.server_name(from).to_string();
        let Some(offer) = &mut self.sets.offer else {
            return;
        };
        let counts = offer.label.digest == digest && !offer.committed;
        if !counts || !offer.waiting.contains(&name) {
            return;
        }
        offer.waiting.retain(|waiting| *waiting != name);
        match refusal {
            Some(why) => offer.refusals.push((name, why)),
            None => offer.agreed.push(name),
        }
    }

    /// What our offer has come to: everybody has voted, or the time is over, or all have taken it.
    pub(super) fn watch_offer(&mut self, now: Now, out: &mut Vec<Action>) {
        let living = self.living_others();
        let Some(mut offer) = self.sets.offer.take() else {
            return;
        };
        offer.waiting.retain(|name| living.contains(name));
        let over = offer.until <= now.at;
        if offer.committed {
            if offer.taken && (offer.waiting.is_empty() || over) {
                out.push(Action::Reply(offer.request, self.pushed(&offer)));
            } else {
                self.sets.offer = Some(offer);
            }
            return;
        }
        if over {
            let silent = self.config.language.pick(
                format!("no answer within {VOTE_WAIT}"),
                format!("{VOTE_WAIT} 以内に応答がありません"),
            );
            // Who stood still itself has the votes now, and those who gave them have forgotten.
            if offer.waiting.is_empty() {
                offer.waiting.push(self.own_name());
            }
            let late = offer.waiting.drain(..).map(|name| (name, silent.clone()));
            offer.refusals.extend(late);
        }
        match (offer.waiting.is_empty(), offer.refusals.is_empty()) {
            (false, _) => self.sets.offer = Some(offer),
            (true, true) => self.commit(now, offer, out),
            (true, false) => self.abort(&offer, out),
        }
    }

    fn commit(&mut self, now: Now, mut offer: Offer, out: &mut Vec<Action>) {
        let label = offer.label.clone();
        // Before we take it: with it the way to the others may change.
        for name in &offer.agreed {
            let label = label.clone();
            self.tell_named(name, PeerMessage::SetCommit { label }, out);
        }
        offer.waiting.clone_from(&offer.agreed);
        offer.committed = true;
        offer.until = now.at + TAKE_WAIT;
        self.sets.offer = Some(offer);
        self.adopt_set(label, out);
    }

    fn abort(&mut self, offer: &Offer, out: &mut Vec<Action>) {
        for name in self.living_others() {
            let digest = offer.label.digest.clone();
            self.tell_named(&name, PeerMessage::SetDropped { digest }, out);
        }
        let reasons: Vec<String> = offer
            .refusals
            .iter()
            .map(|(name, why)| format!("{name}: {why}"))
            .collect();
        let reasons = reasons.join("\n");
        let why = self.config.language.pick(
            format!("not taken by all servers, so nothing was changed on any:\n{reasons}"),
            format!("反映できないサーバがあるため、どのサーバも変更していません:\n{reasons}"),
        );
        out.push(Action::Reply(offer.request, Reply::Refused { why }));
    }

    /// The set of our offer is in force here, or cannot be.
    pub(super) fn offer_taken(
        &mut self,
        label: &SetLabel,
        result: Result<(), &str>,
        out: &mut Vec<Action>,
    ) {
        let Some(offer) = self
            .sets
            .offer
            .as_mut()
            .filter(|offer| offer.label.is(label))
        else {
            return;
        };
        let Err(why) = result else {
            offer.taken = true;
            return;
        };
        let request = offer.request;
        let others = offer.agreed.join(", ");
        self.sets.offer = None;
        let why = self.config.language.pick(
            format!("agreed, but this server could not put it in force: {why}\nServers that did: {others}. This one takes it when it can; mend the fault and restart the service."),
            format!("全サーバが同意しましたが、このサーバでは反映できませんでした: {why}\n反映するサーバ: {others}。原因を取り除き、サービスを再起動してください。"),
        );
        out.push(Action::Reply(request, Reply::Refused { why }));
    }

    fn pushed(&self, offer: &Offer) -> Reply {
        let living = self.living_others();
        let agreed = offer.agreed.iter().filter(|name| living.contains(name));
        let (silent, in_force): (Vec<String>, Vec<String>) = agreed
            .cloned()
            .partition(|name| offer.waiting.contains(name));
        let mut servers = vec![self.own_name()];
        servers.extend(in_force);
        let all = self
            .config
            .server_ids()
            .map(|id| self.config.server_name(id).to_string());
        let later = all.filter(|name| !servers.contains(name) && !silent.contains(name));
        Reply::Pushed {
            number: offer.label.number,
            later: later.collect(),
            servers,
            silent,
        }
    }

    /// A server that we wait for has its link back: it may have missed what we said.
    pub(super) fn repeat_offer(&self, server: ServerId, out: &mut Vec<Action>) {
        let name = self.config.server_name(server);
        let Some(offer) = &self.sets.offer else {
            return;
        };
        if offer.waiting.iter().any(|waiting| waiting == name) {
            let label = offer.label.clone();
            let message = match offer.committed {
                true => PeerMessage::SetCommit { label },
                false => PeerMessage::SetOffer { label },
            };
            out.push(Action::Tell(server, Box::new(message)));
        }
    }

    /// A server says that it has our set in force.
    pub(super) fn offer_confirmed(&mut self, name: &str, label: &SetLabel) {
        if let Some(offer) = &mut self.sets.offer
            && offer.committed
            && offer.label.is(label)
        {
            offer.waiting.retain(|waiting| waiting != name);
        }
    }

    /// When something about sets is due.
    pub(super) fn sets_due(&self) -> Option<Moment> {
        let offer = self.sets.offer.as_ref();
        // After the time is over it waits for this server's own disk.
        let offer = offer.filter(|offer| !offer.committed || self.sets.adopting.is_none());
        let offer = offer.map(|offer| offer.until);
        let promise = self.sets.promise.as_ref().map(|promise| promise.until);
        let fetching = self.sets.fetching.as_ref().map(|(_, until)| *until);
        let retry = self.sets.retry_at;
        let seeking = match self.sets.seeking {
            Seeking::From(at) => Some(at),
            Seeking::No | Seeking::Yes => None,
        };
        [offer, promise, fetching, retry, seeking]
            .into_iter()
            .flatten()
            .min()
    }

    /// Names of the other servers at work.
    pub(super) fn living_others(&self) -> Vec<String> {
        let living = self.membership.living().filter(|id| *id != self.own);
        living
            .map(|id| self.config.server_name(id).to_string())
            .collect()
    }

    pub(super) fn tell_named(&self, name: &str, message: PeerMessage, out: &mut Vec<Action>) {
        if let Some(server) = self.config.server_named(name) {
            out.push(Action::Tell(server, Box::new(message)));
        }
    }
}

impl Promise {
    pub(super) fn new(now: Now, label: SetLabel, from: String) -> Promise {
        Promise {
            label,
            from,
            staged: false,
            until: now.at + PROMISE_WAIT,
        }
    }

    pub(super) fn is_over(&self, now: Now, living: &[String]) -> bool {
        self.until <= now.at || !living.contains(&self.from)
    }
}

/// How a set that was taken is named where the settings come from.
pub(super) fn source(config: &Config, label: &SetLabel) -> String {
    let SetLabel {
        number, by, server, ..
    } = label;
    config.language.pick(
        format!("set {number}, pushed by {by} on {server}"),
        format!("構成情報 {number}（{server} 上で {by} が配布）"),
    )
}
