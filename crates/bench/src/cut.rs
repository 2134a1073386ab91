//! `cut` and `cut-loss`: a server falls silent on all its networks from one moment to the next.
//!
//! In namespaces, as root. Every other run its daemon is killed too, as by a power cut; in the
//! others it lives on behind the cut and is there again when the cables are back.

use crate::figure::Figure;
use crate::interrupt;
use crate::kill::{down, rest, told};
use crate::options::Options;
use crate::stage::{NOTICE_WAIT, SERVERS, Stage, jitter};
use noroshi_sim::rig::Fallible;

const RUNS: usize = 30;
const BOUND_MS: f64 = 1000.0;
const BOUND_WITH_LOSS_MS: f64 = 1500.0;
/// Of the packets on the second interconnect.
const LOSS_PERCENT: u8 = 20;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let stage = Stage::up_in_netns(options)?;
    measure(stage, options.runs_or(RUNS), "cut", BOUND_MS)
}

pub(crate) fn run_with_loss(options: &Options) -> Fallible<Vec<Figure>> {
    let stage = Stage::up_in_netns(options)?;
    stage.cluster.netns().loss(1, LOSS_PERCENT)?;
    measure(stage, options.runs_or(RUNS), "cut-loss", BOUND_WITH_LOSS_MS)
}

/// `runs` of each sort.
fn measure(mut stage: Stage, runs: usize, name: &str, bound_ms: f64) -> Fallible<Vec<Figure>> {
    let mut lamps = [Vec::new(), Vec::new()];
    let mut mails = [Vec::new(), Vec::new()];
    let mut restless = 0;
    for run in 0..2 * runs {
        let (victim, power) = (run % SERVERS, run % 2 == 0);
        stage.lamps_out((victim + 1) % SERVERS)?;
        interrupt::pause(jitter(run))?;
        let at = if power {
            stage.cluster.power_cut(victim)?
        } else {
            stage.cluster.netns().unplug(victim)?
        };
        let red = stage.red_since(at, victim);
        let mail = stage.mail_since(at, &down(victim));
        lamps[run % 2].push(red.map_or(NOTICE_WAIT, |red| red - at));
        mails[run % 2].push(mail.map_or(NOTICE_WAIT, |mail| mail - at));
        stage.cluster.netns().heal(victim)?;
        if power {
            stage.cluster.start(victim)?;
        }
        restless += usize::from(!stage.settle()?);
    }
    let mut figures = Vec::new();
    for (sort, at) in [("power", 0), ("network", 1)] {
        let title = |what: &str| format!("{name}: {sort} cut, {what}");
        figures.push(told(&title("lamp blinks red"), &lamps[at], bound_ms));
        figures.push(told(&title("mail accepted"), &mails[at], bound_ms));
    }
    figures.push(rest(&stage, name, restless));
    Ok(figures)
}
