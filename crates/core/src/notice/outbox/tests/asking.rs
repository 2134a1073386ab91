//! What others say of a notice, before and while it is ours.

use super::*;

const OTHER: ServerId = ServerId(1);
const THIRD: ServerId = ServerId(2);
const OF_THREE: Asking = Asking {
    hold: false,
    possible: true,
    of_all: true,
};

/// A notice that is ours but stale, with all others asked about it.
fn asked() -> (Desk, NoticeKey) {
    let mut desk = Desk::new();
    let alert = Arc::new(alert_named("a"));
    let stale = Turn {
        fresh: false,
        ..turn(true)
    };
    let notice = record(&alert.id, Channel::Mail, "ops@example.com");
    let key = notice.key.clone();
    desk.outbox.add(desk.now, &alert, notice, stale, 0);
    let whom = Servers::default().with(OTHER).with(THIRD);
    assert_eq!(desk.ask(whom).first(), Some(&key));
    (desk, key)
}

fn begin(desk: &mut Desk) -> Vec<Box<Sending>> {
    desk.outbox.begin(desk.now, "sv1", desk.batch, OF_THREE);
    desk.record()
}

/// What the other server says of it.
fn word(desk: &mut Desk, state: NoticeState) {
    let mut theirs = record(&AlertId("a".to_string()), Channel::Mail, "ops@example.com");
    (theirs.state, theirs.sender) = (state, "sv2".to_string());
    desk.outbox.marked(desk.now.at, &theirs, Some(OTHER));
}

/// Rule: N9
#[test]
fn a_stale_notice_goes_out_as_soon_as_all_have_answered() {
    let (mut desk, key) = asked();
    desk.outbox
        .answered(desk.now.at, OTHER, core::slice::from_ref(&key));
    assert!(begin(&mut desk).is_empty(), "one has not answered");
    desk.outbox.answered(desk.now.at, THIRD, &[key]);
    let left = begin(&mut desk);
    assert_eq!(left.len(), 1);
    assert!(!left[0].possible_repeat, "nobody has told it");
}

/// Rule: N9
#[test]
fn without_an_answer_it_goes_out_later_and_may_be_a_repeat() {
    let (mut desk, key) = asked();
    desk.outbox.answered(desk.now.at, OTHER, &[key]);
    desk.later(ASK_WAIT);
    assert!(begin(&mut desk)[0].possible_repeat);
}

/// Rule: N9
#[test]
fn what_another_server_has_begun_is_left_to_it_until_it_says_how_that_ended() {
    let (mut desk, key) = asked();
    word(&mut desk, NoticeState::Begun);
    for server in [OTHER, THIRD] {
        desk.outbox
            .answered(desk.now.at, server, core::slice::from_ref(&key));
    }
    desk.later(Span::from_secs(5));
    assert!(begin(&mut desk).is_empty(), "it is under way elsewhere");
    word(&mut desk, NoticeState::Waiting);
    assert!(begin(&mut desk)[0].possible_repeat);

    let (mut desk, _) = asked();
    word(&mut desk, NoticeState::Begun);
    word(&mut desk, NoticeState::Delivered);
    desk.later(Span::from_secs(60));
    assert!(begin(&mut desk).is_empty(), "it was told");
}

/// Rule: N9
#[test]
fn what_a_server_has_begun_is_ours_when_it_is_gone_or_hangs() {
    let (mut desk, _) = asked();
    word(&mut desk, NoticeState::Begun);
    desk.outbox.gone(desk.now.at, THIRD);
    assert!(begin(&mut desk).is_empty());
    desk.outbox.gone(desk.now.at, OTHER);
    assert!(begin(&mut desk)[0].possible_repeat);

    let (mut desk, _) = asked();
    word(&mut desk, NoticeState::Begun);
    desk.later(BEGUN_WAIT_MAX);
    // That it says so again is no reason to wait longer.
    word(&mut desk, NoticeState::Begun);
    assert!(begin(&mut desk)[0].possible_repeat);
}

/// Rule: N9
#[test]
fn a_takeover_asks_even_if_the_mark_was_asked_for_before() {
    let mut desk = Desk::new();
    desk.add("a", Channel::Mail, "ops@example.com", false);
    let whom = Servers::default().with(OTHER);
    assert!(desk.ask(whom).is_empty(), "too soon");
    desk.later(ASK_FIRST);
    assert_eq!(desk.ask(whom).len(), 1);
    desk.outbox.assign(desk.now, |_| true);
    assert!(
        begin(&mut desk).is_empty(),
        "nobody was asked about it as ours"
    );
    assert_eq!(desk.ask(whom).len(), 1);
}

/// A mark that was lost with a link, or came before its alert.
///
/// Rule: N9
#[test]
fn how_another_servers_notice_ended_is_asked_soon() {
    let mut desk = Desk::new();
    desk.add("a", Channel::Mail, "ops@example.com", false);
    let whom = Servers::default().with(OTHER);
    let mut asked = 0;
    for _ in 0..30 {
        asked += desk.ask(whom).len();
        desk.later(Span::from_ms(100));
    }
    assert_eq!(asked, 2, "after one second and after two");
    desk.outbox.ask_soon(desk.now.at, OTHER);
    assert_eq!(desk.ask(whom).len(), 1, "a link stands");
}

/// Rule: N9
#[test]
fn a_question_that_did_not_arrive_is_put_again_when_the_link_stands() {
    let (mut desk, key) = asked();
    let whom = Servers::default().with(OTHER).with(THIRD);
    desk.outbox.ask_soon(desk.now.at, OTHER);
    assert_eq!(desk.ask(whom), [key]);
}

/// Rule: N9
#[test]
fn in_a_storm_others_are_asked_about_all_that_is_late_together() {
    let mut desk = Desk::new();
    let whom = Servers::default().with(OTHER);
    let mut questions = 0;
    for n in 0..100 {
        let name = alloc::format!("a{n}");
        desk.add(&name, Channel::Mail, "ops@example.com", false);
        desk.later(Span::from_ms(50));
        questions += usize::from(!desk.ask(whom).is_empty());
    }
    assert!((2..=5).contains(&questions), "{questions} in five seconds");
}

/// Rule: N9
#[test]
fn what_is_left_to_a_server_stays_so_when_the_link_of_a_third_comes_up() {
    let (mut desk, key) = asked();
    word(&mut desk, NoticeState::Begun);
    desk.outbox
        .answered(desk.now.at, OTHER, core::slice::from_ref(&key));
    // The third had no link yet, so it was silent.
    desk.later(Span::from_ms(50));
    desk.outbox.ask_soon(desk.now.at, THIRD);
    let whom = Servers::default().with(OTHER).with(THIRD);
    desk.ask(whom);
    word(&mut desk, NoticeState::Begun);
    for server in [OTHER, THIRD] {
        desk.outbox
            .answered(desk.now.at, server, core::slice::from_ref(&key));
    }
    desk.later(ASK_WAIT);
    assert!(begin(&mut desk).is_empty(), "it is under way elsewhere");
}

/// Rule: N17 N9
#[test]
fn new_settings_do_not_keep_back_what_was_left_to_a_server() {
    let (mut desk, _) = asked();
    word(&mut desk, NoticeState::Begun);
    desk.outbox.renumber(desk.now.at, |_| None);
    // Its attempt failed: the turn is ours again.
    word(&mut desk, NoticeState::Waiting);
    let whom = Servers::default().with(OTHER).with(THIRD);
    assert_eq!(desk.ask(whom).len(), 1);
}

/// Rule: N9
#[test]
fn what_waits_for_the_answer_of_a_server_that_is_gone_goes_out_at_once() {
    let (mut desk, key) = asked();
    let both = Servers::default().with(OTHER).with(THIRD);
    desk.outbox.wait_only_for(desk.now.at, both);
    assert!(begin(&mut desk).is_empty(), "both may answer");
    desk.outbox.answered(desk.now.at, OTHER, &[key]);
    desk.outbox.wait_only_for(desk.now.at, both.without(THIRD));
    let left = begin(&mut desk);
    assert!(left[0].possible_repeat, "the third may have told it");
}

/// Rule: N9
#[test]
fn what_is_left_to_a_server_at_work_stays_so_when_a_third_is_gone() {
    let (mut desk, _) = asked();
    word(&mut desk, NoticeState::Begun);
    let other = Servers::default().with(OTHER);
    desk.outbox.wait_only_for(desk.now.at, other.without(OTHER));
    assert!(begin(&mut desk).is_empty(), "until it is said to be gone");
}

/// Rule: N9 N8
#[test]
fn our_own_disk_is_asked_only_where_it_may_know_more_than_we() {
    let alert = Arc::new(alert_named("a"));
    for (news, of_disk) in [(true, 0), (false, 1)] {
        let mut desk = Desk::new();
        let turn = Turn {
            fresh: false,
            news,
            ..turn(true)
        };
        let notice = record(&alert.id, Channel::Mail, "ops@example.com");
        let key = notice.key.clone();
        desk.outbox.add(desk.now, &alert, notice, turn, 0);
        assert_eq!(desk.outbox.has_of_its_own(&key), news);
        let other = Servers::default().with(OTHER);
        let asked = desk.outbox.to_ask(desk.now, 10, ServerId(0), other);
        assert_eq!((asked.of_all.len(), asked.of_disk.len()), (1, of_disk));
        desk.outbox
            .answered(desk.now.at, OTHER, core::slice::from_ref(&key));
        assert_eq!(begin(&mut desk).is_empty(), !news);
        desk.outbox.answered(desk.now.at, ServerId(0), &[key]);
        assert_eq!(begin(&mut desk).is_empty(), news);
    }
}
