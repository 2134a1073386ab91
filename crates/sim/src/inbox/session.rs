//! One SMTP session (RFC 5321), as far as mail clients need it.
//!
//! *Failure.* A client that breaks the order of commands is answered 503, an unknown command 500, a
//! mail over [`MAIL_BYTES_MAX`] 552. A line over [`LINE_BYTES_MAX`] ends the session.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::sleep;

use super::faults::{Fault, Verb};
use super::{MAIL_BYTES_MAX, RECIPIENTS_MAX, Shared};

/// Longest line taken, in bytes: four times what RFC 5321 section 4.5.3.1.6 demands.
pub const LINE_BYTES_MAX: usize = 4096;

pub(super) struct Session {
    shared: Arc<Shared>,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    from: Option<String>,
    to: Vec<String>,
}

/// Why a session ends.
pub(super) struct End;

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Session {
    pub(super) fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        // Only saves time.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        Self {
            shared,
            reader: BufReader::new(reader),
            writer,
            from: None,
            to: Vec::new(),
        }
    }

    /// Talks until the client leaves or a fault ends it.
    pub(super) async fn run(mut self) -> Result<(), End> {
        if self
            .reply(Verb::Greeting, "220 inbox.invalid ESMTP")
            .await?
            .is_refusal()
        {
            return Ok(());
        }
        loop {
            let line = self.line().await?;
            let text = String::from_utf8_lossy(&line).into_owned();
            let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    let size = format!("250-inbox.invalid\r\n250-SIZE {MAIL_BYTES_MAX}");
                    self.reply(
                        Verb::Hello,
                        &format!("{size}\r\n250-PIPELINING\r\n250 8BITMIME"),
                    )
                    .await?;
                }
                "HELO" => drop(self.reply(Verb::Hello, "250 inbox.invalid").await?),
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.rcpt(rest).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    self.reset();
                    self.reply(Verb::Rset, "250 2.0.0 forgotten").await?;
                }
                "NOOP" => drop(self.reply(Verb::Noop, "250 2.0.0 nothing done").await?),
                "QUIT" => {
                    self.reply(Verb::Quit, "221 2.0.0 good bye").await?;
                    return Ok(());
                }
                _ => self.say("500 5.5.1 no such command").await?,
            }
        }
    }

    async fn mail(&mut self, rest: &str) -> Result<(), End> {
        let Some(address) = path(rest, "FROM:") else {
            return self.say("501 5.5.4 MAIL FROM:<address>").await;
        };
        if self.from.is_some() {
            return self.say("503 5.5.1 one mail at a time").await;
        }
        if !self
            .reply(Verb::Mail, "250 2.1.0 sender taken")
            .await?
            .is_refusal()
        {
            self.from = Some(address);
        }
        Ok(())
    }

    async fn rcpt(&mut self, rest: &str) -> Result<(), End> {
        let Some(address) = path(rest, "TO:").filter(|address| !address.is_empty()) else {
            return self.say("501 5.5.4 RCPT TO:<address>").await;
        };
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first").await;
        }
        if self.to.len() == RECIPIENTS_MAX {
            return self.say("452 4.5.3 too many recipients").await;
        }
        let refused = self
            .shared
            .faults()
            .list
            .iter()
            .find_map(|fault| match fault {
                Fault::Recipient { address: bad, code } if bad.eq_ignore_ascii_case(&address) => {
                    Some(*code)
                }
                _ => None,
            });
        if let Some(code) = refused {
            return self.say(&refusal(code, "this recipient is refused")).await;
        }
        if !self
            .reply(Verb::Rcpt, "250 2.1.5 recipient taken")
            .await?
            .is_refusal()
        {
            self.to.push(address);
        }
        Ok(())
    }

    async fn data(&mut self) -> Result<(), End> {
        if self.to.is_empty() {
            return self.say("503 5.5.1 RCPT first").await;
        }
        if self
            .reply(Verb::Data, "354 end with a dot")
            .await?
            .is_refusal()
        {
            return Ok(());
        }
        let raw = self.text().await?;
        let (from, to) = (
            self.from.take().unwrap_or_default(),
            std::mem::take(&mut self.to),
        );
        let Some(raw) = raw else {
            return self.say("552 5.3.4 the mail is too long").await;
        };
        if !matches!(self.fault_at(Verb::Dot), Some(Fault::Answer { .. })) {
            self.shared.arrive(from, to, raw);
        }
        self.reply(Verb::Dot, "250 2.0.0 kept").await?;
        Ok(())
    }

    /// The mail up to its dot; `None` if it is too long, and then the rest was read and dropped.
    async fn text(&mut self) -> Result<Option<Vec<u8>>, End> {
        let mut raw = Vec::new();
        let mut fits = true;
        loop {
            let line = self.line().await?;
            if self.shared.faults().list.contains(&Fault::CloseInData) {
                return Err(End);
            }
            if line == b"." {
                return Ok(fits.then_some(raw));
            }
            let line = line.strip_prefix(b".").unwrap_or(&line);
            fits &= raw.len() + line.len() + 2 <= MAIL_BYTES_MAX;
            if fits {
                raw.extend_from_slice(line);
                raw.extend_from_slice(b"\r\n");
            }
        }
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    /// One line without its CR LF.
    async fn line(&mut self) -> Result<Vec<u8>, End> {
        let mut line = Vec::new();
        loop {
            let part = self.reader.fill_buf().await?;
            if part.is_empty() {
                return Err(End);
            }
            let end = part.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(part.len(), |end| end + 1);
            line.extend_from_slice(&part[..used]);
            self.reader.consume(used);
            if line.len() > LINE_BYTES_MAX {
                return Err(End);
            }
            if end.is_some() {
                let text = line.strip_suffix(b"\n").unwrap_or(&line);
                return Ok(text.strip_suffix(b"\r").unwrap_or(text).to_vec());
            }
        }
    }

    fn fault_at(&self, verb: Verb) -> Option<Fault> {
        let faults = self.shared.faults();
        let sits_here = |fault: &&Fault| match fault {
            Fault::Answer { at, .. } | Fault::Hang(at) | Fault::EndlessReply(at) => *at == verb,
            _ => false,
        };
        faults.list.iter().find(sits_here).cloned()
    }

    /// Replies `text`, or what a fault at this point makes of it.
    async fn reply(&mut self, verb: Verb, text: &str) -> Result<Reply, End> {
        match self.fault_at(verb) {
            Some(Fault::Answer { code, .. }) => {
                self.say(&refusal(code, "as the fault has it")).await?;
                Ok(Reply::Refusal)
            }
            Some(Fault::Hang(_)) => {
                // Until the client has enough.
                while !self.reader.fill_buf().await?.is_empty() {
                    let count = self.reader.buffer().len();
                    self.reader.consume(count);
                }
                Err(End)
            }
            Some(Fault::EndlessReply(_)) => loop {
                let code = text.get(..3).unwrap_or("250");
                self.say(&format!("{code}-and so on")).await?;
            },
            _ => {
                self.say(text).await?;
                Ok(Reply::Success)
            }
        }
    }

    /// Writes a reply, late or slowly as the faults have it.
    async fn say(&mut self, text: &str) -> Result<(), End> {
        let faults = self.shared.faults();
        if !faults.delay.is_zero() {
            sleep(faults.delay).await;
        }
        let drip = faults.list.iter().find_map(|fault| match fault {
            Fault::SlowDrip(pause) => Some(*pause),
            _ => None,
        });
        let reply = format!("{text}\r\n");
        match drip {
            None => self.writer.write_all(reply.as_bytes()).await?,
            Some(pause) => {
                for byte in reply.bytes() {
                    sleep(pause).await;
                    self.writer.write_all(&[byte]).await?;
                }
            }
        }
        Ok(())
    }
}

/// What became of a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reply {
    Success,
    Refusal,
}

impl Reply {
    fn is_refusal(self) -> bool {
        self == Self::Refusal
    }
}

/// The address of `FROM:<a@b> SIZE=…`.
fn path(rest: &str, keyword: &str) -> Option<String> {
    let head = rest.get(..keyword.len())?;
    let tail = rest[keyword.len()..].trim_start();
    let (address, _) = tail.strip_prefix('<')?.split_once('>')?;
    head.eq_ignore_ascii_case(keyword)
        .then(|| address.to_string())
}

/// RFC 3463: the class of the enhanced code follows the first digit.
fn refusal(code: u16, why: &str) -> String {
    format!("{code} {}.0.0 {why}", code / 100)
}
