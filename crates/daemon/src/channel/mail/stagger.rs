//! Attempts that are begun one after another and then run side by side, after the manner of
//! RFC 8305 (Happy Eyeballs): the first choice has a head start, and one that is silent costs the
//! others no more than that.
//!
//! *Use.* [`Stagger::new`] with the choices in order, then [`Stagger::next`] until it says `None`
//! or somebody is content. *Failure.* None of its own. Dropping it calls off what is under way.

use crate::clock;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Head start of each choice before the next one.
pub(super) const HEAD_START: Duration = Duration::from_secs(1);

/// An attempt under way.
type Attempt<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Attempts at the choices `C`.
pub(super) struct Stagger<'a, C, T> {
    left: VecDeque<C>,
    begin: Box<dyn Fn(C) -> Attempt<'a, T> + Send + Sync + 'a>,
    /// In the order in which they were begun.
    under_way: Vec<(C, Attempt<'a, T>)>,
    next_at: Option<Instant>,
}

impl<'a, C: Copy, T> Stagger<'a, C, T> {
    /// `begin` makes an attempt at a choice.
    pub(super) fn new<F: Future<Output = T> + Send + 'a>(
        choices: impl IntoIterator<Item = C>,
        begin: impl Fn(C) -> F + Send + Sync + 'a,
    ) -> Stagger<'a, C, T> {
        Stagger {
            left: choices.into_iter().collect(),
            begin: Box::new(move |choice| Box::pin(begin(choice))),
            under_way: Vec::new(),
            next_at: None,
        }
    }

    /// The next attempt that has ended, with its choice; `None` when all have. Another one is begun
    /// when the one before it has had its head start, or has ended.
    pub(super) async fn next(&mut self) -> Option<(C, T)> {
        loop {
            if self.next_at.is_none_or(|at| at <= clock::instant()) {
                self.begin_one();
            }
            if self.under_way.is_empty() {
                return None;
            }
            let next_at = self.next_at.filter(|_| !self.left.is_empty());
            let head_start = async {
                match next_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let under_way = &mut self.under_way;
            let ended = tokio::select! {
                biased;
                ended = ended(under_way) => ended,
                () = head_start => continue,
            };
            self.next_at = None;
            return Some(ended);
        }
    }

    /// Puts `choice` before all that have not been begun.
    pub(super) fn again(&mut self, choice: C) {
        self.left.push_front(choice);
        self.next_at = None;
    }

    /// Calls off what is under way; these are begun anew only after all that are left. Answers which
    /// they were.
    pub(super) fn call_off(&mut self) -> Vec<C> {
        let slow: Vec<C> = self.under_way.drain(..).map(|(choice, _)| choice).collect();
        self.left.extend(&slow);
        slow
    }

    fn begin_one(&mut self) {
        if let Some(choice) = self.left.pop_front() {
            self.under_way.push((choice, (self.begin)(choice)));
            self.next_at = Some(clock::instant() + HEAD_START);
        }
    }
}

/// The first that has ended, the earlier choice if several have.
async fn ended<C: Copy, T>(under_way: &mut Vec<(C, Attempt<'_, T>)>) -> (C, T) {
    poll_fn(|context| {
        for at in 0..under_way.len() {
            if let Poll::Ready(value) = under_way[at].1.as_mut().poll(context) {
                let (choice, _) = under_way.remove(at);
                return Poll::Ready((choice, value));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    async fn order(delays_ms: &[u64]) -> Vec<(u64, u64)> {
        let begun = Instant::now();
        let mut stagger = Stagger::new(delays_ms.iter().copied(), |ms| async move {
            sleep(Duration::from_millis(ms)).await;
        });
        let mut ends = Vec::new();
        while let Some((ms, ())) = stagger.next().await {
            ends.push((ms, begun.elapsed().as_millis() as u64));
        }
        ends
    }

    /// On virtual time: a healthy first choice is alone, a silent one costs its head start, one that
    /// fails costs nothing.
    ///
    /// Rule: N10
    #[tokio::test(start_paused = true)]
    async fn a_silent_choice_costs_its_head_start_and_no_more() {
        assert_eq!(order(&[900, 10]).await, [(900, 900), (10, 910)]);
        assert_eq!(order(&[9_000, 10]).await, [(10, 1_010), (9_000, 9_000)]);
        assert_eq!(
            order(&[5_000, 5_001, 30]).await,
            [(30, 2_030), (5_000, 5_000), (5_001, 6_001)]
        );
        assert_eq!(order(&[]).await, []);
    }

    /// Rule: N10
    #[tokio::test(start_paused = true)]
    async fn what_is_called_off_is_the_last_choice() {
        let mut stagger = Stagger::new([5_000, 10, 20], |ms| async move {
            sleep(Duration::from_millis(ms)).await;
        });
        assert_eq!(stagger.next().await, Some((10, ())));
        assert_eq!(stagger.call_off(), [5_000]);
        stagger.again(30);
        let mut rest = Vec::new();
        while let Some((ms, ())) = stagger.next().await {
            rest.push(ms);
        }
        assert_eq!(rest, [30, 20, 5_000]);
    }
}
