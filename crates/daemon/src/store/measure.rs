//! Figures: how long a synced commit takes on this disk.

use super::database::Database;
use noroshi_core::action::Item;
use noroshi_core::alert::{Alert, AlertId, Destinations, MessageId, Severity};
use noroshi_core::config::MailForm;
use noroshi_core::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
use noroshi_core::time::WallTime;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Times `commits` transactions of `per_commit` alerts, each with one mail notice, in a store in
/// `dir` that nobody else uses, `first` being the number of the first alert (so that a second call
/// adds others). The log's copying is not in the times: no answer waits for it.
///
/// # Errors
/// Why the store could not be opened or written; the alerts up to there stay.
pub fn commit_times(
    dir: &Path,
    first: u64,
    commits: u32,
    per_commit: u32,
) -> Result<Vec<Duration>, String> {
    let words = |fault: super::fault::Fault| fault.text().to_owned();
    let mut database = Database::open(dir, false, (0, 0)).map_err(words)?;
    let mut times = Vec::with_capacity(commits as usize);
    for commit in 0..u64::from(commits) {
        let from = first + commit * u64::from(per_commit);
        let items: Vec<Item> = (from..from + u64::from(per_commit))
            .flat_map(sample_items)
            .collect();
        let begin = crate::clock::thread_instant();
        database.commit(items.iter(), u32::MAX).map_err(words)?;
        times.push(begin.elapsed());
        database.checkpoint().map_err(words)?;
    }
    Ok(times)
}

/// An alert of the usual size and its mail notice, told apart by `number`.
pub fn sample_items(number: u64) -> [Item; 2] {
    let id = AlertId(format!("0123456789abcdef01234567-{number}"));
    let destinations = Destinations {
        alert: true,
        syslog: true,
        mail: true,
        ..Default::default()
    };
    let time = WallTime(1_790_000_000_000 + i64::try_from(number).unwrap_or(0));
    let alert = Alert {
        id: id.clone(),
        message: MessageId {
            module: "nm".into(),
            event: 2,
        },
        severity: Severity::Error,
        time,
        server: "server1".into(),
        about: Some("server2".into()),
        text: "Server server2 is down: no heartbeat on any interconnect.".into(),
        thread: Some(id.clone()),
        destinations,
    };
    let notice = NoticeRecord {
        key: NoticeKey {
            alert: id,
            channel: Channel::Mail,
            recipient: "operators@example.com".into(),
        },
        form: MailForm::Long,
        state: NoticeState::Waiting,
        attempts: 0,
        possible_repeat: false,
        sender: "server1".into(),
        reason: String::new(),
        changed: time,
    };
    [
        Item::Alert {
            alert: Arc::new(alert),
            received: time,
        },
        Item::Notice(notice),
    ]
}
