//! What changes, to every open page: each new alert at once, one that changed and the cluster's state
//! soon after.
//!
//! One thread follows the alerts and one task asks for the rest, and only while a page is open. Pages
//! get values and write them in their own language. One that falls [`BEHIND_MAX`] values behind reads
//! what it missed. Where the following begins is what the daemon says, never what a page does: one page
//! that names a row of long ago, or one that never comes, costs the others nothing.

use super::desk::{Desk, Page};
use super::overview::Overview;
use super::recent::{RECENT_MAX, Recent};
use noroshi_daemon::clock;
use noroshi_daemon::control::AlertLine;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, Sender, channel};

/// Values that an open page may be behind.
const BEHIND_MAX: usize = 64;
/// Pause between two looks at the state.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Pause before a daemon that ended or was too busy is followed again.
const FOLLOW_PAUSE: Duration = Duration::from_secs(2);

/// Something that an open page shows.
#[derive(Clone)]
pub(super) enum News {
    /// From here on each alert after this row comes; what a page lacks up to it is to be read. Told again whenever
    /// the daemon was away, perhaps with another store than before.
    From(u64),
    /// A new alert; rows come in order and without a gap.
    Alert(Arc<AlertLine>),
    /// An alert that was shown is another now.
    Changed(Arc<AlertLine>),
    State(Arc<Overview>),
    /// The daemon does not answer.
    Silent,
}

/// The news of this server.
pub(super) struct Live {
    desk: Desk,
    say: Sender<News>,
    looking: Arc<AtomicBool>,
    following: Arc<AtomicBool>,
    recent: Arc<Mutex<Recent>>,
}

impl Live {
    pub(super) fn new(desk: Desk) -> Live {
        Live {
            desk,
            say: channel(BEHIND_MAX).0,
            looking: Arc::default(),
            following: Arc::default(),
            recent: Arc::default(),
        }
    }

    /// The news from now on; of alerts only when they are wanted. Those before the first that comes are to be
    /// read, also at each [`News::From`].
    pub(super) fn listen(&self, alerts: bool) -> Receiver<News> {
        let news = self.say.subscribe();
        if !self.looking.swap(true, Ordering::SeqCst) {
            let looking = Arc::clone(&self.looking);
            let (desk, say) = (self.desk.clone(), self.say.clone());
            let recent = Arc::clone(&self.recent);
            tokio::spawn(async move {
                loop {
                    look(&desk, &say, &recent).await;
                    if is_over(&say, &looking) {
                        return;
                    }
                }
            });
        }
        if alerts && !self.following.swap(true, Ordering::SeqCst) {
            let (desk, say) = (self.desk.clone(), self.say.clone());
            let following = Arc::clone(&self.following);
            let recent = Arc::clone(&self.recent);
            tokio::spawn(async move {
                loop {
                    follow(&desk, &say, &recent).await;
                    if is_over(&say, &following) {
                        return;
                    }
                }
            });
        }
        news
    }

    /// A page shows these, newest first: if they change its stream tells.
    pub(super) fn shown(&self, lines: &[AlertLine]) {
        lock(&self.recent).show(lines.iter().take(RECENT_MAX));
    }

    /// Changes that a page loaded a moment ago may not show.
    pub(super) fn missed(&self) -> Vec<Arc<AlertLine>> {
        lock(&self.recent).missed(clock::moment())
    }
}

fn lock(recent: &Mutex<Recent>) -> MutexGuard<'_, Recent> {
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task ends because nobody listens; false when somebody began to at that very moment.
fn is_over(say: &Sender<News>, at_work: &AtomicBool) -> bool {
    at_work.store(false, Ordering::SeqCst);
    say.receiver_count() == 0 || at_work.swap(true, Ordering::SeqCst)
}

/// Asks for the state and for the newest alerts again and again while anybody listens.
async fn look(desk: &Desk, say: &Sender<News>, recent: &Mutex<Recent>) {
    let mut told: Option<Overview> = None;
    let mut silent = false;
    while say.receiver_count() > 0 {
        match Overview::read(desk).await {
            Ok(now) => {
                silent = false;
                if told.as_ref().is_none_or(|told| differs(told, &now)) {
                    let _ = say.send(News::State(Arc::new(now.clone())));
                    told = Some(now);
                }
            }
            Err(_) if silent => {}
            Err(_) => {
                silent = true;
                told = None;
                let _ = say.send(News::Silent);
            }
        }
        tell_changes(desk, say, recent).await;
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

async fn tell_changes(desk: &Desk, say: &Sender<News>, recent: &Mutex<Recent>) {
    if lock(recent).is_empty() {
        return;
    }
    let newest = Page {
        limit: RECENT_MAX as u32,
        ..Page::default()
    };
    // A daemon that does not answer was told above.
    let Ok(page) = desk.alerts(newest).await else {
        return;
    };
    let changes = lock(recent).changes(clock::moment(), page.alerts);
    for change in changes {
        let _ = say.send(News::Changed(change));
    }
}

/// Whether a page would show it differently; the moments alone do not count.
fn differs(told: &Overview, now: &Overview) -> bool {
    if told.faults != now.faults {
        return true;
    }
    let (mut told, now) = (told.status.clone(), &now.status);
    told.time = now.time;
    for (told, now) in told.servers.iter_mut().zip(&now.servers) {
        if told.last_word.is_some() == now.last_word.is_some() {
            told.last_word = now.last_word;
        }
        for (told, now) in told.paths.iter_mut().zip(&now.paths) {
            told.silent_ms = now.silent_ms;
        }
    }
    told != *now
}

/// Follows the alerts from the newest on while anybody listens, over restarts of the daemon too.
async fn follow(desk: &Desk, say: &Sender<News>, recent: &Arc<Mutex<Recent>>) {
    let newest = Page {
        limit: 1,
        ..Page::default()
    };
    while say.receiver_count() > 0 {
        // A daemon that does not answer is told by the looks at its state.
        if let Ok(page) = desk.alerts(newest.clone()).await {
            lock(recent).forget_after(page.newest);
            let _ = say.send(News::From(page.newest));
            let (desk, say, recent) = (desk.clone(), say.clone(), Arc::clone(recent));
            let followed = tokio::task::spawn_blocking(move || {
                desk.follow(page.newest, |alert| {
                    lock(&recent).show([&alert]);
                    match say.send(News::Alert(Arc::new(alert))) {
                        Ok(_) => ControlFlow::Continue(()),
                        // Nobody listens any more.
                        Err(_) => ControlFlow::Break(()),
                    }
                })
            });
            // However it ended, it begins again.
            let _ = followed.await;
        }
        tokio::time::sleep(FOLLOW_PAUSE).await;
    }
}
