//! How often somebody may try to sign in: so many failures in [`WINDOW`] from one address, and more for
//! one name. Failures elsewhere never shut a name's owner out where that owner has signed in before, nor on
//! the server itself: there only the address counts. Of IPv6 a whole /64 is one address, since whoever has
//! one has all of them.

use noroshi_core::text::Language;
use noroshi_core::time::{Moment, Span};
use noroshi_daemon::clock;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Failed tries in a window from one address.
const ADDRESS_TRIES_MAX: u32 = 10;
/// Failed tries in a window for one name.
const NAME_TRIES_MAX: u32 = 50;
/// How long failures count.
const WINDOW: Span = Span::from_secs(300);
/// Addresses and names remembered; past it the oldest window is forgotten.
const KNOCKERS_MAX: usize = 1_024;
/// Names remembered with the address from which they signed in; past it the oldest is forgotten.
const AT_HOME_MAX: usize = 256;

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
pub(super) struct Door(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    tries: HashMap<Knocker, (Moment, u32)>,
    /// From where which name has signed in, the latest last.
    at_home: VecDeque<(IpAddr, String)>,
}

impl Seen {
    /// Whose failures a try counts among.
    fn knockers(&self, from: IpAddr, name: &str) -> Vec<Knocker> {
        let own = |home: &(IpAddr, String)| home.0 == from && home.1 == name;
        let mut knockers = vec![Knocker::Address(from)];
        if !from.is_loopback() && !self.at_home.iter().any(own) {
            knockers.push(Knocker::Name(name.to_string()));
        }
        knockers
    }

    /// Counts a failed try of each of these.
    fn count(&mut self, knockers: Vec<Knocker>) -> Result<(), Shut> {
        let now = clock::moment();
        let all = &mut self.tries;
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
}

impl Door {
    /// Counts a try as failed; it is given back by [`Door::opened`].
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn knock(&self, from: IpAddr, name: &str) -> Result<(), Shut> {
        let mut seen = self.seen();
        let knockers = seen.knockers(network(from), name);
        seen.count(knockers)
    }

    /// Counts a wrong API token.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn wrong_token(&self, from: IpAddr) -> Result<(), Shut> {
        self.seen().count(vec![Knocker::Token(network(from))])
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The try that [`Door::knock`] counted was right.
    pub(super) fn opened(&self, from: IpAddr, name: &str) {
        let mut seen = self.seen();
        let from = network(from);
        for knocker in seen.knockers(from, name) {
            if let Some((_, tries)) = seen.tries.get_mut(&knocker) {
                *tries = tries.saturating_sub(1);
            }
        }
        let home = (from, name.to_string());
        seen.at_home.retain(|other| *other != home);
        if seen.at_home.len() >= AT_HOME_MAX {
            seen.at_home.pop_front();
        }
        seen.at_home.push_back(home);
    }
}

/// What stands for an address: itself, or of IPv6 its /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if !address.is_loopback() => {
            let bits = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        other => other,
    }
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

    /// Whoever knocks for a name from everywhere shuts it for strangers, not for its owner.
    ///
    /// Rule: N21
    #[test]
    fn failures_elsewhere_do_not_lock_an_owner_out() {
        let door = Door::default();
        let home = IpAddr::from([192, 0, 2, 7]);
        assert!(door.knock(home, "anna").is_ok());
        door.opened(home, "anna");
        for stranger in 0..NAME_TRIES_MAX {
            let from = IpAddr::from([198, 51, 100, u8::try_from(stranger).unwrap()]);
            assert!(door.knock(from, "anna").is_ok(), "{stranger}");
        }
        let stranger = IpAddr::from([203, 0, 113, 1]);
        assert!(door.knock(stranger, "anna").is_err());
        assert!(door.knock(stranger, "otto").is_ok());
        assert!(door.knock(home, "anna").is_ok());
        let server = IpAddr::from([127, 0, 0, 1]);
        assert!(door.knock(server, "anna").is_ok(), "on the server itself");
    }

    /// Rule: N21
    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let door = Door::default();
        let from = |host: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]);
        for host in 0..u16::try_from(ADDRESS_TRIES_MAX).unwrap() {
            assert!(door.knock(from(host), "anna").is_ok());
        }
        assert!(door.knock(from(0xffff), "vera").is_err());
        let elsewhere = IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]);
        assert!(door.knock(elsewhere, "vera").is_ok());
    }

    /// Rule: N21
    #[test]
    fn no_crowd_makes_the_counts_grow() {
        let door = Door::default();
        for stranger in 0..u32::try_from(KNOCKERS_MAX).unwrap() {
            let from = IpAddr::from((0x0a00_0000 + stranger).to_be_bytes());
            assert!(door.knock(from, &format!("user{stranger}")).is_ok());
            door.opened(from, &format!("user{stranger}"));
        }
        let seen = door.seen();
        assert_eq!(seen.tries.len(), KNOCKERS_MAX);
        assert_eq!(seen.at_home.len(), AT_HOME_MAX);
    }
}
