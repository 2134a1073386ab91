//! What the audience knows: everything that was seen so far, ready to be drawn, told and checked.

use super::news::News;
use super::stage::{Life, Stage};
use noroshi_core::alert::AlertId;
use noroshi_core::lamp::Look;
use noroshi_core::status::{ServerStatus, Status};
use noroshi_core::time::WallTime;
use noroshi_daemon::clock;
use noroshi_daemon::control::AlertLine;
use noroshi_sim::inbox::Mail;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Alerts and mails that are shown; older ones are forgotten.
const SHOWN_MAX: usize = 500;
/// Faults before the last one that mails are still counted from; a mail about an older one has no time.
const FAULTS_MAX: usize = 32;

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
    /// The same on the clock that alerts are dated with.
    pub(super) wall: WallTime,
    /// Until the lamp changed.
    pub(super) lamp_after: Option<Duration>,
    /// Until the first mail came.
    pub(super) mail_after: Option<Duration>,
}

/// A mail and how long after the fault that it is about it came.
#[derive(Clone, Debug)]
pub(super) struct MailScene {
    /// The mail.
    pub(super) mail: Arc<Mail>,
    /// Since the last fault before its alert, if there was one.
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
    /// When those before it began, newest first.
    before: VecDeque<(WallTime, Instant)>,
    /// What was said last by whoever could not do what was asked.
    pub(super) said: String,
    /// The inbox refuses mail.
    pub(super) mail_away: bool,
    /// All servers have seen each other.
    pub(super) was_all_up: bool,
    /// The link into a console; empty without one.
    pub(super) console: String,
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
        let lamps = (0..plan.servers.len()).map(|at| plan.lamp_of(at));
        Scene {
            console: stage.console.clone(),
            ..Scene::of(servers, lamps.collect())
        }
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
            before: VecDeque::new(),
            said: String::new(),
            mail_away: false,
            was_all_up: false,
            console: String::new(),
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
                    // As they happened: servers hand theirs on at different moments.
                    let place = self.alerts.partition_point(|one| one.time > alert.time);
                    self.alerts.insert(place, (**alert).clone());
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
                    && *at >= fault.at
                {
                    let after = at.saturating_duration_since(fault.at);
                    fault.lamp_after.get_or_insert(after);
                }
                true
            }
            News::Mail(mail) => {
                let after = self.count_mail(mail);
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

    /// How long after the fault that it is about a mail came. One about an earlier fault, which could
    /// not leave before, says nothing about the last one.
    fn count_mail(&mut self, mail: &Mail) -> Option<Duration> {
        let about = alert_time(mail);
        let is_of = |wall: WallTime| about.is_none_or(|about| about >= wall);
        if let Some(fault) = &mut self.fault
            && is_of(fault.wall)
        {
            let after = mail.arrived.checked_duration_since(fault.at)?;
            fault.mail_after.get_or_insert(after);
            return Some(after);
        }
        let (_, at) = self.before.iter().find(|(wall, _)| is_of(*wall))?;
        mail.arrived.checked_duration_since(*at)
    }

    /// Nothing is counted until the next fault.
    pub(super) fn end_fault(&mut self) {
        if let Some(fault) = self.fault.take() {
            self.before.push_front((fault.wall, fault.at));
            self.before.truncate(FAULTS_MAX);
        }
    }

    /// A fault happens now.
    pub(super) fn begin_fault(&mut self, what: String, lamp: usize, at: Instant) {
        self.end_fault();
        self.said.clear();
        self.fault = Some(Fault {
            what,
            lamp,
            at,
            wall: clock::wall(),
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

/// When the alert was raised that a mail tells, from its line `Date: 2026-11-22 03:04:05.678 +09:00 …`,
/// which is the same in both languages.
fn alert_time(mail: &Mail) -> Option<WallTime> {
    let date = mail
        .body
        .lines()
        .find_map(|line| line.strip_prefix("Date: "))?;
    let date = date.split(" (").next()?;
    let time = jiff::Timestamp::strptime("%Y-%m-%d %H:%M:%S%.f %:z", date).ok()?;
    Some(WallTime(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(date: WallTime, arrived: Instant) -> News {
        let time = jiff::Timestamp::from_millisecond(date.0).unwrap();
        let time = time.to_zoned(jiff::tz::TimeZone::posix("JST-9").unwrap());
        let date = time.strftime("%Y-%m-%d %H:%M:%S.%3f %:z (JST)");
        News::Mail(Arc::new(Mail {
            number: 1,
            arrived,
            from: String::new(),
            to: Vec::new(),
            raw: Vec::new(),
            subject: String::new(),
            body: format!("Message: x\nDate: {date}\n"),
        }))
    }

    fn scene() -> Scene {
        let server = |name: &str| ServerScene {
            name: name.into(),
            life: Life::Runs,
            cut: false,
            status: None,
            lamp_name: "",
            lamp: Look::OUT,
            alerts: BTreeMap::new(),
        };
        Scene::of(vec![server("sv1"), server("sv2")], vec![0, 1])
    }

    /// Story: a mail that had waited for the network came 2 ms after it was back, and was counted as
    /// the answer to that.
    #[test]
    fn a_mail_is_counted_from_the_fault_that_it_is_about() {
        let mut scene = scene();
        let start = Instant::now();
        scene.begin_fault("cut".into(), 0, start);
        let cut = scene.fault.as_ref().unwrap().wall;
        let later = start + Duration::from_millis(5_000);
        scene.begin_fault("reconnected".into(), 0, later);
        let fault = scene.fault.as_mut().unwrap();
        fault.wall = WallTime(cut.0 + 5_000);
        let back = fault.wall;
        let ms = Duration::from_millis;
        scene.take(&mail(WallTime(cut.0 + 800), later + ms(2)));
        assert_eq!(scene.mails[0].after, Some(ms(5_002)));
        assert_eq!(scene.fault.as_ref().unwrap().mail_after, None);
        scene.take(&mail(WallTime(back.0 + 30), later + ms(64)));
        assert_eq!(scene.mails[0].after, Some(ms(64)));
        assert_eq!(scene.fault.as_ref().unwrap().mail_after, Some(ms(64)));
        scene.take(&mail(WallTime(cut.0 - 1), later + ms(70)));
        assert_eq!(scene.mails[0].after, None, "it is about none of them");
    }

    /// Story: a lamp that changed just before was counted as "0 ms".
    #[test]
    fn a_lamp_that_changed_before_the_fault_does_not_tell_it() {
        let mut scene = scene();
        let start = Instant::now();
        let at = start + Duration::from_millis(10);
        scene.begin_fault("reconnected".into(), 0, at);
        scene.take(&News::Lamp(0, Look::GREEN, start));
        assert_eq!(scene.fault.as_ref().unwrap().lamp_after, None);
        scene.take(&News::Lamp(0, Look::GREEN, at + Duration::from_millis(7)));
        let fault = scene.fault.as_ref().unwrap();
        assert_eq!(fault.lamp_after, Some(Duration::from_millis(7)));
    }

    #[test]
    fn alerts_stand_in_the_order_in_which_they_happened() {
        let mut scene = scene();
        for (row, ms) in [(1, 10), (2, 30), (3, 20), (4, 30)] {
            let alert = AlertLine {
                row,
                id: AlertId(format!("a-{row}")),
                time: WallTime(ms),
                received: WallTime(ms),
                server: "sv1".into(),
                module: "nm".into(),
                event: 1,
                severity: noroshi_core::alert::Severity::Info,
                text: String::new(),
                about: None,
                notices: Vec::new(),
                acknowledged: None,
            };
            scene.take(&News::Alert(0, Box::new(alert)));
        }
        let order: Vec<u64> = scene.alerts.iter().map(|alert| alert.row).collect();
        assert_eq!(order, [4, 2, 3, 1]);
    }
}
