//! A visitor of a console: pages over a connection that is kept, and the stream of what changes.

use noroshi_sim::rig::{Error, Fallible};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may take until it counts as none.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Longest line of a head or of a chunk's length.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// A connection to a web server, a console's or a browser driver's.
pub(crate) struct Web {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    cookie: String,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Web {
    /// Connects; with the cookie of a session, or none.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(crate) fn connect(host: SocketAddr, cookie: &str) -> Fallible<Web> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WAIT))?;
        Ok(Web {
            stream: BufReader::new(stream),
            host,
            cookie: cookie.to_owned(),
        })
    }

    /// A page.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub(crate) fn get(&mut self, path: &str) -> Fallible<Answer> {
        self.ask("GET", path, "text/plain", "")
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        kind: &str,
        body: &str,
    ) -> Fallible<Answer> {
        self.send(method, path, kind, body)?;
        let (status, head) = self.head()?;
        let body = self.body(&head)?;
        Ok(Answer { status, head, body })
    }

    /// Asks for a page and tells when the first byte of its body had come; the rest is left to itself.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) fn first_byte(mut self, path: &str) -> Fallible<Instant> {
        self.listen(path)?;
        self.stream.fill_buf()?;
        Ok(Instant::now())
    }

    fn send(&mut self, method: &str, path: &str, kind: &str, body: &str) -> Fallible<()> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            self.cookie,
            body.len()
        );
        Ok(self.stream.get_mut().write_all(request.as_bytes())?)
    }

    fn line(&mut self) -> Fallible<String> {
        let mut line = String::new();
        let read = (&mut self.stream)
            .take(LINE_BYTES_MAX)
            .read_line(&mut line)?;
        match read {
            0 => Err(Error("the connection was closed".into())),
            _ => Ok(line),
        }
    }

    fn head(&mut self) -> Fallible<(u16, String)> {
        let mut head = self.line()?;
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| Error(format!("no HTTP: {head:?}")))?;
        while !head.ends_with("\r\n\r\n") {
            let line = self.line()?;
            head.push_str(&line);
        }
        Ok((status, head))
    }

    fn body(&mut self, head: &str) -> Fallible<Vec<u8>> {
        let mut body = Vec::new();
        if header(head, "transfer-encoding").is_none() {
            let length = header(head, "content-length").and_then(|text| text.parse().ok());
            body.resize(length.unwrap_or(0), 0);
            self.stream.read_exact(&mut body)?;
            return Ok(body);
        }
        loop {
            let length = self.line()?;
            let length = usize::from_str_radix(length.trim_end(), 16)
                .map_err(|_| Error(format!("no chunk: {length:?}")))?;
            let begin = body.len();
            body.resize(begin + length, 0);
            self.stream.read_exact(&mut body[begin..])?;
            self.line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    /// Opens a stream, to be read with [`Web::event`].
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) fn listen(&mut self, path: &str) -> Fallible<()> {
        self.send("GET", path, "text/plain", "")?;
        match self.head()? {
            (200, _) => Ok(()),
            (status, _) => Err(Error(format!("{path}: {status}"))),
        }
    }

    /// The next line of an event; lengths of chunks come between them.
    ///
    /// # Errors
    /// When the stream ends, or nothing comes for long.
    pub(crate) fn event(&mut self) -> Fallible<String> {
        self.line()
    }

    /// The socket, to be closed from elsewhere.
    ///
    /// # Errors
    /// When the system gives no second handle.
    pub(crate) fn socket(&self) -> Fallible<TcpStream> {
        Ok(self.stream.get_ref().try_clone()?)
    }
}

impl Answer {
    /// Bytes that were sent for it.
    pub(crate) fn sent_bytes(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// The value of a header field, its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value.trim()))
}
