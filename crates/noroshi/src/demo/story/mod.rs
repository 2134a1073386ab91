//! Plays a written story on the real processes, in real time, and judges what it expects.
//!
//! *Use.* [`Player::new`] refuses what cannot be played, before anything starts. Then
//! [`Player::due`] gives what is to happen by now, [`Player::judge`] what came true or did not.
//!
//! Real machines are never as punctual as virtual time, so an expectation may come true late by a
//! patience; how late it was is told.

mod judge;

use super::plan::Plan;
use super::scene::Scene;
use super::stage::Stage;
use noroshi_sim::scenario::{Expectation, Happening, Line, Scenario, Until, What};
use std::collections::VecDeque;

/// The story that is told without a script and without a terminal.
pub(super) const BUILT_IN: &str = include_str!("short.scn");

/// A story that is being played.
#[derive(Debug)]
pub(super) struct Player {
    /// What it tells.
    pub(super) title: String,
    happenings: VecDeque<(u64, Line, Happening)>,
    open: Vec<Line>,
    patience_ms: u64,
    /// Expectations that came true.
    pub(super) kept: usize,
    /// Expectations that did not, and happenings that could not.
    pub(super) broken: usize,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It came true, so many milliseconds late.
    Kept(Place, u64),
    /// It did not; what was the case instead.
    Broken(Place, String),
}

/// Number and words of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// From 1.
    pub(super) number: u32,
    /// As written.
    pub(super) text: String,
}

impl From<&Line> for Place {
    fn from(line: &Line) -> Place {
        Place {
            number: line.number,
            text: line.text.clone(),
        }
    }
}

impl Player {
    /// A story that begins.
    ///
    /// # Errors
    /// All lines that cannot be played, each with its number and why.
    pub(super) fn new(
        scenario: Scenario,
        plan: &Plan,
        patience_ms: u64,
    ) -> Result<Player, Vec<String>> {
        let mut player = Player {
            title: scenario.title,
            happenings: VecDeque::new(),
            open: Vec::new(),
            patience_ms,
            kept: 0,
            broken: 0,
        };
        let mut wrong = Vec::new();
        for line in scenario.lines {
            let can = match &line.what {
                What::Happens(_, happening) => Stage::can(plan, happening),
                What::Expected(expectation, _) => can_judge(plan, expectation),
            };
            if let Err(why) = can {
                wrong.push(format!("line {}: {:?}: {why}", line.number, line.text));
            }
            match line.what.clone() {
                What::Happens(at, happening) => player.happenings.push_back((at, line, happening)),
                What::Expected(..) => player.open.push(line),
            }
        }
        player
            .happenings
            .make_contiguous()
            .sort_by_key(|(at, ..)| *at);
        if wrong.is_empty() {
            Ok(player)
        } else {
            Err(wrong)
        }
    }

    /// The next happening whose time has come.
    pub(super) fn due(&mut self, now_ms: u64) -> Option<(Place, Happening)> {
        let (at, ..) = self.happenings.front()?;
        if *at > now_ms {
            return None;
        }
        let (_, line, happening) = self.happenings.pop_front()?;
        Some((Place::from(&line), happening))
    }

    /// A happening could not happen.
    pub(super) fn fail(&mut self) {
        self.broken += 1;
    }

    /// What became clear by now.
    pub(super) fn judge(&mut self, now_ms: u64, scene: &Scene) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let patience_ms = self.patience_ms;
        self.open.retain(|line| {
            let verdict = verdict(line, now_ms, patience_ms, scene);
            let is_open = verdict.is_none();
            verdicts.extend(verdict);
            is_open
        });
        for verdict in &verdicts {
            match verdict {
                Verdict::Kept(..) => self.kept += 1,
                Verdict::Broken(..) => self.broken += 1,
            }
        }
        verdicts
    }

    /// Whether all has happened and all is judged.
    pub(super) fn is_over(&self) -> bool {
        self.happenings.is_empty() && self.open.is_empty()
    }
}

/// Why what holds at every step cannot be judged here.
const BEYOND_US: &str = "only the simulated world of the tests can look at that";

fn can_judge(plan: &Plan, expectation: &Expectation) -> Result<(), String> {
    let known = |name: &String| match plan.servers.contains(name) {
        true => Ok(()),
        false => Err(format!("no server is called {name}")),
    };
    match expectation {
        Expectation::Lamp(server, _) => known(server),
        Expectation::Alert { on, .. } | Expectation::Set(on, _) => known(on),
        Expectation::Sees(one, other, _) => known(one).and(known(other)),
        Expectation::Mails { .. } => Ok(()),
        Expectation::Unbroken | Expectation::Well => Err(BEYOND_US.into()),
    }
}

fn verdict(line: &Line, now_ms: u64, patience_ms: u64, scene: &Scene) -> Option<Verdict> {
    let What::Expected(expectation, until) = &line.what else {
        return None;
    };
    // A count may not be judged early: one more could still come.
    let is_count = matches!(
        expectation,
        Expectation::Mails { .. } | Expectation::Alert { count: Some(_), .. }
    );
    let (deadline, may_be_early) = match until {
        Until::By(at) => (*at, !is_count),
        Until::At(at) => (*at, false),
    };
    if now_ms < deadline && !may_be_early {
        return None;
    }
    match judge::look(scene, expectation) {
        Ok(()) => {
            let late_ms = now_ms.saturating_sub(deadline);
            Some(Verdict::Kept(line.into(), late_ms))
        }
        Err(instead) if now_ms >= deadline + patience_ms => {
            Some(Verdict::Broken(line.into(), instead))
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::text::Language;
    use noroshi_sim::scenario::parse;

    fn player(text: &str) -> Result<Player, Vec<String>> {
        let scenario = parse(text).unwrap();
        let plan = Plan::new(&scenario.setup, Language::En, 9).unwrap();
        Player::new(scenario, &plan, 0)
    }

    #[test]
    fn the_built_in_story_can_be_played() {
        assert!(player(BUILT_IN).is_ok());
    }

    #[test]
    fn what_real_processes_cannot_do_is_refused_with_every_line() {
        let wrong = player(
            "at 1s 20% loss on lan1\nat 2s sv1 is killed\nat 3s disk sv2 fails\nat 4s sv9 stops",
        );
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(
            wrong[0].starts_with("line 1: \"at 1s 20% loss on lan1\": "),
            "{wrong:?}"
        );
        assert!(wrong[2].ends_with("no server is called sv9"), "{wrong:?}");
    }

    #[test]
    fn happenings_come_in_the_order_of_their_times() {
        let mut player = player("at 2s sv1 starts\nat 1s sv1 is killed").unwrap();
        assert_eq!(player.due(999), None);
        assert_eq!(
            player.due(1_500).unwrap().1,
            Happening::Killed("sv1".into())
        );
        assert_eq!(player.due(1_500), None);
        assert!(player.due(2_000).is_some() && player.is_over());
    }
}
