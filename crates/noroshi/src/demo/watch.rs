//! Follows the servers over their command sockets: how they see things, and their alerts.
//!
//! Two threads a server, because the command socket's client blocks. They end by themselves when
//! nobody takes news any more.

use super::news::{News, Teller};
use noroshi_daemon::control::{AlertFilter, Client};
use noroshi_daemon::home::Home;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::thread::{sleep, spawn};
use std::time::Duration;

/// Between two looks at a server.
const LOOK_PAUSE: Duration = Duration::from_millis(80);
/// Before the next attempt at a server that does not run.
const RETRY_PAUSE: Duration = Duration::from_millis(30);
/// How long a server may take to tell how things are.
const STATUS_WAIT: Duration = Duration::from_millis(500);
/// Alerts asked for after a connection; a demonstration makes some dozens.
const ALERTS_MAX: u32 = 2_000;

/// Follows the server of this number until `tell` is closed.
pub(super) fn follow(server: usize, home: PathBuf, tell: Teller) {
    let socket = Home::at(home).socket();
    let (alerts_socket, alerts_tell) = (socket.clone(), tell.clone());
    spawn(move || follow_alerts(server, &alerts_socket, &alerts_tell));
    spawn(move || {
        let mut was_silent = false;
        while !tell.is_closed() {
            let status =
                Client::connect_within(&socket, STATUS_WAIT).and_then(|mut client| client.status());
            let (news, pause) = match status {
                Ok(status) => (Some(News::Status(server, Box::new(status))), LOOK_PAUSE),
                Err(_) => ((!was_silent).then_some(News::Silent(server)), RETRY_PAUSE),
            };
            was_silent = pause == RETRY_PAUSE;
            if news.is_some_and(|news| tell.blocking_send(news).is_err()) {
                return;
            }
            sleep(pause);
        }
    });
}

fn follow_alerts(server: usize, socket: &std::path::Path, tell: &Teller) {
    while !tell.is_closed() {
        if let Ok(mut client) = Client::connect(socket) {
            // It ends when the server does; the next connection begins with all alerts again.
            let _ = client.alerts(ALERTS_MAX, true, AlertFilter::default(), |alert| match tell
                .blocking_send(News::Alert(server, Box::new(alert)))
            {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            });
        }
        sleep(RETRY_PAUSE);
    }
}
