//! What the audience knows: everything that was seen so far, ready to be drawn, told and checked.

use super::news::News;
use super::stage::{Life, Stage};
use noroshi_core::alert::AlertId;
use noroshi_core::lamp::Look;
use noroshi_core::status::{ServerStatus, Status};
use noroshi_daemon::control::AlertLine;
use noroshi_sim::inbox::Mail;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Alerts and mails that are shown; older ones are forgotten.
const SHOWN_MAX: usize = 500;

/// One server as the audience knows it.
#[derive(Clone, Debug)]
pub(super) struct ServerScene {
    /// Its name.
    pub(super) name: String,
    /// Its process.
    pub(super) life: Life,
    /// Its network is cut.
    pub(super) cut: bool,
    /// What it told last of the cluster, while it answers.
    pub(super) status: Option<Box<Status>>,
    /// What its lamp speaks.
    pub(super) lamp_name: &'static str,
    /// What its lamp shows.
    pub(super) lamp: Look,
    /// The alerts of its alert view, by row.
    pub(super) alerts: BTreeMap<u64, AlertLine>,
}

/// The last fault, and how soon it was told.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// In words.
    pub(super) what: String,
    /// Whose lamp tells it.
    pub(super) lamp: usize,
    /// When.
    pub(super) at: Instant,
    /// Until the lamp changed.
    pub(super) lamp_after: Option<Duration>,
    /// Until the first mail came.
    pub(super) mail_after: Option<Duration>,
}

/// A mail and how long after the last fault it came.
#[derive(Clone, Debug)]
pub(super) struct MailScene {
    /// The mail.
    pub(super) mail: Arc<Mail>,
    /// Since the fault before it, if there was one.
    pub(super) after: Option<Duration>,
}

/// Everything that was seen.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    /// The servers, in server order.
    pub(super) servers: Vec<ServerScene>,
    /// Number of each server's lamp.
    lamps: Vec<usize>,
    /// The cluster's alerts, newest first.
    pub(super) alerts: VecDeque<AlertLine>,
    known: BTreeSet<AlertId>,
    /// The mails, newest first.
    pub(super) mails: VecDeque<MailScene>,
    /// The last fault.
    pub(super) fault: Option<Fault>,
    /// What was said last by whoever could not do what was asked.
    pub(super) said: String,
    /// The inbox refuses mail.
    pub(super) mail_away: bool,
    /// All servers have seen each other.
    pub(super) was_all_up: bool,
}

impl Scene {
    /// Before anything was seen.
    pub(super) fn new(stage: &Stage) -> Scene {
        let plan = &stage.plan;
        let server = |(at, name): (usize, &String)| ServerScene {
            name: name.clone(),
            life: stage.life(at),
            cut: false,
            status: None,
            lamp_name: plan.lamp_name(plan.lamp_of(at)),
            lamp: Look::OUT,
            alerts: BTreeMap::new(),
        };
        let servers: Vec<_> = plan.servers.iter().enumerate().map(server).collect();
        Scene::of(
            servers,
            (0..plan.servers.len()).map(|at| plan.lamp_of(at)).collect(),
        )
    }

    /// With these servers, and the number of the lamp of each.
    pub(super) fn of(servers: Vec<ServerScene>, lamps: Vec<usize>) -> Scene {
        Scene {
            servers,
            lamps,
            alerts: VecDeque::new(),
            known: BTreeSet::new(),
            mails: VecDeque::new(),
            fault: None,
            said: String::new(),
            mail_away: false,
            was_all_up: false,
        }
    }

    /// Takes over how the processes are.
    pub(super) fn look_at(&mut self, stage: &Stage) {
        for (at, server) in self.servers.iter_mut().enumerate() {
            server.life = stage.life(at);
            server.cut = stage.is_cut(at);
        }
    }

    /// Takes news in; answers whether they were new to the audience.
    pub(super) fn take(&mut self, news: &News) -> bool {
        match news {
            News::Status(at, status) => {
                self.servers[*at].status = Some(status.clone());
                let all_up = self.is_all_up();
                self.was_all_up |= all_up;
                true
            }
            News::Silent(at) => {
                self.servers[*at].status = None;
                true
            }
            News::Alert(at, alert) => {
                self.servers[*at]
                    .alerts
                    .insert(alert.row, (**alert).clone());
                let is_new = self.known.insert(alert.id.clone());
                if is_new {
                    self.alerts.push_front((**alert).clone());
                    self.alerts.truncate(SHOWN_MAX);
                } else if !alert.notices.is_empty()
                    && let Some(shown) = self.alerts.iter_mut().find(|one| one.id == alert.id)
                {
                    // The server that tells it knows to whom.
                    shown.notices.clone_from(&alert.notices);
                }
                is_new
            }
            News::Lamp(lamp, look, at) => {
                for (server, number) in self.servers.iter_mut().zip(&self.lamps) {
                    if number == lamp {
                        server.lamp = *look;
                    }
                }
                if let Some(fault) = &mut self.fault
                    && self.lamps[fault.lamp] == *lamp
                {
                    let after = at.saturating_duration_since(fault.at);
                    fault.lamp_after.get_or_insert(after);
                }
                true
            }
            News::Mail(mail) => {
                let fault = self.fault.as_mut().filter(|fault| fault.at <= mail.arrived);
                let after = fault.map(|fault| {
                    let after = mail.arrived.duration_since(fault.at);
                    fault.mail_after.get_or_insert(after);
                    after
                });
                let mail = mail.clone();
                self.mails.push_front(MailScene { mail, after });
                self.mails.truncate(SHOWN_MAX);
                true
            }
            News::Said(said) => {
                self.said.clone_from(said);
                true
            }
            News::Key(_) | News::Resized => false,
        }
    }

    /// A fault happens now.
    pub(super) fn begin_fault(&mut self, what: String, lamp: usize, at: Instant) {
        self.said.clear();
        self.fault = Some(Fault {
            what,
            lamp,
            at,
            lamp_after: None,
            mail_after: None,
        });
    }

    /// The servers whose lamp has this number.
    pub(super) fn lamp_servers(&self, lamp: usize) -> impl Iterator<Item = &str> {
        let both = self.servers.iter().zip(&self.lamps);
        both.filter(move |(_, number)| **number == lamp)
            .map(|(server, _)| server.name.as_str())
    }

    /// Whether the lamp of this number is the one of `server`.
    pub(super) fn is_lamp_of(&self, lamp: usize, server: usize) -> bool {
        self.lamps.get(server) == Some(&lamp)
    }

    /// Every server that runs sees every other up.
    pub(super) fn is_all_up(&self) -> bool {
        use noroshi_core::status::ServerState::Up;
        self.servers.iter().all(|server| {
            let status = server.status.as_ref();
            status.is_some_and(|status| status.servers.iter().all(|other| other.state == Up))
        })
    }

    /// A server as the others see it: as the first other one that answers and is not cut off
    /// does, else as any other.
    pub(super) fn seen(&self, server: usize) -> Option<&ServerStatus> {
        let others = || {
            let others = self.servers.iter().enumerate();
            others.filter(move |(at, other)| *at != server && other.status.is_some())
        };
        let (_, other) = others().find(|(_, other)| !other.cut).or(others().next())?;
        other.status.as_ref()?.servers.get(server)
    }

    /// The name of the server on duty, as the first one that answers and is not cut off says.
    pub(super) fn on_duty(&self) -> Option<&str> {
        let answers = |server: &&ServerScene| server.status.is_some() && !server.cut;
        let server = self.servers.iter().find(answers)?;
        server.status.as_ref()?.on_duty.as_deref()
    }

    /// A server that can be asked, the one of this number if it can.
    pub(super) fn answering(&self, rather: Option<usize>) -> Option<usize> {
        let answers = |at: &usize| self.servers[*at].status.is_some() && !self.servers[*at].cut;
        rather
            .filter(answers)
            .or_else(|| (0..self.servers.len()).find(answers))
    }
}
