//! The daemon's end of the command socket.

use super::lines::{Line, read_line, write_answer};
use super::listing::Wanted;
use super::upload::Upload;
use super::{
    AlertFilter, Answer, Asked, CALL_BUFFER_BYTES, CALL_BYTES_MAX, CONNECTIONS_MAX, Call,
    DESK_WAIT, DRAIN_WAIT, Desk, FOLLOWERS_MAX, Fault, NotTested, Page, desk_wait,
};
use crate::collect::Scope;
use crate::log;
use crate::log::audit;
use crate::log::levels::{self, PARTS, Part};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use noroshi_conf::bundle::is_digest;
use noroshi_core::alert::{
    ACKNOWLEDGED_BY_BYTES_MAX, AlertId, REMARK_BYTES_MAX, tidy_text, tidy_within,
};
use noroshi_core::request::{Reply, Request};
use noroshi_core::text::Language;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Longest name of a module or server that a call may carry, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Pause after a failed accept, so that a lack of file descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers calls on `listener` until the future is dropped, which ends all connections at once.
///
/// Never fails: a failed accept is tried again, a failed connection ends alone.
pub async fn serve(listener: UnixListener, desk: Desk) {
    serve_until(listener, desk, std::future::pending()).await;
}

/// As [`serve`], until `stop` is ready; then takes no more, lets the calls that are being answered
/// come to their end for up to [`DRAIN_WAIT`], and ends. So whoever asked the daemon to stop hears
/// that it does.
pub async fn serve_until(listener: UnixListener, desk: Desk, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let follow_places = Arc::new(Semaphore::new(FOLLOWERS_MAX));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = &mut stop => break,
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            turn_away(&stream);
            continue;
        };
        let connection =
            Connection::new(stream, desk.clone(), follow_places.clone(), stopped.clone());
        connections.spawn(async move {
            // An error here is the caller's going away; nobody is left to be told.
            let _ = connection.run().await;
            drop(place);
        });
    }
    drop(listener);
    stopping.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    // Those that take longer end with the set.
    let _ = timeout(DRAIN_WAIT, drained).await;
}

/// Serves one connection, as the tests do.
#[cfg(test)]
pub(super) async fn answer_one(stream: UnixStream, desk: Desk) {
    let (_stopping, stopped) = watch::channel(false);
    let _ = Connection::new(stream, desk, Arc::new(Semaphore::new(1)), stopped)
        .run()
        .await;
}

/// Serves a caller that may change nothing, which a test cannot be: its user is its own.
#[cfg(test)]
pub(super) async fn answer_stranger(stream: UnixStream, desk: Desk) {
    let (_stopping, stopped) = watch::channel(false);
    let mut connection = Connection::new(stream, desk, Arc::new(Semaphore::new(1)), stopped);
    connection.may_change = false;
    let _ = connection.run().await;
}

/// Says "busy" without waiting: a fresh socket's buffer is empty, so the line fits.
fn turn_away(stream: &UnixStream) {
    let why = log::language().pick(
        format!("{CONNECTIONS_MAX} connections are open already"),
        format!("既に {CONNECTIONS_MAX} 件の接続があります"),
    );
    let answer = Answer::Error {
        fault: Fault::Busy,
        why,
    };
    let mut line = serde_json::to_vec(&answer).unwrap_or_default();
    line.push(b'\n');
    let _ = stream.try_write(&line);
}

/// One caller.
pub(super) struct Connection {
    pub(super) from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    may_change: bool,
    /// Number of the caller's user; none where the kernel does not tell.
    uid: Option<u32>,
    pub(super) desk: Desk,
    pub(super) follow_places: Arc<Semaphore>,
    pub(super) stopped: watch::Receiver<bool>,
    upload: Option<Upload>,
}

impl Connection {
    fn new(
        stream: UnixStream,
        desk: Desk,
        follow_places: Arc<Semaphore>,
        stopped: watch::Receiver<bool>,
    ) -> Connection {
        let own = rustix::process::geteuid().as_raw();
        let uid = stream.peer_cred().ok().map(|peer| peer.uid());
        let may_change = uid.is_some_and(|uid| uid == 0 || uid == own);
        let (from, to) = stream.into_split();
        Connection {
            from: BufReader::with_capacity(CALL_BUFFER_BYTES, from),
            to,
            may_change,
            uid,
            desk,
            follow_places,
            stopped,
            upload: None,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        loop {
            let line = tokio::select! {
                line = read_line(&mut self.from) => line,
                // An error means that the daemon is gone already.
                _ = self.stopped.wait_for(|stopped| *stopped) => return Ok(()),
            };
            let call = match line {
                Line::Whole(line) => serde_json::from_slice::<Call>(&line),
                Line::TooLong => {
                    let why = log::language().pick(
                        format!("a line of a call has at most {CALL_BYTES_MAX} bytes"),
                        format!("要求は一行 {CALL_BYTES_MAX} バイト以内です"),
                    );
                    return self.error(Fault::BadCall, why).await;
                }
                Line::Gone => return Ok(()),
            };
            match call {
                Ok(Call::Ping) => self.say(&Answer::End).await?,
                Ok(Call::Status) => self.status().await?,
                Ok(Call::Change { request, by }) => self.change(request, by).await?,
                Ok(Call::Audit { by, what, result }) => self.audit(&by, &what, &result).await?,
                Ok(Call::StageSet { data, more }) => self.stage(&data, more).await?,
                Ok(Call::Alerts {
                    limit,
                    follow,
                    only,
                    before,
                    after,
                }) => {
                    let wanted = Wanted {
                        limit,
                        only,
                        before: before.filter(|_| !follow),
                        after,
                    };
                    if follow {
                        return self.follow(wanted).await;
                    }
                    self.list(&wanted).await?;
                }
                Ok(Call::AlertPage {
                    limit,
                    only,
                    before,
                    after,
                }) => {
                    let wanted = Wanted {
                        limit,
                        only,
                        before,
                        after,
                    };
                    self.page(&wanted).await?;
                }
                Ok(Call::AlertFigures { query }) => self.figures(query).await?,
                Ok(Call::TestMail { recipient, by }) => {
                    self.test_mail(recipient, by.unwrap_or_default()).await?;
                }
                Ok(Call::LogLevels { set }) => self.log_levels(set).await?,
                Ok(Call::Logs { server, scope }) => self.logs(server, scope).await?,
                Err(error) => {
                    let why = log::language().pick(
                        format!("unknown call: {error}"),
                        format!("不明な要求です: {error}"),
                    );
                    self.error(Fault::BadCall, why).await?
                }
            }
        }
    }

    pub(super) async fn say(&mut self, answer: &Answer) -> io::Result<()> {
        write_answer(&mut self.to, answer).await
    }

    pub(super) async fn error(&mut self, fault: Fault, why: String) -> io::Result<()> {
        self.say(&Answer::Error { fault, why }).await
    }

    async fn status(&mut self) -> io::Result<()> {
        match self.ask(DESK_WAIT, Asked::Status).await {
            Some(status) => {
                self.say(&Answer::Status {
                    status: Box::new(status),
                })
                .await
            }
            None => self.no_answer(DESK_WAIT).await,
        }
    }

    /// Takes a piece of a set; the last one has it checked and staged, beside everything else.
    async fn stage(&mut self, data: &str, more: bool) -> io::Result<()> {
        if !self.may_change {
            return self.not_permitted().await;
        }
        let uploaded = match self.upload.take() {
            Some(upload) => upload.with(data),
            None => Upload::begin(self.desk.sets.as_ref()).and_then(|upload| upload.with(data)),
        };
        let upload = match uploaded {
            Ok(upload) => upload,
            Err((fault, why)) => return self.error(fault, why).await,
        };
        if more {
            self.upload = Some(upload);
            return self.say(&Answer::End).await;
        }
        let answer = match upload.stage().await {
            Ok(digest) => Answer::Staged { digest },
            Err(why) => Answer::Reply {
                reply: Reply::Refused { why },
            },
        };
        self.say(&answer).await
    }

    async fn not_permitted(&mut self) -> io::Result<()> {
        let why = log::language().pick(
            "only root and the user of the alert service may change anything",
            "変更できるのは root とアラートサービスの実行ユーザだけです",
        );
        self.error(Fault::NotPermitted, why.into()).await
    }

    async fn change(&mut self, request: Request, by: Option<String>) -> io::Result<()> {
        // Not in the audit trail: whoever may do nothing could push out what others did.
        if !self.may_change {
            return self.not_permitted().await;
        }
        let request = match checked(request, log::language()) {
            Ok(request) => request,
            Err(why) => return self.error(Fault::BadCall, why).await,
        };
        if let Request::Acknowledge { alert, .. } = &request
            && let Some(refusal) = self.unknown(alert).await
        {
            return self.say(&refusal).await;
        }
        let wait = desk_wait(&request);
        let (asked_by, what) = audit::of_request(&request);
        let by = by.or(asked_by).unwrap_or_default();
        let reply = self.ask(wait, |place| Asked::Change(request, place)).await;
        self.write_down(&by, &what, &audit::of_reply(reply.as_ref()));
        match reply {
            Some(reply) => self.say(&Answer::Reply { reply }).await,
            None => self.no_answer(wait).await,
        }
    }

    async fn audit(&mut self, by: &str, what: &str, result: &str) -> io::Result<()> {
        if !self.may_change {
            return self.not_permitted().await;
        }
        self.write_down(by, what, result);
        self.say(&Answer::End).await
    }

    fn write_down(&self, by: &str, what: &str, result: &str) {
        if let Some(audit) = &self.desk.audit {
            audit.line(self.uid, by, what, result);
        }
    }

    /// What somebody is told who names an alert that is not kept here; the driver does not know them all.
    async fn unknown(&self, alert: &AlertId) -> Option<Answer> {
        let only = AlertFilter {
            id: Some(alert.clone()),
            ..AlertFilter::default()
        };
        let page = Page::Before {
            row: None,
            limit: 1,
        };
        match self.desk.alerts.page(page, &only).await {
            Ok(found) if !found.rows.is_empty() => None,
            Ok(_) => {
                let why = log::language().pick(
                    format!("there is no alert {alert} here"),
                    format!("アラート {alert} はありません"),
                );
                let reply = Reply::Refused { why };
                Some(Answer::Reply { reply })
            }
            Err(why) => Some(Answer::Error {
                fault: Fault::Unreadable,
                why,
            }),
        }
    }

    async fn log_levels(&mut self, set: Option<(String, u8)>) -> io::Result<()> {
        if let Some((name, level)) = set {
            if !self.may_change {
                let why = log::language().pick(
                    "only root and the user of the alert service may change anything",
                    "変更できるのは root とアラートサービスの実行ユーザだけです",
                );
                return self.error(Fault::NotPermitted, why.into()).await;
            }
            let mut levels = levels::taken();
            let known = Part::named(&name).is_some_and(|part| levels.set(part, level));
            let result = if known { "done" } else { "refused" };
            self.write_down(
                "",
                &format!("log-level part={name:?} level={level}"),
                result,
            );
            if !known {
                let why = log::language().pick(
                    "no such part or level of the log",
                    "そのようなログの部位またはレベルはありません",
                );
                return self.error(Fault::BadCall, why.into()).await;
            }
            levels::take(&levels);
        }
        let levels = levels::taken();
        let levels = PARTS.map(|part| (part.name().to_owned(), levels.of(part)));
        self.say(&Answer::LogLevels {
            levels: levels.to_vec(),
        })
        .await
    }

    /// Hands on the archive of another server, as fast as the caller takes it.
    async fn logs(&mut self, server: String, scope: Scope) -> io::Result<()> {
        if !self.may_change {
            let why = log::language().pick(
                "only root and the user of the alert service may collect logs",
                "ログを採取できるのは root とアラートサービスの実行ユーザだけです",
            );
            return self.error(Fault::NotPermitted, why.into()).await;
        }
        if let Err(why) = name(&server, log::language()) {
            return self.error(Fault::BadCall, why).await;
        }
        let mut pieces = (self.desk.logs)(server, scope);
        loop {
            let piece = tokio::select! {
                piece = pieces.recv() => piece,
                _ = self.stopped.wait_for(|stopped| *stopped) => return Ok(()),
            };
            match piece {
                Some(Ok(bytes)) => {
                    let data = BASE64_STANDARD.encode(bytes);
                    self.say(&Answer::Logs { data }).await?;
                }
                Some(Err(why)) => return self.error(Fault::NotCollected, why).await,
                None => return self.say(&Answer::End).await,
            }
        }
    }

    /// Sends test mails and hands each conversation on as it ends.
    async fn test_mail(&mut self, recipient: Option<String>, by: String) -> io::Result<()> {
        if !self.may_change {
            return self.not_permitted().await;
        }
        let what = match &recipient {
            Some(recipient) => format!("test-mail recipient={recipient:?}"),
            None => "test-mail".to_owned(),
        };
        // As for every mail: without a licence none leaves this server.
        let Some(status) = self.ask(DESK_WAIT, Asked::Status).await else {
            return self.no_answer(DESK_WAIT).await;
        };
        let withheld = status.licence.filter(|licence| !licence.notices);
        let sent = match withheld {
            Some(licence) => Err((
                Fault::NotTested,
                licence.text.unwrap_or_else(|| {
                    let why = log::language().pick(
                        "this server's licences do not suffice, so no mail leaves it",
                        "このサーバのライセンスが不足しているため、メールを送信できません",
                    );
                    why.to_owned()
                }),
            )),
            None => (self.desk.test_mails)(recipient.as_deref()).map_err(|not| {
                let fault = match not {
                    NotTested::Busy => Fault::Busy,
                    _ => Fault::NotTested,
                };
                (fault, not.text(log::language()).to_owned())
            }),
        };
        let mut talks = match sent {
            Ok(talks) => talks,
            Err((fault, why)) => {
                self.write_down(&by, &what, &format!("refused {why:?}"));
                return self.error(fault, why).await;
            }
        };
        self.write_down(&by, &what, "begun");
        loop {
            let talk = tokio::select! {
                talk = talks.recv() => talk,
                _ = self.stopped.wait_for(|stopped| *stopped) => return Ok(()),
            };
            match talk.map(Box::new) {
                Some(conversation) => self.say(&Answer::Conversation { conversation }).await?,
                None => return self.say(&Answer::End).await,
            }
        }
    }

    async fn no_answer(&mut self, wait: Duration) -> io::Result<()> {
        let wait = wait.as_secs();
        let why = log::language().pick(
            format!("no answer from the driver within {wait} s"),
            format!("{wait} 秒以内に応答がありません"),
        );
        self.error(Fault::NoAnswer, why).await
    }

    /// Asks the driver; `None` when it does not answer in time or is gone.
    async fn ask<T>(
        &self,
        wait: Duration,
        asked: impl FnOnce(oneshot::Sender<T>) -> Asked,
    ) -> Option<T> {
        let (place, answer) = oneshot::channel();
        let asked = asked(place);
        let exchange = async {
            self.desk.ask.send(asked).await.ok()?;
            answer.await.ok()
        };
        timeout(wait, exchange).await.ok().flatten()
    }
}

/// Takes a request from outside only when its words can go anywhere: texts become one line without
/// control characters, names that hold anything odd are refused.
pub(super) fn checked(mut request: Request, language: Language) -> Result<Request, String> {
    match &mut request {
        Request::Raise { message, text, .. } => {
            name(&message.module, language)?;
            *text = tidy_text(text);
            if text.trim().is_empty() {
                let why = language.pick("the text of an alert is empty", "メッセージ本文が空です");
                return Err(why.into());
            }
        }
        Request::LampOff { server } | Request::LampTest { server } => name(server, language)?,
        Request::Stop { server, by } => {
            if let Some(server) = server {
                name(server, language)?;
            }
            *by = tidy_text(by);
        }
        Request::Push { digest, by, base } => {
            // Where nothing was ever pushed the base is empty.
            let base = base.as_deref().filter(|base| !base.is_empty());
            if !is_digest(digest) || base.is_some_and(|base| !is_digest(base)) {
                let why =
                    language.pick("no digest of a set", "構成情報のダイジェストではありません");
                return Err(why.into());
            }
            *by = tidy_text(by);
        }
        Request::Acknowledge { alert, by, remark } => {
            name(&alert.0, language)?;
            *by = tidy_within(by, ACKNOWLEDGED_BY_BYTES_MAX);
            *remark = tidy_within(remark, REMARK_BYTES_MAX);
            if by.trim().is_empty() {
                let why = language.pick(
                    "an acknowledgement needs a name",
                    "対応記録には対応者名が必要です",
                );
                return Err(why.into());
            }
        }
        Request::MailTest | Request::LicencesChanged => {}
    }
    Ok(request)
}

fn name(name: &str, language: Language) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
        return Err(language.pick(
            format!("no name of a server or module: letters, digits and . _ - only, at most {NAME_BYTES_MAX}"),
            format!("サーバ名、モジュール名には英数字と . _ - だけを {NAME_BYTES_MAX} 文字まで使えます"),
        ));
    }
    Ok(())
}
