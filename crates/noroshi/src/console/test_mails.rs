//! Test mails under way and their conversations, kept for the page that shows them.
//!
//! A page asks for a test, which goes on beside it, and is then shown another one that fills as the
//! conversations end; whoever loads that again sees all of them. The last [`TESTS_MAX`] are kept, in this
//! process alone. A conversation is bounded by the daemon, which sends one test at a time.

use super::desk::Desk;
use noroshi_daemon::channel::mail::Conversation;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Tests that are kept; one more pushes the oldest out.
const TESTS_MAX: usize = 4;
/// Conversations of one test: the settings may have that many recipients.
const TALKS_MAX: usize = 100;

/// The tests of this process.
#[derive(Default)]
pub(super) struct TestMails(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    last: u64,
    tests: VecDeque<Arc<Test>>,
}

/// One test.
pub(super) struct Test {
    number: u64,
    heard: Mutex<Heard>,
    /// Changes with each conversation and with the end.
    changed: watch::Sender<usize>,
}

#[derive(Default)]
struct Heard {
    talks: Vec<Arc<Conversation>>,
    end: Option<Result<(), String>>,
}

/// What comes next of a test.
pub(super) enum Next {
    /// The conversation at the place that was asked for.
    Talk(Arc<Conversation>),
    /// There are no more: the test is through, or why it broke off.
    End(Result<(), String>),
}

impl TestMails {
    /// Begins a test for `by`, to one recipient or to all; answers its number.
    pub(super) fn begin(&self, desk: &Desk, recipient: Option<String>, by: String) -> u64 {
        let test = {
            let mut kept = self.kept();
            kept.last += 1;
            let test = Arc::new(Test {
                number: kept.last,
                heard: Mutex::default(),
                changed: watch::channel(0).0,
            });
            kept.tests.push_back(test.clone());
            if kept.tests.len() > TESTS_MAX {
                kept.tests.pop_front();
            }
            test
        };
        let (number, desk) = (test.number, desk.clone());
        tokio::spawn(async move {
            let hearing = test.clone();
            let told = desk.call(move |client| {
                client.test_mail(recipient, Some(by), |talk| hearing.take(talk))
            });
            let end = told.await.map_err(|trouble| trouble.to_string());
            test.heard().end = Some(end);
            test.changed.send_modify(|changes| *changes += 1);
        });
        number
    }

    /// The test with this number, while it is kept.
    pub(super) fn test(&self, number: u64) -> Option<Arc<Test>> {
        let kept = self.kept();
        kept.tests.iter().find(|it| it.number == number).cloned()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Test {
    /// The conversation at this place, or the end; waits for it. The daemon bounds how long.
    pub(super) async fn next(&self, at: usize) -> Next {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            {
                let heard = self.heard();
                if let Some(talk) = heard.talks.get(at) {
                    return Next::Talk(talk.clone());
                }
                if let Some(end) = &heard.end {
                    return Next::End(end.clone());
                }
            }
            // The sender is this test's own, so it is there.
            let _ = changed.changed().await;
        }
    }

    fn take(&self, talk: Conversation) -> ControlFlow<()> {
        let mut heard = self.heard();
        if heard.talks.len() == TALKS_MAX {
            return ControlFlow::Break(());
        }
        heard.talks.push(Arc::new(talk));
        drop(heard);
        self.changed.send_modify(|changes| *changes += 1);
        ControlFlow::Continue(())
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
