//! What a server missed while it was away, on real processes: it fetches it.

mod e2e;

use e2e::stores::*;
use e2e::*;
use std::collections::BTreeMap;

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
    let words = "on this server's disk only";
    let told = |cluster: &Cluster| {
        let output = cluster.run(0, &["clplogcmd", "-m", "x"]).unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    // On a machine with much to do another server's word may be late now and then.
    until(SOON, "nothing to warn of", || match &*told(&cluster) {
        "" => Ok(()),
        warning => Err(warning.to_string()),
    })
    .unwrap();
    // Killed the moment it has said so: another one has it.
    let replicated = (0..50).find(|n| raise(&cluster, 1, &format!("burns {n}"), 1, true) == 1);
    cluster.kill(1).unwrap();
    let text = format!("burns {} ", replicated.unwrap());
    let has_it = |server| {
        let rows = store(&cluster, server);
        rows.iter().any(|row| row.alert.text.starts_with(&text))
    };
    assert!(has_it(0) || has_it(2));
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

/// The first notice of each fact and each side, and nothing again after the heal: copies of what both sides knew
/// before are alike, and the second one says what it is.
///
/// Rule: N5 N7 N9
#[test]
fn both_sides_of_a_cut_tell_and_nothing_is_told_again_after_it() {
    if !namespaces() {
        return;
    }
    let cluster = plan()
        .interconnects(2)
        .place(Place::Netns { ipv6: false })
        .start()
        .unwrap();
    let refuse = inbox::Fault::Answer {
        at: Verb::Mail,
        code: 451,
    };
    cluster
        .set_mail_faults(inbox::Faults::only(refuse))
        .unwrap();
    raise(&cluster, 0, "known to both", 3, true);
    // The interconnects alone: mail and lamps are reached from both sides.
    cluster.netns().cut_all(0).unwrap();
    cluster.wait_sees(0, 1, ServerState::Unseen, SOON).unwrap();
    cluster.wait_sees(1, 0, ServerState::Down, SOON).unwrap();
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    assert_eq!(
        raise(&cluster, 0, "of the one side", 5, true),
        0,
        "nobody else has it"
    );
    raise(&cluster, 1, "of the other side", 5, true);
    let told = |cluster: &Cluster, words: &str, number: usize| {
        until(LATER, words, || match mails_saying(cluster, words) {
            told if told == number => Ok(()),
            told => Err(format!("{told} mails\n{}", letters(cluster))),
        })
        .unwrap();
    };
    told(&cluster, "known to both", 6);
    told(&cluster, "of the one side", 5);
    told(&cluster, "of the other side", 5);
    let before: Vec<_> = mails(&cluster);
    let mut copies: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for mail in before
        .iter()
        .filter(|mail| mail.body.contains("known to both"))
    {
        let repeat = mail.header("X-Noroshi-Possible-Repeat").is_some();
        let id = mail.header("Message-ID").unwrap();
        copies.entry(id).or_default().push(repeat);
    }
    assert_eq!(copies.len(), 3, "{copies:?}");
    assert!(
        copies.values().all(|marks| marks.contains(&true)),
        "{copies:?}"
    );
    cluster.netns().heal(0).unwrap();
    cluster.wait_all_up(LATER).unwrap();
    wait_alike(&cluster);
    for server in 0..3 {
        flush(&cluster, server);
    }
    for (words, number) in [
        ("known to both", 6),
        ("of the one side", 5),
        ("of the other side", 5),
    ] {
        assert_eq!(mails_saying(&cluster, words), number, "{words}");
    }
}

/// What happens while a large gap is closed waits for none of it. (`GAP=100000` for one of the size that a big
/// installation may have.)
///
/// Rule: N7
#[test]
fn a_large_gap_is_closed_and_delays_no_notice() {
    let gap = std::env::var("GAP").map_or(4_000, |gap| gap.parse().unwrap());
    let mut cluster = plan()
        .tune(|conf| conf.alert_records_max = Some(200_000))
        .prepare()
        .unwrap();
    let var = cluster.home(0).var();
    noroshi_daemon::store::fill(&var, gap, noroshi_daemon::clock::wall()).unwrap();
    cluster.start_all().unwrap();
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    until(Duration::from_secs(300), "both others have all", || {
        for server in [1, 2] {
            let at = Instant::now();
            flush(&cluster, server);
            slowest = slowest.max(at.elapsed());
        }
        let counts = [1, 2].map(|server| newest_row(&cluster, server));
        match counts.iter().all(|rows| *rows >= u64::from(gap)) {
            true => Ok(()),
            false => Err(format!("{counts:?}")),
        }
    })
    .unwrap();
    latency(&format!("a gap of {gap} alerts closed"), begun.elapsed());
    latency("slowest mail meanwhile", slowest);
    // Not a figure: that one waits for the whole of it would take far longer.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    wait_alike(&cluster);
    for server in 0..3 {
        let memory = cluster.daemon(server).private_dirty_kb().unwrap();
        eprintln!("sv{}: {memory} kB", server + 1);
    }
}
