//! Heartbeat times: the real product's `/root/cluster/heartbeat`, ours `/root/noroshi/heartbeat`
//! (rule N4). All in milliseconds.

use crate::finding::Findings;
use crate::problem::Problem;
use crate::tree::Node;
use noroshi_core::config::Heartbeat;
use noroshi_core::time::Span;

/// A day: no time-out is longer.
const TIMEOUT_MAX_MS: u64 = 86_400_000;
/// Shortest interval: below it, heartbeats of 32 servers would be the load.
const INTERVAL_MIN_MS: u64 = 10;
/// Intervals that a time-out must hold at least, so that one lost packet is no verdict.
const INTERVALS_MIN: u64 = 3;
/// Intervals in a time-out where only one of the two is given.
const INTERVALS: u64 = 7;

pub(super) fn heartbeat(root: Node<'_>, findings: &mut Findings) -> Heartbeat {
    let default = Heartbeat::default();
    let timeout = findings
        .setting(root, "cluster/heartbeat/timeout")
        .and_then(|node| Some((node, findings.number_of(node, 0..=TIMEOUT_MAX_MS, "ms")?)));
    let bounds = INTERVAL_MIN_MS..=60_000;
    let given = findings.number(root, "cluster/heartbeat/interval", bounds, "ms");
    let timeout_ms = match (timeout, given) {
        (Some((_, timeout_ms)), _) => timeout_ms,
        // Written for the real product, whose default time-out is far longer than ours.
        (None, Some(interval)) => default.timeout.as_ms().max(interval * INTERVALS),
        (None, None) => default.timeout.as_ms(),
    };
    let interval_ms = given.unwrap_or_else(|| {
        (timeout_ms / INTERVALS)
            .min(default.interval.as_ms())
            .max(INTERVAL_MIN_MS)
    });
    if let Some((node, timeout_ms)) = timeout
        && timeout_ms < interval_ms * INTERVALS_MIN
    {
        let min_ms = interval_ms * INTERVALS_MIN;
        findings.error(node, Problem::TimeoutTooShort { min_ms });
    }
    let own = findings.at(root, "noroshi/heartbeat");
    let mut own_ms = |name, max| findings.number(own?, name, 0..=max, "ms");
    let stall_ms = own_ms("stalltimeout", TIMEOUT_MAX_MS);
    let grace_ms = own_ms("restartgrace", 60_000);
    let wait_ms = own_ms("startwait", 3_600_000);
    if let Some(node) = own.and_then(|own| findings.at(own, "stalltimeout"))
        && stall_ms.is_some_and(|stall_ms| stall_ms < timeout_ms)
    {
        findings.error(node, Problem::StallTooShort { min_ms: timeout_ms });
    }
    let timeout = Span::from_ms(timeout_ms);
    Heartbeat {
        interval: Span::from_ms(interval_ms),
        timeout,
        stall_timeout: stall_ms.map_or(default.stall_timeout.max(timeout), Span::from_ms),
        restart_grace: grace_ms.map_or(default.restart_grace, Span::from_ms),
        start_wait: wait_ms.map_or(default.start_wait, Span::from_ms),
    }
}
