//! `store`: how long a synced commit takes, of one alert and of 64.

use crate::figure::Figure;
use crate::machine;
use crate::options::Options;
use noroshi_daemon::store::commit_times;
use noroshi_sim::rig::{Error, Fallible};
use std::time::Duration;

/// Commits of each size.
const COMMITS: u32 = 300;
const SYNCS: usize = 100;

pub(crate) fn run(_: &Options) -> Fallible<Vec<Figure>> {
    let dir = tempfile::Builder::new().prefix("noroshi-").tempdir()?;
    let synced = machine::sync_times(dir.path(), SYNCS)?;
    let mut figures = vec![Figure::of_times(
        "this disk: 4 kB written and synced",
        &synced,
    )];
    let mut first = 1;
    for per_commit in [1, 64] {
        let times = commit_times(dir.path(), first, COMMITS, per_commit).map_err(Error)?;
        first += u64::from(COMMITS * per_commit);
        let per_second = f64::from(COMMITS) / times.iter().sum::<Duration>().as_secs_f64();
        let note = format!(
            "{per_second:.0} commits/s, {:.0} alerts/s",
            per_second * f64::from(per_commit)
        );
        let name = format!("store: commit of {per_commit}, each with a mail notice");
        figures.push(Figure::of_times(name, &times).with_note(note));
    }
    Ok(figures)
}
