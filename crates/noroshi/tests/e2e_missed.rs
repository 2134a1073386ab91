//! What a server missed while it was away, on real processes: it fetches it.

mod e2e;

use e2e::*;
use noroshi_core::alert::{Destinations, MessageId, Severity};
use noroshi_core::request::{Reply, Request};
use noroshi_daemon::store::{AlertQuery, AlertRow, Reader};
use std::collections::BTreeMap;

/// How long a thousand alerts may take on a busy machine.
const FETCHED: Duration = Duration::from_secs(120);

/// Raises `number` alerts on `server` over one connection each, every tenth with a mail; the texts bear
/// `word`.
fn raise(cluster: &Cluster, server: usize, word: &str, number: usize, mail: bool) -> usize {
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
fn store(cluster: &Cluster, server: usize) -> Vec<AlertRow> {
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
fn agreed(cluster: &Cluster, server: usize) -> BTreeMap<String, String> {
    let told = |row: &AlertRow| {
        let mails = row.notices.iter();
        let mails = mails.filter(|one| one.key.channel == Channel::Mail);
        let mails: Vec<String> = mails
            .map(|one| format!("{} {:?}", one.key.recipient, one.state))
            .collect();
        format!("{} {mails:?}", row.alert.text)
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
fn wait_alike(cluster: &Cluster) {
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

/// Rule: N7 N8
#[test]
fn a_server_that_was_killed_fetches_a_thousand_alerts_with_their_marks() {
    let mut cluster = plan().start().unwrap();
    raise(&cluster, 2, "before", 20, false);
    cluster.kill(2).unwrap();
    cluster.wait_message(0, "nm", 2, SOON).unwrap();
    raise(&cluster, 0, "while away", 700, false);
    raise(&cluster, 1, "while away too", 300, false);
    let begun = Instant::now();
    cluster.start(2).unwrap();
    wait_alike(&cluster);
    latency("a thousand alerts fetched", begun.elapsed());
    assert!(agreed(&cluster, 2).len() > 1_020);
    // Each mail once, and none of them again by the one that returned.
    for server in 0..3 {
        flush(&cluster, server);
    }
    let mut copies: BTreeMap<String, usize> = BTreeMap::new();
    for mail in mails(&cluster) {
        *copies
            .entry(mail.header("Message-ID").unwrap())
            .or_default() += 1;
    }
    assert!(copies.values().all(|copies| *copies == 1), "{copies:?}");
    assert_eq!(mails_saying(&cluster, "while away"), 100);
}

/// It is killed in the midst of fetching, and has lost its store the next time.
///
/// Rule: N7
#[test]
fn a_fetch_that_is_broken_off_goes_on_and_a_store_that_is_lost_is_filled_again() {
    let mut cluster = plan().start().unwrap();
    cluster.kill(2).unwrap();
    raise(&cluster, 0, "while away", 400, false);
    cluster.start(2).unwrap();
    until(FETCHED, "the fetch has begun", || {
        match store(&cluster, 2).len() {
            0..60 => Err("not yet".into()),
            _ => Ok(()),
        }
    })
    .unwrap();
    cluster.kill(2).unwrap();
    raise(&cluster, 1, "away again", 50, false);
    cluster.start(2).unwrap();
    wait_alike(&cluster);
    cluster.kill(2).unwrap();
    for file in std::fs::read_dir(cluster.home(2).var()).unwrap() {
        let path = file.unwrap().path();
        if path.to_string_lossy().contains("alerts.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
    cluster.start(2).unwrap();
    wait_alike(&cluster);
    assert!(agreed(&cluster, 2).len() > 450);
}

/// More alerts wait for their mail than a server holds in memory; who missed them all is the only one left.
///
/// Rule: N7 N9
#[test]
fn what_was_fetched_and_nobody_has_told_is_told_by_the_last_server_left() {
    const NUMBER: usize = 200;
    let mut cluster = plan().start().unwrap();
    cluster.kill(2).unwrap();
    cluster
        .wait_mail(SOON, |mail| mail.body.contains("sv3 is down"))
        .unwrap();
    cluster
        .set_mail_faults(inbox::Faults::only(inbox::Fault::Refuse))
        .unwrap();
    raise(&cluster, 0, "nobody is told", NUMBER, true);
    cluster.start(2).unwrap();
    until(FETCHED, "all are fetched", || {
        let rows = store(&cluster, 2);
        let untold = rows
            .iter()
            .filter(|row| row.alert.text.contains("nobody is told"));
        match untold.count() {
            NUMBER => Ok(()),
            number => Err(format!("{number}")),
        }
    })
    .unwrap();
    cluster.kill(0).unwrap();
    cluster.kill(1).unwrap();
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    until(FETCHED, "all are told", || {
        let mails = mails(&cluster);
        let missing = (0..NUMBER).filter(|n| {
            let words = format!("nobody is told {n} end");
            !mails.iter().any(|mail| mail.body.contains(&words))
        });
        match missing.count() {
            0 => Ok(()),
            number => Err(format!("{number} are not")),
        }
    })
    .unwrap();
    assert_eq!(mails_saying(&cluster, "nobody is told"), NUMBER);
}

/// Rule: N7 N8
#[test]
fn who_raises_an_alert_hears_whether_a_second_server_has_it_on_disk() {
    let mut cluster = plan().start().unwrap();
    assert_eq!(raise(&cluster, 1, "safe", 20, false), 20);
    let words = "on this server's disk only";
    let told = |cluster: &Cluster| {
        let output = cluster.run(0, &["clplogcmd", "-m", "x"]).unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(told(&cluster), "");
    // Killed the moment it has said "accepted": the others have it.
    raise(&cluster, 1, "its server burns", 1, true);
    cluster.kill(1).unwrap();
    let of_it = |row: &AlertRow| row.alert.text.contains("its server burns");
    assert!(
        (0..3)
            .filter(|server| *server != 1)
            .any(|server| store(&cluster, server).iter().any(of_it))
    );
    cluster.kill(2).unwrap();
    cluster.wait_sees(0, 2, ServerState::Down, SOON).unwrap();
    assert!(told(&cluster).contains(words));
    // One that stands still is waited for, but not for long.
    cluster.start(2).unwrap();
    cluster.wait_sees(0, 2, ServerState::Up, SOON).unwrap();
    cluster.daemon(2).suspend().unwrap();
    let begun = Instant::now();
    assert!(told(&cluster).contains(words));
    latency(
        "accepted while the only other one stands still",
        begun.elapsed(),
    );
    cluster.daemon(2).resume().unwrap();
}
