//! Any server's console shows and collects the whole cluster, and changes it with the other servers' consoles
//! beside it.

mod e2e;
mod web;

use e2e::*;
use noroshi_conf::bundle::Bundle;
use noroshi_conf::tar;
use noroshi_core::request::{Reply, Request};
use noroshi_daemon::sets;
use std::fs;
use web::{Console, Visitor};

const SUBJECT: &str = "/root/cluster/mail/subject";

/// Reads a page again until it is such.
fn wait_page(visitor: &mut Visitor, path: &str, is: impl Fn(&str) -> bool) -> String {
    let page = until(SOON, "the page", || {
        let text = visitor.get(path).text();
        if is(&text) { Ok(text) } else { Err(text) }
    });
    page.unwrap()
}

/// One server is dead, and the console's own daemon is started again: the page says when the dead one was last
/// heard as long as that is known, and makes up no time afterwards. All logs that can be had are one download.
///
/// Rule: M30 M31 N21
#[test]
fn a_server_that_cannot_be_reached_is_shown_as_that_and_the_others_are_collected() {
    let mut cluster = plan().tune(|conf| conf.console = true).start().unwrap();
    cluster.wait_all_up(SOON).unwrap();
    let console = Console::start(&cluster, 0);
    let mut visitor = console.first_user(&cluster, 0, "yamada");
    let page = visitor.get("/").text();
    assert!(!page.contains("Last word: "), "{page}");
    assert!(page.contains("engine: <b>embedded</b>"), "{page}");
    cluster.kill(2).unwrap();
    cluster.wait_message(0, "nm", 2, SOON).unwrap();
    let page = wait_page(&mut visitor, "/", |text| text.contains("Last word: "));
    for words in [
        "Last word: <time datetime=\"20",
        "not possible from here, since a stopped service hears nothing. On sv3, as root:",
        "<code>clpcl -s</code>",
        "loss until then ",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }

    let form = visitor.get("/logs").form("/logs/collect");
    assert_eq!(visitor.send(&form.with("scope", "type3")).status, 303);
    let page = visitor.get("/logs").text();
    if page.contains("/logs/all") {
        eprintln!("it was through before it could be seen");
    } else {
        let refresh = "<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>";
        for words in [refresh, "data-live=\"logs\"", "Collecting: "] {
            assert!(page.contains(words), "{words} in {page}");
        }
    }
    let page = wait_page(&mut visitor, "/logs", |text| text.contains("/logs/all"));
    assert!(!page.contains("http-equiv"), "{page}");
    let not = "not collected: no link to it";
    assert!(
        page.contains("2 of 3 servers were collected. Not collected: 1.") && page.contains(not)
    );
    let answer = visitor.get("/logs/all");
    assert_eq!(answer.status, 200);
    let name = answer.header("content-disposition").unwrap();
    assert!(name.ends_with("-logs.tar\""), "{name}");
    let entries = tar::read(&answer.body).unwrap();
    assert_eq!(entries.len(), 3);
    for (entry, server) in entries.iter().zip(["sv1", "sv2"]) {
        assert!(
            entry.name.starts_with(&format!("{server}-20")),
            "{}",
            entry.name
        );
        let archive = cluster.dir().join("archive.tar.gz");
        fs::write(&archive, entry.bytes.as_ref().unwrap()).unwrap();
        let listed = std::process::Command::new("tar")
            .arg("-tzf")
            .arg(&archive)
            .output()
            .unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(
            listed.contains(&format!("{server}/log/noroshi.log.cur")),
            "{listed}"
        );
    }
    assert_eq!(entries[2].name, "not-collected.txt");
    let named = entries[2].bytes.clone().unwrap();
    assert_eq!(String::from_utf8(named).unwrap(), "sv3: no link to it\n");
    assert_eq!(visitor.post("/logs/delete", &[]).status, 303);
    assert!(!visitor.get("/logs").text().contains("/logs/all"));

    cluster.terminate(0).unwrap();
    cluster.start(0).unwrap();
    let console = Console::start(&cluster, 0);
    let mut visitor = console.visitor();
    sign_in(&mut visitor);
    let not = "Last word: not heard since this server started";
    wait_page(&mut visitor, "/", |text| text.contains(not));
}

fn sign_in(visitor: &mut Visitor) {
    let form = [("name", "yamada"), ("password", "correct horse")];
    let page = visitor.post("/sign-in", &form);
    assert_eq!(page.status, 303, "{}", page.text());
}

/// Two administrators on two servers apply in the same moment: one of them at most, and the other reads whose change
/// is in force. Then the daemon alone, asked as a console that looked just before would ask it.
///
/// Rule: M32 N17
#[test]
fn of_two_consoles_that_push_at_once_none_overwrites_the_other() {
    let cluster = plan()
        .servers(2)
        .tune(|conf| conf.console = true)
        .start()
        .unwrap();
    cluster.wait_all_up(SOON).unwrap();
    let consoles = [0, 1].map(|server| Console::start(&cluster, server));
    let first = consoles[0].first_user(&cluster, 0, "yamada");
    let mut second = consoles[1].visitor();
    until(SOON, "the user on the other server", || {
        let form = [("name", "yamada"), ("password", "correct horse")];
        let page = second.post("/sign-in", &form);
        (page.status == 303)
            .then_some(())
            .ok_or(page.status.to_string())
    })
    .unwrap();
    let mut visitors = [first, second];
    let in_force = |server: usize| sets::in_force(&cluster.home(server));
    let agreed = || {
        let same = until(SOON, "one set on both", || {
            let (one, other) = (in_force(0), in_force(1));
            one.is(&other)
                .then_some(one.clone())
                .ok_or(format!("{one:?} {other:?}"))
        });
        same.unwrap()
    };
    for round in 0..5 {
        let before = agreed();
        let forms = [0, 1].map(|at| {
            let subject = format!("subject {round} {at}");
            let visitor: &mut Visitor = &mut visitors[at];
            let form = visitor.get("/builder").form("/builder/preview");
            let page = visitor.send(&form.with(SUBJECT, &subject));
            assert_eq!(page.status, 200, "{}", page.text());
            page.form("/builder/apply")
        });
        let pages = std::thread::scope(|scope| {
            let both = visitors.iter_mut().zip(&forms);
            let both: Vec<_> = both
                .map(|(visitor, form)| scope.spawn(move || visitor.send(form)))
                .collect();
            both.into_iter()
                .map(|it| it.join().unwrap())
                .collect::<Vec<_>>()
        });
        let applied: Vec<usize> = (0..2).filter(|at| pages[*at].status == 303).collect();
        let statuses = [pages[0].status, pages[1].status];
        eprintln!("round {round}: {statuses:?}");
        assert!(applied.len() < 2, "both were applied");
        let after = agreed();
        assert_eq!(after.number, before.number + applied.len() as u64);
        for page in pages.iter().filter(|page| page.status != 303) {
            // With a winner its change is shown; two that refuse each other have changed nothing.
            let (status, words) = match applied.is_empty() {
                true => (422, "another push is under way"),
                false => (409, "Changed by somebody else"),
            };
            assert_eq!(page.status, status, "{}", page.text());
            assert!(page.text().contains(words), "{}", page.text());
        }
        if let [winner] = applied[..] {
            let conf = fs::read_to_string(cluster.home(1 - winner).conf()).unwrap();
            assert!(conf.contains(&format!("<subject>subject {round} {winner}<")));
        }
    }

    let now = agreed();
    let home = cluster.home(1);
    let bundle: Bundle = sets::read_dir(&home.etc()).unwrap().0;
    let mut client = cluster.client(1).unwrap();
    let mut push = |base: Option<&str>| {
        let digest = client.stage(&bundle.pack()).unwrap().unwrap();
        let by = "test".to_string();
        let base = base.map(str::to_string);
        client.change(Request::Push { digest, by, base })
    };
    let former = now.former.first().unwrap();
    match push(Some(former)).unwrap() {
        Reply::Overtaken { number, why } => {
            assert_eq!(number, now.number);
            assert!(why.contains("yamada (console"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert!(in_force(1).is(&now));
    assert!(push(Some("no digest")).is_err());
    for base in [Some(now.digest.as_str()), None] {
        let reply = push(base).unwrap();
        assert!(matches!(reply, Reply::Pushed { .. }), "{reply:?}");
    }
}
