//! How this server is reached: its sockets follow the settings, and for a while those of former ones.
//!
//! *Use.* `Wires::take` puts a plan in force. [`Reach`], by the sets: [`Reach::try_out`] before one is agreed
//! to, [`Reach::former_ways`] while a server is looked for that may have missed one.
//!
//! *Failure.* A port that is taken refuses the new plan, and the former one stays in force. On a former way
//! it only means that nobody is heard there: that is noted in the log.

use super::note::Note;
use super::plan::Plan;
use super::{Ear, Wires, filter, socket};
use noroshi_core::config::Config;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// For whoever decides on new settings beside the driver.
#[derive(Clone)]
pub struct Reach(pub(super) Arc<Wires>);

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reach")
    }
}

impl Reach {
    /// Opens the sockets that these settings need and that are not open yet, and closes them again.
    ///
    /// # Errors
    /// When a port is taken, or the system refuses a socket.
    pub fn try_out(&self, config: &Config) -> io::Result<()> {
        let Some(own) = config.server_named(&self.0.plan().own_name) else {
            return Ok(());
        };
        // Held for this long, so that the driver does not open the same ones meanwhile.
        let ears = self.0.ears();
        let wanted = Plan::new(config, own).addresses;
        let is_open = |address: &SocketAddr| ears.iter().any(|ear| ear.address == *address);
        let mut new = wanted.into_iter().flatten().filter(|it| !is_open(it));
        new.try_for_each(socket::try_out)
    }

    /// From now on servers are looked for, and answered, also in the ways of these settings, newest first;
    /// with none in no other ways than those in force.
    pub fn former_ways(&self, former: Vec<Config>) {
        *self.0.former.lock().unwrap_or_else(PoisonError::into_inner) = former;
        let plan = self.0.heartbeats().plan();
        // What is open stays open.
        let _ = self.0.take(plan);
    }
}

impl Wires {
    /// Puts a plan in force: all that may fail comes first. Links whose addresses stay go on; sockets whose
    /// address stays as well.
    pub(super) fn take(self: &Arc<Wires>, plan: Arc<Plan>) -> io::Result<()> {
        let former = self.former.lock();
        let whole = plan.with_former(&former.unwrap_or_else(PoisonError::into_inner));
        let mut ears = self.ears();
        let paths = plan.addresses.len();
        for (path, address) in addresses(&whole) {
            if ears.iter().any(|ear| ear.address == address) {
                continue;
            }
            match Ear::open(self, path, address) {
                Ok(ear) => ears.push(ear),
                Err(error) if path >= paths => self.say(Note::FormerAddress(error.to_string())),
                Err(error) => {
                    // Nothing of what was opened for it stays.
                    let now = self.plan();
                    ears.retain(|ear| addresses(&now).any(|(_, it)| it == ear.address));
                    return Err(error);
                }
            }
        }
        ears.retain(|ear| addresses(&whole).any(|(_, address)| address == ear.address));
        let mut sockets = vec![None; paths];
        for ear in ears.iter() {
            // An address of a former way that is in force as well serves heartbeats.
            let served: Vec<usize> = addresses(&whole)
                .filter_map(|(path, address)| (address == ear.address).then_some(path))
                .collect();
            for path in served.into_iter().rev() {
                ear.path.store(path, Ordering::Relaxed);
                filter::admit_only(&ear.udp, whole.sources(path));
                if path < paths {
                    sockets[path] = Some(Arc::clone(&ear.udp));
                }
            }
        }
        drop(ears);
        self.follow_engine(plan.engine)?;
        let whole = Arc::new(whole);
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&whole);
        self.heartbeats().reconfigure(plan, sockets);
        self.links().reconfigure(self, &whole);
        Ok(())
    }
}

fn addresses(plan: &Plan) -> impl Iterator<Item = (usize, SocketAddr)> + '_ {
    let all = plan.addresses.iter().enumerate();
    all.filter_map(|(path, address)| Some((path, (*address)?)))
}
