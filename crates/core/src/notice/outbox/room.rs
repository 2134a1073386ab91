//! How many notices may be under way at a time, in all and to one recipient.

use super::{IN_FLIGHT_MAX, IN_FLIGHT_RECIPIENT_MAX};
use crate::notice::{Channel, NoticeKey};
use alloc::string::String;
use alloc::vec::Vec;

/// How many notices are begun, by channel and mail recipient.
pub(super) struct Room {
    mail: usize,
    syslog: usize,
    recipients: Vec<(String, usize)>,
    troubled: Vec<String>,
    astray: Vec<NoticeKey>,
}

impl Room {
    /// Only `astray` is under way: told by other servers meanwhile, and still with its channel here. The last
    /// attempts to `troubled` failed.
    pub(super) fn new(troubled: Vec<String>, astray: &[NoticeKey]) -> Room {
        let mut room = Room {
            mail: 0,
            syslog: 0,
            recipients: Vec::new(),
            troubled,
            astray: astray.to_vec(),
        };
        astray.iter().for_each(|key| room.add(key));
        room
    }

    /// A recipient that has none under way has always room for one (invariant 2): what hangs at
    /// others must not delay its first try. So no more are under way than the window holds.
    pub(super) fn has(&self, key: &NoticeKey) -> bool {
        if key.channel != Channel::Mail {
            return self.syslog < IN_FLIGHT_MAX;
        }
        if self.astray.contains(key) {
            // A channel has each notice once.
            return false;
        }
        let of = self.recipients.iter().find(|(to, _)| *to == key.recipient);
        let most = match self.troubled.contains(&key.recipient) {
            true => 1,
            false => IN_FLIGHT_RECIPIENT_MAX,
        };
        of.is_none_or(|(_, begun)| *begun < most && self.mail < IN_FLIGHT_MAX)
    }

    pub(super) fn take(&mut self, key: &NoticeKey) -> bool {
        let has = self.has(key);
        if has {
            self.add(key);
        }
        has
    }

    pub(super) fn add(&mut self, key: &NoticeKey) {
        if key.channel != Channel::Mail {
            self.syslog += 1;
            return;
        }
        self.mail += 1;
        match self
            .recipients
            .iter_mut()
            .find(|(to, _)| *to == key.recipient)
        {
            Some((_, begun)) => *begun += 1,
            None => self.recipients.push((key.recipient.clone(), 1)),
        }
    }
}
