//! Heartbeats: one datagram to every other server on every shared interconnect, each interval.
//!
//! *Use.* [`Heartbeats::beat`] sends one round; [`receive`] runs for each own socket and puts
//! [`Event::Heard`] into the driver's inbox. One counter for each server rises with each round and
//! serves all its interconnects, so a gap on one of them is a loss there.
//!
//! *Failure.* A datagram that cannot be sent is counted and forgotten: the next comes in an
//! interval. What comes in is worked on within bounds: the kernel drops strangers (`filter`), cheap
//! checks follow, and only what [`Hearing::admits`] reaches the cipher. At most
//! [`DATAGRAMS_PER_TURN`] are read before everything else in the process has its turn. A heartbeat
//! that finds the inbox full is dropped and counted: late it would be worth nothing.

use super::Wires;
use super::count::Counts;
use super::gate::Gate;
use super::hearing::{Admission, Hearing, Worth};
use super::plan::Plan;
use crate::clock;
use noroshi_core::alert::SessionId;
use noroshi_core::config::{Engine, InterconnectId, ServerId};
use noroshi_core::event::{Event, Heard, Phase};
use noroshi_core::time::Moment;
use noroshi_wire::heartbeat::{Beat, FRAME_BYTES_MAX, Header, Listener, Sealer, State, peek};
use noroshi_wire::key::ClusterKey;
use socket2::SockRef;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::UdpSocket;

/// Datagrams read from one socket before everything else has its turn.
const DATAGRAMS_PER_TURN: usize = 64;

/// Sends and judges heartbeats. It holds no task; [`receive`] feeds it.
#[derive(Debug)]
pub(super) struct Heartbeats {
    sealer: Sealer,
    session: SessionId,
    plan: Arc<Plan>,
    gate: Gate,
    /// What the last round said; `None` before the first, when nothing may be answered yet.
    state: Option<State>,
    /// By server id; our own place is never used.
    hearings: Vec<Hearing>,
    /// By interconnect.
    sockets: Vec<Option<Arc<UdpSocket>>>,
    pub(super) counts: Counts,
}

/// What became of a datagram that was believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    heard: Heard,
    /// It is the first of its session.
    first: bool,
}

impl Heartbeats {
    /// No socket and no round yet; [`Heartbeats::reconfigure`] brings the sockets.
    pub(super) fn new(
        key: &ClusterKey,
        session: SessionId,
        plan: Arc<Plan>,
        gate: Gate,
    ) -> Heartbeats {
        let paths = plan.addresses.len();
        Heartbeats {
            sealer: Sealer::new(key),
            session,
            hearings: plan
                .servers
                .iter()
                .map(|_| Hearing::new(paths, 1))
                .collect(),
            plan,
            gate,
            state: None,
            sockets: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Takes new settings. Servers are known again by name.
    pub(super) fn reconfigure(&mut self, plan: Arc<Plan>, sockets: Vec<Option<Arc<UdpSocket>>>) {
        let paths = plan.addresses.len();
        // Numbers of servers and interconnects are part of a frame's nonce. A counter above all
        // that were used keeps every nonce of this session unique whatever they mean now.
        let next = self
            .hearings
            .iter()
            .map(|hearing| hearing.next)
            .max()
            .unwrap_or(1);
        let mut old: Vec<_> = self.hearings.drain(..).map(Some).collect();
        for peer in &plan.servers {
            let at = self
                .plan
                .servers
                .iter()
                .position(|known| known.name == peer.name);
            let known = at.and_then(|at| old[at].take()).map(|mut hearing| {
                hearing.renumber(paths, next);
                hearing
            });
            self.hearings
                .push(known.unwrap_or_else(|| Hearing::new(paths, next)));
        }
        (self.plan, self.sockets) = (plan, sockets);
    }

    /// The settings in force, without the ways of former ones.
    pub(super) fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan)
    }

    /// Lets go of the sockets; nothing is sent any more.
    pub(super) fn close(&mut self) {
        self.sockets.clear();
    }

    /// A server named its session on its link, or the link broke.
    pub(super) fn vouch(&mut self, server: ServerId, session: Option<SessionId>) {
        if let Some(hearing) = self.hearings.get_mut(usize::from(server.0)) {
            hearing.vouch(session);
        }
    }

    /// What is said in Corosync's group to one server, in place of a round to it; `None` before anything
    /// may be said.
    pub(super) fn word(&mut self, to: ServerId) -> Option<Vec<u8>> {
        let plan = Arc::clone(&self.plan);
        let hearing = self.hearings.get_mut(usize::from(to.0))?;
        let state = self.state.filter(|_| to != plan.own)?;
        let frame = seal(&self.sealer, &plan, self.session, hearing, (to, 0), state);
        hearing.next += 1;
        self.counts.sent += 1;
        Some(frame)
    }

    /// What the next words say that this server does.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.state = Some(state(phase));
    }

    /// Sends one round to every other server.
    pub(super) fn beat(&mut self, phase: Phase) {
        self.enter(phase);
        let plan = Arc::clone(&self.plan);
        for peer in plan.peers() {
            self.round(&plan, peer.id);
        }
    }

    /// Sends one beat to one server on every shared interconnect.
    fn round(&mut self, plan: &Plan, to: ServerId) {
        let Some(state) = self.state else { return };
        let hearing = &mut self.hearings[usize::from(to.0)];
        for (path, route) in plan.servers[usize::from(to.0)].routes.iter().enumerate() {
            let (Some(route), Some(Some(socket))) = (route, self.sockets.get(path)) else {
                continue;
            };
            if !self.gate.passes(route.theirs.ip()) {
                continue;
            }
            let frame = seal(&self.sealer, plan, self.session, hearing, (to, path), state);
            // Straight to the kernel: waiting for readiness would delay the other servers' beats.
            match SockRef::from(&**socket).send_to(&frame, &route.theirs.into()) {
                Ok(_) => self.counts.sent += 1,
                Err(_) => self.counts.send_errors += 1,
            }
        }
        hearing.next += 1;
    }

    /// Judges a datagram that came in on the interconnect at `path`, and answers it if need be.
    pub(super) fn take(
        &mut self,
        now: Moment,
        path: usize,
        from: IpAddr,
        datagram: &[u8],
    ) -> Option<Taken> {
        let header = self.examine(now, path, from, datagram);
        self.judge(now, path, header, datagram)
    }

    /// Judges what was said in Corosync's group by a process on the node of `from`, and answers whether
    /// it is to be answered beside what it is worth.
    pub(super) fn take_word(
        &mut self,
        now: Moment,
        from: ServerId,
        frame: &[u8],
    ) -> (Option<Taken>, bool) {
        let header = peek(frame).map_err(|_| malformed as fn(&mut Counts) -> &mut u64);
        if header
            .as_ref()
            .is_ok_and(|header| header.to != self.plan.own.0)
        {
            // Everybody hears what is said to one.
            return (None, false);
        }
        let header = header.and_then(|header| {
            if header.sender != from.0 || header.interconnect != 0 {
                return Err(malformed as _);
            }
            self.admit(now, 0, header)
        });
        let before = self.counts.unproven;
        let taken = self.judge(now, 0, header, frame);
        let unproven = self.counts.unproven > before;
        let interval = self.plan.interval;
        let hearing = self.hearings.get_mut(usize::from(from.0));
        let answer = hearing.is_some_and(|hearing| {
            (unproven || taken.is_some_and(|taken| taken.first))
                && hearing.may_answer(now, interval)
        });
        (taken, answer)
    }

    fn judge(
        &mut self,
        now: Moment,
        path: usize,
        header: Result<Header, fn(&mut Counts) -> &mut u64>,
        datagram: &[u8],
    ) -> Option<Taken> {
        let header = match header {
            Ok(header) => header,
            Err(count) => {
                *count(&mut self.counts) += 1;
                return None;
            }
        };
        let plan = Arc::clone(&self.plan);
        let listener = Listener {
            me: plan.own.0,
            servers: plan.servers.len() as u8,
        };
        // All else that could be wrong with it was examined before: it is forged.
        let Ok((_, beat)) = self.sealer.open(datagram, listener) else {
            self.counts.forged += 1;
            return None;
        };
        let hearing = &mut self.hearings[usize::from(header.sender)];
        let (missed, first) = match hearing.hear(path, self.session.0, &header, &beat) {
            Worth::Fresh { missed } => (missed, false),
            Worth::FirstOfSession => (0, true),
            Worth::Replayed => {
                self.counts.replayed += 1;
                return None;
            }
            Worth::Unproven => {
                self.counts.unproven += 1;
                if plan.engine == Engine::Embedded && hearing.may_answer(now, plan.interval) {
                    self.round(&plan, ServerId(header.sender));
                }
                return None;
            }
        };
        let heard = Heard {
            from: ServerId(header.sender),
            path: InterconnectId(path as u8),
            session: SessionId(header.session),
            phase: phase(beat.state),
            missed,
            config_digest: beat.config_digest,
        };
        Some(Taken { heard, first })
    }

    /// All that can be said without the cipher; the error names the count to raise.
    fn examine(
        &mut self,
        now: Moment,
        path: usize,
        from: IpAddr,
        datagram: &[u8],
    ) -> Result<Header, fn(&mut Counts) -> &mut u64> {
        let header = peek(datagram).map_err(|_| malformed as fn(&mut Counts) -> &mut u64)?;
        let peer = self
            .plan
            .servers
            .get(usize::from(header.sender))
            .ok_or(malformed as _)?;
        if peer
            .route(path)
            .is_none_or(|route| route.theirs.ip() != from)
        {
            return Err(|counts| &mut counts.strangers);
        }
        if header.to != self.plan.own.0 || usize::from(header.interconnect) != path {
            return Err(malformed);
        }
        if !self.gate.passes(from) {
            return Err(|counts| &mut counts.strangers);
        }
        self.admit(now, path, header)
    }

    fn admit(
        &mut self,
        now: Moment,
        path: usize,
        header: Header,
    ) -> Result<Header, fn(&mut Counts) -> &mut u64> {
        let Some(hearing) = self.hearings.get_mut(usize::from(header.sender)) else {
            return Err(malformed);
        };
        match hearing.admits(now, path, &header) {
            Admission::Open => Ok(header),
            Admission::Replayed => Err(|counts| &mut counts.replayed),
            Admission::Limited => Err(|counts| &mut counts.limited),
        }
    }
}

/// Reads one own socket for as long as the engine runs.
pub(super) async fn receive(wires: Arc<Wires>, path: Arc<AtomicUsize>, socket: Arc<UdpSocket>) {
    // One byte more than the longest frame, so that a longer datagram is not cut to a good length.
    let mut buffer = [0; FRAME_BYTES_MAX + 1];
    loop {
        if socket.readable().await.is_err() {
            // The runtime is ending.
            return;
        }
        let path = path.load(Ordering::Relaxed);
        for _ in 0..DATAGRAMS_PER_TURN {
            match socket.try_recv_from(&mut buffer) {
                Ok((bytes, from)) => wires.datagram(path, from.ip(), &buffer[..bytes]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                // An earlier send's ICMP answer; nothing is lost.
                Err(_) => {}
            }
        }
        tokio::task::yield_now().await;
    }
}

impl Wires {
    fn datagram(&self, path: usize, from: IpAddr, datagram: &[u8]) {
        let mut heartbeats = self.heartbeats();
        if heartbeats.plan.engine != Engine::Embedded {
            // A server that has other settings.
            heartbeats.counts.strangers += 1;
            return;
        }
        let Some(taken) = heartbeats.take(clock::moment(), path, from, datagram) else {
            return;
        };
        match self.inbox.try_send(Event::Heard(taken.heard)) {
            Ok(()) => heartbeats.counts.heard += 1,
            Err(_) => heartbeats.counts.inbox_full += 1,
        }
        drop(heartbeats);
        if taken.first {
            self.began(taken.heard);
        }
    }

    fn began(&self, heard: Heard) {
        self.links().session_began(heard.from, heard.session);
    }

    /// Something was said in Corosync's group by a process on the node of `from`.
    pub(super) fn said_in_group(&self, from: ServerId, frame: &[u8]) -> Option<Heard> {
        let (taken, answer) = self.heartbeats().take_word(clock::moment(), from, frame);
        if answer {
            self.speak(from);
        }
        let taken = taken?;
        self.heartbeats().counts.heard += 1;
        if taken.first {
            self.began(taken.heard);
        }
        Some(taken.heard)
    }
}

/// One beat to one server on one interconnect.
fn seal(
    sealer: &Sealer,
    plan: &Plan,
    session: SessionId,
    hearing: &Hearing,
    (to, path): (ServerId, usize),
    state: State,
) -> Vec<u8> {
    let header = Header {
        sender: plan.own.0,
        to: to.0,
        interconnect: path as u8,
        session: session.0,
        counter: hearing.next,
    };
    let beat = Beat {
        echo: hearing.echo(path),
        state,
        config_digest: plan.digest,
        sent_ms: (clock::moment().0 / 1_000) as u32,
        loss_permille: hearing.loss_permille(path),
    };
    sealer.seal(&header, &beat)
}

fn malformed(counts: &mut Counts) -> &mut u64 {
    &mut counts.malformed
}

fn state(phase: Phase) -> State {
    match phase {
        Phase::Running => State::Running,
        Phase::Leaving => State::Leaving,
        Phase::Shutdown => State::ClusterShutdown,
    }
}

/// A state of a later release is at work in some way: whoever speaks is not down.
fn phase(state: State) -> Phase {
    match state {
        State::Leaving => Phase::Leaving,
        State::ClusterShutdown => Phase::Shutdown,
        State::Starting | State::Running | State::Other(_) => Phase::Running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::time::Span;

    /// One of two servers that speak in Corosync's group.
    fn server(own: u8, key: u8) -> Heartbeats {
        let text = r#"<root><cluster><name>c</name></cluster><noroshi><engine>corosync</engine></noroshi>
            <server name="sv1"><priority>0</priority><device id="0"><type>lan</type><info>192.0.2.1</info></device></server>
            <server name="sv2"><priority>1</priority><device id="0"><type>lan</type><info>192.0.2.2</info></device></server></root>"#;
        let parsed = noroshi_conf::read(text.as_bytes()).expect("the file above is well formed");
        let plan = Arc::new(Plan::new(&parsed.config, ServerId(own)));
        let key = ClusterKey::new([key; 32]);
        let session = SessionId([own + 1; 12]);
        let mut heartbeats = Heartbeats::new(&key, session, plan, Gate::open());
        heartbeats.enter(Phase::Running);
        heartbeats
    }

    /// Lets `from` and `to` speak in turns; what `to` makes of it.
    fn talk(from: &mut Heartbeats, to: &mut Heartbeats, turns: u64) -> Vec<Heard> {
        let mut heard = Vec::new();
        let (one, other) = (from.plan.own, to.plan.own);
        for turn in 0..turns {
            let now = Moment(0) + Span::from_secs(turn);
            let word = from.word(other).expect("it may speak");
            heard.extend(to.take_word(now, one, &word).0.map(|taken| taken.heard));
            let word = to.word(one).expect("it may speak");
            from.take_word(now, other, &word);
        }
        heard
    }

    /// Rule: N3 N2
    #[test]
    fn a_word_in_the_group_is_believed_under_the_key_once_it_is_proven() {
        let (mut one, mut other) = (server(0, 7), server(1, 7));
        let heard = talk(&mut one, &mut other, 4);
        assert_eq!(heard.len(), 3, "the first waits for its proof");
        assert_eq!(heard[0].session, SessionId([1; 12]));
        // Heard before.
        let word = one.word(ServerId(1)).expect("it may speak");
        let take = |to: &mut Heartbeats, from: u8| to.take_word(Moment(9), ServerId(from), &word).0;
        assert!(take(&mut other, 0).is_some());
        assert!(take(&mut other, 0).is_none());
        // Another process says it, or it is said to another.
        assert!(take(&mut server(1, 7), 1).is_none());
        assert!(take(&mut one, 1).is_none());
        one.enter(Phase::Leaving);
        let left = talk(&mut one, &mut other, 1);
        assert_eq!(left[0].phase, Phase::Leaving);
    }

    /// Rule: N3 N2
    #[test]
    fn whoever_may_use_corosync_and_has_another_key_is_not_believed() {
        let (mut stranger, mut other) = (server(0, 8), server(1, 7));
        assert_eq!(talk(&mut stranger, &mut other, 5), []);
        assert!(other.counts.forged > 0);
        for junk in [&b""[..], b"NRSI", &[0; 2_000]] {
            assert!(other.take_word(Moment(1), ServerId(0), junk).0.is_none());
        }
    }
}
