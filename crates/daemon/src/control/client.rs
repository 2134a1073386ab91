//! A command's end of the command socket: plain blocking calls with a deadline.

use super::{
    ANSWER_BYTES_MAX, AlertFilter, AlertLine, Answer, CLIENT_WAIT, Call, Conversation, DESK_WAIT,
    Fault, LOGS_WAIT, SET_PIECE_BYTES, TEST_MAIL_WAIT, desk_wait,
};
use crate::clock::moment;
use crate::collect::Scope;
use crate::log::levels::{Levels, Part};
use crate::store::{ALERTS_PAGE_MAX, AlertFigures, FiguresQuery};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use noroshi_core::request::{Reply, Request};
use noroshi_core::status::Status;
use noroshi_core::time::Span;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A connection to the daemon of this host.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
    wait: Duration,
}

/// One page of alerts.
#[derive(Debug)]
pub struct AlertsPage {
    /// The alerts that fit.
    pub alerts: Vec<AlertLine>,
    /// The row to go on from; `None` when nothing is left. With fewer alerts than asked for the work was
    /// bounded, and there may be more.
    pub next: Option<u64>,
    /// The newest row that there was when the page was asked for; 0 before the first.
    pub newest: u64,
}

/// Why a call was not answered.
#[derive(Debug)]
pub enum Trouble {
    /// Nothing listens on the socket, or it is not there: the daemon does not run.
    NotRunning(io::Error),
    /// The socket may not be opened by this user.
    Closed(io::Error),
    /// The daemon did not answer in time. Whether a change was made is unknown.
    Silent(Duration),
    /// The connection ended before the answer did. Whether a change was made is unknown.
    Cut,
    /// The connection failed otherwise.
    Io(io::Error),
    /// What came is no answer, or not one to this call.
    Garbled(String),
    /// The daemon answered with an error.
    Refused(Fault, String),
}

impl Client {
    /// Connects to the daemon behind `socket`; each of its answers may take [`CLIENT_WAIT`].
    ///
    /// # Errors
    /// [`Trouble::NotRunning`], [`Trouble::Closed`], [`Trouble::Silent`] or [`Trouble::Io`].
    pub fn connect(socket: &Path) -> Result<Client, Trouble> {
        Client::connect_within(socket, CLIENT_WAIT)
    }

    /// As [`Client::connect`], with another time for each answer.
    ///
    /// # Errors
    /// As there.
    pub fn connect_within(socket: &Path, wait: Duration) -> Result<Client, Trouble> {
        let connect = || -> io::Result<Socket> {
            let unconnected = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            // Bounds the connect too, which waits while a stopped daemon's backlog is full.
            unconnected.set_write_timeout(Some(wait))?;
            unconnected.connect(&SockAddr::unix(socket)?)?;
            Ok(unconnected)
        };
        // A signal breaks a waiting connect off, which leaves nothing behind.
        let connected = loop {
            match connect() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let connected = connected.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                Trouble::NotRunning(error)
            }
            io::ErrorKind::PermissionDenied => Trouble::Closed(error),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Trouble::Silent(wait),
            _ => Trouble::Io(error),
        })?;
        let stream = UnixStream::from(std::os::fd::OwnedFd::from(connected));
        Ok(Client {
            stream: BufReader::new(stream),
            wait,
        })
    }

    /// A client over a connection that stands already, as the tests have it.
    #[cfg(test)]
    pub(super) fn over(stream: UnixStream, wait: Duration) -> Client {
        Client {
            stream: BufReader::new(stream),
            wait,
        }
    }

    /// Asks whether the daemon answers at all.
    ///
    /// # Errors
    /// Any [`Trouble`].
    pub fn ping(&mut self) -> Result<(), Trouble> {
        match self.call(&Call::Ping)? {
            Answer::End => Ok(()),
            other => Err(unfit(other)),
        }
    }

    /// Asks how things are.
    ///
    /// # Errors
    /// Any [`Trouble`].
    pub fn status(&mut self) -> Result<Status, Trouble> {
        match self.call(&Call::Status)? {
            Answer::Status { status } => Ok(*status),
            other => Err(unfit(other)),
        }
    }

    /// Asks for a change.
    ///
    /// # Errors
    /// Any [`Trouble`]; after `Silent`, `Cut` and a refusal with [`Fault::NoAnswer`] it is unknown
    /// whether the change was made.
    pub fn change(&mut self, request: Request) -> Result<Reply, Trouble> {
        self.change_for(request, None)
    }

    /// As [`Client::change`], for somebody else, who stands in the audit trail.
    ///
    /// # Errors
    /// As there.
    pub fn change_for(&mut self, request: Request, by: Option<String>) -> Result<Reply, Trouble> {
        // The daemon is to say why it has no answer before we stop listening.
        let usual = self.wait;
        self.wait += desk_wait(&request).saturating_sub(DESK_WAIT);
        let answer = self.call(&Call::Change { request, by });
        self.wait = usual;
        match answer? {
            Answer::Reply { reply } => Ok(reply),
            other => Err(unfit(other)),
        }
    }

    /// Writes into the audit trail what was done beside the daemon.
    ///
    /// # Errors
    /// Any [`Trouble`]; nothing may stand there then.
    pub fn audit(&mut self, by: &str, what: &str, result: &str) -> Result<(), Trouble> {
        let [by, what, result] = [by, what, result].map(str::to_owned);
        match self.call(&Call::Audit { by, what, result })? {
            Answer::End => Ok(()),
            other => Err(unfit(other)),
        }
    }

    /// Hands a packed set over, to be checked and staged; `Ok` holds its digest, or why the daemon
    /// refuses it.
    ///
    /// # Errors
    /// Any [`Trouble`]; nothing is changed then.
    pub fn stage(&mut self, packed: &[u8]) -> Result<Result<String, String>, Trouble> {
        let pieces = packed.chunks(SET_PIECE_BYTES);
        let last = pieces.len().saturating_sub(1);
        for (at, piece) in pieces.enumerate() {
            let call = Call::StageSet {
                data: BASE64_STANDARD.encode(piece),
                more: at < last,
            };
            match self.call(&call)? {
                Answer::End if at < last => {}
                Answer::Staged { digest } if at == last => return Ok(Ok(digest)),
                Answer::Reply {
                    reply: Reply::Refused { why },
                } => return Ok(Err(why)),
                other => return Err(unfit(other)),
            }
        }
        Err(Trouble::Garbled("an empty set".into()))
    }

    /// Lists the last `limit` alerts, oldest first, and hands each to `each`, which may break off.
    /// With `follow` it goes on with new ones and ends by a break or an error only.
    ///
    /// # Errors
    /// Any [`Trouble`]; what was handed over before it is right.
    pub fn alerts(
        &mut self,
        limit: u32,
        follow: bool,
        only: AlertFilter,
        mut each: impl FnMut(AlertLine) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let call = Call::Alerts {
            limit,
            follow,
            only,
            before: None,
            after: None,
        };
        self.listed(&call, follow, &mut each)
    }

    /// Hands each alert after row `after` to `each`, and then each new one, until it breaks off.
    ///
    /// # Errors
    /// Any [`Trouble`]; what was handed over before it is right, and without a gap.
    pub fn follow_after(
        &mut self,
        after: u64,
        mut each: impl FnMut(AlertLine) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let call = Call::Alerts {
            limit: 0,
            follow: true,
            only: AlertFilter::default(),
            before: None,
            after: Some(after),
        };
        self.listed(&call, true, &mut each)
    }

    fn listed(
        &mut self,
        call: &Call,
        follow: bool,
        each: &mut dyn FnMut(AlertLine) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let mut answer = self.call(call)?;
        let mut live = false;
        loop {
            match answer {
                Answer::Alert { alert } => {
                    if each(*alert).is_break() {
                        return Ok(());
                    }
                }
                Answer::End if follow && !live => live = true,
                Answer::End => return Ok(()),
                other => return Err(unfit(other)),
            }
            // A new alert may come in an hour.
            answer = self.answer((!live).then_some(self.wait))?;
        }
    }

    /// One page of the alerts that fit, in bounded work: the newest `limit` ones before row `before`,
    /// newest first, or with `after` the oldest ones after that row.
    ///
    /// # Errors
    /// Any [`Trouble`].
    pub fn page(
        &mut self,
        limit: u32,
        only: AlertFilter,
        before: Option<u64>,
        after: Option<u64>,
    ) -> Result<AlertsPage, Trouble> {
        let mut answer = self.call(&Call::AlertPage {
            limit,
            only,
            before,
            after,
        })?;
        let mut alerts = Vec::new();
        loop {
            match answer {
                Answer::Alert { alert } if alerts.len() < ALERTS_PAGE_MAX as usize => {
                    alerts.push(*alert);
                }
                Answer::PageEnd { next, newest } => {
                    return Ok(AlertsPage {
                        alerts,
                        next,
                        newest,
                    });
                }
                other => return Err(unfit(other)),
            }
            answer = self.answer(Some(self.wait))?;
        }
    }

    /// What the pictures of the alert view show.
    ///
    /// # Errors
    /// Any [`Trouble`].
    pub fn figures(&mut self, query: FiguresQuery) -> Result<AlertFigures, Trouble> {
        match self.call(&Call::AlertFigures { query })? {
            Answer::AlertFigures { figures } => Ok(*figures),
            other => Err(unfit(other)),
        }
    }

    /// How much the parts write into the log, after giving one of them another level.
    ///
    /// # Errors
    /// Any [`Trouble`].
    pub fn log_levels(&mut self, set: Option<(Part, u8)>) -> Result<Levels, Trouble> {
        let set = set.map(|(part, level)| (part.name().to_owned(), level));
        let told = match self.call(&Call::LogLevels { set })? {
            Answer::LogLevels { levels } => levels,
            other => return Err(unfit(other)),
        };
        let mut levels = Levels::default();
        for (name, level) in told {
            // A newer release may have parts that we do not know.
            let _ = Part::named(&name).map(|part| levels.set(part, level));
        }
        Ok(levels)
    }

    /// Collects the logs of another server; each piece of the archive is handed to `each`, which may
    /// break off, an empty one when it takes a while.
    ///
    /// # Errors
    /// Any [`Trouble`]; what was handed over is of no use then.
    pub fn logs(
        &mut self,
        server: &str,
        scope: Scope,
        mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        self.wait = self.wait.max(LOGS_WAIT);
        let server = server.to_owned();
        let mut answer = self.call(&Call::Logs { server, scope })?;
        loop {
            let data = match answer {
                Answer::Logs { data } => data,
                Answer::End => return Ok(()),
                other => return Err(unfit(other)),
            };
            let bytes = BASE64_STANDARD
                .decode(data)
                .map_err(|error| Trouble::Garbled(error.to_string()))?;
            if each(&bytes).is_break() {
                return Ok(());
            }
            answer = self.answer(Some(self.wait))?;
        }
    }

    /// Has a test mail sent to one recipient, or to each, on behalf of `by`; each conversation is handed to
    /// `each`, which may break off: what is under way is called off then.
    ///
    /// # Errors
    /// Any [`Trouble`]; what was handed over before it is right.
    pub fn test_mail(
        &mut self,
        recipient: Option<String>,
        by: Option<String>,
        mut each: impl FnMut(Conversation) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let usual = std::mem::replace(&mut self.wait, TEST_MAIL_WAIT);
        let mut answer = self.call(&Call::TestMail { recipient, by });
        loop {
            match answer? {
                Answer::Conversation { conversation } => {
                    if each(*conversation).is_break() {
                        return Ok(());
                    }
                }
                Answer::End => break,
                other => return Err(unfit(other)),
            }
            answer = self.answer(Some(self.wait));
        }
        self.wait = usual;
        Ok(())
    }

    fn call(&mut self, call: &Call) -> Result<Answer, Trouble> {
        let mut line = serde_json::to_vec(call).map_err(|error| Trouble::Io(error.into()))?;
        line.push(b'\n');
        match self.stream.get_mut().write_all(&line) {
            // The daemon may have said why it closes: the reading below tells.
            Err(error) if is_cut(&error) => {}
            Err(error) if is_timeout(&error) => return Err(Trouble::Silent(self.wait)),
            Err(error) => return Err(Trouble::Io(error)),
            Ok(()) => {}
        }
        self.answer(Some(self.wait))
    }

    /// Reads one line; the whole of it must come within `wait`, not each of its bytes.
    fn answer(&mut self, wait: Option<Duration>) -> Result<Answer, Trouble> {
        let span = |wait: Duration| Span(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
        let end = wait.map(|wait| moment() + span(wait));
        let mut line = Vec::new();
        loop {
            let left = end.map(|end| Duration::from_micros(end.since(moment()).0));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Trouble::Silent(self.wait));
            }
            self.stream
                .get_ref()
                .set_read_timeout(left)
                .map_err(Trouble::Io)?;
            let bytes = match self.stream.fill_buf() {
                Ok([]) => return Err(Trouble::Cut),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_timeout(&error) => continue,
                Err(error) if is_cut(&error) => return Err(Trouble::Cut),
                Err(error) => return Err(Trouble::Io(error)),
            };
            let newline = bytes.iter().position(|byte| *byte == b'\n');
            let part = newline.unwrap_or(bytes.len());
            if line.len() + part > ANSWER_BYTES_MAX {
                return Err(Trouble::Garbled(format!(
                    "a line of over {ANSWER_BYTES_MAX} bytes"
                )));
            }
            line.extend_from_slice(&bytes[..part]);
            self.stream.consume(part + usize::from(newline.is_some()));
            if newline.is_some() {
                return serde_json::from_slice(&line)
                    .map_err(|error| Trouble::Garbled(error.to_string()));
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

fn unfit(answer: Answer) -> Trouble {
    match answer {
        Answer::Error { fault, why } => Trouble::Refused(fault, why),
        _ => Trouble::Garbled("an answer to another call".into()),
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::NotRunning(error) => write!(f, "the alert service does not run ({error})"),
            Trouble::Closed(error) => write!(f, "the command socket may not be opened ({error})"),
            Trouble::Silent(wait) => write!(f, "no answer within {} s", wait.as_secs_f32()),
            Trouble::Cut => f.write_str("the connection ended before the answer"),
            Trouble::Io(error) => write!(f, "the connection failed: {error}"),
            Trouble::Garbled(what) => write!(f, "what came is no answer: {what}"),
            Trouble::Refused(_, why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Trouble {}
