//! An SMTP server that does at each verb what the test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers with these bytes.
    Say(Vec<u8>),
    /// Answers, then closes.
    SayAndClose(Vec<u8>),
    /// Never answers.
    Silent,
    /// Closes without an answer.
    Close,
    /// Sends these bytes one by one, slowly, for ever.
    Drip(&'static [u8]),
    /// Sends these bytes again and again as fast as it can.
    Flood(&'static [u8]),
}

pub fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

/// What a well-behaved server answers to `line`; `.` stands for a message's end and the empty
/// line for a new connection.
pub fn normal(line: &str) -> Act {
    let verb = line.split([' ', ':']).next().unwrap_or_default();
    say(match verb {
        "" => "220 fake ESMTP\r\n",
        "EHLO" => "250-fake\r\n250 8BITMIME\r\n",
        "DATA" => "354 go on\r\n",
        "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 2.0.0 ok\r\n",
        "." => "250 2.0.0 queued\r\n",
        "QUIT" => "221 bye\r\n",
        _ => "502 5.5.2 what?\r\n",
    })
}

/// The running server.
pub struct Fake {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

/// What the server saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Every command line.
    pub lines: Vec<String>,
    /// Every message that it answered for, as it came over the wire.
    pub mails: Vec<Vec<u8>>,
    /// Connections so far.
    pub connections: usize,
}

impl Fake {
    /// Starts a server on the current runtime that does what `act` says for each line.
    pub async fn start(act: impl Fn(&str) -> Act + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (shared, act) = (seen.clone(), Arc::new(act));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                let (shared, act) = (shared.clone(), act.clone());
                tokio::spawn(async move { serve(socket, &*act, &shared).await });
            }
        });
        Fake { address, seen }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    socket: TcpStream,
    act: &(dyn Fn(&str) -> Act + Send + Sync),
    seen: &Mutex<Seen>,
) -> Option<()> {
    let mut socket = BufReader::new(socket);
    perform(&mut socket, act("")).await?;
    loop {
        let line = read_line(&mut socket).await?;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        seen.lock().unwrap().lines.push(line.clone());
        perform(&mut socket, act(&line)).await?;
        if line == "DATA" {
            let mut mail = Vec::new();
            loop {
                let line = read_line(&mut socket).await?;
                if line == b".\r\n" {
                    break;
                }
                mail.extend_from_slice(&line);
            }
            seen.lock().unwrap().mails.push(mail);
            perform(&mut socket, act(".")).await?;
        }
    }
}

async fn read_line(socket: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let count = socket.read_until(b'\n', &mut line).await.ok()?;
    (count > 0).then_some(line)
}

async fn perform(socket: &mut BufReader<TcpStream>, act: Act) -> Option<()> {
    match act {
        Act::Say(bytes) => socket.write_all(&bytes).await.ok(),
        Act::SayAndClose(bytes) => {
            socket.write_all(&bytes).await.ok()?;
            None
        }
        Act::Silent => std::future::pending().await,
        Act::Close => None,
        Act::Drip(bytes) => {
            let mut beat = tokio::time::interval(Duration::from_millis(20));
            for byte in bytes.iter().cycle() {
                beat.tick().await;
                socket.write_all(&[*byte]).await.ok()?;
            }
            None
        }
        Act::Flood(bytes) => loop {
            socket.write_all(bytes).await.ok()?;
        },
    }
}
