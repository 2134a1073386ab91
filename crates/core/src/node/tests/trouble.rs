//! Refused servers, disks that come and go, words about lamps that come too late.

use super::*;

/// Rule: N2 N9
#[test]
fn a_server_with_another_key_is_an_alert_once_for_all_who_meet_it() {
    let (mut first, now) = one_of_three(0);
    let (mut second, _) = one_of_three(1);
    let refused = || Event::Refused {
        server: "sv3".into(),
        why: "compare the key files".into(),
    };
    let raised = |out: &[Action]| {
        out.iter().find_map(|action| match action {
            Action::Tell(_, message) => match &**message {
                PeerMessage::Alert { alert, .. } if alert.message.event == 1040 => {
                    Some(alert.clone())
                }
                _ => None,
            },
            _ => None,
        })
    };
    let mut out = Vec::new();
    first.step(now, refused(), &mut out);
    let alert = raised(&out).expect("it is told");
    assert!(alert.destinations.mail && alert.text.contains("compare the key files"));
    carry(out, 0, &mut second, now);
    let mut out = Vec::new();
    second.step(now, refused(), &mut out);
    assert_eq!(raised(&out), None, "the first has told it");
}

/// Rule: N8 N11
#[test]
fn a_full_disk_that_takes_a_batch_now_and_then_is_one_fault() {
    let (mut node, mut now) = one_of_three(0);
    let mut alerts = Vec::new();
    let mut step = |node: &mut Node, now: Now, event: Event| {
        let mut out = Vec::new();
        node.step(now, event, &mut out);
        alerts.extend(out.iter().filter_map(|action| match action {
            Action::Tell(ServerId(1), message) => match &**message {
                PeerMessage::Alert { alert, .. } if alert.message.module == "store" => {
                    Some(alert.message.event)
                }
                _ => None,
            },
            _ => None,
        }));
    };
    let result = |works: bool| match works {
        true => Ok(()),
        false => Err(String::from("disk full")),
    };
    for batch in 0..20 {
        let result = result(batch % 2 == 1);
        step(&mut node, now, Event::Recorded { batch, result });
        now.at = now.at + Span::from_ms(5);
    }
    now.at = now.at + STORE_CALM;
    step(&mut node, now, Event::Tick);
    assert_eq!(alerts, [1_001, 1_002]);
}

/// Story: after ten faults a lamp stayed red for 15 s although a person put it out.
///
/// Rule: M18
#[test]
fn an_old_put_out_that_was_forgotten_does_not_outdo_a_new_red() {
    let (mut first, now) = one_of_three(0);
    let latch = |red: Glow, at: i64| Latch {
        server: "sv1".into(),
        red,
        red_changed: Stamp(at),
        green: Glow::Off,
        green_changed: Stamp(at),
    };
    let put_out = |at: i64| PutOut {
        server: "sv1".into(),
        fault: None,
        run: Some(SessionId([0; 12])),
        at: Stamp(at),
    };
    let tell = |latch: Latch, put_out: PutOut| {
        let (latches, put_out) = (alloc::vec![latch], alloc::vec![put_out]);
        let message = PeerMessage::Latches {
            latches,
            put_out,
            clock: Stamp::NEVER,
        };
        Event::Peer(ServerId(1), Box::new(message))
    };
    let mut out = Vec::new();
    first.step(now, tell(latch(Glow::Off, 2_000), put_out(2_000)), &mut out);
    assert_eq!(first.latches.of(ServerId(0)).green, Glow::Off);
    let later = Now {
        at: now.at,
        wall: WallTime(9_000),
    };
    // The survivors have shown it red since; one of them has kept a word of long ago.
    first.step(
        later,
        tell(latch(Glow::Blink, 8_000), put_out(1_500)),
        &mut out,
    );
    let own = first.latches.of(ServerId(0));
    assert_eq!((own.red, own.green), (Glow::Blink, Glow::On));
}
