//! What commands and console ask for.

use super::raise::About;
use super::{Node, Promised};
use crate::action::Action;
use crate::alert::{Message, MessageId, destinations};
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
                    let module = &message.module;
                    refused(self.config.language.pick(
                        format!("{module:?} is no module name: letters, digits, - and _, at most {MODULE_BYTES_MAX}"),
                        format!("{module:?} はモジュール名として使えません。英数字と - _ で {MODULE_BYTES_MAX} 文字以内にしてください"),
                    ))
                } else {
                    let ticks = wanted.unwrap_or_else(|| destinations(&self.config, &message));
                    let about = About {
                        confirm: self.confirmers(),
                        ..About::default()
                    };
                    let alert = self.raise_text(now, message, severity, text, ticks, about, out);
                    return self.reply_when_kept(now, id, alert);
                }
            }
            Request::MailTest if self.config.mail.recipients.is_empty() => {
                refused(String::from(self.config.language.pick(
                    "no mail address is set: /root/cluster/mail/address",
                    "メールアドレスが設定されていません: /root/cluster/mail/address",
                )))
            }
            Request::MailTest | Request::LampOff { .. } if self.withheld_why().is_some() => {
                refused(self.withheld_why().unwrap_or_default())
            }
            // It would be this server that tells the lamp.
            Request::LampTest { .. } if !self.sends_notices() => {
                refused(self.barred_why().unwrap_or_default())
            }
            Request::LicencesChanged => {
                out.push(Action::ReadLicences(id));
                None
            }
            Request::MailTest => {
                let name = self.own_name();
                let about = About {
                    mail: true,
                    confirm: self.confirmers(),
                    ..About::default()
                };
                let alert = self.raise(now, Message::Test, &[&name], about, out);
                return self.reply_when_kept(now, id, alert);
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
            Request::Acknowledge { alert, by, remark } => {
                self.acknowledge(now, id, alert, by, remark, out);
                None
            }
            Request::Push { digest, by, base } => self.push_asked(now, id, (digest, base), by, out),
            Request::Stop { server, by } => self.stop(now, id, server, &by, out),
        };
        out.extend(answer.map(|reply| Action::Reply(id, reply)));
    }

    /// A server whose lamp somebody wants to touch.
    fn lamp_server(&self, name: &str) -> Result<ServerId, String> {
        let server = self.server_asked_for(name)?;
        if !self.config.lamps_used {
            return Err(String::from(self.config.language.pick(
                "network warning lights are not in use: /root/cluster/dn1000s/use is not 1",
                "ネットワーク警告灯を使用しない設定です: /root/cluster/dn1000s/use が 1 ではありません",
            )));
        }
        match self.config.server(server).lamp {
            Some(_) => Ok(server),
            None => Err(self.config.language.pick(
                format!("server {name} has no warning light"),
                format!("サーバ {name} には警告灯が設定されていません"),
            )),
        }
    }

    fn server_asked_for(&self, name: &str) -> Result<ServerId, String> {
        self.config.server_named(name).ok_or_else(|| {
            let all: Vec<ServerId> = self.config.server_ids().collect();
            let all = self.names(&all);
            self.config.language.pick(
                format!("no server is called {name:?}; the servers are {all}"),
                format!("{name:?} というサーバはありません。クラスタのサーバ: {all}"),
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
            Err(_) => refused(String::from(self.config.language.pick(
                "a test of this warning light is under way",
                "この警告灯はテスト中です",
            ))),
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
            return refused(self.config.language.pick(
                format!("server {name} does not answer; stop it there"),
                format!("サーバ {name} が応答しません。そのサーバ上で停止してください"),
            ));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{SessionId, Severity};
    use crate::config::Config;
    use crate::config::tests::config;
    use crate::event::Event;
    use crate::text::Language;
    use crate::time::{Moment, WallTime};
    use alloc::vec;

    /// What a server alone in this cluster answers to all that it refuses.
    fn refusals(config: &Config) -> Vec<String> {
        let now = Now {
            at: Moment(1_000_000),
            wall: WallTime(1_000),
        };
        let mut node = Node::new(now, ServerId(0), SessionId([1; 12]), config.clone());
        let mut out = Vec::new();
        node.step(now, Event::Start(Box::default()), &mut out);
        let message = MessageId {
            module: String::from("no module"),
            event: 1,
        };
        let raise = Request::Raise {
            message,
            severity: Severity::Info,
            text: String::from("x"),
            destinations: None,
        };
        let server = |name: &str| Request::LampOff {
            server: String::from(name),
        };
        let stop = |name: &str| Request::Stop {
            server: Some(String::from(name)),
            by: String::from("me"),
        };
        let requests = vec![
            raise,
            Request::MailTest,
            server("sv1"),
            server("sv9"),
            stop("sv2"),
        ];
        for (at, request) in requests.into_iter().enumerate() {
            node.step(now, Event::Request(RequestId(at as u64), request), &mut out);
        }
        let refused = out.into_iter().filter_map(|action| match action {
            Action::Reply(_, Reply::Refused { why }) => Some(why),
            _ => None,
        });
        refused.collect()
    }

    /// Rule: N20
    #[test]
    fn refusals_are_in_the_language_of_the_settings() {
        let mut config = config(2);
        config.mail.recipients.clear();
        config.servers[0].lamp = None;
        let words = [
            ["module name", "モジュール名"],
            ["no mail address", "メールアドレスが設定されていません"],
            ["has no warning light", "警告灯が設定されていません"],
            ["no server is called", "というサーバはありません"],
            ["does not answer", "応答しません"],
        ];
        for (at, language) in [Language::En, Language::Ja].into_iter().enumerate() {
            config.language = language;
            let refusals = refusals(&config);
            assert_eq!(refusals.len(), words.len(), "{refusals:?}");
            for (why, words) in refusals.iter().zip(words) {
                assert!(why.contains(words[at]), "{why}");
                assert!(!why.contains(words[1 - at]), "{why}");
            }
        }
        config.lamps_used = false;
        assert!(refusals(&config)[2].contains("使用しない設定"));
    }
}
