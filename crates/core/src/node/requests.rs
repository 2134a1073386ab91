//! What commands and console ask for.

use super::raise::About;
use super::{Node, Promised};
use crate::action::Action;
use crate::alert::{AlertId, Message, MessageId, destinations};
use crate::config::ServerId;
use crate::peer::PeerMessage;
use crate::request::{Reply, Request, RequestId};
use crate::time::Now;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Longest module name that a script may raise an alert under.
const MODULE_BYTES_MAX: usize = 16;

impl Node {
    pub(super) fn asked(
        &mut self,
        now: Now,
        id: RequestId,
        request: Request,
        out: &mut Vec<Action>,
    ) {
        let answer = match request {
            Request::Raise {
                message,
                severity,
                text,
                destinations: wanted,
            } => {
                if !is_module(&message) {
                    refused(format!("the module name {:?} is not one", message.module))
                } else {
                    let ticks = wanted.unwrap_or_else(|| destinations(&self.config, &message));
                    let about = About::default();
                    let alert = self.raise_text(now, message, severity, text, ticks, about, out);
                    return self.reply_when_recorded(id, alert);
                }
            }
            Request::MailTest if self.config.mail.recipients.is_empty() => refused(String::from(
                "no mail address is set: /root/cluster/mail/address",
            )),
            Request::MailTest => {
                let name = self.own_name();
                let about = About {
                    mail: true,
                    ..About::default()
                };
                let alert = self.raise(now, Message::Test, &[&name], about, out);
                return self.reply_when_recorded(id, alert);
            }
            Request::LampOff { server } => match self.lamp_server(&server) {
                Err(why) => refused(why),
                Ok(server) => {
                    self.put_lamp_out(now, server, out);
                    self.replies.push((self.batch, id, Promised::LampOut));
                    None
                }
            },
            Request::LampTest { server } => match self.lamp_server(&server) {
                Err(why) => refused(why),
                Ok(server) => self.test_lamp(now, id, server),
            },
            Request::Stop { server, by } => self.stop(now, id, server, &by, out),
        };
        out.extend(answer.map(|reply| Action::Reply(id, reply)));
    }

    fn reply_when_recorded(&mut self, id: RequestId, alert: Option<AlertId>) {
        if let Some(alert) = alert {
            self.replies.push((self.batch, id, Promised::Alert(alert)));
        }
    }

    /// A server whose lamp somebody wants to touch.
    fn lamp_server(&self, name: &str) -> Result<ServerId, String> {
        let server = self.server_asked_for(name)?;
        if !self.config.lamps_used {
            return Err(String::from(
                "network warning lights are not in use: /root/cluster/dn1000s/use is not 1",
            ));
        }
        match self.config.server(server).lamp {
            Some(_) => Ok(server),
            None => Err(format!("server {name} has no warning light")),
        }
    }

    fn server_asked_for(&self, name: &str) -> Result<ServerId, String> {
        self.config.server_named(name).ok_or_else(|| {
            let all: Vec<ServerId> = self.config.server_ids().collect();
            format!(
                "no server is called {name:?}; the servers are {}",
                self.names(&all)
            )
        })
    }

    fn test_lamp(&mut self, now: Now, id: RequestId, server: ServerId) -> Option<Reply> {
        let lamp = self.config.server(server).lamp?;
        // A lamp that another server tells is tested from here all the same, and left as it
        // should be.
        self.show(now, lamp, None, false);
        match self.lamps[usize::from(lamp.0)].test(now.at, id) {
            Ok(()) => None,
            Err(_) => refused(String::from("a test of this warning light is under way")),
        }
    }

    fn stop(
        &mut self,
        now: Now,
        id: RequestId,
        server: Option<String>,
        by: &str,
        out: &mut Vec<Action>,
    ) -> Option<Reply> {
        let Some(name) = server else {
            let own = self.own_name();
            self.raise(now, Message::ShutdownAsked, &[&own], About::default(), out);
            let message = PeerMessage::Stop {
                by: String::from(by),
                cluster: true,
            };
            self.tell_all(&message, out);
            self.leave(now, true, Some(id), out);
            return None;
        };
        let server = match self.server_asked_for(&name) {
            Ok(server) => server,
            Err(why) => return refused(why),
        };
        if server == self.own {
            self.leave(now, false, Some(id), out);
            return None;
        }
        if !self.membership.living().any(|id| id == server) {
            return refused(format!("server {name} does not answer; stop it there"));
        }
        let message = PeerMessage::Stop {
            by: String::from(by),
            cluster: false,
        };
        out.push(Action::Tell(server, Box::new(message)));
        Some(Reply::Done)
    }
}

fn refused(why: String) -> Option<Reply> {
    Some(Reply::Refused { why })
}

fn is_module(message: &MessageId) -> bool {
    let fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=MODULE_BYTES_MAX).contains(&message.module.len()) && message.module.chars().all(fit)
}
