//! corosync.conf, and what `corosync-cmapctl` prints.

use noroshi_conf::corosync_conf::{Timing, read};

pub(crate) fn decode(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(conf) = read(&text) {
        let _ = conf.timing.first_notice_ms();
        for node in &conf.nodes {
            let _ = node.address(0);
        }
    }
    if let Some(timing) = Timing::of_runtime(&text) {
        let _ = timing.first_notice_ms();
    }
}
