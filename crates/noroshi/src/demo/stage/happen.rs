//! What can happen on the stage, in the words of a story.

use super::{Life, Stage};
use crate::demo::plan::Plan;
use noroshi_core::alert::{Destinations, MessageId, Severity};
use noroshi_core::request::Request;
use noroshi_sim::inbox::{self, Verb};
use noroshi_sim::lamp;
use noroshi_sim::scenario::{Happening, MailBehaviour};

/// Why a story's happening cannot be played by real processes.
const NOT_POSSIBLE: &str = "real processes without privileges cannot do this; the simulated world \
of the tests can";

impl Stage {
    /// Checks whether something can happen here.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::demo) fn can(plan: &Plan, happening: &Happening) -> Result<(), String> {
        use Happening as H;
        match happening {
            H::Killed(name)
            | H::LosesPower(name)
            | H::Stops(name)
            | H::Starts(name)
            | H::Suspended(name)
            | H::Resumes(name)
            | H::CutOff(name, None)
            | H::Reconnected(name, None)
            | H::Lamp(name, _)
            | H::LampForgets(name)
            | H::Apart(name)
            | H::Together(name)
            | H::Raises(name, _)
            | H::Shutdown(name) => find(&plan.servers, name, "server").map(drop),
            H::CutOff(name, Some(lan)) | H::Reconnected(name, Some(lan)) => {
                find(&plan.servers, name, "server")?;
                find(&plan.interconnects, lan, "interconnect").map(drop)
            }
            H::LampPutOut(name, other) | H::LampTested(name, other) => {
                find(&plan.servers, name, "server")?;
                find(&plan.servers, other, "server").map(drop)
            }
            H::Mail(MailBehaviour::Slow(_) | MailBehaviour::Hangs(_)) => Err(NOT_POSSIBLE.into()),
            H::Heals | H::Mail(_) => Ok(()),
            H::Deaf(..)
            | H::ReceiversCut(_)
            | H::ReceiversJoined(_)
            | H::AllWorks
            | H::AllStart
            | H::FaultySettings(_)
            | H::LampRefuses(_)
            | H::Clock(..)
            | H::Loss(..)
            | H::Disk(..)
            | H::Settings(..)
            | H::Licence(..)
            | H::Register(..)
            | H::Corosync(..)
            | H::Pushes(..)
            | H::Sets(..) => Err(NOT_POSSIBLE.into()),
        }
    }

    /// Lets something happen.
    ///
    /// # Errors
    /// Why it could not; it did not happen then.
    pub(in crate::demo) async fn happen(&mut self, happening: &Happening) -> Result<(), String> {
        use Happening as H;
        Stage::can(&self.plan, happening)?;
        let at = |name: &String| find(&self.plan.servers, name, "server");
        match happening {
            H::Killed(name) => {
                let server = at(name)?;
                self.kill(server);
            }
            H::LosesPower(name) => {
                let server = at(name)?;
                // Without power nobody closes its connections: the cut comes first.
                self.cut(server, None);
                self.kill(server);
            }
            H::Stops(name) => {
                let server = at(name)?;
                self.process(server)?.stop();
                self.lives[server] = Life::Stopping;
            }
            H::Starts(name) => {
                let server = at(name)?;
                if self.lives[server] == Life::Killed {
                    self.cuts.remove(&(server, None));
                }
                self.start(server).map_err(|error| error.to_string())?;
                self.move_gates();
            }
            H::Suspended(name) | H::Resumes(name) => {
                let server = at(name)?;
                let still = matches!(happening, H::Suspended(_));
                self.process(server)?.suspend(still);
                self.lives[server] = if still { Life::Suspended } else { Life::Runs };
            }
            H::CutOff(name, lan) => {
                let server = at(name)?;
                self.cut(server, self.lan(lan.as_ref()));
            }
            H::Reconnected(name, lan) => {
                let server = at(name)?;
                self.cuts.remove(&(server, self.lan(lan.as_ref())));
                self.move_gates();
            }
            H::Apart(name) => {
                let server = at(name)?;
                for lan in 0..self.plan.interconnects.len() {
                    self.cut(server, Some(lan));
                }
            }
            H::Together(name) => {
                let server = at(name)?;
                self.cuts
                    .retain(|(cut, lan)| *cut != server || lan.is_none());
                self.move_gates();
            }
            H::Heals => {
                self.cuts.clear();
                self.move_gates();
            }
            H::Lamp(name, answers) => {
                let faults = match answers {
                    true => lamp::Faults::NONE,
                    false => lamp::Faults::only(lamp::Fault::BlackHole),
                };
                self.set_lamp(at(name)?, faults).await?;
            }
            H::LampForgets(name) => {
                let server = at(name)?;
                let forget = lamp::Faults::only(lamp::Fault::Forget);
                self.set_lamp(server, forget).await?;
            }
            H::Mail(behaviour) => {
                let set = self.props.set_inbox(mail_faults(behaviour)).await;
                set.map_err(|error| error.to_string())?;
            }
            H::Raises(name, text) => self.ask(at(name)?, raise(text.clone())),
            H::LampPutOut(name, other) => {
                let server = other.clone();
                self.ask(at(name)?, Request::LampOff { server });
            }
            H::LampTested(name, other) => {
                let server = other.clone();
                self.ask(at(name)?, Request::LampTest { server });
            }
            H::Shutdown(name) => {
                let by = "the demonstration".into();
                self.ask(at(name)?, Request::Stop { server: None, by });
            }
            H::Deaf(..)
            | H::ReceiversCut(_)
            | H::ReceiversJoined(_)
            | H::AllWorks
            | H::AllStart
            | H::FaultySettings(_)
            | H::LampRefuses(_)
            | H::Clock(..)
            | H::Loss(..)
            | H::Disk(..)
            | H::Settings(..)
            | H::Licence(..)
            | H::Register(..)
            | H::Corosync(..)
            | H::Pushes(..)
            | H::Sets(..) => {
                return Err(NOT_POSSIBLE.into());
            }
        }
        Ok(())
    }
}

/// An alert as a script raises it, with a mail.
fn raise(text: String) -> Request {
    Request::Raise {
        message: MessageId {
            module: "logcmd".into(),
            event: 1,
        },
        severity: Severity::Error,
        text,
        destinations: Some(Destinations {
            alert: true,
            syslog: true,
            mail: true,
            ..Destinations::default()
        }),
    }
}

fn mail_faults(behaviour: &MailBehaviour) -> inbox::Faults {
    use inbox::{Fault, Faults};
    match behaviour {
        MailBehaviour::Accepts => Faults::none(),
        MailBehaviour::Defers => Faults::only(Fault::Answer {
            at: Verb::Mail,
            code: 451,
        }),
        MailBehaviour::Rejects(address) => Faults::only(Fault::Recipient {
            address: address.clone(),
            code: 550,
        }),
        // A story with the latter two is refused before it begins.
        MailBehaviour::Swallows | MailBehaviour::Slow(_) | MailBehaviour::Hangs(_) => {
            Faults::only(Fault::Hang(Verb::Dot))
        }
        MailBehaviour::Away => Faults::only(Fault::Refuse),
    }
}

fn find(names: &[String], name: &str, what: &str) -> Result<usize, String> {
    let found = names.iter().position(|one| one == name);
    found.ok_or_else(|| format!("no {what} is called {name}"))
}
