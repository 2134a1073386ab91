//! Pages, going on after a row, and acknowledging over the command socket.

use super::*;

/// Rule: N7
#[test]
fn a_page_says_where_to_go_on_also_when_it_found_nothing() {
    let rows = (1..=9).map(|n| row(n, "sv1", Severity::Info)).collect();
    let memory: Arc<Memory> = Memory::with(rows);
    let world = world(memory.clone());
    let mut client = Client::connect(&world.socket).unwrap();
    let mut page = |limit, text: Option<&str>, before, after| {
        let only = AlertFilter {
            text: text.map(String::from),
            ..AlertFilter::default()
        };
        let page = client.page(limit, only, before, after).unwrap();
        assert_eq!(page.newest, 9);
        let rows: Vec<u64> = page.alerts.iter().map(|alert| alert.row).collect();
        (rows, page.next)
    };
    assert_eq!(page(2, None, None, None), (vec![9, 8], Some(8)));
    assert_eq!(page(2, None, Some(3), None), (vec![2, 1], None));
    assert_eq!(page(2, None, None, Some(3)), (vec![4, 5], Some(5)));
    assert_eq!(page(2, Some("TEXT 4"), None, None), (vec![4], None));
    memory.look_at(4);
    assert_eq!(page(2, Some("text 4"), None, None), (vec![], Some(6)));
    assert_eq!(page(2, Some("text 4"), Some(6), None), (vec![4], Some(2)));
    // Who asks for a listing gets it whole, however many looks it takes.
    let only = AlertFilter {
        text: Some("text 1".into()),
        ..AlertFilter::default()
    };
    assert_eq!(listed(&world.socket, 5, only), [1]);
    let before = br#"{"call":"alerts","limit":1,"before":6}"#;
    assert!(raw(&world.socket, &[before, &b"\n"[..]].concat()).contains(r#""row":5,"#));
}

/// Rule: N24
#[test]
fn an_alert_that_is_not_here_is_not_acknowledged() {
    let world = world(Memory::with(vec![row(1, "sv1", Severity::Info)]));
    let acknowledge = |alert: &str, by: &str| Request::Acknowledge {
        alert: AlertId(alert.into()),
        by: by.into(),
        remark: "seen".into(),
    };
    let mut client = Client::connect(&world.socket).unwrap();
    match client.change(acknowledge("a-2", "sato")).unwrap() {
        Reply::Refused { why } => assert!(why.contains("a-2"), "{why}"),
        other => panic!("{other:?}"),
    }
    for (alert, by) in [("a-1", " \n"), ("a 1", "sato"), ("", "sato")] {
        match client.change(acknowledge(alert, by)) {
            Err(Trouble::Refused(Fault::BadCall, _)) => {}
            other => panic!("{alert:?} {by:?}: {other:?}"),
        }
    }
    assert!(world.asked.try_recv().is_err(), "the driver is not asked");
    let socket = world.socket.clone();
    let request = acknowledge("a-1", "sa\u{202e}to");
    let caller = std::thread::spawn(move || Client::connect(&socket).unwrap().change(request));
    match world.asked.recv_timeout(PATIENCE).unwrap() {
        Asked::Change(Request::Acknowledge { by, .. }, place) => {
            assert_eq!(by, "sato");
            place.send(Reply::Done).unwrap();
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(caller.join().unwrap().unwrap(), Reply::Done);
}

/// Between two followings nothing is lost.
///
/// Rule: M31
#[test]
fn following_goes_on_after_a_row() {
    let memory: Arc<Memory> =
        Memory::with((1..=3).map(|n| row(n, "sv1", Severity::Info)).collect());
    let world = world(memory.clone());
    let mut rows = Vec::new();
    for last in [3, 6] {
        let mut client = Client::connect(&world.socket).unwrap();
        let after = rows.last().copied().unwrap_or(1);
        client
            .follow_after(after, |alert| {
                rows.push(alert.row);
                if alert.row >= last {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        for next in [last + 1, last + 2, last + 3] {
            memory.push(row(next, "sv1", Severity::Info));
        }
    }
    assert_eq!(rows, [2, 3, 4, 5, 6]);
}
