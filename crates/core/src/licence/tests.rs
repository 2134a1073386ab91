//! Licences on virtual time.

use super::*;
use crate::time::{Moment, Now, Span};
use alloc::string::ToString;
use alloc::vec;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-11-01, midnight.
const START_MS: i64 = 1_793_491_200_000;

/// A server: its clocks, its licences, and what it was told.
struct World {
    at_ms: u64,
    wall_ms: i64,
    registered: Registered,
    servers: u16,
    watch: Watch,
    disk: Option<Memory>,
}

impl World {
    fn new(licences: Vec<Registration>) -> World {
        World {
            at_ms: 5_000,
            wall_ms: START_MS,
            registered: Registered::Licences(licences),
            servers: 3,
            watch: Watch::new(None, Moment(5_000_000)),
            disk: None,
        }
    }

    fn look(&mut self) -> Outlook {
        let now = Now {
            at: Moment(self.at_ms * 1_000),
            wall: WallTime(self.wall_ms),
        };
        let outlook = self.watch.look(now, &self.registered, self.servers);
        self.disk = outlook.remember.or(self.disk);
        outlook
    }

    /// Lets time pass with looks at the moments asked for, and gathers what is told, each with the
    /// hours since the start.
    fn run(&mut self, hours: i64) -> Vec<(i64, Raise)> {
        let end_ms = self.at_ms + (hours * HOUR_MS).unsigned_abs();
        let mut told = Vec::new();
        loop {
            let outlook = self.look();
            let hour = (self.wall_ms - START_MS) / HOUR_MS;
            told.extend(outlook.raise.into_iter().map(|raise| (hour, raise)));
            let again_ms = outlook.again.0.div_ceil(1_000);
            assert!(
                again_ms > self.at_ms,
                "a look asks for the same moment again"
            );
            let next_ms = again_ms.min(end_ms);
            self.wall_ms += i64::try_from(next_ms - self.at_ms).unwrap();
            self.at_ms = next_ms;
            if self.at_ms == end_ms {
                return told;
            }
        }
    }

    /// A restart, with `hours` of real time in between.
    fn restart(&mut self, hours: i64) {
        self.wall_ms += hours * HOUR_MS;
        self.at_ms = 7;
        self.watch = Watch::new(self.disk, Moment(7_000));
    }
}

fn day(number: i64) -> WallTime {
    WallTime(START_MS + number * DAY_MS)
}

/// A licence for three servers that begins on day `from` and ends with day `last` of November.
fn licence(kind: Kind, last: Option<u8>) -> Registration {
    let until = last.map(|last| Date::new(2026, 11, last).unwrap());
    Registration {
        licence: Licence {
            product: Product::AlertService,
            kind,
            serial: Serial::FIRST,
            servers: 3,
            issued: Date::new(2026, 11, 1).unwrap(),
            from: None,
            until,
        },
        sheet: false,
        by: vec!["sv1".to_string()],
        proof: Proof::Sound,
        issued: day(0),
        from: None,
        end: last.map(|last| day(i64::from(last))),
    }
}

fn states(told: &[(i64, Raise)]) -> Vec<(i64, u32)> {
    let number = |raise: &Raise| match raise {
        Raise::State(state) => state.message(),
        _ => None,
    };
    told.iter()
        .filter_map(|(hour, raise)| Some((*hour, number(raise)?)))
        .collect()
}

/// Rule: M25 M13
#[test]
fn a_trial_ends_at_midnight_and_is_told_once() {
    let mut world = World::new(vec![licence(Kind::Trial, Some(2))]);
    let told = world.run(47);
    assert_eq!(states(&told), []);
    assert!(world.look().state.sends_notices());
    let told = world.run(30);
    assert_eq!(states(&told), [(48, 2)]);
    assert!(!world.look().state.sends_notices());
    let until = Date::new(2026, 11, 2).unwrap();
    assert_eq!(world.look().state, State::TrialExpired { until });
}

/// Rule: M25
#[test]
fn the_state_is_told_at_each_start_and_at_each_change() {
    let mut world = World::new(Vec::new());
    assert_eq!(states(&world.run(100)), [(0, 1)]);
    world.restart(0);
    assert_eq!(states(&world.run(5)), [(100, 1)]);
    world.registered = Registered::Unreadable;
    assert_eq!(states(&world.run(5)), [(105, 4)]);
    world.registered = Registered::Licences(vec![licence(Kind::Product, None)]);
    let told = world.run(5);
    assert_eq!(told, [(110, Raise::ValidAgain)]);
    world.restart(0);
    assert_eq!(world.run(5), [], "a good state is not told at start");
}

/// Rule: M25
#[test]
fn the_end_is_told_14_7_and_1_days_ahead_once_each() {
    let mut world = World::new(vec![licence(Kind::Term, Some(20))]);
    let mut told = world.run(24 * 10);
    world.restart(0);
    told.extend(world.run(24 * 10));
    let end = day(20);
    let ends = |days| Raise::Ends { end, days };
    assert_eq!(
        told,
        [(6 * 24, ends(14)), (13 * 24, ends(7)), (19 * 24, ends(1))]
    );
}

/// Rule: M25
#[test]
fn one_that_comes_late_hears_one_warning_with_the_days_that_are_left() {
    let mut world = World::new(vec![licence(Kind::Trial, Some(5))]);
    let told = world.run(24);
    assert_eq!(
        told,
        [(
            0,
            Raise::Ends {
                end: day(5),
                days: 5
            }
        )]
    );
}

/// Rule: M25
#[test]
fn beginnings_warnings_and_ends_are_looked_at_on_the_minute() {
    let mut term = licence(Kind::Term, Some(20));
    term.from = Some(day(1));
    term.licence.from = Date::new(2026, 11, 2);
    for midnight in [1, 6, 13, 19, 20] {
        let mut world = World::new(vec![term.clone()]);
        world.run((midnight - 1) * 24);
        world.run(23);
        let before_ms = 20 * 60_000;
        world.at_ms += 40 * 60_000;
        world.wall_ms += 40 * 60_000;
        let again_ms = world.look().again.0 / 1_000;
        assert_eq!(again_ms - world.at_ms, before_ms, "day {midnight}");
    }
}

/// Rule: M25
#[test]
fn an_end_is_no_news_when_another_licence_goes_on() {
    let trial = licence(Kind::Trial, Some(5));
    let product = licence(Kind::Product, None);
    let mut world = World::new(vec![trial, product]);
    assert_eq!(world.run(24 * 10), []);
    assert_eq!(world.look().state, State::Valid);
}

/// Rule: M25
#[test]
fn a_clock_set_back_does_not_lengthen_a_trial() {
    let mut world = World::new(vec![licence(Kind::Trial, Some(2))]);
    world.run(40);
    world.wall_ms -= 30 * DAY_MS;
    assert_eq!(states(&world.run(7)), []);
    assert_eq!(states(&world.run(2)).len(), 1, "it ends after 48 hours");
    // Nor does a restart with the clock still back.
    world.restart(0);
    assert_eq!(states(&world.run(2)).len(), 1);
}

/// Rule: M25
#[test]
fn a_clock_set_forward_for_a_while_ends_nothing() {
    let mut world = World::new(vec![licence(Kind::Trial, Some(29))]);
    world.run(10);
    world.wall_ms += 3_650 * DAY_MS;
    assert_eq!(world.run(23), []);
    world.wall_ms -= 3_650 * DAY_MS;
    assert_eq!(world.run(24 * 4), []);
    assert_eq!(world.look().state, State::Valid);
    // The same across a start with an empty battery.
    world.restart(0);
    world.wall_ms += 3_650 * DAY_MS;
    assert_eq!(world.run(20), []);
    world.wall_ms -= 3_650 * DAY_MS;
    world.restart(0);
    assert_eq!(world.look().state, State::Valid);
}

/// Rule: M25
#[test]
fn a_clock_that_was_behind_at_start_hurts_nobody() {
    let mut early = licence(Kind::Term, Some(20));
    early.from = Some(day(3));
    early.licence.from = Date::new(2026, 11, 4);
    let mut world = World::new(vec![early]);
    world.wall_ms = 0;
    assert!(!world.look().state.sends_notices());
    // The time server answers; the licence begins at once.
    world.wall_ms = START_MS + 5 * DAY_MS;
    assert_eq!(world.look().state, State::Valid);
}

/// Rule: M25
#[test]
fn time_in_which_a_server_was_off_is_believed_soon() {
    let mut world = World::new(vec![licence(Kind::Trial, Some(2))]);
    world.run(40);
    world.restart(10);
    assert_eq!(
        states(&world.run(1)).len(),
        1,
        "10 hours are believed in 25 minutes"
    );
    let mut world = World::new(vec![licence(Kind::Trial, Some(4))]);
    world.run(40);
    world.restart(24 * 365);
    assert_eq!(states(&world.run(23)), []);
    assert_eq!(states(&world.run(2)).len(), 1, "a year after a day");
}

/// Rule: M25
#[test]
fn licences_add_up_and_too_few_servers_are_told() {
    let mut one = licence(Kind::Product, None);
    one.licence.servers = 1;
    let mut two = one.clone();
    two.licence.servers = 2;
    let mut world = World::new(vec![one.clone(), two]);
    assert_eq!(world.look().state, State::Valid);
    world.servers = 4;
    let few = Invalid::TooFew {
        covered: 3,
        servers: 4,
    };
    assert_eq!(world.look().raise, [Raise::State(State::Invalid(few))]);
    assert_eq!(world.look().raise, []);
}

/// Rule: M24
#[test]
fn a_key_on_several_servers_counts_once_and_is_told_once() {
    let mut key = licence(Kind::Product, None);
    key.sheet = true;
    key.licence.servers = 1;
    key.by.push("sv2".to_string());
    let mut world = World::new(vec![key.clone()]);
    world.servers = 2;
    let told = world.run(24);
    let servers = vec!["sv1".to_string(), "sv2".to_string()];
    let serial = Serial::FIRST;
    assert!(told.contains(&(0, Raise::KeyTwice { serial, servers })));
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(world.look().state.message(), Some(3));
    // A file is for the whole cluster: registering it again is no fault.
    key.sheet = false;
    let mut world = World::new(vec![key]);
    world.servers = 1;
    assert_eq!(world.look().raise, []);
}

/// Rule: M25 N16
#[test]
fn what_is_not_genuine_does_not_count() {
    let serial = Serial::FIRST;
    let mut forged = licence(Kind::Product, None);
    for (proof, message) in [
        (Proof::Broken(Invalid::Signature { serial }), 3),
        (Proof::Unchecked(Unknown::Signer { serial }), 4),
    ] {
        forged.proof = proof;
        let mut world = World::new(vec![forged.clone()]);
        assert_eq!(world.look().state.message(), Some(message));
        world.registered = Registered::Licences(vec![forged.clone(), licence(Kind::Product, None)]);
        assert_eq!(world.look().state, State::Valid);
    }
}

/// Rule: N16
#[test]
fn a_build_without_a_signers_key_needs_no_licence() {
    let mut world = World::new(Vec::new());
    world.registered = Registered::NotNeeded;
    assert_eq!(world.run(100), []);
    assert!(world.look().state.sends_notices());
    assert_eq!(world.disk, None);
}

/// Rule: M25
#[test]
fn the_latest_time_is_kept_each_hour_and_not_more_often() {
    let mut world = World::new(vec![licence(Kind::Product, None)]);
    assert!(world.look().remember.is_some());
    let mut kept = 0;
    for _ in 0..240 {
        world.at_ms += 60_000;
        world.wall_ms += 60_000;
        kept += usize::from(world.look().remember.is_some());
    }
    assert_eq!(kept, 4);
}

#[test]
fn clocks_at_their_limits_are_no_panic() {
    let mut world = World::new(vec![licence(Kind::Trial, Some(20))]);
    for wall_ms in [i64::MIN, i64::MAX, 0, i64::MIN, i64::MAX] {
        for at_ms in [0, u64::MAX / 1_000, 5] {
            (world.wall_ms, world.at_ms) = (wall_ms, at_ms);
            world.look();
        }
    }
    world.disk = Some(Memory {
        latest: WallTime(i64::MAX),
        warned: None,
    });
    world.restart(0);
    world.look();
}

#[test]
fn days_are_those_of_the_calendar() {
    for good in ["2000-01-01", "2024-02-29", "2026-12-31", "9999-12-31"] {
        assert_eq!(Date::parse(good).unwrap().to_string(), good);
    }
    for bad in [
        "1999-12-31",
        "2026-02-29",
        "2100-02-29",
        "2026-04-31",
        "2026-13-01",
        "2026-00-10",
        "2026-1-1",
        "2026/01/01",
        "+026-01-01",
        "2026-01-0\u{661}",
        "",
    ] {
        assert_eq!(Date::parse(bad), None, "{bad}");
    }
    let mut days = Date::new(2000, 1, 1).unwrap().to_days();
    assert_eq!(days, 10_957);
    assert_eq!(Date::from_days(days - 1), None);
    while let Some(date) = Date::from_days(days) {
        assert_eq!(date.to_days(), days);
        days += 13;
    }
    let last = Date::new(9999, 12, 31).unwrap();
    assert!((1..=13).contains(&(days - last.to_days())));
    for days in [i64::MIN, i64::MAX, -1, 0] {
        assert_eq!(Date::from_days(days), None);
    }
    let day = Date::new(2026, 3, 9).unwrap();
    assert_eq!(day.slashed().to_string(), "26/03/09");
}

/// Rule: M22
#[test]
fn serial_numbers_are_three_capitals_and_seven_digits() {
    let next = |text| {
        Serial::parse(text)
            .unwrap()
            .next()
            .map(|next| next.to_string())
    };
    assert_eq!(next("AAA0000001").unwrap(), "AAA0000002");
    assert_eq!(next("AAZ9999999").unwrap(), "ABA0000000");
    assert_eq!(next("ZZZ9999999"), None);
    for bad in [
        "aaa0000001",
        "AA00000001",
        "AAA000001",
        "AAA00000010",
        "ÄAA000001",
        "",
    ] {
        assert_eq!(Serial::parse(bad), None, "{bad}");
    }
}

#[test]
fn belief_takes_ten_minutes_to_a_day() {
    let mut clock = LicenceClock::from(WallTime(0), Moment(0));
    let now = |ahead_ms| Now {
        at: Moment(0),
        wall: WallTime(ahead_ms),
    };
    assert_eq!(clock.look(now(TOLERANCE_MS)), WallTime(TOLERANCE_MS));
    for (ahead_ms, wait) in [
        (HOUR_MS, BELIEF_MIN),
        (48 * HOUR_MS, Span::from_secs(7_200)),
        (3_650 * DAY_MS, BELIEF_MAX),
    ] {
        clock.look(now(TOLERANCE_MS + ahead_ms));
        assert_eq!(clock.believed_at(), Some(Moment(0) + wait));
    }
}

/// A register that could not be read at the start, and a clock that was set back meanwhile.
///
/// Rule: M25
#[test]
fn what_was_remembered_counts_as_soon_as_it_can_be_read() {
    let latest = WallTime(START_MS + 9 * DAY_MS);
    let trial = licence(Kind::Trial, Some(10));
    let warned = trial.end.map(|end| (end, 1));
    let mut watch = Watch::new(None, Moment(5_000_000));
    let now = Now {
        at: Moment(5_000_000),
        wall: WallTime(START_MS),
    };
    let bad = watch.look(now, &Registered::Unreadable, 3);
    assert_eq!(bad.remember, None, "what is on disk is not written over");
    watch.recall(Some(Memory { latest, warned }), now.at);
    let outlook = watch.look(now, &Registered::Licences(vec![trial.clone()]), 3);
    assert_eq!(outlook.raise, [Raise::ValidAgain], "and the end is no news");
    let day = Now {
        at: now.at + Span::from_ms(DAY_MS.unsigned_abs()),
        wall: now.wall,
    };
    let outlook = watch.look(day, &Registered::Licences(vec![trial]), 3);
    assert!(!outlook.state.sends_notices(), "{:?}", outlook.state);
}
