//! How often somebody may try to sign in: so many failures in [`WINDOW`] from one address, and more for
//! one name, so that a stranger elsewhere does not easily lock its owner out.

use noroshi_core::text::Language;
use noroshi_core::time::{Moment, Span};
use noroshi_daemon::clock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Failed tries in a window from one address.
const ADDRESS_TRIES_MAX: u32 = 10;
/// Failed tries in a window for one name.
const NAME_TRIES_MAX: u32 = 50;
/// How long failures count.
const WINDOW: Span = Span::from_secs(300);
/// Addresses and names remembered; past it the oldest window is forgotten.
const KNOCKERS_MAX: usize = 1_024;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Knocker {
    Address(IpAddr),
    Name(String),
    /// Wrong API tokens from there: a script that still has a token of before must not keep people from signing
    /// in at that address, which on the server itself is everybody's.
    Token(IpAddr),
}

impl Knocker {
    fn tries_max(&self) -> u32 {
        match self {
            Knocker::Address(_) | Knocker::Token(_) => ADDRESS_TRIES_MAX,
            Knocker::Name(_) => NAME_TRIES_MAX,
        }
    }
}

/// Too many tries failed.
pub(super) struct Shut {
    /// Seconds until the next try.
    pub(super) wait_s: u64,
    /// Nobody was told yet of this lock-out.
    pub(super) first: bool,
}

impl Shut {
    pub(super) fn words(&self, language: Language) -> String {
        let wait_s = self.wait_s;
        language.pick(
            format!("Too many failed attempts. Try again in {wait_s} seconds."),
            format!("失敗が続いたため、{wait_s} 秒後に再試行してください。"),
        )
    }
}

/// The counts of failed tries.
#[derive(Default)]
pub(super) struct Door(Mutex<HashMap<Knocker, (Moment, u32)>>);

impl Door {
    /// Counts a try as failed; it is given back by [`Door::opened`].
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn knock(&self, from: IpAddr, name: &str) -> Result<(), Shut> {
        self.count(knockers(from, name))
    }

    /// Counts a wrong API token.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn wrong_token(&self, from: IpAddr) -> Result<(), Shut> {
        self.count([Knocker::Token(from)])
    }

    fn count<const N: usize>(&self, knockers: [Knocker; N]) -> Result<(), Shut> {
        let now = clock::moment();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (since, _)| now.since(*since) < WINDOW);
        for knocker in &knockers {
            if let Some((since, tries)) = all.get_mut(knocker)
                && *tries >= knocker.tries_max()
            {
                let left = Span(WINDOW.0.saturating_sub(now.since(*since).0));
                let first = *tries == knocker.tries_max();
                // Past its bound: told.
                *tries = knocker.tries_max() + 1;
                return Err(Shut {
                    wait_s: left.0.div_ceil(1_000_000).max(1),
                    first,
                });
            }
        }
        for knocker in knockers {
            if all.len() >= KNOCKERS_MAX {
                let oldest = all.iter().min_by_key(|(_, (since, _))| *since);
                if let Some(oldest) = oldest.map(|(knocker, _)| knocker.clone()) {
                    all.remove(&oldest);
                }
            }
            all.entry(knocker).or_insert((now, 0)).1 += 1;
        }
        Ok(())
    }

    /// The try that [`Door::knock`] counted was right.
    pub(super) fn opened(&self, from: IpAddr, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for knocker in knockers(from, name) {
            if let Some((_, tries)) = all.get_mut(&knocker) {
                *tries = tries.saturating_sub(1);
            }
        }
    }
}

fn knockers(from: IpAddr, name: &str) -> [Knocker; 2] {
    [Knocker::Address(from), Knocker::Name(name.to_string())]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N21
    #[test]
    fn too_many_failures_shut_the_door_for_an_address_and_are_told_once() {
        let door = Door::default();
        let from = IpAddr::from([192, 0, 2, 7]);
        for _ in 0..ADDRESS_TRIES_MAX {
            assert!(door.knock(from, "anna").is_ok());
        }
        for first in [true, false, false] {
            let shut = door.knock(from, "vera").unwrap_err();
            assert_eq!(
                (shut.first, shut.wait_s),
                (first, shut.wait_s.clamp(1, 300))
            );
        }
        let elsewhere = IpAddr::from([192, 0, 2, 8]);
        assert!(door.knock(elsewhere, "anna").is_ok(), "the owner's way in");
    }

    /// Rule: N21
    #[test]
    fn right_passwords_do_not_count() {
        let door = Door::default();
        let from = IpAddr::from([192, 0, 2, 7]);
        for _ in 0..NAME_TRIES_MAX * 2 {
            assert!(door.knock(from, "anna").is_ok());
            door.opened(from, "anna");
        }
    }

    /// Rule: N21
    #[test]
    fn wrong_tokens_are_bounded_too_and_keep_nobody_from_signing_in() {
        let door = Door::default();
        let from = IpAddr::from([127, 0, 0, 1]);
        for _ in 0..ADDRESS_TRIES_MAX {
            assert!(door.wrong_token(from).is_ok());
        }
        assert!(door.wrong_token(from).is_err_and(|shut| shut.first));
        assert!(door.knock(from, "anna").is_ok(), "the owner's way in");
    }
}
