//! What the tests on real processes share.

#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

pub(crate) mod stores;

pub(crate) use noroshi_core::alert::Severity;
pub(crate) use noroshi_core::lamp::{Glow, Look};
pub(crate) use noroshi_core::notice::{Channel, NoticeState};
pub(crate) use noroshi_core::status::ServerState;
pub(crate) use noroshi_sim::inbox::{self, Mail, Verb};
pub(crate) use noroshi_sim::lamp::{self, Kind};
pub(crate) use noroshi_sim::rig::{Cluster, Conf, Encoding, Lamps, Netns, Place, Plan, until};
pub(crate) use std::time::{Duration, Instant};

/// A deadline for what comes within a second on an idle machine; a busy one takes its time.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// A deadline for what takes some seconds by its nature.
pub(crate) const LATER: Duration = Duration::from_secs(30);
/// Red from a fault and green from a return (rule M18).
pub(crate) const RED_AND_GREEN: Look = Look {
    green: Glow::On,
    ..Look::RED_BLINK
};

/// The default cluster.
pub(crate) fn plan() -> Plan {
    Plan::new(env!("CARGO_BIN_EXE_noroshi"))
}

/// Says how long something took, for whoever reads the tests' output.
pub(crate) fn latency(what: &str, took: Duration) {
    eprintln!("latency: {what}: {:.1} ms", took.as_secs_f64() * 1000.0);
}

/// Raises an alert that is mailed on `server` and waits for its mail: all that was to be mailed
/// before it by this server has been handed in by then. It stands in for a pause.
pub(crate) fn flush(cluster: &Cluster, server: usize) {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let text = format!("flush {number} is over");
    cluster
        .command(server, &["clplogcmd", "-m", &text, "--mail", "--alert"])
        .unwrap();
    cluster
        .wait_mail(SOON, |mail| mail.body.contains(&text))
        .unwrap();
}

/// The mails so far without those of [`flush`].
pub(crate) fn mails(cluster: &Cluster) -> Vec<std::sync::Arc<Mail>> {
    let mut mails = cluster.mails();
    mails.retain(|mail| !(mail.body.contains("flush") && mail.body.contains("is over")));
    mails
}

/// Their subjects.
pub(crate) fn subjects(cluster: &Cluster) -> Vec<String> {
    mails(cluster)
        .iter()
        .map(|mail| mail.subject.clone())
        .collect()
}

/// All of them, and what the daemons printed, for a test that fails.
pub(crate) fn letters(cluster: &Cluster) -> String {
    let text = |mail: &std::sync::Arc<Mail>| format!("{}\n{}", mail.subject, mail.body);
    let texts: Vec<String> = mails(cluster).iter().map(text).collect();
    format!("{}\n{}", texts.join("--\n"), cluster.logs())
}

/// Waits until `server` knows that the mail saying this was delivered.
pub(crate) fn wait_told(cluster: &Cluster, server: usize, words: &str) {
    let told = cluster.wait_alert(server, SOON, |line| {
        let mut mails = line
            .notices
            .iter()
            .filter(|notice| notice.channel == Channel::Mail);
        line.text.contains(words) && mails.any(|notice| notice.state == NoticeState::Delivered)
    });
    told.unwrap();
}

/// There was one mail, and nothing comes behind it.
pub(crate) fn assert_told_once(cluster: &Cluster, server: usize) {
    flush(cluster, server);
    let subjects: Vec<String> = mails(cluster)
        .iter()
        .map(|mail| mail.subject.clone())
        .collect();
    assert_eq!(subjects.len(), 1, "{subjects:?}\n{}", letters(cluster));
}

/// There was no mail.
pub(crate) fn assert_silence(cluster: &Cluster, server: usize) {
    flush(cluster, server);
    let subjects: Vec<String> = mails(cluster)
        .iter()
        .map(|mail| mail.subject.clone())
        .collect();
    assert!(subjects.is_empty(), "{subjects:?}\n{}", letters(cluster));
}

/// Whether network namespaces can be used; says why not.
pub(crate) fn namespaces() -> bool {
    match Netns::available() {
        Ok(()) => true,
        Err(why) => {
            let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
            assert!(!required, "NOROSHI_REQUIRE_ALL is set, but {why}");
            eprintln!("skipped: {why}");
            false
        }
    }
}

/// Lets a fault last. The time is the fault itself; nothing is waited for.
pub(crate) fn hold(fault: Duration) {
    std::thread::sleep(fault);
}

/// The mails whose subject has this in it.
pub(crate) fn mails_saying(cluster: &Cluster, words: &str) -> usize {
    let says = |mail: &&std::sync::Arc<Mail>| mail.body.contains(words);
    mails(cluster).iter().filter(says).count()
}

/// How often any server's view, of those living, has a message.
pub(crate) fn messages(cluster: &Cluster, server: usize, module: &str, event: u32) -> usize {
    cluster.count_alerts(server, module, event).unwrap()
}
