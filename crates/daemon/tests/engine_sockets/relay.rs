//! Stand between two servers: each takes the relay for the other.

use crate::cluster::with_addresses;
use noroshi_core::alert::SessionId;
use noroshi_core::config::Config;
use noroshi_wire::heartbeat::peek;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::io::copy;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::task::{JoinHandle, JoinSet};

/// Server 0 sees server 1 at `.11`; server 1 sees server 0 at `.10`.
fn seen_by(net: u8, own: u8) -> Config {
    with_addresses(2, 1, |server, _| {
        IpAddr::from([
            127,
            net,
            0,
            if server == own {
                server + 1
            } else {
                server + 10
            },
        ])
    })
}

fn real(net: u8, server: u8) -> IpAddr {
    IpAddr::from([127, net, 0, server + 1])
}

fn stand_in(net: u8, server: u8) -> IpAddr {
    IpAddr::from([127, net, 0, server + 10])
}

/// Relays heartbeats and keeps those of server 0.
pub(crate) struct DatagramRelay {
    net: u8,
    port: u16,
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl DatagramRelay {
    pub(crate) fn start(net: u8, port: u16) -> DatagramRelay {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let socket = |server| {
            let socket = std::net::UdpSocket::bind((stand_in(net, server), port)).expect("bind");
            socket.set_nonblocking(true).expect("nonblocking");
            Arc::new(UdpSocket::from_std(socket).expect("a runtime"))
        };
        let sockets = [socket(0), socket(1)];
        // What server 0 sends arrives at server 1's stand-in and leaves from server 0's.
        let tasks = [0usize, 1].map(|from| {
            let (ear, mouth) = (Arc::clone(&sockets[1 - from]), Arc::clone(&sockets[from]));
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let mut buffer = [0; 512];
                loop {
                    let Ok((bytes, _)) = ear.recv_from(&mut buffer).await else {
                        continue;
                    };
                    if from == 0 {
                        kept.lock()
                            .expect("no panic")
                            .push(buffer[..bytes].to_vec());
                    }
                    let to = (real(net, 1 - from as u8), port);
                    let _ = mouth.send_to(&buffer[..bytes], to).await;
                }
            })
        });
        DatagramRelay {
            net,
            port,
            kept,
            tasks: tasks.into(),
        }
    }

    pub(crate) fn config_of(&self, own: u8) -> Config {
        seen_by(self.net, own)
    }

    /// Sends everything of server 0 once more, from where it came before.
    pub(crate) fn replay(&self) {
        self.replay_if(|_| true);
    }

    /// As [`DatagramRelay::replay`], of one run only.
    pub(crate) fn replay_of(&self, session: SessionId) {
        self.replay_if(|frame| peek(frame).is_ok_and(|header| header.session == session.0));
    }

    fn replay_if(&self, wanted: impl Fn(&[u8]) -> bool) {
        let socket = std::net::UdpSocket::bind((stand_in(self.net, 0), 0)).expect("bind");
        let kept = self.kept.lock().expect("no panic");
        assert!(kept.len() > 5, "only {} frames were recorded", kept.len());
        for frame in kept.iter().filter(|frame| wanted(frame)) {
            socket
                .send_to(frame, (real(self.net, 1), self.port))
                .expect("sent");
        }
    }
}

impl Drop for DatagramRelay {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Relays links from server 0 to server 1. When server 0's end closes, server 1's stays open, as
/// if server 0's host had lost power.
pub(crate) struct StreamRelay {
    net: u8,
    task: JoinHandle<()>,
}

impl StreamRelay {
    pub(crate) async fn start(net: u8, port: u16) -> StreamRelay {
        let ear = TcpListener::bind((stand_in(net, 1), port))
            .await
            .expect("bind");
        let task = tokio::spawn(async move {
            let mut held = JoinSet::new();
            loop {
                let (near, _) = ear.accept().await.expect("accept");
                held.spawn(carry(net, port, near));
            }
        });
        StreamRelay { net, task }
    }

    pub(crate) fn config_of(&self, own: u8) -> Config {
        seen_by(self.net, own)
    }
}

impl Drop for StreamRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(net: u8, port: u16, near: TcpStream) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((stand_in(net, 0), 0).into()).expect("bind");
    let Ok(far) = socket.connect((real(net, 1), port).into()).await else {
        return;
    };
    let (mut far_reader, mut far_writer) = far.into_split();
    let (mut near_reader, mut near_writer) = near.into_split();
    tokio::select! {
        _ = copy(&mut near_reader, &mut far_writer) => {}
        _ = copy(&mut far_reader, &mut near_writer) => {}
    }
    drop((near_reader, near_writer));
    // The far end stays open and says nothing more.
    std::future::pending::<()>().await;
    drop((far_reader, far_writer));
}
