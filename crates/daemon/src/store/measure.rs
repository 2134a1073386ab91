//! Figures: how long a synced commit takes on this disk; and a full store for whoever reads one.

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

/// Alerts of one commit of [`fill`].
const FILL_ALERTS: u64 = 1_000;
/// Over how long before its end a filled store's alerts are spread, in ms: 30 days.
const FILL_SPAN_MS: i64 = 30 * 24 * 3_600 * 1_000;

/// Fills a store in `dir` that nobody else uses with `count` alerts of the last 30 days before `until`: of
/// three servers, some modules and all severities, each with its mail and light, which nearly all arrived.
///
/// # Errors
/// Why the store could not be opened or written; the alerts up to there stay.
pub fn fill(dir: &Path, count: u32, until: WallTime) -> Result<(), String> {
    let words = |fault: super::fault::Fault| fault.text().to_owned();
    let mut database = Database::open(dir, false, (0, 0)).map_err(words)?;
    let count = u64::from(count);
    for first in (0..count).step_by(FILL_ALERTS as usize) {
        let numbers = first..count.min(first + FILL_ALERTS);
        let items: Vec<Item> = numbers
            .flat_map(|number| filled_items(number, count, until))
            .collect();
        database.commit(items.iter(), u32::MAX).map_err(words)?;
        database.checkpoint().map_err(words)?;
    }
    Ok(())
}

fn filled_items(number: u64, count: u64, until: WallTime) -> Vec<Item> {
    let [alert, Item::Notice(mail)] = sample_items(number) else {
        return Vec::new();
    };
    let Item::Alert { alert, .. } = alert else {
        return Vec::new();
    };
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let before = FILL_SPAN_MS / signed(count).max(1) * signed(count - number);
    let time = WallTime(until.0 - before);
    let mut alert = (*alert).clone();
    let modules = ["nm", "rc", "logcmd", "dn1000s", "monitor"];
    let choose = |count: u64| (number % count) as usize;
    alert.id = AlertId(format!("{number:024x}-{number}"));
    alert.thread = Some(alert.id.clone());
    alert.message.module = modules[choose(5)].into();
    alert.severity = [Severity::Info, Severity::Warning, Severity::Error][choose(7) / 3];
    alert.server = format!("sv{}", number % 3 + 1);
    alert.about = Some(format!("sv{}", number % 2 + 1));
    alert.text = format!(
        "Resource exec{} on {} did not start.",
        number % 97,
        alert.server
    );
    alert.time = time;
    let told = |channel, recipient: &str, after_ms| NoticeRecord {
        key: NoticeKey {
            alert: alert.id.clone(),
            channel,
            recipient: recipient.into(),
        },
        state: match number % 50 {
            0 => NoticeState::GivenUp,
            _ => NoticeState::Delivered,
        },
        attempts: 1,
        reason: "250 2.0.0 Ok: queued".into(),
        changed: WallTime(time.0 + after_ms),
        ..mail.clone()
    };
    let delay_ms = signed(number % 13).pow(3);
    let notices = [
        told(Channel::Mail, "operators@example.com", 400 + delay_ms),
        told(Channel::Lamp, "sv1", 100 + delay_ms),
    ];
    let received = WallTime(time.0 + 5);
    let alert = Item::Alert {
        alert: Arc::new(alert),
        received,
    };
    [alert]
        .into_iter()
        .chain(notices.map(Item::Notice))
        .collect()
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
