//! What changes, to every open page: each new alert at once, the cluster's state when it differs.
//!
//! One thread follows the alerts and one task asks for the state, and only while a page is open. Pages
//! get values and write them in their own language. One that falls [`BEHIND_MAX`] values behind is told to
//! load itself anew.

use super::desk::Desk;
use noroshi_core::status::Status;
use noroshi_daemon::control::AlertLine;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, Sender, channel};

/// Values that an open page may be behind.
const BEHIND_MAX: usize = 32;
/// Pause between two looks at the state.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Pause before a daemon that ended or was too busy is followed again.
const FOLLOW_PAUSE: Duration = Duration::from_secs(2);

/// Something that an open page shows.
#[derive(Clone)]
pub(super) enum News {
    Alert(Arc<AlertLine>),
    State(Arc<Status>),
    /// The daemon does not answer.
    Silent,
}

/// The news of this server.
pub(super) struct Live {
    desk: Desk,
    say: Sender<News>,
    looking: Arc<AtomicBool>,
    following: Arc<AtomicBool>,
}

impl Live {
    pub(super) fn new(desk: Desk) -> Live {
        Live {
            desk,
            say: channel(BEHIND_MAX).0,
            looking: Arc::default(),
            following: Arc::default(),
        }
    }

    /// The news from now on.
    pub(super) fn listen(&self) -> Receiver<News> {
        let news = self.say.subscribe();
        if !self.looking.swap(true, Ordering::Relaxed) {
            let looking = Arc::clone(&self.looking);
            tokio::spawn(look(self.desk.clone(), self.say.clone(), looking));
        }
        if !self.following.swap(true, Ordering::Relaxed) {
            let (desk, say) = (self.desk.clone(), self.say.clone());
            let following = Arc::clone(&self.following);
            tokio::spawn(follow(desk, say, following));
        }
        news
    }
}

/// Asks for the state again and again while anybody listens.
async fn look(desk: Desk, say: Sender<News>, looking: Arc<AtomicBool>) {
    let mut told: Option<Status> = None;
    let mut silent = false;
    while say.receiver_count() > 0 {
        match desk.status().await {
            Ok(status) => {
                silent = false;
                if told.as_ref().is_none_or(|told| differs(told, &status)) {
                    let _ = say.send(News::State(Arc::new(status.clone())));
                    told = Some(status);
                }
            }
            Err(_) if silent => {}
            Err(_) => {
                silent = true;
                told = None;
                let _ = say.send(News::Silent);
            }
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    looking.store(false, Ordering::Relaxed);
}

/// Whether a page would show it differently; the moments alone do not count.
fn differs(told: &Status, now: &Status) -> bool {
    let mut told = told.clone();
    told.time = now.time;
    for (told, now) in told.servers.iter_mut().zip(&now.servers) {
        for (told, now) in told.paths.iter_mut().zip(&now.paths) {
            told.silent_ms = now.silent_ms;
        }
    }
    told != *now
}

/// Follows the alerts while anybody listens.
async fn follow(desk: Desk, say: Sender<News>, following: Arc<AtomicBool>) {
    while say.receiver_count() > 0 {
        let (desk, say) = (desk.clone(), say.clone());
        let followed = tokio::task::spawn_blocking(move || {
            desk.follow(|alert| match say.send(News::Alert(Arc::new(alert))) {
                Ok(_) => ControlFlow::Continue(()),
                // Nobody listens any more.
                Err(_) => ControlFlow::Break(()),
            })
        });
        let _ = followed.await;
        tokio::time::sleep(FOLLOW_PAUSE).await;
    }
    following.store(false, Ordering::Relaxed);
}
