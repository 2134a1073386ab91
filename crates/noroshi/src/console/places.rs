//! Places for connections: how many there are, and who gives way when all are taken.
//!
//! *Bounds.* At most [`CONNECTIONS_MAX`] at once, and [`OF_ONE_ADDRESS_MAX`] of them from one address other
//! than this host's. At either bound the oldest connection of a stranger makes room, of the address that has
//! most of them, so that ten thousand connections that say nothing keep nobody out. A connection over which
//! a signed-in user has asked never gives way; when there are no others, a new one is closed at once. Of a user
//! who has more than [`OF_ONE_USER_MAX`] each is as a stranger's, so that nobody who may only look keeps out
//! those who administer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::Notify;

/// Connections at once.
pub(super) const CONNECTIONS_MAX: usize = 256;
/// Of them from one address other than this host's.
pub(super) const OF_ONE_ADDRESS_MAX: usize = 32;
/// Of them of one signed-in user, before they give way as a stranger's do.
const OF_ONE_USER_MAX: usize = 64;

/// The connections that there are, the oldest first.
#[derive(Default)]
pub(super) struct Places(Mutex<Vec<Arc<Standing>>>);

/// One connection, as the others see it.
pub(super) struct Standing {
    address: IpAddr,
    /// The first signed-in user who has asked for something over it.
    user: OnceLock<String>,
    leave: Notify,
}

impl Standing {
    /// It belongs to this user, who is signed in.
    pub(super) fn know(&self, user: &str) {
        self.user.get_or_init(|| user.to_owned());
    }

    /// Waits until it has to make room.
    pub(super) async fn leave(&self) {
        self.leave.notified().await;
    }
}

/// Gives its place back when it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    pub(super) standing: Arc<Standing>,
}

impl Place {
    /// Where its connection comes from.
    pub(super) fn address(&self) -> IpAddr {
        self.standing.address
    }
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Standing>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from `address`; `None` when those before it stay.
    pub(super) fn take(places: &Arc<Places>, address: IpAddr) -> Option<Place> {
        let mut all = places.lock();
        let own = all.iter().filter(|one| one.address == address).count();
        if own >= OF_ONE_ADDRESS_MAX && !address.is_loopback() {
            make_room(&mut all, Some(address))?;
        } else if all.len() >= CONNECTIONS_MAX {
            make_room(&mut all, None)?;
        }
        let standing = Arc::new(Standing {
            address,
            user: OnceLock::new(),
            leave: Notify::new(),
        });
        all.push(Arc::clone(&standing));
        drop(all);
        Some(Place {
            places: Arc::clone(places),
            standing,
        })
    }
}

/// Has a stranger's connection leave: of `address`, or of the address that has most.
fn make_room(all: &mut Vec<Arc<Standing>>, address: Option<IpAddr>) -> Option<()> {
    let mut of_users: HashMap<&str, usize> = HashMap::new();
    for user in all.iter().filter_map(|one| one.user.get()) {
        *of_users.entry(user).or_default() += 1;
    }
    let stays = |one: &Standing| {
        let count = one.user.get().and_then(|user| of_users.get(user.as_str()));
        count.is_some_and(|count| *count <= OF_ONE_USER_MAX)
    };
    let mut counts: HashMap<IpAddr, usize> = HashMap::new();
    for stranger in all.iter().filter(|one| !stays(one)) {
        *counts.entry(stranger.address).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    let from = address.or(most.map(|(address, _)| address))?;
    let at = all
        .iter()
        .position(|one| one.address == from && !stays(one))?;
    // Kept for it if it does not wait yet.
    all.remove(at).leave.notify_one();
    Some(())
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.places.lock();
        all.retain(|one| !Arc::ptr_eq(one, &self.standing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    async fn has_to_leave(place: &Place) -> bool {
        timeout(Duration::ZERO, place.standing.leave())
            .await
            .is_ok()
    }

    /// Rule: N21
    #[tokio::test]
    async fn strangers_make_room_the_oldest_of_whoever_has_most_first() {
        let places = Arc::new(Places::default());
        let take = |address| Places::take(&places, address);
        let operator = take(address(1)).unwrap();
        let known = take(address(2)).unwrap();
        known.standing.know("anna");
        let crowd: Vec<Place> = (0..CONNECTIONS_MAX - 2)
            .map(|at| take(address(10 + (at / OF_ONE_ADDRESS_MAX) as u8)).unwrap())
            .collect();
        let newcomer = take(address(3)).unwrap();
        let mut left = 0;
        for place in &crowd {
            left += usize::from(has_to_leave(place).await);
        }
        assert_eq!(left, 1);
        assert!(!has_to_leave(&operator).await && !has_to_leave(&newcomer).await);
        assert!(!has_to_leave(&known).await);
        assert_eq!(places.lock().len(), CONNECTIONS_MAX);
        drop(crowd);
        drop((operator, known, newcomer));
        assert_eq!(places.lock().len(), 0);
    }

    /// Rule: N21
    #[tokio::test]
    async fn nobody_who_is_signed_in_makes_room() {
        let places = Arc::new(Places::default());
        let of_one: Vec<Place> = (0..OF_ONE_ADDRESS_MAX)
            .map(|_| Places::take(&places, address(1)).unwrap())
            .collect();
        assert!(Places::take(&places, address(1)).is_some());
        assert!(has_to_leave(&of_one[0]).await && !has_to_leave(&of_one[1]).await);
        for place in &of_one {
            place.standing.know("anna");
        }
        // The first one has given its place to one that was dropped.
        assert!(Places::take(&places, address(1)).is_some());
        let last = Places::take(&places, address(1)).unwrap();
        last.standing.know("anna");
        assert!(Places::take(&places, address(1)).is_none());
        assert!(Places::take(&places, address(2)).is_some());
    }

    /// Rule: N21
    #[tokio::test]
    async fn whoever_only_looks_does_not_take_all_places() {
        let places = Arc::new(Places::default());
        let here = IpAddr::from([127, 0, 0, 1]);
        let take = |user: &str| {
            let place = Places::take(&places, here)?;
            place.standing.know(user);
            Some(place)
        };
        let administrator = take("anna").unwrap();
        let crowd: Vec<Place> = (1..CONNECTIONS_MAX)
            .map(|_| take("vera").unwrap())
            .collect();
        assert!(Places::take(&places, here).is_some());
        assert!(has_to_leave(&crowd[0]).await && !has_to_leave(&crowd[1]).await);
        assert!(!has_to_leave(&administrator).await);
    }
}
