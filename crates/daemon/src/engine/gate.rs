//! A gate that the demonstration shuts to play a network cut without privileges.
//!
//! *Use.* The daemon in earnest passes [`Gate::open`], which costs nothing and cannot be shut.
//! The demonstration keeps a clone of [`Gate::movable`] and calls [`Gate::cut`], [`Gate::cut_all`]
//! and [`Gate::heal`]. Every module that sends or receives asks [`Gate::passes`] for the other
//! side's address; where something stands still until the cut is over, it waits for
//! [`Gate::passable`].
//!
//! *Failure.* None. A cut stops bytes at this process, not at its kernel: connections to it are
//! still accepted by the kernel, so both sides of a cut shut their gates.

use std::collections::BTreeSet;
use std::net::IpAddr;
use tokio::sync::watch;

/// Which addresses are cut off. Clones share one state.
#[derive(Clone, Debug)]
pub struct Gate(Option<watch::Sender<Cut>>);

#[derive(Clone, Debug, Default)]
struct Cut {
    all: bool,
    addresses: BTreeSet<IpAddr>,
}

impl Cut {
    fn passes(&self, address: IpAddr) -> bool {
        !self.all && !self.addresses.contains(&address)
    }
}

impl Gate {
    /// A gate that is always open.
    pub fn open() -> Gate {
        Gate(None)
    }

    /// A gate that can be shut; open at first.
    pub fn movable() -> Gate {
        Gate(Some(watch::Sender::new(Cut::default())))
    }

    /// Whether bytes to and from `address` pass.
    pub fn passes(&self, address: IpAddr) -> bool {
        self.0
            .as_ref()
            .is_none_or(|cut| cut.borrow().passes(address))
    }

    /// Waits until bytes to and from `address` pass.
    pub async fn passable(&self, address: IpAddr) {
        if let Some(cut) = &self.0 {
            // It fails only when the sender is gone, and we hold it.
            let _ = cut.subscribe().wait_for(|cut| cut.passes(address)).await;
        }
    }

    /// Cuts one address off. An [`open`](Gate::open) gate stays open.
    pub fn cut(&self, address: IpAddr) {
        self.change(|cut| {
            cut.addresses.insert(address);
        });
    }

    /// Cuts every address off.
    pub fn cut_all(&self) {
        self.change(|cut| cut.all = true);
    }

    /// Lets everything pass again.
    pub fn heal(&self) {
        self.change(|cut| *cut = Cut::default());
    }

    fn change(&self, change: impl FnOnce(&mut Cut)) {
        if let Some(cut) = &self.0 {
            cut.send_modify(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cut_holds_for_its_address_until_it_is_healed() {
        let [one, other] = [1, 2].map(|last| IpAddr::from([127, 0, 0, last]));
        let gate = Gate::movable();
        gate.clone().cut(one);
        assert!(!gate.passes(one) && gate.passes(other));
        gate.cut_all();
        assert!(!gate.passes(other));
        let waits = tokio::spawn({
            let gate = gate.clone();
            async move { gate.passable(one).await }
        });
        gate.heal();
        waits.await.expect("it neither panics nor is aborted");
        assert!(gate.passes(one) && gate.passes(other));
        Gate::open().cut_all();
        assert!(Gate::open().passes(one));
    }
}
