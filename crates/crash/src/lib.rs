//! Kills real processes at each system call that changes the world, starts them again, and balances the books.
//!
//! *Use.* [`record`] runs a story through and gives its points, [`kill_at`] kills at some of them, several
//! clusters at a time; [`kill_programs`] does the same with the programs that write for the daemon. `cargo
//! xtask bench crash` takes every point, the test `e2e_crash_points` a sample.
//!
//! *Failure.* What does not balance is printed as it is found and stands in the [`Balance`]. [`available`]
//! says where nothing can be traced.

mod balance;
mod books;
mod call;
mod files;
mod licence;
mod pacemaker;
mod story;
mod target;
pub mod tracer;

pub use balance::Balance;
pub use story::{Role, trace};
pub use tracer::{Point, available};

use noroshi_sim::rig::Fallible;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Tells the story of a cluster with nobody killed, and gives the points that its traced server passed.
///
/// # Errors
/// When the rig cannot be built, or the books do not balance even so.
pub fn record(executable: &Path, role: Role) -> Fallible<Vec<Point>> {
    let told = story::tell(executable, role, None)?;
    match told.faults.is_empty() {
        true => Ok(told.passed),
        false => Err(noroshi_sim::rig::Error(told.faults.join("\n"))),
    }
}

/// Tells the story once for each point, `at_once` at a time, its server killed there. No story is begun
/// after `end`.
pub fn kill_at(
    executable: &Path,
    role: Role,
    points: &[Point],
    at_once: usize,
    end: Option<Instant>,
) -> Balance {
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Balance::default()));
    let work = || {
        while end.is_none_or(|end| Instant::now() < end) {
            let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            let told = story::tell(executable, role, Some(point.clone()));
            let mut all = all
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            match told {
                Ok(told) => {
                    all.missed += usize::from(!told.killed);
                    all.twins += told.twins;
                    all.add(role.name(), Some(point), told.faults);
                }
                Err(error) => all.add(role.name(), Some(point), vec![error.0]),
            }
            if all.runs.is_multiple_of(20) {
                eprintln!("{} of {}: {all}", all.runs, points.len());
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(work);
        }
    });
    all.into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Kills each of the programs that write for the daemon at each of its points.
///
/// # Errors
/// When a rig cannot be built, or a program fails without a kill.
pub fn kill_programs(executable: &Path) -> Fallible<Balance> {
    let mut balance = Balance::default();
    files::run(executable, &mut balance)?;
    Ok(balance)
}
