//! What the alert stores of the servers hold, read from their files.

#![allow(dead_code, reason = "each test file uses its part")]

use super::{Channel, Cluster, Duration, Severity, until};
use noroshi_core::alert::{Destinations, MessageId};
use noroshi_core::request::{Reply, Request};
use noroshi_daemon::store::{AlertQuery, AlertRow, Reader};
use std::collections::BTreeMap;

/// How long a thousand alerts may take on a busy machine.
pub(crate) const FETCHED: Duration = Duration::from_secs(120);

/// Raises `number` alerts on `server` over one connection each, every tenth with a mail; the texts bear
/// `word`.
pub(crate) fn raise(
    cluster: &Cluster,
    server: usize,
    word: &str,
    number: usize,
    mail: bool,
) -> usize {
    let mut replicated_ones = 0;
    for n in 0..number {
        let request = Request::Raise {
            message: MessageId {
                module: "logcmd".into(),
                event: 1,
            },
            severity: Severity::Error,
            text: format!("{word} {n} end"),
            destinations: Some(Destinations {
                alert: true,
                mail: mail || n % 10 == 0,
                ..Destinations::default()
            }),
        };
        let reply = cluster.client(server).unwrap().change(request).unwrap();
        let Reply::Accepted {
            durable: true,
            replicated,
            ..
        } = reply
        else {
            panic!("{reply:?}")
        };
        replicated_ones += usize::from(replicated);
    }
    replicated_ones
}

/// Everything in a server's store, read from its file.
pub(crate) fn store(cluster: &Cluster, server: usize) -> Vec<AlertRow> {
    let reader = Reader::of_no_daemon(&cluster.home(server).var());
    let mut query = AlertQuery {
        after_row: Some(0),
        ..AlertQuery::default()
    };
    let mut all = Vec::new();
    loop {
        let page = reader.page_blocking(&query).unwrap();
        all.extend(page.rows);
        match page.next {
            Some(next) => query.after_row = Some(next),
            None => return all,
        }
    }
}

/// What all servers should agree on: each alert, its words, and how its mails stand.
pub(crate) fn agreed(cluster: &Cluster, server: usize) -> BTreeMap<String, String> {
    let told = |row: &AlertRow| {
        let mails = row.notices.iter();
        let mails = mails.filter(|one| one.key.channel == Channel::Mail);
        let mails: Vec<String> = mails
            .map(|one| format!("{} {:?}", one.key.recipient, one.state))
            .collect();
        // Of a fact that many see each tells by its own measure, such as for how long it lasted.
        let own_words = row.alert.id.0.starts_with("fact.");
        let text = if own_words { "" } else { &row.alert.text };
        format!("{:?} {text} {mails:?}", row.alert.message)
    };
    let rows = store(cluster, server);
    let number = rows.len();
    let all: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row.alert.id.0.clone(), told(row)))
        .collect();
    assert_eq!(all.len(), number, "each alert once");
    all
}

/// Waits until the stores of all servers hold the same.
pub(crate) fn wait_alike(cluster: &Cluster) {
    until(FETCHED, "all stores hold the same", || {
        let first = agreed(cluster, 0);
        for server in 1..cluster.len() {
            let other = agreed(cluster, server);
            let differs = |(id, words): &(&String, &String), of: &BTreeMap<String, String>| {
                of.get(*id) != Some(*words)
            };
            let missing = first.iter().filter(|one| differs(one, &other)).count();
            let more = other.iter().filter(|one| differs(one, &first));
            let more: Vec<_> = more.take(3).collect();
            if missing > 0 || !more.is_empty() {
                return Err(format!(
                    "sv{}: {} of {}, {missing} missing or otherwise, such as {more:?}",
                    server + 1,
                    other.len(),
                    first.len()
                ));
            }
        }
        Ok(())
    })
    .unwrap();
}

/// The newest row in a server's store: how many alerts it has taken in.
pub(crate) fn newest_row(cluster: &Cluster, server: usize) -> u64 {
    let reader = Reader::of_no_daemon(&cluster.home(server).var());
    let query = AlertQuery {
        limit: 1,
        ..AlertQuery::default()
    };
    let page = reader.page_blocking(&query).unwrap();
    page.rows.first().map_or(0, |row| row.row)
}
