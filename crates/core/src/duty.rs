//! Who sends: rank among the living, in server order (rule N9).
//!
//! No election and no leader: every server reckons the same answer from the same facts, and the
//! turn moves the moment membership changes.

use crate::config::ServerId;

/// The server whose turn it is to tell an alert.
///
/// `origin` is the server that accepted it, where only that one could; it is on disk there, so it
/// goes out without a hop as long as that server lives. A fact that all survivors see has no
/// origin, and the first living server in server order tells it.
pub fn on_duty(
    origin: Option<ServerId>,
    mut living: impl Iterator<Item = ServerId> + Clone,
) -> Option<ServerId> {
    match origin {
        Some(origin) if living.clone().any(|server| server == origin) => Some(origin),
        _ => living.next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N9
    #[test]
    fn the_first_living_server_tells_what_all_see() {
        let living = [ServerId(1), ServerId(2)];
        assert_eq!(on_duty(None, living.into_iter()), Some(ServerId(1)));
    }

    /// Rule: N9
    #[test]
    fn the_origin_tells_its_own_alerts_while_it_lives() {
        let living = [ServerId(0), ServerId(2)];
        assert_eq!(
            on_duty(Some(ServerId(2)), living.into_iter()),
            Some(ServerId(2))
        );
        assert_eq!(
            on_duty(Some(ServerId(1)), living.into_iter()),
            Some(ServerId(0))
        );
    }
}
