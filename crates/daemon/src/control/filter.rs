//! Which alerts are listed.

use super::AlertLine;
use noroshi_core::alert::{AlertId, Severity};
use noroshi_core::notice::Delivery;
use noroshi_core::time::WallTime;
use serde::{Deserialize, Serialize};

/// Which alerts are listed; an empty filter takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertFilter {
    /// Raised by this server, or about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// At least this severe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Of this module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The text holds this, in any case of letters; it is no pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Happened at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<WallTime>,
    /// Happened before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<WallTime>,
    /// Its notices stand so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Has this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AlertId>,
}

impl AlertFilter {
    /// Whether `alert` fits, as the store would say.
    pub fn takes(&self, alert: &AlertLine) -> bool {
        let of = |server: &String| alert.server == *server || alert.about.as_ref() == Some(server);
        let holds = |text: &String| {
            let all = alert.text.to_lowercase();
            all.contains(&text.to_lowercase())
        };
        let states = alert.notices.iter().map(|notice| notice.state);
        self.server.as_ref().is_none_or(of)
            && self.severity.is_none_or(|least| alert.severity >= least)
            && self
                .module
                .as_ref()
                .is_none_or(|module| *module == alert.module)
            && self.text.as_ref().is_none_or(holds)
            && self.since.is_none_or(|since| alert.time >= since)
            && self.until.is_none_or(|until| alert.time < until)
            && self.delivery.is_none_or(|how| how.holds(states))
            && self.id.as_ref().is_none_or(|id| *id == alert.id)
    }
}
