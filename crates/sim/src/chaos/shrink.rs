//! Makes a failing story short: whatever can be left out so that the same invariant still breaks is left out.

use super::story::{Act, Step, Story};
use crate::scenario::Happening;
use crate::world::{Broken, Invariant};

/// How often a story is told again at most: some thousand take a minute or two.
const REPLAYS_MAX: u32 = 3_000;

/// Shrinks a story; answers it with the first that is broken in it, or `None` when it is not broken
/// when it is told again.
pub fn shrink(story: &Story, invariant: Invariant) -> Option<(Story, Broken)> {
    let mut shrinking = Shrinking {
        invariant,
        replays: 0,
        best: story.clone(),
        broken: None,
    };
    if !shrinking.accept(story.clone()) {
        return None;
    }
    loop {
        let before = shrinking.best.steps.len();
        shrinking.drop_end();
        shrinking.drop_steps();
        if shrinking.best.steps.len() == before || shrinking.is_tired() {
            break;
        }
    }
    shrinking.simplify_setup();
    let Shrinking { best, broken, .. } = shrinking;
    broken.map(|broken| (best, broken))
}

struct Shrinking {
    invariant: Invariant,
    replays: u32,
    best: Story,
    broken: Option<Broken>,
}

impl Shrinking {
    fn is_tired(&self) -> bool {
        self.replays >= REPLAYS_MAX
    }

    /// Takes a story if it still breaks the invariant.
    fn accept(&mut self, story: Story) -> bool {
        if self.is_tired() {
            return false;
        }
        self.replays += 1;
        let (broken, steps) = story.replay();
        let found = broken
            .into_iter()
            .find(|one| one.invariant == self.invariant);
        if let Some(found) = found {
            let setup = story.setup;
            (self.best, self.broken) = (Story { setup, steps }, Some(found));
            return true;
        }
        false
    }

    /// What comes after the moment at which it breaks is no part of it.
    fn drop_end(&mut self) {
        let Some(at_ms) = self.broken.as_ref().map(|broken| broken.at_ms) else {
            return;
        };
        let mut story = self.best.clone();
        story.steps.retain(|step| step.at_ms <= at_ms);
        // Without a last step nobody would wait for it.
        let last = Step {
            at_ms: at_ms + 1,
            act: Act::Happens(Happening::Mail(crate::scenario::MailBehaviour::Accepts)),
        };
        if story
            .steps
            .last()
            .is_none_or(|step| step.act != Act::AllIsWell)
        {
            story.steps.push(last);
        }
        if story.steps != self.best.steps {
            self.accept(story);
        }
    }

    /// Halves, then smaller parts, down to single steps.
    fn drop_steps(&mut self) {
        let mut size = self.best.steps.len().div_ceil(2);
        while size > 0 && !self.is_tired() {
            let mut at = self.best.steps.len();
            while at > 0 {
                let from = at.saturating_sub(size);
                let mut story = self.best.clone();
                let keep = last_of_healing(&story.steps);
                let mut place = 0;
                story.steps.retain(|step| {
                    let here = place;
                    place += 1;
                    !(from..at).contains(&here) || here >= keep && is_healing(step)
                });
                drop_looks(&mut story.steps);
                if story.steps.len() < self.best.steps.len() {
                    self.accept(story);
                }
                at = from.min(self.best.steps.len());
            }
            size /= 2;
        }
    }

    /// Right clocks, lamps that can be read, fewer servers.
    fn simplify_setup(&mut self) {
        for at in (0..self.best.setup.clocks.len()).rev() {
            let mut story = self.best.clone();
            story.setup.clocks.remove(at);
            self.accept(story);
        }
        let mut readable = self.best.clone();
        readable.setup.mute_lamps = false;
        self.accept(readable);
        while self.best.setup.servers > 1 {
            let mut story = self.best.clone();
            story.setup.servers -= 1;
            let gone = format!("sv{}", story.setup.servers + 1);
            story.setup.clocks.retain(|(name, _)| *name != gone);
            story.steps.retain(|step| match &step.act {
                Act::Happens(happening) => !names(happening, &gone),
                Act::AllIsWell => true,
            });
            if !self.accept(story) {
                break;
            }
        }
    }
}

/// Without its last healing everything is unwell, and nothing is learnt from that.
fn last_of_healing(steps: &[Step]) -> usize {
    let works = |step: &Step| step.act == Act::Happens(Happening::AllWorks);
    steps.iter().rposition(works).unwrap_or(0)
}

/// No look whether all is well where faults were not healed before it: of several times of faults each has its own.
fn drop_looks(steps: &mut Vec<Step>) {
    let mut healed = false;
    steps.retain(|step| match &step.act {
        Act::AllIsWell => healed,
        Act::Happens(happening) => {
            // A story's healing has these in it as well.
            let may = matches!(happening, Happening::LosesPower(_) | Happening::Pushes(..));
            healed = *happening == Happening::AllWorks || healed && (is_healing(step) || may);
            true
        }
    });
}

fn is_healing(step: &Step) -> bool {
    let heals = [Happening::AllWorks, Happening::AllStart];
    match &step.act {
        Act::Happens(Happening::Starts(_)) | Act::AllIsWell => true,
        Act::Happens(happening) => heals.contains(happening),
    }
}

fn names(happening: &Happening, server: &str) -> bool {
    let text = happening.to_string();
    text.split(' ').any(|word| word == server)
}
