//! What waits, and why, for people.

use super::Outbox;
use crate::notice::Channel;
use crate::status::Waiting;
use alloc::vec::Vec;

impl Outbox {
    /// The unfinished notices of each channel that has any, with the latest reason.
    pub fn waiting(&self) -> Vec<Waiting> {
        let of = |channel| {
            let records = self.entries.iter().map(|entry| &entry.record);
            let records = records.filter(|record| record.key.channel == channel);
            let failed = records.clone().filter(|record| !record.reason.is_empty());
            let latest = failed.max_by_key(|record| record.changed);
            Waiting {
                channel,
                count: records.count() as u32,
                reason: latest.map(|record| record.reason.clone()),
            }
        };
        let all = [Channel::Mail, Channel::Lamp, Channel::Syslog].map(of);
        all.into_iter().filter(|one| one.count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Desk;
    use super::*;
    use crate::notice::Outcome;
    use crate::time::WallTime;
    use alloc::string::String;
    use alloc::vec;

    /// Rule: N20
    #[test]
    fn what_waits_is_told_by_channel_with_its_latest_reason() {
        let mut desk = Desk::new();
        assert_eq!(desk.outbox.waiting(), []);
        let retry = |cause: &str| Outcome::Retry {
            cause: String::from(cause),
            maybe_taken: false,
        };
        let mut lines = desk.add("a", Channel::Syslog, "sv1", true);
        lines.extend(desk.add("b", Channel::Syslog, "sv1", true));
        desk.answer(&lines[1], retry("earlier"));
        desk.now.wall = WallTime(5);
        desk.answer(&lines[0], retry("later"));
        desk.mail("a", "ops@example.com");
        let waiting = |channel, count, reason: Option<&str>| Waiting {
            channel,
            count,
            reason: reason.map(String::from),
        };
        let expected = vec![
            waiting(Channel::Mail, 1, None),
            waiting(Channel::Syslog, 2, Some("later")),
        ];
        assert_eq!(desk.outbox.waiting(), expected);
    }
}
