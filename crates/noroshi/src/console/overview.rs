//! The cluster as its page shows it: its state and, for each server that is down, the alert that told so.
//!
//! Who was woken asks in this order: which server, does somebody see to it, did the mail go out. The state
//! answers the first, the alert the others. Without the alert, as when the store has forgotten it, the
//! state is shown alone.

use super::desk::{Desk, Page};
use noroshi_core::status::{ServerState, Status};
use noroshi_daemon::control::{AlertFilter, AlertLine, Trouble};

/// Servers whose alert is looked for; of more the state alone is shown. Each costs the daemon one reading.
const FAULTS_MAX: usize = 8;
/// Alerts from or about a server among which that of its fault is looked for.
const LOOK_BACK: u32 = 50;
/// The alerts (module `nm`) that tell of a server that it is down, or that its service is silent.
const FAULT_EVENTS: [u32; 2] = [2, 1003];

/// What the page of the cluster is written from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Overview {
    pub(super) status: Status,
    /// The newest alert of a fault, of servers that are down now.
    pub(super) faults: Vec<AlertLine>,
}

impl Overview {
    /// Asks the daemon.
    ///
    /// # Errors
    /// Any [`Trouble`] with the state; an alert that cannot be read is left out.
    pub(super) async fn read(desk: &Desk) -> Result<Overview, Trouble> {
        let status = desk.status().await?;
        let faults = faults(desk, &status).await;
        Ok(Overview { status, faults })
    }

    /// The alert that told of the fault of `server`.
    pub(super) fn fault_of(&self, server: &str) -> Option<&AlertLine> {
        let of = |line: &&AlertLine| line.about.as_deref() == Some(server);
        self.faults.iter().find(of)
    }
}

/// The newest alert of a fault, of each server that is down in `status`.
pub(super) async fn faults(desk: &Desk, status: &Status) -> Vec<AlertLine> {
    let is_down = |state| matches!(state, ServerState::Down | ServerState::Stalled);
    let down = status.servers.iter().filter(|one| is_down(one.state));
    let mut faults = Vec::new();
    for server in down.take(FAULTS_MAX) {
        let page = Page {
            limit: LOOK_BACK,
            only: AlertFilter {
                server: Some(server.name.clone()),
                module: Some("nm".into()),
                ..AlertFilter::default()
            },
            ..Page::default()
        };
        let Ok(page) = desk.alerts(page).await else {
            continue;
        };
        let tells = |line: &AlertLine| {
            line.about.as_deref() == Some(&*server.name) && FAULT_EVENTS.contains(&line.event)
        };
        faults.extend(page.alerts.into_iter().find(tells));
    }
    faults
}
