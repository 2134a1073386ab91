//! The surroundings of the cluster: simulated lamps, the inbox, a place where syslog lines go.
//!
//! They live on a thread of their own, so that drawing never delays an answer of theirs.

use super::news::{News, Teller};
use super::plan::Plan;
use noroshi_sim::inbox::{self, Inbox, SimInbox};
use noroshi_sim::lamp::{self, SimLamp, look};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;
use tokio::net::UnixDatagram;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Lamps and inbox at work. Dropped, they are gone.
#[derive(Debug)]
pub(super) struct Props {
    lamps: Vec<SimLamp>,
    inbox: SimInbox,
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

impl Props {
    /// Opens all of them; what they see goes to `tell`, syslog lines that come to `syslog` are
    /// taken and forgotten.
    ///
    /// # Errors
    /// When an address cannot be used; nothing is open then.
    pub(super) fn open(plan: &Plan, syslog: &Path, tell: &Teller) -> io::Result<Props> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let at = |ip| SocketAddr::from((ip, 0));
        let (lamps, inbox) = runtime.block_on(async {
            let mut lamps = Vec::new();
            for number in 0..plan.lamps() {
                let kind = plan.lamp_kind(number);
                let address = at(plan.lamp_address(number));
                lamps.push(SimLamp::start(kind, address, lamp::Faults::NONE).await?);
            }
            let inbox = Inbox::start(at(plan.inbox_address()), inbox::Faults::none()).await?;
            let syslog = UnixDatagram::bind(syslog)?;
            tokio::spawn(async move {
                let mut line = [0; 8 * 1024];
                while syslog.recv(&mut line).await.is_ok() {}
            });
            for (number, lamp) in lamps.iter().enumerate() {
                tokio::spawn(watch_lamp(number, lamp.watch(), tell.clone()));
            }
            tokio::spawn(watch_inbox(inbox.arrivals(), tell.clone()));
            io::Result::Ok((lamps, inbox))
        })?;
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || runtime.block_on(stopped));
        Ok(Props {
            lamps,
            inbox,
            handle,
            _stop: stop,
        })
    }

    /// Where the lamps listen.
    pub(super) fn lamp_addresses(&self) -> Vec<SocketAddr> {
        self.lamps.iter().map(SimLamp::address).collect()
    }

    /// Where the inbox listens.
    pub(super) fn inbox_address(&self) -> SocketAddr {
        self.inbox.address()
    }

    /// Makes a lamp ill, or well again.
    ///
    /// # Errors
    /// When its port was taken meanwhile.
    pub(super) async fn set_lamp(&self, lamp: usize, faults: lamp::Faults) -> io::Result<()> {
        self.lamps[lamp].set_faults(faults).await
    }

    /// Makes the inbox ill, or well again.
    ///
    /// # Errors
    /// When its port was taken meanwhile.
    pub(super) async fn set_inbox(&self, faults: inbox::Faults) -> io::Result<()> {
        self.inbox.set_faults(faults).await
    }
}

impl Drop for Props {
    fn drop(&mut self) {
        // What they abort belongs to that runtime.
        let _entered = self.handle.enter();
        self.lamps.clear();
    }
}

async fn watch_lamp(
    number: usize,
    mut lights: tokio::sync::watch::Receiver<noroshi_wire::lamp::Lights>,
    tell: Teller,
) {
    while lights.changed().await.is_ok() {
        let at = Instant::now();
        let shows = look(&lights.borrow_and_update());
        if tell.send(News::Lamp(number, shows, at)).await.is_err() {
            return;
        }
    }
}

async fn watch_inbox(
    mut arrivals: tokio::sync::broadcast::Receiver<std::sync::Arc<inbox::Mail>>,
    tell: Teller,
) {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match arrivals.recv().await {
            Ok(mail) => {
                if tell.send(News::Mail(mail)).await.is_err() {
                    return;
                }
            }
            // More than the inbox remembers: those are not shown.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
